"""The manifests of the agent's packages: made here by the hub's own key, or signed elsewhere and handed in.

A manifest says which file a package is (size, SHA-256), so what machines install does not rest on how it reached them.
"""

import time
from collections.abc import Callable

from dvic_hub.domain.apt_index import Release
from dvic_hub.domain.model import KeptManifest
from dvic_hub.domain.rollout import PACKAGE
from dvic_hub.errors import BadRequest, Conflict
from dvic_hub.services.release_keys import ReleaseKeyService
from dvic_hub.store.port import Releases
from dvic_wire.errors import MalformedMessage, SignatureExpired, WireError
from dvic_wire.signing import PrivateKey, PublicKey, peek
from dvic_wire.updates import Manifest, read_manifest
from dvic_wire.versions import compare

MAX_MANIFEST = 4096
"""Characters of a manifest that is handed in."""


class ManifestService:
    """`hub_version` is this hub's own; `clock` gives Unix seconds."""

    def __init__(self, store: Releases, keys: ReleaseKeyService, hub_version: str, clock: Callable[[], float]):
        self._store = store
        self._keys = keys
        self._hub_version = hub_version
        self._clock = clock

    async def prepare(self, release: Release, given: str, minimum_hub: str) -> KeptManifest | None:
        """What to keep for a package that is being added: the manifest that was `given`, once it holds, or else one
        made now. None where the package needs none, or the hub may not sign and none was given. Raises BadRequest."""
        if given:
            return await self._checked(release, given)
        own = await self._keys.own()
        if release.control.package != PACKAGE or own is None:
            return None
        return await self._signed(_of_release(release, minimum_hub), own)

    async def keep(self, manifest: KeptManifest | None) -> None:
        if manifest is not None:
            await self._store.put_manifest(manifest)

    async def forget(self, name: str) -> None:
        await self._store.remove_manifest(name)

    async def all(self) -> dict[str, KeptManifest]:
        """By the package's file name."""
        return await self._store.manifests()

    async def for_rollout(self, release: Release) -> tuple[str, Manifest]:
        """The package's manifest as text and read; it counts now. A package of before there were manifests gets one, if
        the hub may sign. Raises Conflict that says what to do."""
        kept = (await self._store.manifests()).get(release.name)
        if kept is None or kept.sha256 != release.sha256:
            kept = await self.prepare(release, "", release.control.minimum_hub)
            await self.keep(kept)
        if kept is None:
            raise Conflict(f"{release.name} has no signed manifest and this hub's own key does not count: hand one in "
                           "by adding the package again with it", code="no-manifest")
        manifest, why_not = await self._read(kept.text)
        if manifest is None:
            raise Conflict(f"{release.name} can't be rolled out: {why_not}", code="manifest")
        if manifest.minimum_hub and compare(manifest.minimum_hub, self._hub_version) > 0:
            raise Conflict(f"{release.name} talks to hubs from {manifest.minimum_hub} on, this one is "
                           f"{self._hub_version}: update the hub first", code="hub-too-old")
        return kept.text, manifest

    async def why_not(self, text: str) -> str:
        """Why a manifest does not count (any more); "" when it does."""
        return (await self._read(text))[1]

    async def sign_anew(self, before: PublicKey, key: PrivateKey) -> int:
        """Sign with `key` what `before` had signed; returns how many that were."""
        former = [kept for kept in (await self._store.manifests()).values() if kept.signer == before.fingerprint]
        for kept in former:
            await self.keep(await self._signed(read_manifest(kept.text, (before,), now=None), key))
        return len(former)

    # ---- inside

    async def _read(self, text: str) -> tuple[Manifest | None, str]:
        try:
            return read_manifest(text, await self._keys.public_keys(), now=self._clock()), ""
        except SignatureExpired:
            when = time.strftime("%Y-%m-%d", time.gmtime(peek(text)[1]["exp"]))
            return None, f"its manifest ran out on {when}; add the package again to have it signed anew"
        except WireError as error:
            return None, f"its manifest does not hold: {error}; add the package again to have it signed anew"

    async def _checked(self, release: Release, text: str) -> KeptManifest:
        try:
            manifest = read_manifest(text, await self._keys.public_keys(), now=self._clock())
        except WireError as error:
            raise BadRequest(f"the manifest does not hold: {error}", code="manifest", field="manifest") from None
        of_file = _of_release(release, manifest.minimum_hub)
        for field in ("package", "version", "architecture", "size", "sha256"):
            if getattr(manifest, field) != getattr(of_file, field):
                raise BadRequest(f"the manifest is of another file: its {field} is {getattr(manifest, field)}, the "
                                 f"package's is {getattr(of_file, field)}", code="manifest", field="manifest")
        return _kept(manifest, text, str(peek(text)[0]["kid"]))

    async def _signed(self, manifest: Manifest, key: PrivateKey) -> KeptManifest:
        text = manifest.sign(key, now=self._clock())
        try:
            return _kept(read_manifest(text, (key.public,), now=self._clock()), text, key.fingerprint)
        except MalformedMessage as error:
            raise BadRequest(f"no manifest can be made of this package: {error}", code="manifest") from None


def _of_release(release: Release, minimum_hub: str) -> Manifest:
    control = release.control
    return Manifest(control.package, control.version, control.architecture, release.size, release.sha256,
                    minimum_hub or control.minimum_hub)


def _kept(manifest: Manifest, text: str, signer: str) -> KeptManifest:
    return KeptManifest(manifest.file_name, manifest.sha256, text, signer, manifest.version, manifest.minimum_hub,
                        manifest.expires)
