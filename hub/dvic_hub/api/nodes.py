"""Nodes: looking at them, naming and tagging them, adding devices, barring and removing keys."""

from typing import Annotated, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Name, PageQuery, SelectorText, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.leaving import MAX_LEAVE_REASON
from dvic_hub.domain.liveness import NodeView, view_of
from dvic_hub.domain.naming import check_tags
from dvic_hub.errors import BadRequest, NotFound
from dvic_hub.services.enrolment import ED25519, HMAC
from dvic_wire.limits import MAX_NAME
from dvic_wire.signing import PublicKey

TagKey = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]


class NodesQuery(PageQuery):
    """Which nodes."""

    selector: SelectorText = "all"


class NodeSilence(msgspec.Struct):
    """The silence that counts for a node: nobody is to be troubled about it `until` then."""

    id: str
    until: Time | None
    by: str
    reason: str


class NodeItem(msgspec.Struct):
    """`state`: online, late, silent, never or revoked. `period`: seconds in which it promised its next keepalive.
    `conflict`: set while two agents use this node's key. `connected`: its agent holds a WebSocket to the hub.
    `silenced`: null where nothing silences it."""

    id: str
    name: str
    state: str
    last_seen: Time | None
    tags: dict[str, str]
    os: str
    agent_version: str
    address: str
    facts: dict[str, str]
    enrolled: Time | None
    period: int
    conflict: str
    status: str
    connected: bool
    revoked: Time | None
    silenced: NodeSilence | None


class NodeList(msgspec.Struct):
    """By name."""

    items: list[NodeItem]
    next: str


class NodeChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is absent stays; a tag with the value null is taken away."""

    name: Name | None = None
    tags: dict[TagKey, Name | None] | None = None


class Jwk(msgspec.Struct, forbid_unknown_fields=True):
    """An Ed25519 public key as RFC 8037 writes it."""

    kty: Annotated[str, msgspec.Meta(max_length=8)]
    crv: Annotated[str, msgspec.Meta(max_length=16)]
    x: Annotated[str, msgspec.Meta(max_length=64)]


class NewNode(msgspec.Struct, forbid_unknown_fields=True):
    """A device that can't enrol itself: by its public key, or with a key that the hub makes once. `generate`: ed25519
    (true is the same), or hmac for one that the hub has to know as well."""

    name: Name
    tags: dict[TagKey, Name] = {}
    jwk: Jwk | None = None
    generate: bool | Literal["ed25519", "hmac"] = False


class RemoveQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`reason`: told to the machine."""

    reason: Annotated[str, msgspec.Meta(max_length=MAX_LEAVE_REASON)] = ""


class NewNodeAnswer(msgspec.Struct, omit_defaults=True):
    """What the hub made is shown this once: `private_key` is PEM (PKCS #8) and not kept, `shared_key` 43 characters of
    base64url (32 bytes) for HMAC."""

    node: NodeItem
    private_key: str = ""
    shared_key: str = ""


async def list_nodes(doors: Doors, call: Call) -> NodeList:
    query: NodesQuery = call.query
    shown, following = page_of(doors.fleet.select(query.selector), lambda view: view.name, query)
    return NodeList([show_node(doors, view) for view in shown], following)


async def show_one_node(doors: Doors, call: Call) -> NodeItem:
    return show_node(doors, find(doors, call.path["node"]))


async def change_node(doors: Doors, call: Call) -> NodeItem:
    change: NodeChange = call.body
    id = find(doors, call.path["node"]).id
    check_tags({key: value or "" for key, value in (change.tags or {}).items()})
    if change.name is not None:
        await doors.enrolment.rename(id, change.name, call.actor)
    if change.tags:
        await doors.enrolment.tag(id, change.tags, call.actor)
    return show_node(doors, await fresh(doors, id))


async def add_node(doors: Doors, call: Call) -> NewNodeAnswer:
    body: NewNode = call.body
    generate = ED25519 if body.generate is True else body.generate or ""
    if (body.jwk is not None) == bool(generate):
        raise BadRequest("give either jwk, the device's public key, or generate", field="jwk")
    key = PublicKey.from_jwk(msgspec.to_builtins(body.jwk)) if body.jwk else None
    node, text = await doors.enrolment.add_device(body.name, body.tags, key, generate, call.actor)
    shown = show_node(doors, await fresh(doors, node.id))
    return NewNodeAnswer(shown, shared_key=text) if generate == HMAC else NewNodeAnswer(shown, text)


async def revoke_node(doors: Doors, call: Call) -> NodeItem:
    id = find(doors, call.path["node"]).id
    await doors.enrolment.revoke(id, call.actor)
    return show_node(doors, await fresh(doors, id))


async def remove_node(doors: Doors, call: Call) -> None:
    await doors.enrolment.remove(find(doors, call.path["node"]).id, call.actor, call.query.reason)


def find(doors: Doors, text: str) -> NodeView:
    """The node of an id or a name; raises NotFound."""
    view = doors.fleet.view(text)
    if view is None:
        raise NotFound(f"there is no node {text}")
    return view


async def fresh(doors: Doors, id: str) -> NodeView:
    """The node as the store has it now, so that an answer shows what was just changed."""
    node = await doors.store.nodes.get(id)
    if node is None:
        raise NotFound(f"the node {id} has just been removed")
    return view_of(node, doors.clock())


def show_node(doors: Doors, view: NodeView) -> NodeItem:
    """A node as the API shows one."""
    node, silence = view.node, doors.silences.of(view)
    silenced = silence and NodeSilence(silence.id, show_time(silence.until), silence.created_by, silence.reason)
    return NodeItem(
        id=node.id, name=node.name, state=view.state, last_seen=show_time(node.last_seen), tags=node.tags, os=node.os,
        agent_version=node.agent_version, address=node.address, facts=node.facts, enrolled=show_time(node.enrolled),
        period=node.period, conflict=node.conflict, status=node.status, connected=doors.agents.connected(node.id),
        revoked=show_time(node.revoked), silenced=silenced)
