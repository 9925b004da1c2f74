"""Programs behind log files: those that ended, and those that start again and again. Pure.

A program is known by its name, for each start may write another file. It has ended when the last process of its name
has, and it ran for long before: what runs for seconds ends as it should. A restart is a start within RESTART_GAP after
an end, as a supervisor does it; a job that a timer starts each minute is none.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .alarm_conditions import Finding, plain, spelled
from .alarm_watch import SECOND, CalmWatch, Watch, globbed, node_subject
from .liveness import NodeView

MAX_NODE_DEMOS = 500
"""Programs of one node that a rule follows."""

RESTART_GAP = 30
"""Seconds after the end of a program within which its next start counts as a restart."""

_ALIVE, _ENDED, _GONE = "alive", "ended", "gone"


@dataclass
class _Program:
    """`alive`: files of its processes that live, each with when it started; `ended`: when the last one did."""

    alive: dict[str, int] = field(default_factory=dict)
    ended: int = 0
    last: str = ""
    restarts: deque[int] = field(default_factory=deque)


class _DemoWatch(Watch, ABC):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._glob = globbed(self.rule.text("demo"))
        self._programs: dict[str, dict[str, _Program]] = {}

    def demos(self, view: NodeView, demos: Sequence[Mapping], now: int) -> None:
        held = self._programs.setdefault(view.id, {})
        for demo in demos:
            file = demo.get("file", "")
            name = demo.get("name") or file
            if name not in held and (len(held) >= MAX_NODE_DEMOS or not self._glob(name)):
                continue
            program = held.setdefault(name, _Program())
            self._told(view, name, program, file, demo.get("state", ""), demo.get("since", now), now)
            if demo.get("state") == _GONE and not program.alive:
                del held[name]

    def gone(self, node: str) -> None:
        super().gone(node)
        self._programs.pop(node, None)

    @abstractmethod
    def _told(self, view: NodeView, name: str, program: _Program, file: str, state: str, since: int, now: int) -> None:
        """A program of a node is in a state."""

    def _subject(self, view: NodeView, name: str) -> str:
        return node_subject(view, f"demo {plain(name)[:200]}")


class EndedWatch(_DemoWatch):
    def recall(self, view: NodeView, demos: Sequence[Mapping], since: int, now: int) -> None:
        """After a restart: the newest state of each program of a node, as it is stored. What ended after `since`, the
        last moment in which somebody watched, counts however long it ran."""
        self.demos(view, [demo for demo in demos if demo.get("state") == _ALIVE], now)
        alive = self._programs.get(view.id, {})
        for demo in demos:
            name = demo.get("name") or demo.get("file", "")
            if demo.get("state") == _ENDED and demo.get("time", 0) > since and self._glob(name) and not (
                    name in alive and alive[name].alive):
                self.conditions.bad(Finding(self._subject(view, name), plain(f"{name} has ended on {view.name}"),
                                            node=view.id), now)

    def _told(self, view: NodeView, name: str, program: _Program, file: str, state: str, since: int, now: int) -> None:
        subject = self._subject(view, name)
        if state == _ALIVE:
            program.alive[file] = since
            self.conditions.good(subject)
        elif state == _ENDED:
            started = program.alive.pop(file, None)
            lived = None if started is None else max(0, since - started)
            if not program.alive and lived is not None and lived >= self.rule.number("lived") * SECOND:
                self.conditions.bad(Finding(subject, plain(f"{name} has ended on {view.name}"), node=view.id), now)
        elif state == _GONE:
            program.alive.pop(file, None)
            if not program.alive:
                self.conditions.good(subject, "its log file is gone")


class RestartsWatch(_DemoWatch, CalmWatch):
    def _told(self, view: NodeView, name: str, program: _Program, file: str, state: str, since: int, now: int) -> None:
        if state == _ALIVE and program.alive.get(file) != since:
            known = file in program.alive
            program.alive[file] = since
            if known or len(program.alive) == 1:
                self._started(view, name, program, since, now, ended=since if known else program.ended)
        elif state == _ENDED:
            if program.alive.pop(file, None) is None and program.last != file:
                self._started(view, name, program, since, now, ended=program.ended)  # too quick to be seen alive
            program.ended, program.last = max(program.ended, since), file
        elif state == _GONE:
            program.alive.pop(file, None)

    def _started(self, view: NodeView, name: str, program: _Program, since: int, now: int, ended: int) -> None:
        if not ended or since - ended > RESTART_GAP * SECOND:
            return
        program.restarts.append(min(since, now))
        while len(program.restarts) > self.count:
            program.restarts.popleft()
        if len(program.restarts) == self.count and program.restarts[-1] - program.restarts[0] <= self.window:
            within = spelled(self.window // SECOND)
            text = f"{name} on {view.name} was started again {self.count} times within {within}"
            self.enough(Finding(self._subject(view, name), plain(text), str(self.count), view.id), now)
