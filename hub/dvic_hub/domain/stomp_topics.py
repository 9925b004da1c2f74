"""What a STOMP destination stands for when it is subscribed to. Pure. (What is sent to one: stomp_events.py.)

    /topic/SERVICE                         a monitoring service: how its steps change, the log records that are its
                                           events, and the events that programs sent to it
    /topic/events                          everything that the live stream offers
    /topic/events.log                      one kind of it: log, run, state, rollout, node, sample, host, service, event,
                                           package, alarm
    /topic/events.log.tag:room=lab         of the nodes that a selector names (or in the header `selector`)
    /topic/events.service.SERVICE          of `service` and `event`: of one service

Headers of SUBSCRIBE narrow it further, as the members of a filter of the live stream do: selector, level, source, unit,
grep, run, rollout, service, package, brief, data. A service whose name is `events` or begins with `events.` is only
reached in the long way, by /topic/events.service.SERVICE.
"""

import re

import msgspec

from dvic_hub.domain.service_description import PART_NAME
from dvic_hub.domain.subscriptions import KINDS, Filter
from dvic_wire.errors import MalformedMessage

TOPIC = "/topic/"
QUEUE = "/queue/"
EVENTS = "/topic/events"
OF_A_SERVICE = ("service", "event")
"""Kinds that are about a service, not about nodes."""

_FILTERS = ("selector", "level", "source", "unit", "grep", "run", "rollout", "service", "package", "brief", "data")
_NAME = re.compile(PART_NAME)
_NAME_LENGTH = 64


def filters_of(destination: str, headers: dict[str, str]) -> tuple[Filter, ...]:
    """What a subscriber of `destination` hears; raises MalformedMessage that says which destinations there are."""
    wanted: dict[str, object] = {name: headers[name] for name in _FILTERS if name in headers}
    for name, value in _chosen(destination).items():
        if name in wanted:
            raise MalformedMessage("it stands in the destination already", name)
        wanted[name] = value
    try:
        return (msgspec.convert(wanted, Filter, strict=False),)
    except msgspec.ValidationError as error:
        raise MalformedMessage(str(error), "SUBSCRIBE") from None


def service_of(destination: str) -> str:
    """The service that a destination names, "" where it names none."""
    for prefix in (TOPIC, QUEUE):
        name = destination.removeprefix(prefix)
        if name != destination and len(name) <= _NAME_LENGTH and _NAME.match(name):
            return "" if prefix == TOPIC and _reserved(name) else name
    return ""


def _reserved(name: str) -> bool:
    return name == "events" or name.startswith("events.")


def _chosen(destination: str) -> dict[str, object]:
    """The members of a filter that a destination stands for."""
    if destination == EVENTS:
        return {}
    if destination.startswith(EVENTS + "."):
        kind, _, rest = destination.removeprefix(EVENTS + ".").partition(".")
        if kind in KINDS:
            about = "service" if kind in OF_A_SERVICE else "selector"
            return {"kinds": [kind], **({about: rest} if rest else {})}
    elif destination.startswith(TOPIC) and (service := service_of(destination)):
        return {"kinds": ["log", *OF_A_SERVICE], "service": service}
    elif destination.startswith(QUEUE):
        raise MalformedMessage("a queue takes SEND and keeps nothing to be read: subscribe to /topic/SERVICE",
                               "destination")
    raise MalformedMessage(f"there are /topic/SERVICE, {EVENTS} and {EVENTS}.KIND, KIND one of {', '.join(KINDS)}",
                           "destination")
