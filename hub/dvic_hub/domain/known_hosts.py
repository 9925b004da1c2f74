"""Which host key belongs to which place, as seen from where: the hub's memory of ssh's first uses. Pure.

The same address is another machine in another network, so what is remembered counts for the source (a node, or the hub)
from which it was seen.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from dvic_wire.pushing import HostKey, Target


@dataclass(frozen=True)
class KnownHost:
    """`source`: a node's id, "" the hub itself. `key` as ssh writes it. `since`: microseconds; `by` accepted it."""

    source: str
    host: str
    port: int
    key: str
    since: int
    by: str

    @property
    def id(self) -> str:
        """Names the place: 16 hex digits."""
        return place_id(self.source, self.host, self.port)

    @property
    def place(self) -> str:
        return Target("", self.host, self.port).place

    @property
    def fingerprint(self) -> str:
        return HostKey.parse(self.key).fingerprint


def place_id(source: str, host: str, port: int) -> str:
    return hashlib.sha256(f"{source}\n{host.lower()}\n{port}".encode()).hexdigest()[:16]


def changed(known: KnownHost | None, shown: Iterable[HostKey], where: str) -> str:
    """Why a target must not be signed in to: it does not show the key that is known of it; "" where all is well.
    `where`: the option that names the source on hubctl's command line, "" for the hub."""
    keys = list(shown)
    if known is None or any(str(key) == known.key for key in keys):
        return ""
    kind = HostKey.parse(known.key).kind
    other = next((key for key in keys if key.kind == kind), keys[0])
    forget = " ".join(filter(None, ("hubctl node forget-host-key", known.place, where)))
    return (f"THE HOST KEY OF {known.place} HAS CHANGED: it was {known.fingerprint} ({kind}) and is now "
            f"{other.fingerprint} ({other.kind}). Somebody may be in between, or the machine was installed anew. "
            f"Nothing was sent. If you know why: {forget}")
