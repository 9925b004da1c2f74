"""The files of an apt repository, from what the packages in it say of themselves. Pure.

It is a flat one (sources.list(5): `Suites: /`), so one index serves every architecture and apt picks what fits:

    Packages, Packages.gz     a paragraph a package: its control file, and where it is, how large, with which hash
    Release                   dates, and the hashes of the indexes: what is signed

Everything that apt installs hangs on Release's signature. The indexes are also there under their hash
(`by-hash/SHA256/...`), so that whoever read Release a moment before a new package came still finds what it names.
"""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate

from dvic_wire.deb import Control

VALID_SECONDS = 30 * 86_400
"""How long apt believes an index: one who holds back newer packages can do so for this long."""

POOL = "pool"


@dataclass(frozen=True)
class Release:
    """One package that the hub serves. `size` in bytes, `added` in microseconds, `sha256` in hex."""

    control: Control
    size: int
    sha256: str
    added: int

    @property
    def name(self) -> str:
        """Its file's name, which is unique."""
        return self.control.file_name


def packages_index(releases: Iterable[Release]) -> bytes:
    """The text of `Packages`; fields that a package claims of its own file are not believed."""
    return "\n".join(_paragraph(each) for each in sorted(releases, key=lambda each: each.name)).encode()


def by_hash(data: bytes) -> str:
    return f"by-hash/SHA256/{hashlib.sha256(data).hexdigest()}"


def release_file(indexes: dict[str, bytes], now: float, origin: str = "DVIC") -> str:
    """The text of `Release` for the index files by name, made at `now` (Unix seconds)."""
    lines = [f"Origin: {origin}", f"Label: {origin}", "Description: Packages served by a DVIC hub",
             f"Date: {formatdate(now, usegmt=True)}",
             f"Valid-Until: {formatdate(now + VALID_SECONDS, usegmt=True)}",
             "Acquire-By-Hash: yes", "SHA256:"]
    lines += [f" {hashlib.sha256(data).hexdigest()} {len(data):>12} {name}" for name, data in sorted(indexes.items())]
    return "\n".join(lines) + "\n"


def packed(data: bytes) -> bytes:
    """gzip, the same bytes for the same input."""
    return gzip.compress(data, 6, mtime=0)


def _paragraph(release: Release) -> str:
    kept, keeps = [], True
    for line in release.control.text.splitlines():
        if line[0] not in " \t":
            keeps = line.partition(":")[0].lower() not in _OURS
        if keeps:
            kept.append(line)
    kept += [f"Filename: {POOL}/{release.name}", f"Size: {release.size}", f"SHA256: {release.sha256}"]
    return "\n".join(kept) + "\n"


_OURS = frozenset({"filename", "size", "md5sum", "sha1", "sha256", "sha512"})
