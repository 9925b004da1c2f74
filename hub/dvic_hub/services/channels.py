"""Channels and routes: people set them up; the rows are the store's, what is kept here is a copy.

Every change is in the audit log, without any secret. A hub begins with DEFAULT_ROUTES, once: they are rows like any
other, and whoever removes one has it removed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace

from dvic_hub.domain import channels as rules
from dvic_hub.domain.channels import MAX_CHANNELS, Channel
from dvic_hub.domain.people import Actor
from dvic_hub.domain.routes import DEFAULT_ROUTES, MAX_ROUTES, Route, check_route
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import Store

BEGUN = "routes.begun"
"""The store's note that the first routes were made."""

_SECOND = 1_000_000


class ChannelService:
    """`check`: whether a channel that looks right can be used (raises BadRequest); `clock` gives Unix seconds.
    `on_change` is called with the name of a channel that was changed."""

    def __init__(self, store: Store, audit: AuditService, check: Callable[[Channel], Awaitable[None]],
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._audit = audit
        self._check = check
        self._clock = clock
        self._channels: dict[str, Channel] = {}
        self._routes: dict[str, Route] = {}
        self._lock = asyncio.Lock()
        self.on_change: Callable[[str], None] = lambda name: None

    async def start(self) -> None:
        if await self._store.get_value(BEGUN) is None:
            for route in DEFAULT_ROUTES:
                await self._store.notices.put_route(replace(route, changed=self._now()), MAX_ROUTES)
            await self._store.set_value(BEGUN, "1")
        self._channels = {channel.name: channel for channel in await self._store.notices.channels()}
        self._routes = {route.name: route for route in await self._store.notices.routes()}

    # ---- channels

    @property
    def channels(self) -> dict[str, Channel]:
        """By name."""
        return dict(sorted(self._channels.items()))

    def find(self, name: str) -> Channel | None:
        return self._channels.get(name)

    def get(self, name: str) -> Channel:
        """Raises NotFound."""
        if name not in self._channels:
            raise NotFound(f"there is no channel {name}")
        return self._channels[name]

    async def put(self, name: str, kind: str, enabled: bool, options: dict, secret: str | None,
                  actor: Actor) -> Channel:
        """Make a channel, or change it. `secret` None: the one that it has. Raises BadRequest, Conflict."""
        async with self._lock:
            before, now = self._channels.get(name), self._now()
            kept = before.secret if before and secret is None and before.kind == kind else ""
            after = rules.check(Channel(
                name, kind, enabled, options, kept if secret is None else secret, before.created if before else now,
                before.created_by if before else actor.name, now))
            if before is not None and secret is None and kept and rules.needs_secret_anew(before, after):
                raise BadRequest("it would send the secret somewhere else: give the secret anew", code="secret-anew",
                                 field="secret")
            if before is None or before.secret != after.secret:
                await self._check(after)
            detail = {"kind": kind, "on": enabled, "options": after.options,
                      "secret": "kept" if secret is None else "new"}
            async with self._audit.record(actor, "channel.put", name, detail):
                if not await self._store.notices.put_channel(after, MAX_CHANNELS):
                    raise Conflict(f"the hub has at most {MAX_CHANNELS} channels", code="limit", limit=MAX_CHANNELS)
                if enabled:
                    await self._store.notices.hurry(name, now)
                else:
                    await self._store.notices.give_up(name, now, "the channel is off")
            self._channels[name] = after
        self.on_change(name)
        return after

    async def remove(self, name: str, actor: Actor) -> None:
        """What waits for it is given up. Raises NotFound."""
        async with self._lock:
            self.get(name)
            async with self._audit.record(actor, "channel.remove", name):
                await self._store.notices.remove_channel(name, self._now(), "the channel was removed")
            del self._channels[name]
        self.on_change(name)

    # ---- routes

    @property
    def routes(self) -> tuple[Route, ...]:
        """By name."""
        return tuple(self._routes[name] for name in sorted(self._routes))

    async def put_route(self, route: Route, actor: Actor) -> Route:
        """Make a route, or change the one of this name. Raises BadRequest, Conflict."""
        async with self._lock:
            after = check_route(replace(route, changed=self._now(), changed_by=actor.name))
            for name in after.channels:
                if name not in self._channels:
                    raise BadRequest(f"there is no channel {name}", field="channels")
            async with self._audit.record(actor, "route.put", route.name, asdict(route)):
                if not await self._store.notices.put_route(after, MAX_ROUTES):
                    raise Conflict(f"the hub has at most {MAX_ROUTES} routes", code="limit", limit=MAX_ROUTES)
            self._routes[after.name] = after
        return after

    async def remove_route(self, name: str, actor: Actor) -> None:
        """Raises NotFound."""
        async with self._lock:
            if name not in self._routes:
                raise NotFound(f"there is no route {name}")
            async with self._audit.record(actor, "route.remove", name):
                await self._store.notices.remove_route(name)
            del self._routes[name]

    def _now(self) -> int:
        return int(self._clock() * _SECOND)
