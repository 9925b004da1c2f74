"""What a subscriber wants to hear, and which lines of an event that is. Pure.

An event becomes a `Happening` once: its lines are bytes that every subscriber shares, with the hub's own members first
and the record as it came behind them. A `Picker` takes from it what a subscription wants: all lines, joined once for
everyone, when the event as a whole decides; single lines only where level, unit or text decide.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import translate
from re import IGNORECASE
from re import compile as regex
from typing import Annotated, Literal

import msgspec

from dvic_hub.domain.events import (
    AlarmChanged,
    Event,
    EventsPosted,
    HostChanged,
    LogsStored,
    RolloutChanged,
    RunChanged,
    RunOutputStored,
    SamplesStored,
    StepChanged,
)
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.long_records import brief
from dvic_hub.domain.package_lines import about as about_package
from dvic_hub.domain.package_lines import with_data
from dvic_hub.domain.packages import PackageEvent
from dvic_wire import selectors
from dvic_wire.limits import MAX_SELECTOR
from dvic_wire.streams import LEVELS

MAX_FILTERS = 16
"""Filters of one subscription."""

MAX_CHUNK = 64 * 1024
"""Bytes of lines that are joined into one piece; a single line may be longer."""

Kind = Literal["log", "run", "state", "rollout", "node", "sample", "host", "service", "event", "package", "alarm"]
KINDS: tuple[str, ...] = Kind.__args__
"""What can be subscribed to; `run` brings both the states of runs and their output, `state` their states alone."""

_ALL_LEVELS = (1 << len(LEVELS)) - 1
_LEVEL_NUMBER = {level: number for number, level in enumerate(LEVELS)}

Glob = Annotated[str, msgspec.Meta(max_length=200)]
Chunk = tuple[bytes, int]
"""Lines joined by newlines, and how many."""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to hear of. Empty members don't filter. `level` (least), `source`, `unit` (globs) and `grep` (text,
    capitals or not) hold for logs, `run` for runs and their output, `rollout` for rollouts, `service` for all of a
    monitoring service (its steps, its alarms, events sent to it, and the log records that are its events), `package`
    (id or name) for packages, `selector` for all that is about a node. `brief`: very long log records come cut, with
    the `length` that their message has. `data`: packages come with what changed."""

    kinds: Annotated[tuple[Kind, ...], msgspec.Meta(max_length=len(KINDS))] = ()
    selector: Annotated[str, msgspec.Meta(max_length=MAX_SELECTOR)] = "all"
    level: Annotated[Literal[("", *LEVELS)], msgspec.Meta(description="This level and worse.")] = ""
    source: Glob = ""
    unit: Glob = ""
    grep: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    run: Annotated[str, msgspec.Meta(max_length=32)] = ""
    rollout: Annotated[str, msgspec.Meta(max_length=32)] = ""
    service: Annotated[str, msgspec.Meta(max_length=64)] = ""
    package: Annotated[str, msgspec.Meta(max_length=64)] = ""
    brief: bool = False
    data: bool = False


class _PeekFields(msgspec.Struct, frozen=True, gc=False):
    container: str | int | float | bool = ""


class _Peek(msgspec.Struct, gc=False):
    """What filters look at inside a log record."""

    level: str = ""
    unit: str = ""
    message: str = ""
    fields: _PeekFields = _PeekFields()

    @property
    def container(self) -> str:
        return self.fields.container if isinstance(self.fields.container, str) else ""


_PEEK = msgspec.json.Decoder(_Peek)


