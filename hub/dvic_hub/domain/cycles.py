"""One service's cycles: events in, changed steps and cycles out. Pure; every time is given.

- An event with a cycle's name belongs to that cycle. One without goes to the oldest open cycle in which its step is
  still to be done, and begins a new one where a first component starts again: two cycles may be under way at once.
- Events may come in any order. What is older than what a step has reached fills in its times and moves nothing.
- A cycle ends once: when all its steps have ended (with an error in it only after `settle` seconds, for another try),
  when nothing was heard of it for `give_up` seconds, or when too many are open. What comes later is counted, as is all
  else that moves nothing (COUNTED).
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from .cycle_model import Change, Cycle, Step
from .service_description import MAX_COMPONENT_SOURCES, Component, Description
from .step_events import StepEvent
from .step_states import ENDED, ERROR, IDLE, MOVES, OFF, OK, OVERDUE, RUNNING, SKIPPED, WAITING, WARNING, result_of
from .step_states import moved as after_move

MAX_OPEN_CYCLES = 20
"""Cycles of one service that may be open; one more ends the one that was not heard of for longest."""

MAX_EVENT_AGE = 7 * 86400
"""Seconds by which an event may be older than its arrival and still move a step."""

MAX_EVENT_AHEAD = 86400
"""Seconds by which an event's time may be ahead of its arrival; of one that is more, the arrival counts."""

COUNTED = ("off", "old", "foreign", "unknown-component", "unknown-source", "late", "stale", "too-many-sources",
           "failed")
"""Why events moved nothing."""

_SECOND = 1_000_000
_WORSE = {"": 0, WARNING: 1, ERROR: 2}
_WORDS = {"warning": "warn", "error": "fail", "critical": "fail"}


