"""The packages that the hub serves to its machines, as a signed apt repository.

    <state_dir>/releases/NAME.deb       the packages; the folder is the list
    <state_dir>/releases.key            what signs it

A package is written beside, checked, and appears under its name whole or not at all. The indexes are made and signed
anew at each change and once a day; those of before stay readable under their hash for a while. What an agent's package
is signed with besides, for self-update, is in manifests.py.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from dvic_hub import openpgp
from dvic_hub.domain import apt_index
from dvic_hub.domain.apt_index import Release
from dvic_hub.domain.deb import read_control
from dvic_hub.domain.people import Actor
from dvic_hub.domain.update_progress import same_version
from dvic_hub.errors import BadRequest, Conflict, NotFound, StoreError, StoreFull, TooLarge
from dvic_hub.services.audit import AuditService
from dvic_hub.services.manifests import ManifestService
from dvic_wire.updates import Manifest
from dvic_wire.versions import sort_key

FOLDER = "releases"

MAX_RELEASE_BYTES = 256 * 1024 * 1024
"""Bytes of one package."""

MAX_RELEASES = 200
"""Packages that the hub serves."""

KEPT_GENERATIONS = 8
"""Older indexes that are still found under their hash."""

RESIGN_SECONDS = 86_400
"""Age at which the repository's index is signed anew, so that it never runs out while the hub runs."""


@dataclass(frozen=True)
class _Index:
    """The repository's files by their path, of one moment (Unix seconds)."""

    made: float
    files: dict[str, bytes]
    hashed: dict[str, bytes] = field(default_factory=dict)


class ReleaseService:
    """`clock` gives Unix seconds."""

    def __init__(self, state_dir: Path, audit: AuditService, manifests: ManifestService, clock: Callable[[], float]):
        self._state_dir = state_dir
        self._folder = state_dir / FOLDER
        self._audit = audit
        self._manifests = manifests
        self._clock = clock
        self._key: openpgp.ReleaseKey | None = None
        self._releases: dict[str, Release] | None = None
        self._index: _Index | None = None
        self._changing = asyncio.Lock()

    async def public_key(self) -> str:
        """What machines verify packages with: an armored OpenPGP key. Raises ReleaseKeyError."""
        return (await self._signer()).public

    async def all(self) -> list[Release]:
        """By name."""
        releases = await self._known()
        return [releases[name] for name in sorted(releases)]

    async def for_rollout(self, package: str, version: str = "") -> tuple[str, Manifest]:
        """The manifest, as text and read, of the package in this version or else in the newest. Raises NotFound, and
        Conflict when it does not count."""
        return await self._manifests.for_rollout(await self.newest(package, version))

    async def why_not(self, manifest: str) -> str:
        """Why a manifest does not count (any more); "" when it does."""
        return await self._manifests.why_not(manifest)

    async def newest(self, package: str, version: str = "") -> Release:
        """The package of this version, or the newest that there is. Raises NotFound."""
        found = [each for each in await self.all() if each.control.package == package]
        if not found:
            raise NotFound(f"the hub serves no {package}: an admin adds it with hubctl release add FILE.deb",
                           code="no-release")
        chosen = max((each for each in found if not version or same_version(each.control.version, version)),
                     key=lambda each: sort_key(each.control.version), default=None)
        if chosen is None:
            known = ", ".join(sorted((each.control.version for each in found), key=sort_key))
            raise NotFound(f"the hub serves no {package} {version} (it has {known})", code="no-release")
        return chosen

    async def add(self, pieces: AsyncIterator[bytes], actor: Actor, manifest: str = "",
                  minimum_hub: str = "") -> Release:
        """Take a .deb in. `manifest`: one that was signed elsewhere; `minimum_hub`: for one that is made here. A file
        that is there already gets a new manifest where its own does not count any more, or one is given.

        Raises BadRequest `deb` or `manifest`, TooLarge, Conflict where another file has that name, StoreFull."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        beside = self._folder / f".{secrets.token_hex(8)}.new"
        try:
            digest = await self._receive(pieces, beside)
            control = await asyncio.to_thread(_control_of, beside)
            async with self._changing:
                known = await self._known()
                release = Release(control, beside.stat().st_size, digest, int(self._clock() * 1_000_000))
                present = known.get(release.name)
                if present is not None and present.sha256 == digest:
                    await self._sign_again(present, actor, manifest, minimum_hub)
                    return present
                if present is not None:
                    raise Conflict(f"another {release.name} is there already: give the new one a higher version",
                                   code="release-known")
                if len(known) >= MAX_RELEASES:
                    raise Conflict(f"the hub serves at most {MAX_RELEASES} packages", code="limit", limit=MAX_RELEASES)
                signed = await self._manifests.prepare(release, manifest, minimum_hub)
                detail = {"sha256": digest, "bytes": release.size, "signed by": signed.signer if signed else ""}
                async with self._audit.record(actor, "release.add", release.name, detail):
                    await asyncio.to_thread(_settle, beside, self._folder / release.name, self._clock())
                    await self._manifests.keep(signed)
                    self._releases = {**known, release.name: release}
                    self._index = await self._made()
            return release
        except OSError as error:
            raise _disk_error(error) from error
        finally:
            beside.unlink(missing_ok=True)

    async def remove(self, name: str, actor: Actor) -> None:
        """Serve it no longer; machines that have it keep it. Raises NotFound."""
        async with self._changing:
            known = await self._known()
            if name not in known:
                raise NotFound(f"there is no package {name}")
            async with self._audit.record(actor, "release.remove", name):
                (self._folder / name).unlink(missing_ok=True)
                await self._manifests.forget(name)
                self._releases = {each: release for each, release in known.items() if each != name}
                self._index = await self._made()

    async def index_file(self, path: str) -> bytes:
        """One of the repository's index files, InRelease for example. Raises NotFound."""
        async with self._changing:
            now = self._clock()
            if self._index is None or not 0 <= now - self._index.made < RESIGN_SECONDS:
                self._index = await self._made()
            index = self._index
        data = index.files.get(path) or index.hashed.get(path)
        if data is None and path not in index.files:
            raise NotFound(f"there is no {path} in this repository")
        return data or b""

    async def package(self, name: str) -> Path:
        """Where a package's file is. Raises NotFound."""
        if name not in await self._known():
            raise NotFound(f"there is no package {name}")
        return self._folder / name

    # ---- inside

    async def _sign_again(self, release: Release, actor: Actor, manifest: str, minimum_hub: str) -> None:
        """The same file was added again."""
        kept = (await self._manifests.all()).get(release.name)
        counts = kept is not None and kept.sha256 == release.sha256 and not await self._manifests.why_not(kept.text)
        if counts and not manifest and minimum_hub in ("", kept.minimum_hub):
            return
        signed = await self._manifests.prepare(release, manifest, minimum_hub)
        if signed is not None:
            async with self._audit.record(actor, "release.sign", release.name, {"signed by": signed.signer}):
                await self._manifests.keep(signed)

    async def _signer(self) -> openpgp.ReleaseKey:
        if self._key is None:
            self._key = await asyncio.to_thread(openpgp.load_or_create, self._state_dir)
        return self._key

    async def _known(self) -> dict[str, Release]:
        if self._releases is None:
            self._releases = await asyncio.to_thread(_scan, self._folder)
        return self._releases

    async def _made(self) -> _Index:
        """The index of what is there now, signed. Called while `_changing` is held."""
        key, releases, now = await self._signer(), await self._known(), self._clock()
        return await asyncio.to_thread(_make_index, key, list(releases.values()), now, self._index)

    async def _receive(self, pieces: AsyncIterator[bytes], path: Path) -> str:
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            async for piece in pieces:
                size += len(piece)
                if size > MAX_RELEASE_BYTES:
                    raise TooLarge(f"a package may have {MAX_RELEASE_BYTES} bytes", code="limit", field="body",
                                   limit=MAX_RELEASE_BYTES)
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(_sync, file)
        return digest.hexdigest()