@dataclass
class Happening:
    """One event. `view`: of the node that it is about, None where there is none or it is gone. Its lines are made when
    the first subscriber wants any of them: what nobody wants costs next to nothing."""

    kind: str
    node: str
    view: NodeView | None
    own: dict
    records: Sequence[bytes] | None = None
    source: str = ""
    run: str = ""
    rollout: str = ""
    service: str = ""
    package: PackageEvent | None = None
    levels: int = 0
    number: int = 0
    services: Mapping[str, Sequence[int]] = field(default_factory=dict)
    _with_data: list[Chunk] | None = None
    _lines: list[bytes] | None = None
    _chunks: list[Chunk] | None = None
    _peeked: list[_Peek] | None = None
    _lowered: list[str] | None = None

    @property
    def tells_state(self) -> bool:
        """A run or a node in it changed its state."""
        return self.kind == "run" and self.records is None

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            own, records = self.own, self.records
            self._lines = [msgspec.json.encode(own)] if records is None else lines_of(own, records, self.number)
        return self._lines

    def chunks(self) -> list[Chunk]:
        """All lines, joined; made once for everyone."""
        if self._chunks is None:
            self._chunks = join_lines(self.lines)
        return self._chunks

    def chunks_with_data(self) -> list[Chunk]:
        """Of a package: its line with the objects that changed; made once for everyone too."""
        if self._with_data is None:
            self._with_data = [(with_data(self.lines[0], self.package), 1)]
        return self._with_data

    def peeked(self) -> list[_Peek]:
        if self._peeked is None:
            self._peeked = [_PEEK.decode(line) for line in self.lines]
        return self._peeked

    def lowered(self) -> list[str]:
        """The messages for searching without regard to capitals."""
        if self._lowered is None:
            self._lowered = [peek.message.lower() for peek in self.peeked()]
        return self._lowered


def happening_of(event: Event, view_of: Callable[[str], NodeView | None]) -> Happening:
    """An event as subscribers are told it."""
    if isinstance(event, HostChanged):
        return Happening("host", "", None, {"kind": "host", "address": event.address, "state": event.state})
    view = view_of(event.node) if event.node else None
    about = {"node": view.name if view else event.node, "node_id": event.node}
    if isinstance(event, PackageEvent):
        return Happening("package", event.node, view, about_package(event, about["node"]), package=event)
    if isinstance(event, LogsStored):
        return Happening("log", event.node, view, {"kind": "log", **about, "source": event.source}, event.records,
                         source=event.source, levels=event.levels, number=event.number, services=event.services)
    if isinstance(event, RunOutputStored):
        return Happening("run", event.node, view, {"kind": "output", "run": event.run, **about}, event.records,
                         run=event.run, number=event.number)
    if isinstance(event, SamplesStored):
        return Happening("sample", event.node, view, {"kind": "sample", "stream": event.stream, **about}, event.records)
    if isinstance(event, RunChanged):
        line = {**event.detail, "kind": "run", "run": event.run, **about, "state": event.state}
        return Happening("run", event.node, view, line, run=event.run)
    if isinstance(event, RolloutChanged):
        line = {**event.detail, "kind": "rollout", "rollout": event.rollout, **about, "state": event.state}
        return Happening("rollout", event.node, view, line, rollout=event.rollout)
    if isinstance(event, StepChanged):
        line = {"kind": "service", "service": event.service, **asdict(event.change)}
        return Happening("service", "", None, line, service=event.service)
    if isinstance(event, EventsPosted):
        return Happening("event", "", None, {"kind": "event", "service": event.service}, event.lines,
                         service=event.service)
    if isinstance(event, AlarmChanged):
        line = {**event.detail, "kind": "alarm", "alarm": event.alarm, **about, "state": event.state}
        return Happening("alarm", event.node, view, line, service=event.detail.get("service", ""))
    return Happening("node", event.node, view, {
        "kind": "node", **about, "state": event.state or (view.state if view else "")})


def join_lines(lines: list[bytes]) -> list[Chunk]:
    """Lines joined by newlines in pieces of at most MAX_CHUNK bytes, or of one line."""
    if sum(map(len, lines)) + len(lines) <= MAX_CHUNK:
        return [(b"\n".join(lines), len(lines))] if lines else []
    chunks: list[Chunk] = []
    held: list[bytes] = []
    size = 0
    for line in lines:
        if held and size + len(line) >= MAX_CHUNK:
            chunks.append((b"\n".join(held), len(held)))
            held, size = [], 0
        held.append(line)
        size += len(line) + 1
    chunks.append((b"\n".join(held), len(held)))
    return chunks