class Book:
    """What one service's events do to its cycles. `cycles`: all open ones, those that ended whose name is told again,
    and the last one that ended without a name; `last`: the highest number given so far; `off`: components switched
    off."""

    def __init__(self, description: Description, cycles: Iterable[Cycle], last: int, off: Iterable[str] = ()) -> None:
        self._description = description
        self._components: dict[str, Component] = {each.name: each for each in description.components}
        self._off = frozenset(off)
        self._befores = _past_those_off(description.befores(), self._off)
        known = sorted(cycles, key=lambda cycle: cycle.number)
        self._known = known
        self._open = [cycle for cycle in known if not cycle.result]
        self._named = {cycle.name: cycle for cycle in known if cycle.name}
        self._former = next((cycle for cycle in reversed(known) if cycle.result and not cycle.name), None)
        self.last = last
        self.touched: dict[int, Cycle] = {}
        self.changes: list[Change] = []
        self.counted: Counter[str] = Counter()
        self._told: dict[tuple[int, str, str], Step] = {}

    # ---- events

    def take(self, event: StepEvent, node: str, received: int, place: str = "") -> None:
        """Apply one event, which came from `node` at `received` (microseconds)."""
        component = self._components.get(event.component)
        why = ("unknown-component" if component is None else "off" if component.name in self._off else
               "old" if received - event.time > MAX_EVENT_AGE * _SECOND else
               "unknown-source" if component.sources and event.source not in component.sources else "")
        if why:
            self.counted[why] += 1
            return
        source = event.source if component.sources or component.repeat else ""
        cycle = self._cycle_of(event, component, source, received)
        if cycle is None:
            self.counted["late"] += 1
            return
        step = self._step(cycle, component, source)
        if step is None:
            self.counted["too-many-sources"] += 1
            return
        if event.time > received + MAX_EVENT_AHEAD * _SECOND:
            event.time = received
        cycle.heard = max(cycle.heard, received)
        cycle.started = min(cycle.started or event.time, event.time)
        self._touch(cycle)
        step.events += 1
        if event.time >= step.time:
            step.message, step.level, step.time = event.message, event.level, event.time
            step.node, step.place = node, place
        self._told.setdefault((cycle.number, step.component, step.source), step)
        self._apply(cycle, step, event, received, place)

    def _apply(self, cycle: Cycle, step: Step, event: StepEvent, received: int, place: str) -> None:
        word = event.step or _WORDS.get(event.level, "say")
        if word == "start":
            if event.time < step.ended or (event.time == step.ended and not step.tries):
                step.started = max(step.started if step.tries else 0, event.time)
                step.tries = max(step.tries, 1)  # it came late: the step has gone on since
                return
            if step.tries and event.time < step.started:
                self.counted["stale"] += 1
                return
            step.started, step.ended, step.began, step.blocked = event.time, 0, received, False
            step.tries += 1
            if event.time >= step.worst_time:
                step.worst = step.trouble = step.trouble_place = ""
        elif step.tries and event.time < step.started:
            self.counted["stale"] += 1  # of an earlier try
            return
        elif word in ("warn", "fail"):
            found = WARNING if word == "warn" else ERROR
            if (_WORSE[found], event.time) >= (_WORSE[step.worst], step.worst_time):
                step.worst, step.trouble, step.trouble_place = found, event.message, place
                step.worst_time = event.time
        elif word == "done" and step.worst:
            word = "done_warned"
        if step.state not in MOVES[word]:
            self.counted["stale"] += 1
            return
        if word in ("say", "warn") and not step.tries:
            step.started = min(step.started or event.time, event.time)
            step.began = received if step.state in (IDLE, WAITING) else step.began
        if word in ("done", "done_warned", "fail", "skip"):
            step.ended, step.blocked = max(step.ended, event.time), False
        self._move(cycle, step, word, event.time)

    # ---- time and people

    def tick(self, now: int) -> None:
        """What follows from the time being `now` (microseconds, by the hub's clock)."""
        for cycle in list(self._open):
            for step in cycle.steps:
                component = self._components.get(step.component)
                if component is not None and step.state in (WAITING, RUNNING) and (
                        now - step.began > (component.expected + component.grace) * _SECOND):
                    self._move(cycle, step, "late", now)
            if now - cycle.heard > self._description.give_up * _SECOND:
                self._end(cycle, now)
            else:
                self._end_if_over(cycle, now)

    def expect(self, due: int, within: int, now: int) -> bool:
        """By the schedule a cycle was expected to begin at `due`, at most `within` microseconds later, which is over.
        Where none has, one is opened whose first steps are overdue; returns whether it was."""
        if any(due - within <= cycle.started for cycle in self._known):
            return False
        cycle = self._new("", now)
        cycle.started = due
        for step in cycle.steps:
            if step.state == WAITING:
                self._move(cycle, step, "late", now)
        return True

    def refit(self, now: int) -> None:
        """Bring the open cycles to the description and the switches as they are now; what has ended stays as it was."""
        for cycle in list(self._open):
            known = {(step.component, step.source): step for step in cycle.steps}
            wanted = [known.pop((step.component, step.source), None) or step for step in self._fresh_steps()]
            kept = [step for step in known.values() if step.events]  # what has happened stays to be seen
            repeated = [step for step in kept if self._repeats(step)]
            stood_for = {step.component for step in repeated}
            order = {name: place for place, name in enumerate(self._components)}
            cycle.steps = sorted(
                [step for step in wanted if step.source or step.component not in stood_for] + kept,
                key=lambda step: order.get(step.component, len(order)))
            self._touch(cycle)
            for step in cycle.steps:
                off = step.component in self._off or (step in kept and step not in repeated)
                if off and step.state not in ENDED:
                    step.state = self._changed(cycle, step, "off", now)
                elif not off and step.state == OFF:
                    step.state = self._changed(cycle, step, "on", now)
            self._follow(cycle, now)
            self._end_if_over(cycle, now)

    @property
    def open(self) -> int:
        """How many cycles are open."""
        return len(self._open)

    def finish(self) -> list[Change]:
        """All changes so far, in order, with one more for each step that only has a new message."""
        changed = {(change.cycle, change.component, change.source) for change in self.changes}
        return self.changes + [Change(key[0], step.component, step.source, step.state, step.time, step.message)
                               for key, step in self._told.items() if key not in changed]

    # ---- which cycle, which step

    def _cycle_of(self, event: StepEvent, component: Component, source: str, received: int) -> Cycle | None:
        """The cycle that an event belongs to, made where it begins one; None when it comes too late for any."""
        if event.cycle:
            cycle = self._named.get(event.cycle)
            if cycle is None:
                return self._adopted(event.cycle) or self._new(event.cycle, received)
            if cycle.result:
                cycle.late += 1
                self._touch(cycle)
                return None
            return cycle
        newest, found = (self._open[-1] if self._open else None), None
        first = not self._befores[component.name]
        wanted = (IDLE, WAITING, OVERDUE) if event.step == "start" else (RUNNING, OVERDUE)
        for states in (wanted, (IDLE, WAITING, RUNNING, OVERDUE)):
            found = found or next((cycle for cycle in self._open if _state(cycle, component, source) in states), None)
        if found is not None and not (event.step == "start" and _state(found, component, source) == RUNNING and first):
            return found
        if event.step == "start" and first:
            again = newest is not None and _state(newest, component, source) in (ERROR, SKIPPED)
            return newest if again else self._unnamed(event, source, received)
        if newest is not None:
            return newest
        begins = event.step in ("start", "fail") or _WORDS.get(event.level) == "fail" or (
            first and (bool(event.step) or self._description.by_messages))
        return self._unnamed(event, source, received) if begins else None

    def _unnamed(self, event: StepEvent, source: str, received: int) -> Cycle | None:
        """A new cycle for an event without a name, unless it is one of the cycle before that came late."""
        for step in self._former.of(event.component) if self._former else ():
            if step.source == source and event.time <= step.ended:
                return None
        return self._new("", received)

    def _adopted(self, name: str) -> Cycle | None:
        """The cycle that was expected and had not begun, which is this one."""
        for cycle in self._open:
            if not cycle.name and not any(step.events for step in cycle.steps):
                cycle.name = name
                self._named[name] = cycle
                return cycle
        return None

    def _new(self, name: str, received: int) -> Cycle:
        if len(self._open) >= MAX_OPEN_CYCLES:
            self._end(min(self._open, key=lambda cycle: (cycle.heard, cycle.number)), received)
        self.last += 1
        cycle = Cycle(self._description.name, self.last, name, heard=received, steps=self._fresh_steps())
        self._open.append(cycle)
        self._known.append(cycle)
        if name:
            self._named[name] = cycle
        self._touch(cycle)
        self.changes.append(Change(cycle.number, "", "", RUNNING, received))
        self._follow(cycle, received)
        return cycle

    def _fresh_steps(self) -> list[Step]:
        return [Step(component.name, source, OFF if component.name in self._off else IDLE)
                for component in self._description.components for source in component.sources or ("",)]

    def _step(self, cycle: Cycle, component: Component, source: str) -> Step | None:
        found = cycle.of(component.name)
        for step in found:
            if step.source == source:
                return step
        if len(found) >= MAX_COMPONENT_SOURCES:
            return None
        if len(found) == 1 and not found[0].source and not found[0].events:
            found[0].source = source  # it stood for whichever would come
            return found[0]
        made = Step(component.name, source)
        cycle.steps.insert(cycle.steps.index(found[-1]) + 1 if found else len(cycle.steps), made)
        return made

    # ---- what follows

    def _move(self, cycle: Cycle, step: Step, move: str, time: int) -> None:
        """A move of the step itself, and all that follows from it."""
        before, step.state = step.state, self._changed(cycle, step, move, time)
        if step.state != before:
            self._follow(cycle, cycle.heard)
            self._end_if_over(cycle, cycle.heard)

    def _changed(self, cycle: Cycle, step: Step, move: str, time: int) -> str:
        """The step's state after a move, which is told where it is another."""
        state = after_move(step.state, move)
        if state != step.state:
            self._touch(cycle)
            self.changes.append(Change(cycle.number, step.component, step.source, state, time, step.message))
        return state

    def _follow(self, cycle: Cycle, now: int) -> None:
        """Steps that have not begun, from what they depend on; again while something changes, for a description's
        components may stand in any order."""
        going = True
        while going:
            going = False
            for step in cycle.steps:
                if step.state in (IDLE, WAITING) or (step.state == SKIPPED and step.blocked):
                    going |= self._derive(cycle, step, now)

    def _derive(self, cycle: Cycle, step: Step, now: int) -> bool:
        before = step.state
        needed = [other for name in self._befores.get(step.component, ()) for other in _counterparts(cycle, name, step)]
        if any(other.state == ERROR or (other.state == SKIPPED and other.blocked) for other in needed):
            move = "block"
        else:
            move = "ready" if all(other.state in (OK, WARNING, SKIPPED) for other in needed) else "reset"
        step.state = self._changed(cycle, step, move, now)
        if step.state == before:
            return False
        step.blocked, step.began = move == "block", now
        return True

    def _end_if_over(self, cycle: Cycle, now: int) -> None:
        if cycle.result or any(step.state not in ENDED for step in cycle.steps):
            return
        another_try = any(step.state == ERROR for step in cycle.steps)
        more_to_come = any(component.repeat for component in self._components.values())
        settle = self._description.settle if another_try or more_to_come else 0
        if not settle or now - cycle.heard >= settle * _SECOND:
            self._end(cycle, now)

    def _end(self, cycle: Cycle, now: int) -> None:
        """End it as it is: what could have gone on is overdue for ever, what could not is skipped."""
        self._open.remove(cycle)
        for step in cycle.steps:
            if step.state in (RUNNING, WAITING):
                step.state = self._changed(cycle, step, "late", now)
            elif step.state == IDLE:
                step.state, step.blocked = self._changed(cycle, step, "block", now), True
        cycle.result = result_of([step.state for step in cycle.steps])
        cycle.ended = max([step.ended for step in cycle.steps], default=0) or now
        self._former = cycle if not cycle.name else self._former
        self._touch(cycle)
        self.changes.append(Change(cycle.number, "", "", cycle.result, cycle.ended))

    def _repeats(self, step: Step) -> bool:
        """Whether it is of a component that is repeated for whichever sources come."""
        component = self._components.get(step.component)
        return component is not None and component.repeat and bool(step.source)

    def _touch(self, cycle: Cycle) -> None:
        self.touched[cycle.number] = cycle


def _state(cycle: Cycle, component: Component, source: str) -> str:
    """The state of a step that may not be there yet."""
    steps = cycle.of(component.name)
    return next((step.state for step in steps if step.source == source), WAITING if component.repeat else "")


def _counterparts(cycle: Cycle, name: str, step: Step) -> list[Step]:
    """The steps of another component that a step waits for: that of its own source, where there is one."""
    steps = cycle.of(name)
    return [other for other in steps if step.source and other.source == step.source] or steps


def _past_those_off(befores: Mapping[str, tuple[str, ...]], off: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What each component waits for: in the place of one that is off stands what that one waits for."""
    found: dict[str, tuple[str, ...]] = {}

    def past(name: str) -> tuple[str, ...]:
        if name not in found:
            through = (past(before) if before in off else (before,) for before in befores[name])
            found[name] = tuple(dict.fromkeys(other for names in through for other in names))
        return found[name]

    return {name: past(name) for name in befores}
