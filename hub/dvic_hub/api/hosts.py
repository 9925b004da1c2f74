"""Hosts that send unsigned heartbeats: by their address, which nothing proves."""

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, page_of, show_time
from dvic_hub.api.route import Call


class HostItem(msgspec.Struct):
    """`state`: alive or silent. `verified` is false for all of them: whoever is on their network can speak for them.
    `beats`: heartbeats since it was first heard."""

    address: str
    state: str
    verified: bool
    first_heard: Time | None
    last_heard: Time | None
    beats: int


class HostList(msgspec.Struct):
    """By address."""

    items: list[HostItem]
    next: str


async def list_hosts(doors: Doors, call: Call) -> HostList:
    shown, following = page_of(doors.hosts.hosts(), lambda host: host.address, call.query)
    return HostList([HostItem(host.address, host.state, False, show_time(host.first_heard), show_time(host.last_heard),
                              host.beats) for host in shown], following)


async def forget_host(doors: Doors, call: Call) -> None:
    await doors.hosts.forget(call.path["address"], call.actor)
