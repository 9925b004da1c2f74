"""Joining and leaving: POST /api/v1/enroll takes a request signed with an enrolment token, POST /api/v1/leave one that
the node signed, GET /api/v1/hub-key shows the hub's key.

None asks for a credential: the signature is one, and the key is public. (Tokens are made in `tokens.py`.)
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


class LeaveBody(msgspec.Struct, forbid_unknown_fields=True):
    """`request`: JWS of purpose dvic-node-leave+jws (docs/protocol.md, section 6)."""

    request: Annotated[str, msgspec.Meta(max_length=MAX_ENROL_BYTES)]


class LeaveAnswer(msgspec.Struct):
    """`leave`: JWS of purpose dvic-leave+jws, by the hub: what makes the machine forget it."""

    leave: str


async def leave(doors: Doors, call: Call) -> LeaveAnswer:
    return LeaveAnswer(await doors.enrolment.leave(call.body.request, call.address))


async def enrol(doors: Doors, call: Call) -> EnrolAnswer:
    return EnrolAnswer(await doors.enrolment.enrol(call.body.request, call.address))


async def hub_key(doors: Doors, call: Call) -> HubKey:
    return HubKey(doors.identity.public.jwk(), doors.identity.fingerprint)