def _make_index(key: openpgp.ReleaseKey, releases: list[Release], now: float, before: _Index | None) -> _Index:
    plain = apt_index.packages_index(releases)
    indexes = {"Packages": plain, "Packages.gz": apt_index.packed(plain)}
    text = apt_index.release_file(indexes, now)
    files = {**indexes, "Release": text.encode(), "InRelease": key.sign_clear(text).encode(),
             "Release.gpg": key.sign_detached(text.encode()).encode()}
    hashed = dict(before.hashed) if before else {}
    for data in indexes.values():
        hashed.pop(apt_index.by_hash(data), None)
        hashed[apt_index.by_hash(data)] = data
    newest = list(hashed.items())[-2 * KEPT_GENERATIONS:]
    return _Index(now, files, dict(newest))


def _scan(folder: Path) -> dict[str, Release]:
    """The packages in the folder; one that can't be read, or has another's name, is not served."""
    found: dict[str, Release] = {}
    for path in sorted(folder.glob("[!.]*.deb")) if folder.is_dir() else ():
        try:
            control = _control_of(path)
        except BadRequest:
            continue
        if control.file_name == path.name:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            about = path.stat()
            found[path.name] = Release(control, about.st_size, digest, int(about.st_mtime) * 1_000_000)
    return found


def _control_of(path: Path):
    with path.open("rb") as file:
        return read_control(file)


def _settle(beside: Path, target: Path, now: float) -> None:
    os.utime(beside, (now, now))
    beside.rename(target)
    handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _disk_error(error: OSError) -> StoreError:
    full = error.errno in (28, 122)
    return StoreFull("there is no room for the package") if full else StoreError(f"the package can't be kept: {error}")
