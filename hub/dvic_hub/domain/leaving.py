"""A node goes: what the hub signs when it was removed, and what a machine signs that leaves by itself.

A LEAVE is for one node id, which belongs to one key for ever, and a removed key never joins again: so it may be shown
as often and as late as one likes, and means nothing for whoever this machine is afterwards.
"""

from dvic_hub.domain.model import BarredKey
from dvic_wire.errors import SignatureRefused
from dvic_wire.messages import Leave
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, sign, verify

LEAVE_TTL = 3600
"""Seconds written into a LEAVE; machines, whose clocks may be wrong, take it at any time."""

MAX_LEAVE_REASON = 200
"""Characters of why a node was removed or left."""

AWAY = 3600
"""Seconds after which a removed or revoked node may ask again."""


def sign_leave(hub: PrivateKey, node: str, by: str, reason: str, now: float) -> Leave:
    """What makes the executor of `node` forget this hub; `now` is Unix seconds."""
    claims = {"iss": hub.fingerprint, "aud": node, "by": by, "reason": reason}
    return Leave(sign(hub, Purpose.LEAVE, claims, now=now, ttl=LEAVE_TTL))


def removed_text(barred: BarredKey) -> str:
    """For the log of the machine."""
    return f"this node was removed from the hub by {barred.removed_by or 'an admin'}" + (
        f": {barred.reason}" if barred.reason else "")


def read_node_leave(jws: str, key: PublicKey, hub: str) -> tuple[dict, str]:
    """The claims of a node that leaves, whatever their age, and its reason. Raises SignatureRefused or another
    WireError."""
    claims = verify(jws, key, Purpose.NODE_LEAVE, audience=hub, now=None)
    if claims.get("iss") != key.node_id:
        raise SignatureRefused("signed by another node")
    reason = claims.get("reason", "")
    text = reason if isinstance(reason, str) else ""
    return claims, "".join(letter for letter in text[:MAX_LEAVE_REASON] if letter.isprintable())
