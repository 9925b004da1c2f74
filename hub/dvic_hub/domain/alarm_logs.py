"""Log records counted: so many of a node, of a level or with a text, within a time. Pure.

Of each node only as many times are kept as the rule counts, the newest: when the oldest of them is near enough to the
newest, there were enough. The records' own times count, so what an unplugged machine brings later is no flood. They
count once: a record is told once live, or once from the store after a restart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from dvic_wire.streams import LEVELS

from .alarm_conditions import Finding, plain, spelled
from .alarm_watch import SECOND, CalmWatch, globbed, node_subject
from .line_patterns import Pattern
from .liveness import NodeView

MAX_LOG_NODES = 10_000
"""Nodes of which one rule counts records; the one that was quiet for longest makes room."""

MAX_TIMES = 1_000_000
"""Times that one rule keeps of all nodes together."""

OLDEST = 86_400
"""Seconds after which a record is too old to be counted: it is history that came late."""

_EXCERPT = 200
_NUMBER = {level: number for number, level in enumerate(LEVELS)}


class LogLine(msgspec.Struct, gc=False):
    """What a rule looks at of a record."""

    time: int
    level: str
    message: str
    unit: str = ""


@dataclass
class _Counted:
    times: list[int] = field(default_factory=list)
    newest: str = ""


class LogWatch(CalmWatch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        rule = self.rule
        least = _NUMBER.get(rule.text("level"), 0)
        self.levels = (1 << len(LEVELS)) - (1 << least)
        """The levels that count, as a batch says which it holds."""
        self._names = frozenset(LEVELS[least:])
        self._pattern = Pattern(rule.text("pattern")) if rule.text("pattern") else None
        self._source, self._unit = globbed(rule.text("source")), globbed(rule.text("unit"))
        self._any_unit = rule.text("unit") in ("", "*")
        self._most = max(1, min(MAX_LOG_NODES, MAX_TIMES // self.count))
        self._held: dict[str, _Counted] = {}

    def wants(self, source: str, levels: int) -> bool:
        """Whether a batch can hold anything that counts."""
        return bool(levels & self.levels and self._source(source))

    def lines(self, view: NodeView, lines: Iterable[LogLine], now: int) -> None:
        """Records of one source that `wants` let through."""
        self._take_in(view, lines, now, raising=True)

    def remember(self, view: NodeView, lines: Iterable[LogLine], now: int) -> None:
        """Records that were heard before a restart: they raise nothing, and count with those to come."""
        self._take_in(view, lines, now, raising=False)

    def _take_in(self, view: NodeView, lines: Iterable[LogLine], now: int, raising: bool) -> None:
        found = [line for line in lines if line.level in self._names and line.time > now - OLDEST * SECOND
                 and (self._any_unit or self._unit(line.unit)) and self._matches(line.message)]
        if not found:
            return
        counted = self._held.pop(view.id, None) or _Counted()
        if len(self._held) >= self._most:
            del self._held[next(iter(self._held))]
        self._held[view.id] = counted  # the newest is last
        # clocks of machines may be ahead: nothing may lie in the future, or it would count for ever
        fresh = [min(line.time, now) for line in found]
        merged = sorted(counted.times + fresh)
        counted.newest = max(found, key=lambda line: line.time).message
        if raising and self._reached(merged, min(fresh)):
            self.enough(self._finding(view, counted), now)
        counted.times = merged[-self.count:]

    def gone(self, node: str) -> None:
        super().gone(node)
        self._held.pop(node, None)

    def _matches(self, message: str) -> bool:
        return self._pattern is None or self._pattern.match(message) is not None

    def _reached(self, times: list[int], since: int) -> bool:
        """Whether there are as many as the rule counts near enough to one another, the last of them not before `since`:
        what was enough before is not enough again."""
        return any(times[place] >= since and times[place] - times[place - self.count + 1] <= self.window
                   for place in range(self.count - 1, len(times)))

    def _finding(self, view: NodeView, counted: _Counted) -> Finding:
        level, count = self.rule.text("level"), self.count
        like = f" like {self.rule.text('pattern')}" if self._pattern else ""
        if count == 1:
            text = f"{level or 'a record'}{like} on {view.name}: {counted.newest[:_EXCERPT]}"
        else:
            which = f" of level {level}{' or worse' * (level != LEVELS[-1])}" if level else ""
            within = spelled(self.window // SECOND)
            text = f"{count} records or more{which}{like} on {view.name} within {within}: {counted.newest[:_EXCERPT]}"
        return Finding(node_subject(view), plain(text), str(count), view.id)
