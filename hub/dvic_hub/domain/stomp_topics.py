"""What a STOMP destination stands for. Pure.

    /topic/events                          everything that the live stream offers
    /topic/events.log                      one kind of it: log, run, state, rollout, node, sample, host,
                                           service, alarm
    /topic/events.log.tag:room=lab         of the nodes that a selector names (or in the header `selector`)

Headers of SUBSCRIBE narrow it further, as the members of a filter of the live stream do: selector, level, source, unit,
grep, run, rollout, service, brief. Nothing takes SEND yet: monitoring services will, at /topic/SERVICE, and their place
is here.
"""

import msgspec

from dvic_hub.domain.subscriptions import KINDS, Filter
from dvic_wire.errors import MalformedMessage

EVENTS = "/topic/events"

_FILTERS = ("selector", "level", "source", "unit", "grep", "run", "rollout", "service", "brief")


def filters_of(destination: str, headers: dict[str, str]) -> tuple[Filter, ...]:
    """What a subscriber of `destination` hears; raises MalformedMessage that says which destinations there are."""
    kinds, selector = _parts(destination)
    wanted: dict[str, object] = {name: headers[name] for name in _FILTERS if name in headers}
    if selector:
        if "selector" in wanted:
            raise MalformedMessage("the selector stands in the destination already", "selector")
        wanted["selector"] = selector
    try:
        return (msgspec.convert({"kinds": kinds, **wanted}, Filter, strict=False),)
    except msgspec.ValidationError as error:
        raise MalformedMessage(str(error), "SUBSCRIBE") from None


def _parts(destination: str) -> tuple[list[str], str]:
    """The kinds that a destination names (none: all), and the selector behind them."""
    if destination == EVENTS:
        return [], ""
    kind, _, selector = destination.removeprefix(EVENTS + ".").partition(".")
    if not destination.startswith(EVENTS + ".") or kind not in KINDS:
        raise MalformedMessage(f"there are {EVENTS} and {EVENTS}.KIND, KIND one of {', '.join(KINDS)}", "destination")
    return [kind], selector
