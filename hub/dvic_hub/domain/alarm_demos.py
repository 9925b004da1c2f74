"""Programs behind log files: those that ended, and those that start again and again. Pure.

A program is known by its name, for each start may write another file. It has ended when the last process of its name
has, and it ran for long before: what runs for seconds ends as it should. A restart is a start within RESTART_GAP after
an end, as a supervisor does it; a job that a timer starts each minute is none. A container whose name is known is a
program too; the others change their short ids as they are made anew, and raise nothing.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .alarm_conditions import Finding, plain, spelled
from .alarm_watch import SECOND, CalmWatch, Watch, globbed, node_subject
from .liveness import NodeView

MAX_NODE_DEMOS = 500
"""Programs of one node that a rule follows."""

RESTART_GAP = 30
"""Seconds after the end of a program within which its next start counts as a restart."""

_ALIVE, _ENDED, _GONE = "alive", "ended", "gone"


_DEMO, _CONTAINER = "demo", "container"
_STATES_OF_CONTAINERS = {"running": _ALIVE, "paused": _ALIVE, "restarting": _ENDED, "ended": _ENDED, "gone": _GONE}


def programs_of(containers: Iterable[Mapping]) -> list[dict]:
    """States of containers as states of demos."""
    return [{"kind": _CONTAINER, "file": f"{one['engine']}/{one['id']}", "name": one["name"],
             "state": _STATES_OF_CONTAINERS.get(one["state"], ""), "since": one.get("since", 0),
             "time": one.get("time", 0)} for one in containers if one.get("name")]


@dataclass
class _Program:
    """`alive`: files of its processes that live, each with when it started; `ended`: when the last one did."""

    kind: str
    name: str
    alive: dict[str, int] = field(default_factory=dict)
    ended: int = 0
    last: str = ""
    restarts: deque[int] = field(default_factory=deque)


class _DemoWatch(Watch, ABC):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._glob = globbed(self.rule.text("demo"))
        self._programs: dict[str, dict[tuple[str, str], _Program]] = {}

    def demos(self, view: NodeView, demos: Sequence[Mapping], now: int) -> None:
        held = self._programs.setdefault(view.id, {})
        for demo in demos:
            file = demo.get("file", "")
            key = kind, name = _key(demo)
            if key not in held and (len(held) >= MAX_NODE_DEMOS or not self._glob(name)):
                continue
            program = held.setdefault(key, _Program(kind, name))
            self._told(view, program, file, demo.get("state", ""), demo.get("since", now), now)
            if demo.get("state") == _GONE and not program.alive:
                del held[key]

    def gone(self, node: str) -> None:
        super().gone(node)
        self._programs.pop(node, None)

    @abstractmethod
    def _told(self, view: NodeView, program: _Program, file: str, state: str, since: int, now: int) -> None:
        """A program of a node is in a state."""

    def _subject(self, view: NodeView, kind: str, name: str) -> str:
        return node_subject(view, f"{kind} {plain(name)[:200]}")


class EndedWatch(_DemoWatch):
    def recall(self, view: NodeView, demos: Sequence[Mapping], since: int, now: int) -> None:
        """After a restart: the newest state of each program of a node, as it is stored. What ended after `since`, the
        last moment in which somebody watched, counts however long it ran."""
        self.demos(view, [demo for demo in demos if demo.get("state") == _ALIVE], now)
        alive = self._programs.get(view.id, {})
        for demo in demos:
            key = kind, name = _key(demo)
            if demo.get("state") == _ENDED and demo.get("time", 0) > since and self._glob(name) and not (
                    key in alive and alive[key].alive):
                self.conditions.bad(Finding(self._subject(view, kind, name), plain(f"{name} has ended on {view.name}"),
                                            node=view.id), now)

    def containers(self, view: NodeView, names: Collection[str], now: int) -> None:
        """A node has containers of these names and no others: what was told of others is over."""
        there = {self._subject(view, _CONTAINER, name) for name in names}
        for key in [key for key in self._programs.get(view.id, {}) if key[0] == _CONTAINER and key[1] not in names]:
            del self._programs[view.id][key]
        for subject, node in self.conditions.subjects():
            if node == view.id and subject.startswith(node_subject(view, f"{_CONTAINER} ")) and subject not in there:
                self.conditions.good(subject, "the container is gone")

    def _told(self, view: NodeView, program: _Program, file: str, state: str, since: int, now: int) -> None:
        subject, name = self._subject(view, program.kind, program.name), program.name
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
                self.conditions.good(subject, "its log file is gone" if program.kind == _DEMO else
                                     "the container is gone")


class RestartsWatch(_DemoWatch, CalmWatch):
    def _told(self, view: NodeView, program: _Program, file: str, state: str, since: int, now: int) -> None:
        if state == _ALIVE and program.alive.get(file) != since:
            known = file in program.alive
            program.alive[file] = since
            if known or len(program.alive) == 1:
                self._started(view, program, since, now, ended=since if known else program.ended)
        elif state == _ENDED:
            if program.alive.pop(file, None) is None and program.last != file:
                self._started(view, program, since, now, ended=program.ended)  # too quick to be seen alive
            program.ended, program.last = max(program.ended, since), file
        elif state == _GONE:
            program.alive.pop(file, None)

    def _started(self, view: NodeView, program: _Program, since: int, now: int, ended: int) -> None:
        if not ended or since - ended > RESTART_GAP * SECOND:
            return
        program.restarts.append(min(since, now))
        while len(program.restarts) > self.count:
            program.restarts.popleft()
        if len(program.restarts) == self.count and program.restarts[-1] - program.restarts[0] <= self.window:
            within = spelled(self.window // SECOND)
            text = f"{program.name} on {view.name} was started again {self.count} times within {within}"
            self.enough(Finding(self._subject(view, program.kind, program.name), plain(text), str(self.count),
                                view.id), now)


def _key(demo: Mapping) -> tuple[str, str]:
    """What kind of program it is, and its name."""
    return demo.get("kind", _DEMO), demo.get("name") or demo.get("file", "")
