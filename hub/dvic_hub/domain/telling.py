"""What is told, to whom and when: from flips, routes, and what was told before. Pure.

    flips of a subject        told                                       not told
    raised                    to every channel that a route gives it     while it is quiet; acknowledged meanwhile
    acknowledged              -                                          to anybody
    cleared                   to those that were told of the raise       to others; while it is quiet

- A subject is a rule and what is wrong within it. Of several flips of one the newest counts: what was raised and
  cleared before anybody was told is told to nobody.
- Flips wait COLLECT for others like them (same kind, rule and service), so that ten nodes silent at once are one
  message. After a message of a topic the next one of it waits INTERVAL: the rest of a fleet that falls silent over some
  seconds is one more message, not one each. What a service does is told at once up to FREE times within RECENT: its
  steps fail each for its own reason.
- What comes and goes waits longer each time (`flap_delay`), counted from when it was told last; then its state of that
  moment is told, with how often it came.
- What is open and nobody acknowledges is told again after `repeat` of its route. A message of which it is not known
  whether it arrived makes its alarms be told again sooner (AGAIN), without any route's saying so.

All times are microseconds since 1970.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from .alarm_model import ACKNOWLEDGED, CLEARED, RAISED, SEVERITIES, Alarm, Flip
from .channels import Channel
from .routes import Route, Target, targets

SECOND = 1_000_000

COLLECT = SECOND * 7 // 10
"""Microseconds for which a flip waits for others like it."""

INTERVAL = 15 * SECOND
"""Microseconds between two messages of one topic: longer than the keepalives of nodes that fall silent together are
apart."""

RECENT = 60 * SECOND
"""Microseconds for which it counts that a topic was told."""

FREE = 3
"""Messages about one service and rule within RECENT that wait for no INTERVAL."""

FLAP_WINDOW = 3600 * SECOND
"""Microseconds in which the raises of a subject are counted."""

FLAP_FREE = 2
"""Raises within FLAP_WINDOW that are told at once."""

FLAP_FIRST = 60 * SECOND
"""Microseconds that the first raise beyond these waits; each further one twice as long."""

FLAP_MOST = 1800 * SECOND
"""Microseconds that a raise waits at most."""

AGAIN = 300 * SECOND
"""Microseconds after which an alarm is told again when it is not known whether its message arrived."""

REPEATED = "repeated"
"""Kind of a message about what is still open; the others are kinds of flips."""

Subject = tuple[str, str]
"""Rule and subject."""


@dataclass(frozen=True)
class Told:
    """What a channel was told last of a subject. `state`: raised or cleared; `again`: when it is to be told again, 0:
    never."""

    channel: str
    rule: str
    subject: str
    alarm: str
    state: str
    time: int
    again: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.channel, self.rule, self.subject


@dataclass(frozen=True)
class History:
    """What the store knows of some subjects. `raises`: how often each was raised within FLAP_WINDOW; `recent`: how
    often each topic was told within RECENT, and when last; `waiting`: how much waits for each channel."""

    told: tuple[Told, ...] = ()
    raises: Mapping[Subject, int] = field(default_factory=dict)
    recent: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """To be written as a delivery. `topic`: what it is grouped by."""

    channel: str
    kind: str
    topic: str
    alarms: tuple[Alarm, ...]

    @property
    def severity(self) -> str:
        """The worst of its alarms'."""
        return max((alarm.severity for alarm in self.alarms), key=SEVERITIES.index)


@dataclass
class Plan:
    """What to do in one transaction. `silenced`: alarms of which nobody is told. `wake`: when to look again, 0 for not
    before something happens."""

    claimed: list[Flip] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    silenced: list[str] = field(default_factory=list)
    wake: int = 0

    def look_again(self, time: int) -> None:
        self.wake = min(self.wake, time) if self.wake else time


@dataclass(frozen=True)
class Situation:
    """What is known. `on_node`: whether a selector names a node; `quiet`: whether nobody is to be told of an alarm at a
    moment; `off`: media that are switched off for a service."""

    now: int
    routes: tuple[Route, ...]
    channels: Mapping[str, Channel]
    history: History
    on_node: Callable[[str, str], bool]
    quiet: Callable[[Alarm, int], bool]
    off: Callable[[str], frozenset[str]]

    def targets(self, alarm: Alarm) -> dict[str, Target]:
        return targets(alarm, self.routes, self.channels, self.on_node, self.off(alarm.service))

    def told_of(self, subject: Subject) -> list[Told]:
        return [told for told in self.history.told if (told.rule, told.subject) == subject]


def flap_delay(raises: int) -> int:
    """How long after a subject was told last the next change of it is told, when it was raised so often."""
    beyond = raises - FLAP_FREE
    return min(FLAP_FIRST << min(beyond - 1, 20), FLAP_MOST) if beyond > 0 else 0


