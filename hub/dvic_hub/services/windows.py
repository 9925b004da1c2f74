"""Maintenance windows: made, changed and removed by people. While one is on, SilenceService silences by it."""

from collections.abc import Callable
from dataclasses import replace

from dvic_hub.domain import windows as rules
from dvic_hub.domain.people import Actor
from dvic_hub.domain.windows import MAX_WINDOWS, Window
from dvic_hub.errors import Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.services.silences import SilenceService
from dvic_hub.store.alarms_port import Silences

_SECOND = 1_000_000


class WindowService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Silences, silences: SilenceService, audit: AuditService,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._silences = silences
        self._audit = audit
        self._clock = clock

    async def all(self) -> list[Window]:
        """By name. Those of one time that are over go, with a day's grace for whoever wants to look."""
        kept = []
        for window in await self._store.windows():
            if rules.is_over(window, self._clock() - 86_400):
                await self._store.remove_window(window.name)
            else:
                kept.append(window)
        return kept

    async def put(self, window: Window, actor: Actor) -> Window:
        """Make it, or put it in the place of the one of its name; raises BadRequest, InvalidSelector, LimitExceeded;
        Conflict when there are too many."""
        now = self._clock()
        rules.check(window, now)
        window = replace(window, created=int(now * _SECOND), created_by=actor.name)
        detail = {"selector": window.selector, "seconds": window.seconds, "cron": window.cron, "zone": window.zone,
                  "begin": window.begin, "reason": window.reason}
        async with self._audit.record(actor, "window.put", window.name, detail):
            await self.all()
            if not await self._store.put_window(window, MAX_WINDOWS):
                raise Conflict(f"at most {MAX_WINDOWS} maintenance windows may be there", code="limit",
                               limit=MAX_WINDOWS)
        await self._silences.tick()
        return window

    async def remove(self, name: str, actor: Actor) -> None:
        """Raises NotFound. One that is on ends at once."""
        async with self._audit.record(actor, "window.remove", name, {}):
            if not await self._store.remove_window(name):
                raise NotFound(f"there is no maintenance window {name}")
        await self._silences.tick()
