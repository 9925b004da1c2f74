"""The watches of all rules that are on: told what happens, once a second what time it is, and what they find wrong is
raised, what is well again is cleared (services/alarms.py).

What is pending is in memory only. After a restart open alarms come from the store, states are looked at anew, and what
was stored while nobody watched is told (alarm_recall), so nothing is lost; one open alarm a rule and subject is the
store's own rule, so nothing is raised twice.
"""

import asyncio
import logging
from collections.abc import Callable

from dvic_hub.bus.port import Bus
from dvic_hub.domain.alarm_conditions import Finding
from dvic_hub.domain.alarm_demos import EndedWatch
from dvic_hub.domain.alarm_events import RunWatch, UpdateWatch
from dvic_hub.domain.alarm_hub import CertificateWatch, HubDiskWatch
from dvic_hub.domain.alarm_logs import LogWatch
from dvic_hub.domain.alarm_model import ACKNOWLEDGED
from dvic_hub.domain.alarm_packages import ObjectWatch, PackageWatch, StoppedWatch
from dvic_hub.domain.alarm_rules import Rule
from dvic_hub.domain.alarm_steps import StepWatch
from dvic_hub.domain.alarm_watch import Watch
from dvic_hub.domain.alarm_watches import (
    GRACE,
    DiskFullWatch,
    HostSilentWatch,
    MetricWatch,
    NodeSilentWatch,
    watch_of,
)
from dvic_hub.domain.events import (
    AlarmChanged,
    Event,
    HostChanged,
    LogsStored,
    NodeChanged,
    RolloutChanged,
    RunChanged,
    SamplesStored,
    StepChanged,
)
from dvic_hub.domain.packages import PackageEvent
from dvic_hub.loops import Wake
from dvic_hub.services.alarm_hearing import Hearing
from dvic_hub.services.alarm_package_looks import PackageLooks
from dvic_hub.services.alarm_probes import Probes
from dvic_hub.services.alarm_recall import Recall
from dvic_hub.services.alarm_rules import KeptRule, RuleService
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.hosts import HostService
from dvic_hub.services.runs import ENDED
from dvic_hub.services.watch import FleetService

BREATH = 0.05
"""Seconds between two turns at least: what breaks together is raised together."""

TICK = 1.0
"""Seconds between two looks at what follows from the time."""

LOOK_ROUND = 30.0
"""Seconds between two looks at every node, host and service, and at what is known of open alarms by now."""

KEEP_MARK = 10.0
"""Seconds between two notes of until when somebody watched."""

