"""Pure: history and live events of the same records joined, so that nothing is shown twice and nothing is left out.

The order of things is: subscribe, fetch history, show it, then show events. A record that was stored in between comes
both ways; one stored while the connection was broken comes only with the next history. Records have no number, so they
are told apart by what they are, and counted: a record that is in a history three times is shown three times. Once a
mark in the stream says that no event of before the history is still under way, an equal record is another one.

    >>> follower = Follower(lambda item: (item["node"], item["time"], item["message"]))
    >>> [item["message"] for item in follower.history([a, b])]           # both are new
    ['a', 'b']
    >>> follower.is_new(b, now), follower.is_new(c, now)                 # b comes again, as an event
    (False, True)
    >>> follower.caught_up()                                             # the mark
    >>> follower.history([a, b, c, d])                                   # after a break: only d was missed
    ['d']
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable

LEEWAY = 5.0
"""Seconds by which a node's clock may be behind where the last few records are wanted only."""

REMEMBERED = 50_000
"""Records shown that are remembered one by one; of older ones each node's latest time is kept."""

OVERLAP = 60.0
"""Seconds before the newest record that came, from which history is asked for again: it covers how late records arrive
and how much clocks differ. What a node hands in later than that, just while the connection is broken, is only in the
history."""

SKEWED = 30.0
"""Seconds by which a node's records must lie in the past on arrival to be asked for separately."""

MOST_SKEWED = 20
"""Nodes that are asked for separately; more than that is not a matter of clocks."""

Identify = Callable[[dict], tuple[str, int, Hashable]]
"""An item's node, its time in microseconds, and the rest of what makes it this one."""


class Follower:
    """What was shown already."""

    def __init__(self, identify: Identify, remembered: int = REMEMBERED):
        self._identify = identify
        self._remembered = remembered
        self._shown: Counter[int] = Counter()
        self._order: deque[tuple[str, int, int]] = deque()
        self._floor: dict[str, int] = {}
        self._start = 0
        self._newest = 0
        self._expected: Counter[int] = Counter()
        self._behind: dict[str, float] = {}

    def begin(self, now: float) -> None:
        """What comes is followed from now on (Unix seconds by the hub's clock)."""
        self._newest = int(now * 1e6)

    def begin_at(self, time: int) -> None:
        """Older records (microseconds) are not wanted from any history: the person asked for the last few only. What is
        a little older still is, for clocks differ: a line too many after a break is better than one too few."""
        self._start = time - int(LEEWAY * 1e6)

    def history(self, items: Iterable[dict]) -> list[dict]:
        """Those of a history that were not shown yet, by time and otherwise as they came; they count as shown from here
        on, and may still come as events until caught_up()."""
        found: Counter[int] = Counter()
        new = []
        for item in items:
            node, time, rest = self._identify(item)
            key = hash((node, time, rest))
            found[key] += 1
            unwanted = time + max(self._behind.get(node, 0.0), 0.0) * 1e6 < self._start
            if unwanted or time <= self._floor.get(node, -1) or found[key] <= self._shown[key]:
                continue
            new.append((time, node, key, item))
        new.sort(key=lambda entry: entry[0])
        self._expected.update(key for _, _, key, _ in new)
        for time, node, key, _ in new:
            self._remember(node, time, key)
        return [item for *_, item in new]

    def caught_up(self) -> None:
        """No event that a history had before is still under way."""
        self._expected.clear()

    def is_new(self, item: dict, now: float) -> bool:
        """Whether an event is to be shown; it counts as shown from here on. `now`: Unix seconds by the hub's clock."""
        node, time, rest = self._identify(item)
        key = hash((node, time, rest))
        self._behind[node] = now - time / 1e6
        self._newest = max(self._newest, min(time, int(now * 1e6)))
        if self._expected[key] > 0:
            self._expected[key] -= 1
            return False
        self._remember(node, time, key)
        return True

    def missed_since(self) -> list[tuple[str, int]]:
        """What to ask for after a break: (node, since in microseconds), "" for all nodes. When the break was noticed
        says little (our own output may have been held up for long): what was missed came after the newest record that
        did come. Nodes whose clock is behind, or that hand in a backlog, are asked for from further back."""
        late = sorted(((lag, node) for node, lag in self._behind.items() if lag > SKEWED), reverse=True)
        asked = [("", max(self._newest - int(OVERLAP * 1e6), self._start, 1))]
        return asked + [(node, max(self._newest - int((OVERLAP + lag) * 1e6), 1)) for lag, node in late[:MOST_SKEWED]]

    def _remember(self, node: str, time: int, key: int) -> None:
        self._shown[key] += 1
        self._order.append((node, time, key))
        while len(self._order) > self._remembered:
            old_node, old_time, old_key = self._order.popleft()
            self._shown[old_key] -= 1
            if not self._shown[old_key]:
                del self._shown[old_key]
            self._floor[old_node] = max(self._floor.get(old_node, 0), old_time)
