"""Enrolling machines by ssh, from a node or from the hub, and the host keys that were accepted on the way.

`POST /pushes` has the source look at the machine's host keys. When `state` is `asking`, `question` holds them with a
key for which the secret is sealed; `POST /pushes/{push}/answer` accepts one of them. Then `GET` follows what happens,
with `wait`, until `state` is `done`, `failed` or `cancelled`. The secret itself never comes here: see docs/protocol.md.
"""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.nodes import TagKey
from dvic_hub.api.params import NO_NUL, Name, PageQuery, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.known_hosts import KnownHost
from dvic_hub.services.pushes import Push
from dvic_wire.pushing import MAX_SECRET_BYTES, SSH_PORT, Target

MAX_WAIT = 25
"""Seconds for which one request may wait for something new."""

MAX_SEALED_TEXT = 2 * MAX_SECRET_BYTES
"""Characters of a sealed secret."""

MAX_ANSWER_BODY = 2 * MAX_SEALED_TEXT
"""Bytes of an answer, as JSON."""

Host = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=NO_NUL)]


class NewPush(msgspec.Struct, forbid_unknown_fields=True):
    """`via`: the node that opens ssh, by name or id; empty: the hub itself. `name`, `tags`: of the new node."""

    user: Name
    host: Host
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = SSH_PORT
    via: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    name: Name = ""
    tags: dict[TagKey, Name] = {}


class PushQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Answered when there are more than `after` lines, or the state is another one than `state`, or after `wait`
    seconds."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0
    state: Annotated[str, msgspec.Meta(max_length=32, pattern=NO_NUL)] = ""
    wait: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT)] = 0


class ShownKey(msgspec.Struct):
    """A host key of the target: its kind and its fingerprint as ssh shows it."""

    kind: str
    fingerprint: str


class QuestionItem(msgspec.Struct):
    """`keys`: what the target shows, best first. `seal`: the source's public sealing key (X25519, base64url).
    `known`: fingerprint of the key that was accepted here before, empty at the first time."""

    keys: list[ShownKey]
    seal: str
    known: str


class PushLine(msgspec.Struct):
    """A line that the source or the installer said; `stream`: out or err."""

    stream: str
    text: str


class PushItem(msgspec.Struct, omit_defaults=True):
    """`state`: looking, asking, installing, joining, or at the end done, failed, cancelled. `target`: USER@HOST[:PORT].
    `via`: name of the source, empty for the hub. `lines`: those after `after`; `count`: how many there were in all.
    `node`: name of the new node, when it is done. `question`: while it is asking."""

    id: str
    target: str
    via: str
    state: str
    reason: str
    node: str
    count: int
    lines: list[PushLine]
    question: QuestionItem | None = None


class PushAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """`host_key`: fingerprint of the key that is accepted. `secret`: sealed for the source, about this push, its target
    and this host key."""

    host_key: Annotated[str, msgspec.Meta(min_length=8, max_length=100, pattern=NO_NUL)]
    secret: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SEALED_TEXT, pattern=r"^[A-Za-z0-9_-]*$")]


class KnownHostItem(msgspec.Struct):
    """A host key that was accepted. `via`: name of the node from which, empty for the hub."""

    id: str
    host: str
    port: int
    via: str
    kind: str
    fingerprint: str
    since: Time | None
    by: str


class KnownHostList(msgspec.Struct):
    """By host."""

    items: list[KnownHostItem]
    next: str


async def add_push(doors: Doors, call: Call) -> PushItem:
    body: NewPush = call.body
    target = Target(body.user, body.host, body.port).checked()
    return show_push(await doors.pushes.create(target, body.via, body.name, body.tags, call.actor), 0)


async def show_one_push(doors: Doors, call: Call) -> PushItem:
    query: PushQuery = call.query
    return show_push(await doors.pushes.follow(call.path["push"], query.after, query.state, query.wait), query.after)


async def answer_push(doors: Doors, call: Call) -> PushItem:
    body: PushAnswer = call.body
    push = await doors.pushes.answer(call.path["push"], body.host_key, body.secret, call.actor)
    return show_push(push, push.count)


async def cancel_push(doors: Doors, call: Call) -> PushItem:
    push = await doors.pushes.cancel(call.path["push"], call.actor)
    return show_push(push, push.count)


async def list_host_keys(doors: Doors, call: Call) -> KnownHostList:
    query: PageQuery = call.query
    known, following = page_of(await doors.host_keys.all(), lambda one: f"{one.host}/{one.port:05d}/{one.id}", query)
    return KnownHostList([show_known_host(doors, one) for one in known], following)


async def forget_host_key(doors: Doors, call: Call) -> None:
    await doors.host_keys.forget(call.path["hostkey"], call.actor)


def show_push(push: Push, after: int) -> PushItem:
    """A push as the API shows one, with the lines behind the first `after`."""
    question = None
    if push.state == "asking" and push.question is not None:
        question = QuestionItem([ShownKey(key.kind, key.fingerprint) for key in push.question.keys],
                                push.question.seal, push.known.fingerprint if push.known else "")
    lines = [PushLine(*line) for line in push.lines[max(0, after - push.forgotten):]]
    return PushItem(push.id, str(push.target), push.via, push.state, push.reason, push.node, push.count, lines,
                    question)


def show_known_host(doors: Doors, known: KnownHost) -> KnownHostItem:
    view = doors.fleet.view(known.source) if known.source else None
    kind = known.key.partition(" ")[0]
    return KnownHostItem(known.id, known.host, known.port, view.name if view else known.source, kind,
                         known.fingerprint, show_time(known.since), known.by)