HELD_UP = 20.0
"""Seconds without a turn after which the hub itself was away: nobody else was silent then."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.alarms")

Behind = Callable[[Finding, Rule, float], bool]
"""Whether something else explains what was found (a silent gateway), so that it is not to be raised; asked again each
second for as long as it lasts."""


def nothing_explains(_finding: Finding, _rule: Rule, _now: float) -> bool:
    return False


class WatchService:
    """`clock` gives Unix seconds, `steady` seconds that only grow."""

    def __init__(self, bus: Bus, fleet: FleetService, hosts: HostService, cycles: CycleService, rules: RuleService,
                 alarms: AlarmService, recall: Recall, probes: Probes, looks: PackageLooks, clock: Callable[[], float],
                 steady: Callable[[], float], behind: Behind = nothing_explains) -> None:
        self._bus = bus
        self._fleet = fleet
        self._hosts = hosts
        self._cycles = cycles
        self._rules = rules
        self._alarms = alarms
        self._recall = recall
        self._probes = probes
        self._looks = looks
        self._clock = clock
        self._steady = steady
        self._behind = behind
        self._watches: dict[str, Watch] = {}
        self._to_recall: list[tuple[Watch, int, int, int]] = []
        self._ended: list[RunChanged | RolloutChanged] = []
        self._mark = (0, 0)
        self._hearing = Hearing(fleet.view, self._host)
        self._lock = asyncio.Lock()
        self._wake = Wake(BREATH)
        self._ticked = self._looked = self._kept = float("-inf")
        self._turned = steady()
        self._unsubscribe: Callable[[], None] = lambda: None
        rules.on_change = self.change
        rules.unjudged = self.unjudged

    async def start(self) -> None:
        """Begin to watch. Rules, alarms and the fleet must have started; agents must not be served yet."""
        self._mark = await self._recall.mark()
        now = self._now()
        mark = self._mark[0] or now  # a hub that never watched has missed nothing
        for kept in self._rules.all():
            if kept.rule.on:
                self._begin(kept.rule, mark, self._mark[1], 0)
        self._hold()
        self._hearing.listen_for(self._watches.values())
        self._unsubscribe = self._bus.subscribe(self._hear)
        await self._let_go()

    def stop(self) -> None:
        self._unsubscribe()

    async def woken(self, timeout: float) -> None:
        """Return when something happened, or after `timeout` seconds: then turn()."""
        await self._wake.wait(timeout)

    async def turn(self) -> None:
        """Carry out what the watches found; every TICK also what follows from the time."""
        async with self._lock:
            if self._steady() - self._turned > HELD_UP:
                log.warning("the hub was held up: for %d s no node is said to be silent", GRACE)
                self._hold()
            self._turned = self._steady()
            now = self._clock()
            await self._catch_up()
            if not 0 <= now - self._ticked < TICK:
                self._ticked = now
                await self._tick(now)
            for watch in list(self._watches.values()):
                await self._carry_out(watch, now)
            if not 0 <= now - self._kept < KEEP_MARK:
                self._kept = now
                await self._recall.keep(int(now * _SECOND), max(self._mark[1], self._hearing.last_batch))

    async def change(self, kept: KeptRule | None, name: str, why: str) -> None:
        """A rule is another, or gone: its open alarms are over, and it begins anew."""
        async with self._lock:
            self._watches.pop(name, None)
            self._to_recall = [each for each in self._to_recall if each[0].rule.name != name]
            await self._alarms.clear(name, {alarm.subject: why for alarm in self._alarms.open(name)})
            if kept is not None and kept.rule.on:
                last = self._hearing.last_batch
                self._begin(kept.rule, self._now(), last, last + 1)
            self._hearing.listen_for(self._watches.values())
            self._probes.again()
            self._looks.again()
            self._looked = float("-inf")
        self._wake.set()

    def unjudged(self, name: str) -> list[str]:
        """Histograms of which a rule can say nothing, each with why."""
        watch = self._watches.get(name)
        return sorted(watch.unjudged.values()) if isinstance(watch, ObjectWatch) else []

    # ---- what happens

    def _hear(self, event: Event) -> None:
        now, hearing, pressing = self._now(), self._hearing, False
        if isinstance(event, LogsStored):
            pressing = hearing.logs(event, now)
        elif isinstance(event, SamplesStored):
            hearing.samples(event, now)
        elif isinstance(event, StepChanged):
            pressing = hearing.step(event, now)
        elif isinstance(event, NodeChanged):
            hearing.node(event, now)
        elif isinstance(event, HostChanged):
            hearing.host(event, now)
        elif isinstance(event, PackageEvent):
            self._looks.heard(event, hearing.of(PackageWatch), now)
        elif isinstance(event, AlarmChanged):
            pressing = self._hear_alarm(event)
        elif isinstance(event, RolloutChanged) or (
                isinstance(event, RunChanged) and not event.node and event.state == ENDED):
            self._ended.append(event)
            pressing = True
        if pressing:
            self._wake.set()

    def _hear_alarm(self, event: AlarmChanged) -> bool:
        watch = self._watches.get(event.detail.get("rule", ""))
        if watch is None or event.state != ACKNOWLEDGED:
            return False
        watch.seen(event.detail["subject"])
        return True

    # ---- time

    async def _tick(self, now: float) -> None:
        time = int(now * _SECOND)
        for watch in self._watches.values():
            watch.tick(time)
        if not 0 <= now - self._looked < LOOK_ROUND:
            self._looked = now
            await self._look(time)
        of = self._hearing.of
        await self._probes.disks(of(DiskFullWatch), now)
        await self._probes.hub_disk(of(HubDiskWatch), now)
        await self._probes.certificate(of(CertificateWatch), now)
        await self._looks.turn(of(PackageWatch), time)
        await self._alarms.forget_old(now)

    async def _look(self, now: int) -> None:
        """Every node, host and service as it is; and what is known of open alarms by now."""
        of = self._hearing.of
        self._hearing.views(self._fleet.views(), now)
        for watch in self._watches.values():
            watch.sift(self._fleet.view)
        hosts = self._hosts.hosts()
        for watch in of(HostSilentWatch):
            for host in hosts:
                watch.host(host, now)
            watch.known({host.address for host in hosts})
        on = {service.name: frozenset(each.name for each in service.description.components)
              - frozenset(service.switched_off) for service in self._cycles.all()}
        for watch in of(StepWatch):
            watch.known(on)
        for name, watch in self._watches.items():
            if watch.conditions.newer:
                newer, watch.conditions.newer = watch.conditions.newer, {}
                for alarm in await self._alarms.renew(name, newer.values()):
                    watch.conditions.opened(alarm)

    async def _carry_out(self, watch: Watch, now: float) -> None:
        time, conditions = int(now * _SECOND), watch.conditions
        if conditions.done:
            done = dict(conditions.done)
            await self._alarms.clear(watch.rule.name, done)
            for subject in done:
                conditions.closed(subject, time)
        due = [finding for finding in conditions.due(time) if not self._behind(finding, watch.rule, now)]
        if due:
            for alarm in await self._alarms.begin(watch.rule, due):
                conditions.opened(alarm)

    # ---- beginning

    def _begin(self, rule: Rule, mark: int, batch: int, first: int) -> None:
        """A watch for a rule. What was stored since `mark`, and since the batch of logs of that number, it is told with
        a turn to come, but for the batches from `first` on (0: the first that is heard), which it hears live."""
        watch = self._watches[rule.name] = watch_of(rule, self._alarms.open(rule.name))
        if isinstance(watch, MetricWatch):
            watch.opened_before(self._now())
        self._to_recall.append((watch, mark, batch, first))

    def _hold(self) -> None:
        """The hub heard nobody: for a while no node is said to be silent, and no package to have stopped."""
        for watch in self._watches.values():
            if isinstance(watch, NodeSilentWatch | StoppedWatch):
                watch.hold(self._now())

    async def _let_go(self) -> None:
        """Open alarms of rules that are switched off, gone, or were changed since (the hub was killed in between)."""
        rules = {kept.rule.name: kept for kept in self._rules.all() if kept.rule.on}
        over: dict[str, dict[str, str]] = {}
        for alarm in self._alarms.open():
            kept = rules.get(alarm.rule)
            if kept is None or alarm.raised < kept.changed:
                why = "the rule was changed" if kept else "the rule was switched off or removed"
                over.setdefault(alarm.rule, {})[alarm.subject] = why
        for name, subjects in over.items():
            await self._alarms.clear(name, subjects)
            for subject in subjects if name in self._watches else ():
                self._watches[name].conditions.closed(subject, self._now())

    async def _catch_up(self) -> None:
        """Tell one new watch what is stored; where that fails, with the next turn. And what has ended since the last
        turn."""
        recall, now = self._recall, self._now()
        if self._to_recall:
            watch, mark, batch, first = self._to_recall[0]
            if isinstance(watch, LogWatch):
                await recall.logs(watch, mark, batch, first or self._hearing.first_batch, now)
            elif isinstance(watch, EndedWatch):
                await recall.demos(watch, mark, now)
            elif isinstance(watch, StepWatch):
                await recall.steps([watch], now)
            elif isinstance(watch, RunWatch):
                await recall.runs(watch, mark, now)
            elif isinstance(watch, UpdateWatch):
                await recall.updates(watch, mark, now)
            self._to_recall.pop(0)
            if self._to_recall:
                self._wake.set()
        while self._ended:
            event = self._ended[0]
            for watch in self._hearing.of(RunWatch) if isinstance(event, RunChanged) else ():
                await recall.run(watch, event.run, now)
            for watch in self._hearing.of(UpdateWatch) if isinstance(event, RolloutChanged) else ():
                recall.update(watch, event.rollout, event.node, event.state, event.detail.get("reason", ""), now)
            self._ended.pop(0)

    def _host(self, address: str):
        return next((host for host in self._hosts.hosts() if host.address == address), None)

    def _now(self) -> int:
        return int(self._clock() * _SECOND)
