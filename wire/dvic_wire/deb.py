"""What a Debian package says of itself: the control file inside a .deb, read without any tool of Debian's.

A .deb is an `ar` archive: `debian-binary`, then `control.tar` (plain, .gz or .xz; other compressions by a function of
the caller's) whose `./control` is a paragraph of `Field: value` lines. All of it is bounded and parsed strictly.
"""

import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from .errors import MalformedMessage
from .versions import check_version

MAX_CONTROL_ARCHIVE = 1024 * 1024
"""Bytes of a package's control archive, compressed."""

MAX_CONTROL_UNPACKED = 16 * 1024 * 1024
"""Bytes of a package's control archive, unpacked."""

MAX_CONTROL = 64 * 1024
"""Bytes of a package's control file."""

_MAGIC = b"!<arch>\n"
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}\Z")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
_FIELD = re.compile(r"[!-9;-~]+:")

MINIMUM_HUB = "dvic-minimum-hub"
"""The field (`XB-Dvic-Minimum-Hub` in a source's control file) that names the oldest hub that a package can talk to."""

Unpack = Callable[[bytes, int], bytes]
"""Decompress at most so many bytes; may raise anything."""


@dataclass(frozen=True)
class Control:
    """`text` is the paragraph as the package has it, without an empty line and with a line's end at its end.
    `minimum_hub`: the oldest hub that it can talk to, "" where it names none."""

    package: str
    version: str
    architecture: str
    text: str
    minimum_hub: str = ""

    @property
    def file_name(self) -> str:
        """As Debian names it: without the version's epoch."""
        return f"{self.package}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"


def read_control(file: BinaryIO, more: Mapping[str, Unpack] | None = None) -> Control:
    """The control file of a .deb, read from the file's beginning. `more`: how to unpack what the standard library does
    not, by ending (`.zst`). Raises MalformedMessage."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise _bad("it does not begin as a Debian package")
    name, size = _member(file)
    if name != "debian-binary" or size > 64 or not _padded(file, size).startswith(b"2."):
        raise _bad("it is no Debian package of format 2")
    name, size = _member(file)
    if not name.startswith("control.tar") or size > MAX_CONTROL_ARCHIVE:
        raise _bad("its second part is not a control archive")
    return parse_control(_control_file(name.removeprefix("control.tar"), _padded(file, size), more or {}))


def parse_control(text: str) -> Control:
    """Check the fields that name a package. Raises MalformedMessage."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").rstrip().split("\n")]
    fields: dict[str, str] = {}
    for line in lines:
        if not line or not (line[0] in " \t" or _FIELD.match(line)):
            raise _bad("its control file is not one paragraph of fields")
        if line[0] not in " \t":
            name, _, value = line.partition(":")
            if name.lower() in fields:
                raise _bad(f"its control file has the field {name} twice")
            fields[name.lower()] = value.strip()
    control = Control(fields.get("package", ""), fields.get("version", ""), fields.get("architecture", ""),
                      "\n".join(lines) + "\n", fields.get(MINIMUM_HUB, ""))
    for value, pattern, field in ((control.package, _NAME, "Package"),
                                  (control.architecture, _ARCHITECTURE, "Architecture")):
        if not pattern.match(value):
            raise _bad(f"its control file has no usable {field}")
    for value, field in ((control.version, "Version"), (control.minimum_hub or "0", "Dvic-Minimum-Hub")):
        try:
            check_version(value)
        except MalformedMessage:
            raise _bad(f"its control file has no usable {field}") from None
    return control


def _member(file: BinaryIO) -> tuple[str, int]:
    """Name and size of the ar member that begins here."""
    header = file.read(60)
    if len(header) != 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
        raise _bad("it is cut off or damaged")
    return header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])


def _padded(file: BinaryIO, size: int) -> bytes:
    data = file.read(size + size % 2)
    if len(data) < size:
        raise _bad("it is cut off")
    return data[:size]


def _control_file(ending: str, archive: bytes, more: Mapping[str, Unpack]) -> str:
    unpack = {**_UNPACK, **more}.get(ending)
    if unpack is None:
        raise _bad(f"its control archive control.tar{ending} is compressed in an unknown way")
    try:
        with tarfile.open(fileobj=io.BytesIO(unpack(archive, MAX_CONTROL_UNPACKED)), mode="r:") as tar:
            for member in tar:
                if member.name in ("./control", "control") and member.isfile() and member.size <= MAX_CONTROL:
                    return tar.extractfile(member).read().decode("utf-8")
    except Exception as error:  # each way of compressing has errors of its own
        raise _bad(f"its control archive can't be read ({type(error).__name__})") from None
    raise _bad("it has no control file")


_UNPACK: dict[str, Unpack] = {
    "": lambda data, limit: data[:limit],
    ".gz": lambda data, limit: zlib.decompressobj(wbits=31).decompress(data, limit),
    ".xz": lambda data, limit: lzma.LZMADecompressor(memlimit=128 * 1024 * 1024).decompress(data, limit),
}


def _bad(why: str) -> MalformedMessage:
    return MalformedMessage(f"this is no usable .deb: {why}")
