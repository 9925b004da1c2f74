"""Whose order it is: signature, purpose, audience, expiry; replay.py holds that each order counts once only.

Nothing here trusts the agent that hands the order over. The hub's key is the one that was pinned at enrolment
(hub.json); the node's own id is read there too. Standard library and dvic_wire only, so that one person can audit it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.errors import SignatureExpired, WireError
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PublicKey, Purpose, check_time, peek, verify

from .errors import Refusal, Untrusted
from .trusted import read_config


@dataclass(frozen=True)
class PinnedHub:
    """The hub that may give orders, the id under which it knows this machine, and its address ("" if none is known)."""

    key: PublicKey
    fingerprint: str
    node: str
    url: str = ""


def load_hub(config_dir: Path) -> PinnedHub:
    """Read hub.json; raises Refusal where this machine is not enrolled, Untrusted on bad modes or a wrong pin."""
    data = read_config(config_dir, "hub.json")
    if data is None:
        raise Refusal("not-enrolled", "this machine is not enrolled at any hub: dvic-agent enroll TOKEN")
    try:
        value = json.loads(data)
        key = PublicKey.from_jwk(value["jwk"])
        hub, node = value["hub"], value["node"]
    except (ValueError, KeyError, TypeError, RecursionError, WireError):
        raise Untrusted(f"{config_dir / 'hub.json'} is damaged: enrol this machine again") from None
    if key.fingerprint != hub or not isinstance(node, str) or not node:
        raise Untrusted(f"{config_dir / 'hub.json'}: the key does not have the pinned fingerprint: enrol again")
    return PinnedHub(key, hub, node, str(value.get("url", "")))


def check_order(jws: str, purpose: Purpose, run: str, hub: PinnedHub) -> dict:
    """The claims of an order by the pinned hub for this node about `run`, whatever its age (see check_age). Refusal."""
    try:
        claims = verify(jws, hub.key, purpose, audience=hub.node, now=None)
    except WireError as error:
        raise Refusal("signature", f"the order does not hold: {error}") from None
    if claims.get("iss") != hub.fingerprint:
        raise Refusal("signature", "the order names another hub as its signer")
    if claims.get("jti") != run:
        raise Refusal("signature", "the order is about another run")
    return claims


def check_age(claims: dict, now: float, floor: int) -> None:
    """Refuse an order whose time is over (state `expired`) or not yet come, or signed before the replay list begins."""
    try:
        check_time(claims, now)
    except SignatureExpired as error:
        raise Refusal("expired", str(error), state="expired") from None
    except WireError as error:
        raise Refusal("signature", f"{error}: set the clock") from None
    if claims["iat"] <= floor:
        raise Refusal("signature", "signed before this machine's replay list begins")


def check_operator(text: object, keys: tuple[PublicKey, ...], spec: RunSpec, node: str, now: float) -> dict:
    """The claims of an operator's own signature for exactly this spec and this node; raises Refusal.

    `aud` is a list of node ids, or "*" for any node; `spec_sha256` is RunSpec.digest().
    """
    if not isinstance(text, str) or not text:
        raise Refusal("operator", "this machine runs only what an operator has signed as well")
    try:
        audience = peek(text)[1].get("aud")
    except WireError as error:
        raise Refusal("operator", f"the operator's signature can't be read: {error}") from None
    if audience != "*" and not (isinstance(audience, list) and node in audience):
        raise Refusal("operator", "the operator signed for other machines")
    claims = None
    for key in keys:
        try:
            claims = verify(text, key, Purpose.OPERATOR, audience=audience, now=now)
            break
        except WireError as error:
            reason = str(error)
    if claims is None:
        raise Refusal("operator", f"no operator of this machine's policy has signed it: {reason}")
    if claims.get("spec_sha256") != spec.digest():
        raise Refusal("operator", "the operator signed something else")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise Refusal("operator", "the operator's signature has no jti")
    return claims
