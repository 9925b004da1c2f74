"""What is wrong by one rule, and since when: from findings to what is to be raised and what to be cleared. Pure.

    bad(finding, now)     the subject is in a bad state; raised when it has been so for `seconds`
    good(subject, why)    it is not; cleared where it was open, and forgotten where it was pending
    due(now), done        what is to be raised and cleared by now. Both are offered again until `opened` and `closed`
                          say that it was carried out, so that a store that fails for a while loses nothing

With `confirmed` the time counts from the first to the newest bad word, not to now: a measurement that is no longer told
is not known to be bad.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .alarm_model import MAX_SUMMARY, Alarm

MAX_PENDING = 10_000
"""Subjects of one rule that may be about to be raised; what is beyond waits for room."""

_SECOND = 1_000_000


@dataclass(frozen=True)
class Finding:
    """Something wrong. `subject` is the same for the same thing; the rest as in an Alarm."""

    subject: str
    summary: str
    value: str = ""
    node: str = ""
    service: str = ""
    component: str = ""


@dataclass(frozen=True)
class _Pending:
    since: int
    newest: int
    finding: Finding


class Conditions:
    """`opened`: alarms of this rule that are open already. Times in microseconds."""

    def __init__(self, seconds: float = 0, confirmed: bool = False, opened: Iterable[Alarm] = ()) -> None:
        self._wait = int(seconds * _SECOND)
        self._confirmed = confirmed
        self._pending: dict[str, _Pending] = {}
        self.open: dict[str, Alarm] = {alarm.subject: alarm for alarm in opened}
        self.done: dict[str, str] = {}
        """Open ones that are to be cleared, each with why ("": it is well again)."""
        self.newer: dict[str, Finding] = {}
        """Of open ones: what is known by now, where that is something else."""
        self._again: dict[str, Finding] = {}
        """Bad again while it may be being cleared."""

    def knows(self, subject: str) -> bool:
        """Whether a good word about it would change anything."""
        return subject in self.open or subject in self._pending

    def bad(self, finding: Finding, now: int) -> None:
        subject = finding.subject
        held = self.open.get(subject)
        if held is not None:
            if self.done.pop(subject, None) is not None:
                self._again[subject] = finding
            if (held.summary, held.value) != (plain(finding.summary), finding.value):
                self.newer[subject] = finding
            return
        known = self._pending.get(subject)
        if known is None and len(self._pending) >= MAX_PENDING:
            return
        since = min(known.since, now) if known else now  # a clock that was set back must not put it off
        self._pending[subject] = _Pending(since, now, finding)

    def good(self, subject: str, why: str = "") -> None:
        self._pending.pop(subject, None)
        self.newer.pop(subject, None)
        self._again.pop(subject, None)
        if subject in self.open:
            self.done.setdefault(subject, why)

    def unsure(self, subject: str) -> None:
        """Neither bad enough to be raised nor good enough to be cleared: what was pending is not without a break."""
        self._pending.pop(subject, None)

    def begin_anew(self) -> None:
        """What is pending is forgotten: nobody was there to see it. What is open stays."""
        self._pending.clear()

    def due(self, now: int) -> list[Finding]:
        """What is to be raised."""
        if not self._pending:
            return []
        return [each.finding for each in self._pending.values()
                if (each.newest if self._confirmed else now) - each.since >= self._wait]

    @property
    def pressing(self) -> bool:
        """Whether there is something that need not wait for the next second."""
        return bool(self.done or (self._pending and not self._wait))

    def opened(self, alarm: Alarm) -> None:
        """It was raised, or changed."""
        if self._pending.pop(alarm.subject, None) is None and alarm.subject not in self.open:
            self.done[alarm.subject] = ""  # it came right while it was being raised
        self.open[alarm.subject] = alarm

    def closed(self, subject: str, now: int) -> None:
        """It was cleared; what went bad again meanwhile is to be raised anew."""
        again = self._again.pop(subject, None)
        for book in (self.open, self.done, self.newer):
            book.pop(subject, None)
        if again is not None:
            self.bad(again, now)

    def subjects(self) -> list[tuple[str, str]]:
        """Each that is open or pending, with its node ("": it is about none)."""
        return ([(subject, alarm.node) for subject, alarm in self.open.items()]
                + [(subject, each.finding.node) for subject, each in self._pending.items()])


def plain(text: str) -> str:
    """A line that stands on terminals, in mails and in chats: no control characters, cut to MAX_SUMMARY."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:4 * MAX_SUMMARY]).strip()[:MAX_SUMMARY]


def spelled(seconds: float) -> str:
    """A length of time in the largest unit that divides it: `5 min`, `90 s`, `2 h`."""
    whole = int(seconds)
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if whole and whole % size == 0 and (unit != "days" or whole > size):
            return f"{whole // size} {unit}"
    return f"{whole} s"
