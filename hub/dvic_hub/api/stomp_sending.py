"""What STOMP clients SEND to monitoring services, on its way to them: by the rules of POST /services/NAME/events.

    destination:/topic/meteor              a JSON object as there, a list of them, or {"events": [...]}
    destination:/queue/meteor              or a text, with the headers component, step, level, cycle, source, time;
                                           the headers also hold for what a JSON object leaves out

Messages that come together, and those of one transaction, are committed at once, and only then are their receipts sent.
"""

from dataclasses import dataclass, field

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import refusal
from dvic_hub.api.services import NewEvent, step_event
from dvic_hub.domain import people as rules
from dvic_hub.domain.people import OPERATOR, Actor
from dvic_hub.domain.step_events import StepEvent
from dvic_hub.domain.stomp_session import Deliver, Step
from dvic_hub.domain.stomp_topics import service_of
from dvic_hub.errors import BadRequest, NotFound
from dvic_hub.services.cycles import MAX_POSTED

MAX_SENT_EVENTS = 10_000
"""Events that the messages of one transaction tell."""

_HEADERS = ("component", "step", "level", "cycle", "source", "time")
_JSON = msgspec.json.Decoder()
_LEVELS = {"warn": "warning", "fatal": "critical"}
"""Words of other loggers for our levels."""


@dataclass
class Sending:
    """What waits to be committed: `events`, and `after`, the steps of the connection that follow it."""

    events: list[StepEvent] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.events) >= MAX_POSTED

    def add(self, doors: Doors, actor: Actor, steps: list[Step]) -> None:
        """Take the steps that one frame led to. Raises HubError that says what is wrong, and then none of them is
        taken."""
        events, after = [], []
        for step in steps:
            if isinstance(step, Deliver):
                rules.require(actor, OPERATOR)
                events += events_of(doors, step)
            else:
                after.append(step)
        if len(events) > MAX_SENT_EVENTS:
            raise BadRequest(f"a transaction tells at most {MAX_SENT_EVENTS} events: make several of it",
                             field="transaction", limit=MAX_SENT_EVENTS)
        self.events += events
        self.after += after


def known_service(doors: Doors, destination: str) -> str:
    """The service that a destination names, "" for none. Raises NotFound that says what to do."""
    name = service_of(destination)
    try:
        return doors.cycles.get(name).name if name else ""
    except NotFound:
        raise NotFound(f"there is no service {name}: `hubctl service ls` shows which there are, and "
                       "`hubctl service create` makes one") from None


def events_of(doors: Doors, message: Deliver) -> list[StepEvent]:
    """The events that a message tells. Raises NotFound, BadRequest."""
    service = known_service(doors, message.destination)
    if not service:
        raise NotFound(f"nothing takes messages at {message.destination}: send to /topic/SERVICE or /queue/SERVICE")
    given = {name: message.headers[name] for name in _HEADERS if name in message.headers}
    now = doors.now()
    return [step_event(service, _event({**given, **told}), now) for told in _told(message)]


def _told(message: Deliver) -> list[dict]:
    """The members that the body gives, of each event."""
    try:
        text = message.body.decode()
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8", field="body") from None
    if not ("json" in message.headers.get("content-type", "") or text.lstrip()[:1] in ("{", "[")):
        return [{"message": text}]
    try:
        found = _JSON.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}", field="body") from None
    if isinstance(found, dict) and set(found) == {"events"}:
        found = found["events"]
    events = found if isinstance(found, list) else [found]
    if not 1 <= len(events) <= MAX_POSTED:
        raise BadRequest(f"a message tells 1 to {MAX_POSTED} events", field="events", limit=MAX_POSTED)
    if not all(isinstance(event, dict) for event in events):
        raise BadRequest("an event is a JSON object", field="events")
    return events


def _event(members: dict) -> NewEvent:
    if "component" not in members:
        raise BadRequest("say whose step it is: `component` in the JSON object, or as a header", field="component")
    if isinstance(level := members.get("level"), str):
        members["level"] = _LEVELS.get(level.lower(), level.lower())
    try:
        return msgspec.convert(members, NewEvent)
    except msgspec.ValidationError as error:
        raise refusal(error, NewEvent) from None