def topic_of(kind: str, alarm: Alarm) -> str:
    return f"{kind} {alarm.rule} {alarm.service}"


def decide(flips: Iterable[Flip], alarms: Mapping[str, Alarm], at: Situation) -> Plan:
    """What to tell of unclaimed flips (in their order). What must wait stays unclaimed."""
    plan, waiting = Plan(), {}
    for flip in flips:
        alarm = alarms.get(flip.alarm)
        if alarm is None:
            plan.claimed.append(flip)  # its alarm is forgotten
        else:
            waiting.setdefault((alarm.rule, alarm.subject), []).append(flip)
    topics: dict[str, list[list[Flip]]] = {}
    for subject, group in waiting.items():
        last = [flip for flip in group if flip.kind != ACKNOWLEDGED][-1:]
        due = _flapping_until(subject, at)
        if not last:
            plan.claimed += group
        elif due > at.now:
            plan.look_again(due)
        else:
            topics.setdefault(topic_of(last[0].kind, alarms[last[0].alarm]), []).append(group)
    for topic, groups in topics.items():
        due = max(min(group[0].time for group in groups) + COLLECT, _rests_until(topic, alarms[groups[0][0].alarm], at))
        if at.now < due <= at.now + INTERVAL:  # (a time from the future, of a clock that was set back, holds nobody)
            plan.look_again(due)
        else:
            _tell(topic, groups, alarms, at, plan)
    return plan


def decide_again(due: Iterable[Told], alarms: Mapping[str, Alarm], at: Situation) -> Plan:
    """What to tell again, of those whose time for it has come."""
    plan, messages = Plan(), {}
    for told in due:
        alarm = alarms.get(told.alarm)
        target = at.targets(alarm).get(told.channel) if alarm is not None and alarm.state == RAISED else None
        if told.state != RAISED or target is None or alarm.silenced:
            plan.told.append(replace(told, again=0))
            continue
        plan.told.append(replace(told, again=_next(target, at.now), time=at.now))
        if not at.quiet(alarm, at.now):
            messages.setdefault((told.channel, topic_of(REPEATED, alarm)), []).append(alarm)
    plan.messages = [Message(channel, REPEATED, topic, tuple(found)) for (channel, topic), found in messages.items()]
    return plan


# ---- inside


def _flapping_until(subject: Subject, at: Situation) -> int:
    """Until when nothing is told of a subject."""
    last = max((told.time for told in at.told_of(subject)), default=0)
    return last + flap_delay(at.history.raises.get(subject, 0)) if 0 < last <= at.now else 0


def _rests_until(topic: str, alarm: Alarm, at: Situation) -> int:
    """Until when the next message of a topic waits."""
    times, last = at.history.recent.get(topic, (0, 0))
    if not times or (alarm.service and times < FREE):
        return 0
    return last + INTERVAL


def _tell(topic: str, groups: list[list[Flip]], alarms: Mapping[str, Alarm], at: Situation, plan: Plan) -> None:
    """Claim the flips of these subjects, and tell what has become of each."""
    messages: dict[str, list[Alarm]] = {}
    kind = topic.split(" ", 1)[0]
    for group in groups:
        plan.claimed += group
        last = [flip for flip in group if flip.kind != ACKNOWLEDGED][-1]
        alarm = alarms[last.alarm]
        quiet = at.quiet(alarm, at.now) or at.quiet(alarm, last.time)
        told = _raised(alarm, quiet, at, plan) if kind == RAISED else _cleared(alarm, quiet, at, plan)
        for channel in told:
            messages.setdefault(channel, []).append(alarm)
    plan.messages += [Message(channel, kind, topic, tuple(found)) for channel, found in messages.items()]


def _raised(alarm: Alarm, quiet: bool, at: Situation, plan: Plan) -> list[str]:
    """The channels that are told of it."""
    if quiet:
        plan.silenced.append(alarm.id)
        return []
    if alarm.state != RAISED:
        return []
    found = at.targets(alarm)
    plan.told += [Told(name, alarm.rule, alarm.subject, alarm.id, RAISED, at.now, _next(target, at.now))
                  for name, target in found.items()]
    return list(found)


def _cleared(alarm: Alarm, quiet: bool, at: Situation, plan: Plan) -> list[str]:
    """The channels that are told of it: those that know of the raise."""
    knowing = [told for told in at.told_of((alarm.rule, alarm.subject)) if told.state == RAISED]
    plan.told += [replace(told, state=CLEARED, time=at.now, again=0) for told in knowing]
    wanted = at.targets(alarm)
    return [] if quiet else [told.channel for told in knowing
                             if told.channel in wanted and wanted[told.channel].recovery]


def _next(target: Target, now: int) -> int:
    return now + target.repeat * SECOND if target.repeat else 0