class Picker:
    """A subscription's filters, compiled. Raises InvalidSelector or LimitExceeded."""

    def __init__(self, filters: Iterable[Filter]):
        self._parts = [_Compiled(part) for part in filters]
        self._brief = all(part.brief for part in self._parts)

    def pick(self, happening: Happening) -> list[Chunk]:
        """The lines that any of the filters wants, in order, each once."""
        chunks = self._whole(happening)
        return [brief(*chunk) for chunk in chunks] if self._brief and happening.kind == "log" else chunks

    def _whole(self, happening: Happening) -> list[Chunk]:
        wanted: set[int] | None = None
        for part in self._parts:
            if not part.concerns(happening):
                continue
            if happening.package is not None:
                if part.data:
                    return happening.chunks_with_data()
                wanted = {0}
                continue
            if part.takes_all(happening):
                return happening.chunks()
            some = part.lines(happening)
            wanted = some if wanted is None else wanted | some
        if not wanted:
            return []
        if len(wanted) == len(happening.lines):
            return happening.chunks()
        return join_lines([happening.lines[index] for index in sorted(wanted)])

    def forget_nodes(self) -> None:
        """Nodes may have changed: ask the selectors again."""
        for part in self._parts:
            part.known.clear()


class _Compiled:
    """One filter, ready to be asked."""

    def __init__(self, wanted: Filter):
        self.kinds = frozenset(wanted.kinds or KINDS)
        self.run = wanted.run
        self.rollout = wanted.rollout
        self.service = wanted.service
        self.package = wanted.package
        self.brief = wanted.brief
        self.data = wanted.data
        self.selector = selectors.parse(wanted.selector or "all")
        self.everyone = isinstance(self.selector, selectors.All)
        self.levels = _ALL_LEVELS & -(1 << _LEVEL_NUMBER[wanted.level]) if wanted.level else _ALL_LEVELS
        self.names = frozenset(LEVELS[_LEVEL_NUMBER[wanted.level]:] if wanted.level else LEVELS)
        self.source = _glob(wanted.source)
        self.unit = _glob(wanted.unit)
        self.grep = wanted.grep.lower()
        self.known: dict[str, bool] = {}

    def concerns(self, happening: Happening) -> bool:
        """What can be said without looking at single lines."""
        if happening.kind not in self.kinds and not ("state" in self.kinds and happening.tells_state):
            return False
        if happening.kind == "log":
            if not happening.levels & self.levels or (self.source and not self.source(happening.source)):
                return False
            if self.service and self.service not in happening.services:
                return False
        elif self.run and happening.kind == "run" and happening.run != self.run:
            return False
        elif self.service and happening.kind in ("service", "event", "alarm") and happening.service != self.service:
            return False
        elif self.package and happening.kind == "package" and self.package not in (
                happening.package.package.id, happening.package.package.name):
            return False
        elif self.rollout and happening.kind == "rollout" and happening.rollout != self.rollout:
            return False
        return self.everyone or not happening.node or self._names(happening)

    def takes_all(self, happening: Happening) -> bool:
        if happening.kind != "log":
            return True
        if self.service and len(happening.services[self.service]) != len(happening.records):
            return False
        return not (self.grep or self.unit or happening.levels & ~self.levels)

    def lines(self, happening: Happening) -> set[int]:
        """The indexes of the lines that pass."""
        found = happening.services[self.service] if self.service else range(len(happening.records))
        if happening.levels & ~self.levels:
            peeked = happening.peeked()
            found = [index for index in found if peeked[index].level in self.names]
        if self.unit:
            peeked = happening.peeked()
            found = [index for index in found
                     if self.unit(peeked[index].unit) or self.unit(peeked[index].container)]
        if self.grep:
            messages = happening.lowered()
            found = [index for index in found if self.grep in messages[index]]
        return set(found)

    def _names(self, happening: Happening) -> bool:
        answer = self.known.get(happening.node)
        if answer is None:
            answer = happening.view is not None and self.selector.matches(happening.view)
            self.known[happening.node] = answer
        return answer


def _glob(pattern: str) -> Callable[[str], object] | None:
    return regex(translate(pattern), IGNORECASE).match if pattern else None


def lines_of(own: dict, records: Sequence[bytes], number: int = 0) -> list[bytes]:
    """Records, each with the hub's own members put before its own, among them its `place` in the batch `number`. No
    line holds a newline, so that any number of them can travel joined by newlines."""
    prefix = msgspec.json.encode(own)[:-1] + b","
    if number:
        prefix += b'"place":"%x.' % number
        lines = [b'%b%x",%b' % (prefix, index, record[1:]) for index, record in enumerate(records)]
    else:
        lines = [prefix + record[1:] for record in records]
    joined = b"".join(lines)
    if b"\n" in joined or b"\r" in joined:
        lines = [msgspec.json.format(line, indent=-1) for line in lines]
    return lines
