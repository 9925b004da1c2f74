"""By what people are told of alarms (channels), which alarms go where (routes), and what became of each message.

A channel's secret (password, token, address) goes in and never comes out: `secret` shows what may be seen of it.
"""

import re
from typing import Annotated, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Cursor, Limit, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.alarm_model import SEVERITIES, WARNING, Delivery
from dvic_hub.domain.channels import KINDS, MAX_SECRET, Channel
from dvic_hub.domain.delivery import STATES
from dvic_hub.domain.routes import MAX_NAMES, MAX_REPEAT, Route
from dvic_hub.domain.service_description import PART_NAME
from dvic_hub.errors import BadRequest
from dvic_wire.limits import MAX_SELECTOR

Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]
Globs = Annotated[list[Glob], msgspec.Meta(max_length=MAX_NAMES)]


class NewChannel(msgspec.Struct, forbid_unknown_fields=True):
    """`kind`: email, telegram, webhook or url. `options` of email: host, port, tls (starttls, tls, none), user, from,
    to; of telegram: chats, api, commands; the others have none. `secret`: the password of `user`, the bot's token, the
    webhook's address, or an address of apprise; null keeps the one that is there, which must be given anew where it
    would go to another server."""

    kind: Literal[KINDS]
    options: dict = {}
    secret: Annotated[str, msgspec.Meta(max_length=MAX_SECRET, pattern=NO_NUL)] | None = None
    on: bool = True


class ChannelItem(msgspec.Struct):
    """`secret`: what may be seen of it, empty where there is none."""

    name: str
    kind: str
    on: bool
    options: dict
    secret: str
    created: Time | None
    created_by: str
    changed: Time | None


class ChannelsQuery(msgspec.Struct, forbid_unknown_fields=True):
    limit: Limit = 1000
    cursor: Cursor = ""


class ChannelList(msgspec.Struct):
    """By name."""

    items: list[ChannelItem]
    next: str


class NewRoute(msgspec.Struct, forbid_unknown_fields=True):
    """`severity`: that one and worse. `selector`: of the alarm's node; all also means alarms of no node. `services`,
    `rules`: globs, empty for any. `channels`: empty for all that are on. `repeat`: seconds after which what nobody
    acknowledged is told again, 0 for never. `recovery`: whether its end is told."""

    severity: Literal[SEVERITIES] = WARNING
    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)] = "all"
    services: Globs = []
    rules: Globs = []
    channels: Globs = []
    repeat: Annotated[int, msgspec.Meta(ge=0, le=MAX_REPEAT)] = 0
    recovery: bool = True
    on: bool = True


class RouteItem(msgspec.Struct):
    name: str
    severity: str
    selector: str
    services: list[str]
    rules: list[str]
    channels: list[str]
    repeat: int
    recovery: bool
    on: bool
    changed: Time | None
    changed_by: str


class RouteList(msgspec.Struct):
    """By name. An alarm goes to the channels of all that match it."""

    items: list[RouteItem]
    next: str


class DeliveriesQuery(msgspec.Struct, forbid_unknown_fields=True):
    channel: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    state: Literal[("", *STATES)] = ""
    alarm: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL, description="Those about this alarm.")] = ""
    limit: Limit = 100
    cursor: Cursor = ""


class DeliveryItem(msgspec.Struct):
    """One message to one channel. `kind`: raised, cleared, repeated or test. `state`: waiting (since the first try, or
    to be tried again at `due`), sending, sent, given-up, or unknown (the hub ended while it was being sent). `error`:
    what the last try met, or what whoever looks should know."""

    id: str
    channel: str
    kind: str
    severity: str
    state: str
    error: str
    title: str
    body: str
    alarms: list[str]
    attempts: int
    created: Time | None
    due: Time | None
    ended: Time | None


class DeliveryList(msgspec.Struct):
    """Newest first."""

    items: list[DeliveryItem]
    next: str


async def list_channels(doors: Doors, call: Call) -> ChannelList:
    shown, following = page_of(doors.channels.channels.values(), lambda channel: channel.name, call.query)
    return ChannelList([_channel(channel) for channel in shown], following)


async def show_channel(doors: Doors, call: Call) -> ChannelItem:
    return _channel(doors.channels.get(call.path["channel"]))


async def put_channel(doors: Doors, call: Call) -> ChannelItem:
    body: NewChannel = call.body
    return _channel(await doors.channels.put(_name(call, "channel"), body.kind, body.on, body.options, body.secret,
                                             call.actor))


async def remove_channel(doors: Doors, call: Call) -> None:
    await doors.channels.remove(call.path["channel"], call.actor)


async def test_channel(doors: Doors, call: Call) -> DeliveryItem:
    return _delivery(await doors.deliveries.test(call.path["channel"], call.actor))


async def list_routes(doors: Doors, call: Call) -> RouteList:
    shown, following = page_of(doors.channels.routes, lambda route: route.name, call.query)
    return RouteList([_route(route) for route in shown], following)


async def put_route(doors: Doors, call: Call) -> RouteItem:
    body: NewRoute = call.body
    return _route(await doors.channels.put_route(Route(
        _name(call, "route"), body.severity, body.selector, tuple(body.services), tuple(body.rules),
        tuple(body.channels), body.repeat, body.recovery, body.on), call.actor))


async def remove_route(doors: Doors, call: Call) -> None:
    await doors.channels.remove_route(call.path["route"], call.actor)


async def list_deliveries(doors: Doors, call: Call) -> DeliveryList:
    query: DeliveriesQuery = call.query
    page = await doors.store.notices.deliveries(query.limit, query.cursor, query.channel, query.state,
                                                 query.alarm)
    return DeliveryList([_delivery(delivery) for delivery in page.items], page.next)


def _name(call: Call, part: str) -> str:
    """A name that can stand in addresses and on command lines."""
    name = call.path[part]
    if len(name) > 64 or not re.match(PART_NAME, name):
        raise BadRequest("a name has letters, digits and . _ - and begins with a letter or digit", field=part, limit=64)
    return name


def _channel(channel: Channel) -> ChannelItem:
    return ChannelItem(channel.name, channel.kind, channel.enabled, channel.options, channel.shown,
                       show_time(channel.created), channel.created_by, show_time(channel.changed))


def _route(route: Route) -> RouteItem:
    return RouteItem(route.name, route.severity, route.selector, list(route.services), list(route.rules),
                     list(route.channels), route.repeat, route.recovery, route.enabled, show_time(route.changed),
                     route.changed_by)


def _delivery(delivery: Delivery) -> DeliveryItem:
    return DeliveryItem(delivery.id, delivery.channel, delivery.kind, delivery.severity, delivery.state, delivery.error,
                        delivery.title, delivery.body, list(delivery.alarms), delivery.attempts,
                        show_time(delivery.created), show_time(delivery.due), show_time(delivery.ended))
