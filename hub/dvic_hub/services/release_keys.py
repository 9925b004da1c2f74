"""Whose manifests count: the signing keys, and the key set that tells machines of them.

- The hub has a key of its own, made when it is first needed. Further ones may lie on machines that are connected to
  nothing. Replacing a key is: add the new one, sign with it, remove the old one.
- The key set is signed by the hub's identity, which machines have pinned; its serial only grows, and machines refuse a
  lower one, so a key that was taken out can't come back by an old set.
- There is always one key: machines could not be updated any more otherwise.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from dvic_hub import signing_key
from dvic_hub.domain.model import SigningKey
from dvic_hub.domain.people import HUB, Actor
from dvic_hub.errors import Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import Releases
from dvic_wire.signing import PrivateKey, PublicKey
from dvic_wire.updates import MAX_SIGNING_KEYS, KeySet

OWN_NOTE = "this hub's own"
"""What is noted of the keys that the hub makes."""


class ReleaseKeyService:
    """`identity` is the hub's, `clock` gives Unix seconds. Raises SigningKeyError where the hub's own key file can't be
    used."""

    def __init__(self, store: Releases, audit: AuditService, identity: PrivateKey, state_dir: Path,
                 clock: Callable[[], float]):
        self._store = store
        self._audit = audit
        self._identity = identity
        self._state_dir = state_dir
        self._clock = clock
        self._changing = asyncio.Lock()
        self._signed: tuple[int, str] = (0, "")

    async def all(self) -> tuple[int, list[SigningKey]]:
        """The key set's serial, and the keys, the oldest first."""
        return await self._store.keys()

    async def public_keys(self) -> tuple[PublicKey, ...]:
        """At least one: the first is made when it is needed."""
        await self.own()
        return tuple(PublicKey(key.public_key) for key in (await self.all())[1])

    async def key_set(self) -> str:
        """The signed key set of now."""
        await self.own()
        serial, keys = await self.all()
        if self._signed[0] != serial:
            listed = KeySet(serial, tuple(PublicKey(key.public_key) for key in keys))
            self._signed = serial, await asyncio.to_thread(listed.sign, self._identity, now=self._clock())
        return self._signed[1]

    async def own(self) -> PrivateKey | None:
        """What the hub itself signs with, made now if there never was one; None when its key was removed from the
        set: then packages come with manifests that were signed elsewhere."""
        async with self._changing:
            mine = await asyncio.to_thread(signing_key.load, self._state_dir)
            if mine is None:
                mine = await self._make(HUB, OWN_NOTE)
            keys = {key.id for key in (await self._store.keys())[1]}
            return mine if mine.fingerprint in keys else None

    async def add(self, public: PublicKey, note: str, actor: Actor) -> SigningKey:
        """Let manifests of another key count too. Raises Conflict when it is there, or when there are too many."""
        await self.own()
        async with self._changing:
            await self._check_room()
            key = self._row(public, note, actor)
            async with self._audit.record(actor, "release.key.add", key.id, {"note": note}):
                if not await self._store.add_key(key, int(self._clock())):
                    raise Conflict("this key counts already", code="key-known")
            return key

    async def renew(self, actor: Actor) -> tuple[PrivateKey, PublicKey | None]:
        """Replace the hub's own key by a new one. The one before still counts, until it is removed. Returns the new
        one, for signing anew, and the public half of the one before."""
        async with self._changing:
            await self._check_room()
            before = await asyncio.to_thread(signing_key.load, self._state_dir)
            mine = await self._make(actor, OWN_NOTE)
        return mine, before.public if before else None

    async def remove(self, id: str, actor: Actor) -> None:
        """Let manifests of this key count no longer. Raises NotFound, and Conflict for the last one."""
        async with self._changing:
            known = {key.id for key in (await self._store.keys())[1]}
            if id not in known:
                raise NotFound(f"there is no signing key {id}")
            async with self._audit.record(actor, "release.key.remove", id):
                if not await self._store.remove_key(id, int(self._clock())):
                    raise Conflict("it is the only signing key: without one no machine could be updated any more; "
                                   "add or make another one first", code="last-key")

    # ---- inside

    async def _make(self, actor: Actor, note: str) -> PrivateKey:
        """A new key of the hub's own. It counts before it is kept: a hub that is killed in between makes another."""
        mine = PrivateKey.generate()
        key = self._row(mine.public, note, actor)
        async with self._audit.record(actor, "release.key.new", key.id):
            await self._store.add_key(key, int(self._clock()))
            await asyncio.to_thread(signing_key.save, self._state_dir, mine)
        return mine

    async def _check_room(self) -> None:
        if len((await self._store.keys())[1]) >= MAX_SIGNING_KEYS:
            raise Conflict(f"at most {MAX_SIGNING_KEYS} keys may sign: remove one first", code="limit",
                           limit=MAX_SIGNING_KEYS)

    def _row(self, public: PublicKey, note: str, actor: Actor) -> SigningKey:
        return SigningKey(public.fingerprint, public.raw, note, int(self._clock() * 1_000_000), actor.name)
