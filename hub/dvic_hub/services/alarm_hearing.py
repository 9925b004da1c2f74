"""What the bus tells, handed to the watches of rules that want it. It is in the way of everything that is stored, so
what no rule can want is passed over before it is taken apart; nothing here waits.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from dvic_hub.domain.alarm_demos import EndedWatch, RestartsWatch, programs_of
from dvic_hub.domain.alarm_logs import LogLine, LogWatch
from dvic_hub.domain.alarm_steps import StepWatch
from dvic_hub.domain.alarm_watch import Watch
from dvic_hub.domain.alarm_watches import DiskFullWatch, HostSilentWatch, MetricWatch, NodeSilentWatch
from dvic_hub.domain.events import HostChanged, LogsStored, NodeChanged, SamplesStored, StepChanged
from dvic_hub.domain.hosts import Host
from dvic_hub.domain.liveness import REMOVED, NodeView
from dvic_wire.streams import CONTAINERS, DEMOS

MAX_STEP_PROGRAMS = 10_000
"""Log files that are remembered as those of a service's steps; the one that told longest ago makes room."""

MAX_KNOWN_METRICS = 20_000
"""Names of measurements for which it is remembered which rules want them; then they are learned anew."""

W = TypeVar("W", bound=Watch)


class _Sample(msgspec.Struct, gc=False):
    values: dict[str, float] | None = None


class _Demos(msgspec.Struct, gc=False):
    demos: list[dict] | None = None
    containers: list[dict] | None = None
    whole: bool = False


_SAMPLE = msgspec.json.Decoder(_Sample)
_DEMOS = msgspec.json.Decoder(_Demos)
_LINE = msgspec.json.Decoder(LogLine)


class Hearing:
    """`view_of` gives a node as it is now; `host_of` a host by its address."""

    def __init__(self, view_of: Callable[[str], NodeView | None], host_of: Callable[[str], Host | None]) -> None:
        self._view_of = view_of
        self._host_of = host_of
        self._watches: list[Watch] = []
        self._metrics: dict[str, tuple[Watch, ...]] = {}
        self._step_programs: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.listen_for(())
        self.first_batch = 0
        """The number of the first batch of logs that was heard, 0 for none yet."""
        self.last_batch = 0

    def listen_for(self, watches: Iterable[Watch]) -> None:
        """These watches from now on."""
        self._watches = list(watches)
        self._metrics = {}
        self._measuring = self.of(MetricWatch) + self.of(DiskFullWatch)
        self._whole = self.of(MetricWatch)
        self._demos = self.of(EndedWatch) + self.of(RestartsWatch)
        self._logs = self.of(LogWatch)
        self._steps = self.of(StepWatch)

    def of(self, kind: type[W]) -> list[W]:
        return [watch for watch in self._watches if isinstance(watch, kind)]

    def samples(self, event: SamplesStored, now: int) -> None:
        """Measurements, or states of programs and containers."""
        if event.stream in (DEMOS, CONTAINERS):
            if self._demos and (view := self._view_of(event.node)):
                self._hear_demos(view, event.records, now)
        elif self._measuring and (view := self._view_of(event.node)):
            for record in event.records:
                values = _SAMPLE.decode(record).values
                if values:
                    self._hear_sample(view, values, now)

    def logs(self, event: LogsStored, now: int) -> bool:
        """Whether something came of it that need not wait for the next second."""
        self.first_batch = self.first_batch or event.number
        self.last_batch = max(self.last_batch, event.number)
        if event.services:
            self._remember(event.node, event.source)
        wanting = [watch for watch in self._logs if watch.wants(event.source, event.levels)]
        view = self._view_of(event.node) if wanting else None
        wanting = [watch for watch in wanting if watch.means(view)] if view else []
        if wanting:
            lines = [_LINE.decode(record) for record in event.records]
            for watch in wanting:
                watch.lines(view, lines, now)
        return any(watch.conditions.pressing for watch in wanting)

    def node(self, event: NodeChanged, now: int) -> None:
        if event.state == REMOVED:
            for watch in self._watches:
                watch.gone(event.node)
                for subject, node in watch.conditions.subjects():
                    if node == event.node:
                        watch.conditions.good(subject, "the node was removed")
        elif view := self._view_of(event.node):
            self.views([view], now)

    def views(self, views: Sequence[NodeView], now: int) -> None:
        """Nodes as they are now."""
        for watch in self.of(NodeSilentWatch):
            for view in views:
                if watch.means(view):
                    watch.node(view, now)

    def host(self, event: HostChanged, now: int) -> None:
        if host := self._host_of(event.address):
            for watch in self.of(HostSilentWatch):
                watch.host(host, now)

    def step(self, event: StepChanged, now: int) -> bool:
        """Whether something came of it that need not wait for the next second."""
        change = event.change
        if not change.component:
            return False
        for watch in self._steps:
            watch.step(event.service, change.component, change.source, change.state, change.cycle, change.message, now)
        return any(watch.conditions.pressing for watch in self._steps)

    def _hear_sample(self, view: NodeView, values: dict[str, float], now: int) -> None:
        metrics = self._metrics
        for name, value in values.items():
            wanting = metrics.get(name)
            if wanting is None:
                wanting = self._learn(name)
            for watch in wanting:
                if watch.means(view):
                    watch.sample(view, name, value, now)
        for watch in self._whole:
            watch.complete(view, now)

    def _hear_demos(self, view: NodeView, records: Iterable[bytes], now: int) -> None:
        meant = [watch for watch in self._demos if watch.means(view)]
        for record in records if meant else ():
            states = _DEMOS.decode(record)
            told = [demo for demo in states.demos or ()
                    if (view.id, demo.get("file", "").rpartition("/")[2]) not in self._step_programs]
            told += programs_of(states.containers or ())
            for watch in meant if told else ():
                watch.demos(view, told, now)
            for watch in meant if states.whole else ():
                if isinstance(watch, EndedWatch):
                    watch.containers(view, {program["name"] for program in told}, now)

    def _remember(self, node: str, source: str) -> None:
        """A log file tells of a service's steps: these say when something is wrong. Its program begins and ends as the
        work comes, which is no sign of trouble."""
        key = node, source
        self._step_programs[key] = None
        self._step_programs.move_to_end(key)
        if len(self._step_programs) > MAX_STEP_PROGRAMS:
            self._step_programs.popitem(last=False)

    def _learn(self, name: str) -> tuple[Watch, ...]:
        if len(self._metrics) >= MAX_KNOWN_METRICS:
            self._metrics.clear()
        found = self._metrics[name] = tuple(watch for watch in self._measuring if watch.wants_metric(name))
        return found
