"""Joining: POST /api/v1/enroll takes a request signed with an enrolment token, GET /api/v1/hub-key shows the hub's key.

Neither asks for a credential: the token's signature is one, and the key is public. (Tokens are made in `tokens.py`.)
"""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call

MAX_ENROL_BYTES = 32 * 1024
"""One request to join, bytes of JSON."""


class EnrolBody(msgspec.Struct, forbid_unknown_fields=True):
    """`request`: JWS of purpose dvic-enrol-token+jws (docs/protocol.md, section 2)."""

    request: Annotated[str, msgspec.Meta(max_length=MAX_ENROL_BYTES)]


class EnrolAnswer(msgspec.Struct):
    """`reply`: JWS of purpose dvic-enrolled+jws, by the hub."""

    reply: str


class HubKey(msgspec.Struct):
    """The hub's public key as RFC 8037 writes it, and its fingerprint (RFC 7638)."""

    jwk: dict[str, str]
    fingerprint: str


async def enrol(doors: Doors, call: Call) -> EnrolAnswer:
    return EnrolAnswer(await doors.enrolment.enrol(call.body.request, call.address))


async def hub_key(doors: Doors, call: Call) -> HubKey:
    return HubKey(doors.identity.public.jwk(), doors.identity.fingerprint)
