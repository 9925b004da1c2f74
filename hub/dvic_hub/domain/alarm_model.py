"""The nouns of alarms: an alarm, its changes, what is told of them, and the rules that raise them. Pure.

- An alarm is a row from when it is raised; while it is open (not cleared) there is no second one of the same rule and
  subject. It is raised, perhaps acknowledged by somebody, and cleared once, for ever: the next time is a new alarm.
- Each of these changes is a Flip: a row of its own, written in one transaction with the change and only where what must
  still be true was. Whoever tells people claims flips, so a restart neither loses nor repeats a message.

Times are whole microseconds since 1970 (UTC); 0 means never.
"""

from dataclasses import dataclass

RAISED = "raised"
ACKNOWLEDGED = "acknowledged"
CLEARED = "cleared"
STATES = (RAISED, ACKNOWLEDGED, CLEARED)

INFO = "info"
WARNING = "warning"
CRITICAL = "critical"
SEVERITIES = (INFO, WARNING, CRITICAL)
"""From what somebody may read some day to what must not wait."""

MAX_SUMMARY = 500
"""Characters of an alarm's summary; what is longer is cut."""


@dataclass(frozen=True)
class Alarm:
    """`rule`: the name of the rule that raised it; `subject`: what is wrong within it ("node:ID", "node:ID disk./home",
    "service:NAME/COMPONENT/SOURCE", "run:ID", "hub disk"). `node`: an id. `value`: the newest figure, as text.
    `changed`: when the row changed last. `silenced`: nobody is told of it, as somebody wanted. `tags`: KEY=VALUE of the
    node, when it was raised. `reason`: why it was cleared, where it did not just end."""

    id: str
    rule: str
    subject: str
    severity: str
    summary: str
    raised: int
    changed: int
    node: str = ""
    service: str = ""
    component: str = ""
    value: str = ""
    acknowledged: int = 0
    acknowledged_by: str = ""
    cleared: int = 0
    silenced: bool = False
    tags: tuple[str, ...] = ()
    reason: str = ""

    @property
    def state(self) -> str:
        if self.cleared:
            return CLEARED
        return ACKNOWLEDGED if self.acknowledged else RAISED


@dataclass(frozen=True)
class Flip:
    """A change of an alarm, to be told. `kind` is one of STATES; `claimed`: when somebody took it on himself to tell it
    (or to tell nobody)."""

    id: int
    alarm: str
    kind: str
    time: int
    claimed: int = 0


@dataclass(frozen=True)
class Delivery:
    """One message to one channel. `kind` is that of its flips, `repeated` or `test`; `alarms`: ids of those that it is
    about; `topic`: what it is grouped by; `thread`: what a recovery has in common with its alarm. `due`: not before
    then; `state`: one of domain.delivery.STATES; `error`: what the last attempt met; `handed`: targets of its channel
    to which it was handed over."""

    id: str
    channel: str
    kind: str
    alarms: tuple[str, ...]
    title: str
    body: str
    created: int
    due: int
    attempts: int = 0
    state: str = "waiting"
    error: str = ""
    ended: int = 0
    severity: str = WARNING
    topic: str = ""
    thread: str = ""
    handed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleRow:
    """A rule that somebody made, or how somebody wants one of the hub's own: `body` is a domain.alarm_rules.Rule as
    JSON."""

    name: str
    body: str
    changed: int
    changed_by: str


@dataclass(frozen=True)
class AlarmQuery:
    """Which alarms. Empty fields don't filter. `open`: not cleared, or cleared; `severity`: that one and worse;
    `node`: an id; `since`: that were not cleared before."""

    open: bool | None = None
    state: str = ""
    severity: str = ""
    rule: str = ""
    node: str = ""
    service: str = ""
    since: int = 0


EVERY_ALARM = AlarmQuery()
