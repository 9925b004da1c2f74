"""The part of a store's promises (port.py) that is about alarms, and when nobody is to be troubled by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dvic_hub.domain.alarm_model import EVERY_ALARM, Alarm, AlarmQuery, Delivery, Flip, RuleRow
from dvic_hub.domain.model import Page, Silence
from dvic_hub.domain.telling import Told
from dvic_hub.domain.windows import Window


class Silences(Protocol):
    """Rows that come and go, and never change."""

    async def add(self, silence: Silence, most: int) -> bool:
        """False, and nothing changed, when there are `most` already. Raises Conflict when one of this id exists."""

    async def ids(self) -> frozenset[str]: ...

    async def all(self) -> list[Silence]:
        """In the order in which they were made."""

    async def remove(self, id: str) -> bool:
        """False when it is not there (any more)."""

    async def windows(self) -> list[Window]:
        """Maintenance windows, by name."""

    async def put_window(self, window: Window, most: int) -> bool:
        """In the place of the one of this name; False when there are `most` others."""

    async def remove_window(self, name: str) -> bool: ...


class Alarms(Protocol):
    """Alarms, their flips, and changed rules. A change of an alarm and its flip are one transaction."""

    async def begin(self, alarms: Sequence[Alarm], most: int) -> list[Alarm]:
        """Raise these, each with its flip; returns those that were: not where one of the same rule and subject is open,
        nor any beyond `most` open ones."""

    async def renew(self, alarms: Sequence[Alarm]) -> None:
        """Of those that are open: a newer summary and value. No flip."""

    async def acknowledge(self, ids: Sequence[str], by: str, now: int) -> list[Alarm]:
        """Returns those that it changed, as they are now: that were open and nobody had acknowledged."""

    async def clear(self, ids: Sequence[str], now: int, reason: str = "") -> list[Alarm]:
        """Returns those that it changed, as they are now: that were open."""

    async def speak(self, ids: Sequence[str], now: int) -> list[Alarm]:
        """Of those that are open and silenced: no longer silenced, with a new flip `raised`. Returns them."""

    async def forget_before(self, time: int, limit: int = 1000) -> int:
        """Remove alarms that were cleared before `time` with their flips, at most `limit`; returns how many."""

    async def claim(self, flips: Sequence[Flip], deliveries: Sequence[Delivery], now: int,
                    silenced: Sequence[str] = (), told: Sequence[Told] = ()) -> bool:
        """Take these flips, write what is to be sent of them, who is told what by it, and mark alarms that nobody is
        told of as silenced, all at once; False, and nothing has changed, when somebody has claimed one of them."""

    async def unclaimed(self, limit: int) -> list[Flip]:
        """Flips that nobody has claimed, in their order."""

    async def flips(self, alarm: str) -> list[Flip]: ...

    async def get(self, id: str) -> Alarm | None: ...

    async def open(self) -> list[Alarm]:
        """Those that are not cleared, in their order."""

    async def hushed(self) -> list[Alarm]:
        """Those of them of which nobody is told."""

    async def list(self, limit: int, before: str = "", query: AlarmQuery = EVERY_ALARM) -> Page:
        """Newest first, those that the query wants."""

    async def rules(self) -> list[RuleRow]:
        """By name."""

    async def put_rule(self, row: RuleRow) -> None:
        """In the place of the one of this name."""

    async def remove_rule(self, name: str) -> bool: ...
