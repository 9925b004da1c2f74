"""What a keepalive may say, checked after its signature held."""

import math
from dataclasses import dataclass, field

from dvic_hub.domain.replay import MAX_SERIAL
from dvic_wire.errors import LimitExceeded, MalformedMessage, SignatureRefused
from dvic_wire.limits import MAX_KEEPALIVE_NUMBERS, MAX_NAME, MAX_STATUS_TEXT

MAX_PERIOD = 86_400
"""Seconds; the longest time to the next keepalive that a node may promise."""


@dataclass(frozen=True)
class Beat:
    """One keepalive. `period`: seconds in which the next one is promised. `records`: log records that came with it, by
    POST alone, not checked yet."""

    serial: int
    period: int
    status: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    records: list = field(default_factory=list)


@dataclass(frozen=True)
class Seen:
    """What a keepalive that counted leaves in its node's row; members as there, `time` is the new last_seen."""

    id: str
    time: int
    address: str
    period: int
    serial: int
    serial_window: int
    status: str = ""


def read_beat(claims: dict, node: str, with_records: bool = False) -> Beat:
    """The claims of a verified keepalive, or of one `with_records`; raises SignatureRefused when it speaks for another
    node, MalformedMessage or LimitExceeded naming the claim."""
    if claims.get("iss") != node:
        raise SignatureRefused("the keepalive speaks for another node")
    serial, period = claims.get("serial"), claims.get("period")
    if type(serial) is not int or not 1 <= serial <= MAX_SERIAL:
        raise MalformedMessage(f"must be 1 to {MAX_SERIAL}", "serial")
    if type(period) is not int or not 1 <= period <= MAX_PERIOD:
        raise MalformedMessage(f"must be 1 to {MAX_PERIOD} whole seconds", "period")
    status = claims.get("status", "")
    if not isinstance(status, str):
        raise MalformedMessage("must be text", "status")
    if len(status) > MAX_STATUS_TEXT:
        raise LimitExceeded("MAX_STATUS_TEXT", MAX_STATUS_TEXT, len(status))
    if not status.isprintable():
        status = "".join(letter for letter in status if letter.isprintable())
    records = claims.get("records") if with_records else []
    if not isinstance(records, list):
        raise MalformedMessage("must be a list", "records")
    return Beat(serial, period, status, _numbers(claims.get("numbers", {})), records)


def _numbers(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise MalformedMessage("must be an object", "numbers")
    if len(value) > MAX_KEEPALIVE_NUMBERS:
        raise LimitExceeded("MAX_KEEPALIVE_NUMBERS", MAX_KEEPALIVE_NUMBERS, len(value))
    for name, number in value.items():
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise MalformedMessage(f"a name has 1 to {MAX_NAME} characters", "numbers")
        if type(number) not in (int, float) or not math.isfinite(number) or abs(number) > 1e300:
            raise MalformedMessage("must be a finite number", f"numbers.{name}")
    return {name: float(number) for name, number in value.items()}
