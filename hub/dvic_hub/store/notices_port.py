"""What a store promises of telling people; a part of port.Store, by the same rules."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Protocol

from dvic_hub.domain.alarm_model import Alarm, Delivery
from dvic_hub.domain.channels import Channel
from dvic_hub.domain.model import Page
from dvic_hub.domain.routes import Route
from dvic_hub.domain.telling import History, Subject, Told


class Notices(Protocol):
    """By what people are told and who is told of what; and what is on its way to them."""

    async def channels(self) -> list[Channel]:
        """By name."""

    async def put_channel(self, channel: Channel, most: int) -> bool:
        """In the place of the one of this name; False, and nothing changed, when it would be one more than `most`."""

    async def remove_channel(self, name: str, now: int, reason: str) -> bool:
        """With what it was told of; what waits for it is given up, for this reason."""

    async def routes(self) -> list[Route]:
        """By name."""

    async def put_route(self, route: Route, most: int) -> bool:
        """As put_channel."""

    async def remove_route(self, name: str) -> bool: ...

    async def alarms(self, ids: Sequence[str]) -> dict[str, Alarm]:
        """Those of them that are there, by id."""

    async def history(self, subjects: Sequence[Subject], raised_since: int, told_since: int) -> History:
        """What was told of these subjects, how often each was raised since, and how often each topic was told since."""

    async def told_again(self, now: int, limit: int) -> list[Told]:
        """What is to be told again by now."""

    async def tell_sooner(self, channel: str, alarms: Sequence[str], again: int) -> None:
        """Of alarms that the channel was told of: to be told again at `again`, unless that is sooner anyway."""

    async def add_delivery(self, delivery: Delivery) -> None: ...

    async def delivery(self, id: str) -> Delivery | None: ...

    async def channels_due(self, now: int) -> list[str]:
        """The channels for which something waits that is due."""

    async def next_due(self, channel: str, now: int) -> Delivery | None:
        """What has waited longest of what is due."""

    async def sending(self) -> list[Delivery]:
        """What is being sent, or was when a hub ended."""

    async def move_delivery(self, id: str, states: Set[str], **changes: object) -> bool:
        """Conditional update; False when it was in none of these states."""

    async def give_up(self, channel: str, now: int, reason: str) -> int:
        """Whatever waits for the channel; returns how many that were."""

    async def hurry(self, channel: str, now: int) -> None:
        """What waits for the channel is due by now."""

    async def deliveries(self, limit: int, before: str = "", channel: str = "", state: str = "",
                         alarm: str = "") -> Page:
        """Newest first, those that are about `alarm` (its id) where it is given."""

    async def forget_notices(self, before: int, limit: int = 1000) -> int:
        """Remove deliveries that ended before, and what was told of what has been over since; returns how many."""
