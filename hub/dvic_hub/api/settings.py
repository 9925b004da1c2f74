"""The settings that are in force, for those who run the hub. They are changed in hub.toml, on the hub's own machine.

There are no secrets among them: those are files of their own (config.py).
"""

from dataclasses import fields
from pathlib import Path

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.config import HubConfig


class SettingItem(msgspec.Struct):
    """`value` as hub.toml would have it; `changed`: it is not the default."""

    name: str
    value: bool | int | str | list[str]
    changed: bool
    unit: str
    about: str


class SettingList(msgspec.Struct):
    """In the order of docs/settings.md."""

    items: list[SettingItem]


async def list_settings(doors: Doors, call: Call) -> SettingList:
    return SettingList(shown(doors.config))


def shown(config: HubConfig) -> list[SettingItem]:
    """Every setting. Pure."""
    return [SettingItem(each.name, _plain(getattr(config, each.name)), getattr(config, each.name) != each.default,
                        each.metadata["unit"], each.metadata["about"]) for each in fields(config)]


def _plain(value: object) -> bool | int | str | list[str]:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value
