"""What a datagram on the heartbeats' port is, and whether its sender may be listened to. Pure.

Nothing is verified, and nothing of it is parsed, before its address has an attempt left: one that sends junk uses up
its own and nobody else's. Those that verify are given back, so that any number of devices may sit behind one address.

    Thump!                     an unsigned heartbeat, as PyHeartBeat's clients send them
    eyJhbGciOi….eyJpc….3fQ…    a keepalive: a compact JWS of purpose dvic-keepalive-udp+jws
    anything else              junk
"""

import ipaddress
from dataclasses import dataclass

from dvic_hub.domain.attempts import MAX_KEYS, Allowance, Attempts

MAX_DATAGRAM_BYTES = 8 * 1024
"""One heartbeat, bytes; longer ones are read no further."""

ADDRESS_ALLOWANCE = Allowance(burst=200, seconds=0.02)
"""What may be looked into from one address: so many at once, and one more in so many seconds."""

FLOOD_PER_SECOND = 500
"""Datagrams of one address within a second that are good for nothing, from which on it is a flood."""

FLOOD_SECONDS = 30.0
"""How long a flood's address is dropped before it is looked at again."""

MAX_FLOODS = 50
"""Addresses that are dropped at a time: what the kernel's filter holds (datagram_filter.py)."""

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


class Floods:
    """Addresses whose datagrams are to be dropped by the kernel, where they take no room that others need: reading them
    costs little, but a socket's buffer is full within a millisecond. `changed`: the list is another one than before."""

    def __init__(self) -> None:
        self.changed = False
        self._until: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._second = 0.0

    def dropped(self) -> list[str]:
        return list(self._until)

    def count(self, key: str, now: float) -> bool:
        """One more for nothing; True when its address is dropped from now on. `key` as of `key_of`."""
        if now - self._second >= 1 or len(self._counts) > MAX_KEYS:
            self._second, self._counts = now, {}
        found = self._counts[key] = self._counts.get(key, 0) + 1
        if found < FLOOD_PER_SECOND or key in self._until or len(self._until) >= MAX_FLOODS:
            return False
        self._until[key] = now + FLOOD_SECONDS
        self.changed = True
        return True

    def lift(self, now: float) -> None:
        """Let those be heard again whose time is over."""
        over = [key for key, until in self._until.items() if until <= now]
        for key in over:
            del self._until[key]
        self.changed = self.changed or bool(over)


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
