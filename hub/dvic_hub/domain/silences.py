"""Silences: nobody is to be troubled about some nodes until then. Whom a silence means, and when it is over: from rows
and now.

- A silence has an end from the beginning, at most MAX_SILENCE away. Nobody has to end it, and no restart prolongs it.
- It means the nodes that its selector names as long as it lasts, so that a machine that gets the tag later is meant
  too; or, when it is `fixed`, those that the selector named when it was made, and no other. A selector that looks at
  states must be fixed: "whatever is silent" would hide every failure to come.
- It hides no fact. The node's state is told as it is, with who silenced it and until when; only nobody is called for
  it. What others must answer for stays trouble: a key that is used twice, runs that failed, rollouts that halted.
- Of several silences that mean a node, the one that lasts longest counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dvic_hub.domain.dispatch import MAX_REASON
from dvic_hub.domain.liveness import CLOCK_STEP, NodeView
from dvic_hub.domain.model import Silence
from dvic_hub.errors import BadRequest
from dvic_wire import selectors
from dvic_wire.selectors import And, Not, Or, Selector, Term

MAX_SILENCES = 50
"""Silences at a time."""

MIN_SILENCE = 60
"""Seconds that a silence lasts at least."""

MAX_SILENCE = 31 * 86_400
"""Seconds that a silence lasts at most."""

_SECOND = 1_000_000


@dataclass(frozen=True)
class SilenceOrder:
    """What somebody wants silenced, for so many `seconds`."""

    selector: str
    seconds: int
    fixed: bool = False
    reason: str = ""


def check_order(order: SilenceOrder) -> Selector:
    """The order's selector, parsed; raises BadRequest, InvalidSelector or LimitExceeded."""
    if not MIN_SILENCE <= order.seconds <= MAX_SILENCE:
        raise BadRequest(f"a silence lasts {MIN_SILENCE} s to {MAX_SILENCE // 86_400} days", field="seconds",
                         limit=MAX_SILENCE)
    if len(order.reason) > MAX_REASON:
        raise BadRequest(f"a reason has at most {MAX_REASON} characters", field="reason", limit=MAX_REASON)
    wanted = selectors.parse(order.selector)
    if not order.fixed and looks_at_states(wanted):
        raise BadRequest("by state a silence would hide what fails later: silence the nodes that are in it now "
                         "(fixed), or name them by name, tag or os", code="silence-by-state", field="selector")
    return wanted


def looks_at_states(selector: Selector) -> bool:
    """Whether it depends on nodes' states."""
    if isinstance(selector, Not):
        return looks_at_states(selector.inner)
    if isinstance(selector, And | Or):
        return any(looks_at_states(part) for part in selector.parts)
    return isinstance(selector, Term) and selector.field == "state"


def is_on(silence: Silence, now: float) -> bool:
    """Whether it still holds at `now` (Unix seconds). One from the future, of before the hub's clock was set back, is
    over: rather a call too much than a failure hidden for years."""
    return now * _SECOND < silence.until and silence.created <= (now + CLOCK_STEP) * _SECOND


@dataclass(frozen=True)
class Rule:
    """A silence, ready to be asked whom it means."""

    silence: Silence
    selector: Selector
    nodes: frozenset[str]

    @classmethod
    def of(cls, silence: Silence) -> "Rule":
        return cls(silence, selectors.parse(silence.selector), frozenset(silence.nodes))

    def means(self, view: NodeView) -> bool:
        return view.id in self.nodes if self.silence.fixed else self.selector.matches(view)


def rules_of(silences: Iterable[Silence]) -> tuple[Rule, ...]:
    """The rules, the one that lasts longest first."""
    return tuple(Rule.of(silence) for silence in sorted(silences, key=lambda one: (-one.until, one.id)))


def silence_of(view: NodeView, rules: Iterable[Rule]) -> Silence | None:
    """The silence that counts for a node, of rules in their order."""
    return next((rule.silence for rule in rules if rule.means(view)), None)
