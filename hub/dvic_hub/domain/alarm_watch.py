"""What watches for one rule: it is told what happens, and holds what is wrong (alarm_conditions). Pure.

Each kind of rule has its class in WATCHES (alarm_watches), which overrides what it wants to be told of. Nothing here
knows where events come from; times are microseconds of the hub's clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from re import IGNORECASE
from re import compile as regex

from dvic_wire import selectors

from .alarm_conditions import Conditions, Finding
from .alarm_model import Alarm
from .alarm_rules import KINDS, Rule
from .hosts import Host
from .liveness import REMOVED, REVOKED, NodeView

SECOND = 1_000_000


class Watch:
    """`opened`: alarms of this rule that are open already."""

    confirmed = False
    """Whether only what is told counts as time in which something is bad (see Conditions)."""

    def __init__(self, rule: Rule, opened: Iterable[Alarm] = ()) -> None:
        self.rule = rule
        self.conditions = Conditions(rule.number("seconds") or 0, self.confirmed, opened)
        self._selector = selectors.parse(rule.selector)
        self._everyone = isinstance(self._selector, selectors.All)
        self._meant: dict[str, tuple[tuple, bool]] = {}

    def means(self, view: NodeView) -> bool:
        """Whether the rule is about this node; remembered until what a selector looks at changes."""
        if self._everyone:
            return True
        looks, known = (view.name, view.tags, view.os), self._meant.get(view.id)
        if known is None or known[0] != looks:
            known = self._meant[view.id] = looks, self._selector.matches(view)
        return known[1]

    def sift(self, view_of: Callable[[str], NodeView | None]) -> None:
        """Let go of what is about nodes that are gone, or that the rule is no longer about. Called now and then."""
        if not KINDS[self.rule.kind].of_nodes:
            return
        for subject, node in self.conditions.subjects():
            view = view_of(node)
            if view is None or view.state == REVOKED:
                self.conditions.good(subject, f"the node was {REMOVED if view is None else REVOKED}")
            elif not self.means(view):
                self.conditions.good(subject, "the rule is no longer about this node")

    def gone(self, node: str) -> None:
        """The node is no more: remember nothing of it."""
        self._meant.pop(node, None)

    # ---- what a kind may want to be told of; `view` is of a node that the rule means

    def node(self, view: NodeView, now: int) -> None:
        """A node's state, whenever it changes and now and then."""

    def sample(self, view: NodeView, name: str, value: float, now: int) -> None:
        """A measurement that `wants_metric`."""

    def wants_metric(self, name: str) -> bool:
        return False

    def fillings(self, view: NodeView, name: str, times: Sequence[int], values: Sequence[float], now: int) -> None:
        """How a measurement that `wants_metric` went in the last day."""

    def demos(self, view: NodeView, demos: Sequence[Mapping], now: int) -> None:
        """States of processes behind log files."""

    def host(self, host: Host, now: int) -> None:
        """A host that sends unsigned heartbeats, whenever its state changes and now and then."""

    def seen(self, subject: str) -> None:
        """Somebody acknowledged it."""

    def tick(self, now: int) -> None:
        """What follows from the time being `now`. Called each second."""


class CalmWatch(Watch):
    """Of a rule that counts within its `window`: cleared when there were not enough for as long as that."""

    def __init__(self, rule: Rule, opened: Iterable[Alarm] = ()) -> None:
        super().__init__(rule, opened)
        self.count, self.window = int(rule.number("count")), int(rule.number("window") * SECOND)
        self._hit: dict[str, int] = {}

    def enough(self, finding: Finding, now: int) -> None:
        """There are as many as the rule counts, now."""
        self._hit[finding.subject] = now
        self.conditions.bad(finding, now)

    def tick(self, now: int) -> None:
        self._hit = {subject: min(hit, now) for subject, hit in self._hit.items() if self.conditions.knows(subject)}
        for subject in list(self.conditions.open):
            if now - self._hit.setdefault(subject, now) > self.window:
                self.conditions.good(subject)


def node_subject(view: NodeView, rest: str = "") -> str:
    return f"node:{view.id} {rest}".rstrip()


def globbed(pattern: str) -> Callable[[str], object]:
    """A function that says whether a name matches; capitals or not."""
    if pattern in ("", "*"):
        return lambda _name: True
    return regex(translate(pattern), IGNORECASE).match
