"""Which records of a batch are events of a monitoring service, and what of them moves a step. Pure.

A record belongs to a service by its fields `service`, `component`, `cycle`, `source` and `step`, as dvic_log writes
them, or because a rule of the service's description knows its line. What is taken from a batch is stored with it, in
the same transaction, and applied afterwards (services/cycles.py).
"""

from collections.abc import Iterable, Mapping
from fnmatch import translate
from re import compile as regex

import msgspec
from msgspec import UNSET

from .line_patterns import Pattern
from .record_types import LogRecord
from .service_description import Description
from .step_states import SAID

MAX_EVENT_TEXT = 300
"""Characters of a message that a step keeps."""

MAX_EVENT_NAME = 64
"""Characters of the names in an event; one with a longer name belongs to nothing."""


class StepEvent(msgspec.Struct, array_like=True, gc=False):
    """`index`: the record's place in its batch, -1 where there is none. `step` one of step_states.SAID or "" """

    service: str
    component: str
    cycle: str
    source: str
    step: str
    level: str
    time: int
    message: str
    index: int = -1


class StepEvents(msgspec.Struct):
    """Events of one batch, or of one POST ("" node), in order. `received`: microseconds, by the hub's clock."""

    node: str
    received: int
    events: list[StepEvent]


_TOLD = ("component", "cycle", "source", "step", "level", "time", "message")
_JSON = msgspec.json.Decoder(StepEvents)
written = msgspec.json.encode


def read(body: bytes) -> StepEvents:
    """What `written` wrote."""
    return _JSON.decode(body)


def told(event: StepEvent) -> bytes:
    """An event that was sent, as subscribers are told it: a JSON object without its service."""
    return msgspec.json.encode({name: getattr(event, name) for name in _TOLD})


def cut(event: StepEvent) -> StepEvent:
    """It, with as much of its message as a step keeps."""
    if len(event.message) <= MAX_EVENT_TEXT:
        return event
    return msgspec.structs.replace(event, message=event.message[:MAX_EVENT_TEXT])


class Watcher:
    """Finds events of the services described. `unknown` counts records of services that there are not."""

    def __init__(self, descriptions: Iterable[Description] = ()) -> None:
        described = list(descriptions)
        self._names = frozenset(each.name for each in described)
        self._rules = [_Rule(each.name, rule) for each in described for rule in each.rules]
        self.unknown = 0

    def found(self, records: Iterable[LogRecord], source: str) -> list[StepEvent]:
        """The events among the records of one batch; `source` is its."""
        if not self._names:
            return []
        events = []
        rules = [rule for rule in self._rules if rule.file is None or rule.file(source)]
        for index, record in enumerate(records):
            fields = record.fields
            if fields is not UNSET and "service" in fields:
                if fields["service"] not in self._names:
                    self.unknown += 1
                else:
                    events.append(_of_fields(fields, record, index))
            for rule in rules:
                if event := rule.event(record, index):
                    events.append(event)
                    break
        return events


class _Rule:
    def __init__(self, service: str, rule: object) -> None:
        self._service = service
        self._rule = rule
        self._pattern = Pattern(rule.match)
        self.file = regex(translate(rule.file)).match if rule.file else None

    def event(self, record: LogRecord, index: int) -> StepEvent | None:
        found = self._pattern.match(record.message)
        if found is None:
            return None
        return StepEvent(self._service, self._rule.component, found.get("cycle", ""), found.get("source", ""),
                         self._rule.step, self._rule.level or record.level, record.time,
                         record.message[:MAX_EVENT_TEXT], index)


def _of_fields(fields: Mapping[str, object], record: LogRecord, index: int) -> StepEvent:
    step = fields.get("step", "")
    return StepEvent(fields["service"], _name(fields, "component"), _name(fields, "cycle"), _name(fields, "source"),
                     step if step in SAID else "", record.level, record.time, record.message[:MAX_EVENT_TEXT], index)


def _name(fields: Mapping[str, object], key: str) -> str:
    """A name; numbers of cycles are names too. What is too long keeps its beginning, and belongs to nothing known."""
    value = fields.get(key, "")
    text = value if isinstance(value, str) else str(value)
    return text[:MAX_EVENT_NAME]
