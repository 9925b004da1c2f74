"""Containers of a node: what runs, what has ended and with which code, what is started again and again."""

from typing import Any

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.nodes import find
from dvic_hub.api.params import Time, page_of, show_time
from dvic_hub.api.route import Call


class ContainerItem(msgspec.Struct, omit_defaults=True):
    """`name`, `image` and `exit_code` are there where the node may ask the container's engine; `unit` is systemd's.
    `state`: running, paused, restarting or ended."""

    id: str
    engine: str
    state: str
    name: str = ""
    image: str = ""
    unit: str = ""
    exit_code: int | None = None
    since: Time | None = None


class ContainerList(msgspec.Struct):
    items: list[ContainerItem]
    next: str


async def list_containers(doors: Doors, call: Call) -> ContainerList:
    found = await doors.store.streams.containers(find(doors, call.path["node"]).id)
    shown, following = page_of(found, lambda one: f"{one.get('name', '')}/{one['engine']}/{one['id']}", call.query)
    return ContainerList([show_container(one) for one in shown], following)


def show_container(told: dict[str, Any]) -> ContainerItem:
    """A container's state as the API shows one; what the node did not say is left out."""
    known = {key: value for key, value in told.items() if key in ContainerItem.__struct_fields__ and key != "since"}
    return ContainerItem(**known, since=show_time(told.get("since", 0)))
