"""What a datagram on the heartbeats' port is, and whether its sender may be listened to. Pure.

Nothing is verified, and nothing of it is parsed, before its address has an attempt left: one that sends junk uses up
its own and nobody else's. Those that verify are given back, so that any number of devices may sit behind one address.

    Thump!                     an unsigned heartbeat, as PyHeartBeat's clients send them
    eyJhbGciOi….eyJpc….3fQ…    a keepalive: a compact JWS of purpose dvic-keepalive-udp+jws
    anything else              junk
"""

import ipaddress
from dataclasses import dataclass

from dvic_hub.domain.attempts import Allowance, Attempts

MAX_DATAGRAM_BYTES = 8 * 1024
"""One heartbeat, bytes; longer ones are read no further."""

ADDRESS_ALLOWANCE = Allowance(burst=200, seconds=0.02)
"""What may be looked into from one address: so many at once, and one more in so many seconds."""

THUMP = b"Thump!"

JUNK = "junk"
UNSIGNED = "unsigned"
SIGNED = "signed"
LIMITED = "limited"

KINDS = (JUNK, UNSIGNED, SIGNED, LIMITED)
"""What becomes of a datagram at the gate."""


@dataclass(frozen=True)
class Datagram:
    """A heartbeat that may be looked into. `address`: the sender's, `key`: whose attempts it took."""

    text: str
    address: str
    key: str


class Gate:
    """Asked about each datagram, as the bytes came. `now` is in seconds of a clock that does not run backwards."""

    def __init__(self, allowance: Allowance = ADDRESS_ALLOWANCE):
        self._attempts = Attempts(allowance)

    def admit(self, data: bytes, address: str, now: float) -> tuple[str, Datagram | None]:
        """One of KINDS, and what there is to verify of a signed one."""
        kind = kind_of(data)
        if kind is JUNK:
            return JUNK, None
        key = key_of(address)
        if self._attempts.take(key, now):
            return LIMITED, None
        return kind, Datagram(data.decode("ascii"), address, key) if kind is SIGNED else None

    def was_good(self, datagram: Datagram, now: float) -> None:
        """It verified and counted: give its attempt back."""
        self._attempts.give_back(datagram.key, now)


def kind_of(data: bytes) -> str:
    """JUNK, UNSIGNED or SIGNED, by the form alone."""
    if len(data) > MAX_DATAGRAM_BYTES:
        return JUNK
    if data.startswith(b"eyJ"):
        return SIGNED if data.count(b".") == 2 and data.isascii() else JUNK
    return UNSIGNED if data.rstrip() == THUMP else JUNK


def key_of(address: str) -> str:
    """Whose attempts an address takes: an IPv6 one those of its whole /64, all of which one machine can have."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address.partition("%")[0])
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((parsed, 64), strict=False))
