"""The nouns of monitoring services: a service, its cycles, their steps, and what changes of them. Pure.

Times are whole microseconds since 1970 (UTC); 0 means never.
"""

from dataclasses import dataclass, field

import msgspec

from .service_description import Description
from .step_states import ERROR, IDLE, OVERDUE, RUNNING


@dataclass(frozen=True)
class Service:
    """A monitoring service as people made it. `off`: all of it; `components_off`: single ones. `levels`: the least
    level that programs shall log at, of components and ("") of the whole. `last`: the number of its newest cycle.
    `due`: when by its schedule one is expected to begin next. `counted`: events that moved nothing, by why. `muted`:
    media (email, telegram) by which nobody is told of its alarms."""

    name: str
    description: Description
    created: int
    created_by: str
    changed: int
    off: bool = False
    components_off: tuple[str, ...] = ()
    levels: dict[str, str] = field(default_factory=dict)
    last: int = 0
    due: int = 0
    counted: dict[str, int] = field(default_factory=dict)
    muted: tuple[str, ...] = ()

    @property
    def switched_off(self) -> tuple[str, ...]:
        """The components that nothing moves."""
        return tuple(each.name for each in self.description.components) if self.off else self.components_off


@dataclass(frozen=True)
class Share:
    """What lets one look at one service only. `hash`: SHA-256 of its secret."""

    id: str
    hash: bytes
    service: str
    created: int
    created_by: str
    note: str


class Step(msgspec.Struct, omit_defaults=True):
    """A component, for one source, in one cycle. `began`: by the hub's clock since when it could begin, or has.
    `worst`: warning or error, seen in this try, with the newest message that said so (`trouble`, its place and time).
    `tries`: how often a program said that it starts. `blocked`: skipped because of what it depends on. `message` is the
    newest by its `time`; `node`, `place`: of the record with it."""

    component: str
    source: str = ""
    state: str = IDLE
    worst: str = ""
    worst_time: int = 0
    trouble: str = ""
    trouble_place: str = ""
    started: int = 0
    ended: int = 0
    began: int = 0
    tries: int = 0
    events: int = 0
    blocked: bool = False
    message: str = ""
    level: str = ""
    time: int = 0
    node: str = ""
    place: str = ""


@dataclass
class Cycle:
    """One pass. `name`: what programs call it, "" for one that the hub made. `result` "" while it is open. `heard`:
    when its last event came, by the hub's clock. `late`: events that came after its end."""

    service: str
    number: int
    name: str = ""
    started: int = 0
    heard: int = 0
    ended: int = 0
    result: str = ""
    late: int = 0
    steps: list[Step] = field(default_factory=list)

    def of(self, component: str) -> list[Step]:
        return [step for step in self.steps if step.component == component]

    @property
    def state(self) -> str:
        """Its result, or how it looks so far."""
        states = {step.state for step in self.steps}
        return self.result or next((state for state in (ERROR, OVERDUE) if state in states), RUNNING)


@dataclass(frozen=True)
class WaitingEvents:
    """Events that were stored and not yet applied (`body`: step_events.written). `number`: of the batch that brought
    them, 0 where none did."""

    id: int
    number: int
    body: bytes


@dataclass(frozen=True)
class Change:
    """A step ("" component: the cycle itself) came to a state; the same state again: it has a new message."""

    cycle: int
    component: str
    source: str
    state: str
    time: int
    message: str = ""
