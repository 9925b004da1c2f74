"""Enrolment tokens: making, listing and revoking them. (Using one is in `enrolment.py`.)"""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.install import install_command
from dvic_hub.api.nodes import TagKey
from dvic_hub.api.params import Name, Note, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.model import Token
from dvic_hub.errors import NotFound

MAX_ENROL_TTL = 366 * 86400
"""Seconds that an enrolment token may last."""

MAX_USES = 100_000
"""Nodes that may enrol with one token, when they are counted at all."""


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """`ttl` in seconds; `uses` nodes may enrol with it, -1: any number; they get `tags`."""

    ttl: Annotated[int, msgspec.Meta(ge=1, le=MAX_ENROL_TTL)] = 3600
    uses: Annotated[int, msgspec.Meta(ge=-1, le=MAX_USES)] = 1
    tags: dict[TagKey, Name] = {}
    note: Note = ""


class TokenAnswer(msgspec.Struct):
    """`token` and `install_command` hold the secret and are shown this once."""

    id: str
    token: str
    install_command: str
    expires: Time | None
    uses: int
    tags: dict[str, str]


class TokenItem(msgspec.Struct):
    """`uses`: how many nodes may still enrol with it (-1: any number)."""

    id: str
    expires: Time | None
    uses: int
    tags: dict[str, str]
    created: Time | None
    created_by: str
    note: str
    revoked: Time | None


class TokenUse(msgspec.Struct):
    """A node that joined with a token; `name` and `state` are empty when it was removed since."""

    node_id: str
    name: str
    state: str
    joined: Time | None


class TokenDetail(msgspec.Struct):
    """`nodes`: who joined with it, the newest first, at most 1000."""

    token: TokenItem
    nodes: list[TokenUse]


class TokenList(msgspec.Struct):
    """Oldest first."""

    items: list[TokenItem]
    next: str


async def add_token(doors: Doors, call: Call) -> TokenAnswer:
    body: NewToken = call.body
    text, token = await doors.enrolment.create_token(body.ttl, body.uses, body.tags, body.note, call.actor)
    command = install_command(doors.config.url, text, doors.config.ca_text())
    return TokenAnswer(token.id, text, command, show_time(token.expires), token.uses, token.tags)


async def list_tokens(doors: Doors, call: Call) -> TokenList:
    tokens = await doors.enrolment.tokens()
    shown, following = page_of(tokens, lambda token: f"{token.created:020d}/{token.id}", call.query)
    return TokenList([_item(token) for token in shown], following)


async def show_one_token(doors: Doors, call: Call) -> TokenDetail:
    token, uses = await doors.enrolment.token_and_nodes(call.path["token"])
    views = [(doors.fleet.view(id), id, joined) for id, joined in uses]
    return TokenDetail(_item(token), [TokenUse(id, view.name if view else "", view.state if view else "",
                                               show_time(joined)) for view, id, joined in views])


async def revoke_token(doors: Doors, call: Call) -> None:
    if not await doors.enrolment.revoke_token(call.path["token"], call.actor):
        raise NotFound("there is no such enrolment token, or it is revoked already")


def _item(token: Token) -> TokenItem:
    return TokenItem(token.id, show_time(token.expires), token.uses, token.tags, show_time(token.created),
                     token.created_by, token.note, show_time(token.revoked))
