"""Pure: which containers and services have begun and are not in a tree of their own yet, and which ended unmet.

    begun ──> awaited ──> met          a look found it in a tree of its own
                 └──────> missed       its control group is gone, and no look did: what it logged is not known
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .namespaces import Group, Home

SOON, MOMENT = 20.0, 1.0
"""Seconds in which a container, and a service that may have no tree of its own, is expected to be there."""


@dataclass
class _Life:
    group: Group
    since: float
    met: bool = False

    def awaited(self, now: float) -> bool:
        return not self.met and now - self.since < (SOON if self.group.home.engine else MOMENT)


class Expected:
    """Of the groups whose beginning was heard. Times: steady seconds."""

    def __init__(self) -> None:
        self._lives: dict[int, _Life] = {}
        """By the groups' numbers: one path may be another group's at once."""

    def begin(self, groups: Iterable[Group], now: float) -> None:
        for group in groups:
            self._lives[group.number] = _Life(group, now)

    def awaited(self, now: float) -> list[Group]:
        return [life.group for life in self._lives.values() if life.awaited(now)]

    def met(self, homes: Iterable[Home], before: float = math.inf) -> None:
        """Looks found these in trees of their own; that says nothing of lives that did not begin `before` then."""
        whose = {_who(home) for home in homes}
        for life in self._lives.values():
            life.met |= life.since < before and _who(life.group.home) in whose

    def knows(self, home: Home) -> bool:
        """Whether the end of this one will be heard."""
        return any(_who(life.group.home) == _who(home) for life in self._lives.values())

    def end(self, groups: Iterable[Group]) -> list[Group]:
        """These are gone; returns the containers among them that were never met."""
        lives = [self._lives.pop(group.number, None) for group in groups]
        return [life.group for life in lives if life and life.group.home.engine and not life.met]


def _who(home: Home) -> tuple[str, str]:
    """In what a container makes below its own group it has another unit."""
    return home.engine, home.id or home.unit
