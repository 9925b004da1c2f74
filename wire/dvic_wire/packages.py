"""Histogram packages: the file that a program publishes, and what of it travels. Pure. docs/histograms.md has it all.

A file is JSON lines: a head that names the objects, then one line an object, in that order, each with a newline:

    {"dvic_package":1,"name":"readout","instance":"9f86d081884c7d65","serial":17,"skipped":3,"time":1763632800123456,
     "objects":["adc/ch1"]}
    {"uhi_schema":1,"axes":[...],"storage":{...}}

- It is replaced as a whole; what does not end with its last line's newline is half written (Unfinished).
- What travels is the head and, of objects that the hub does not have, the line as it is. An object is known by the
  digest of its line, so nobody on the way has to take numbers apart.
- A cursor is the instance, the serial and a digest of the whole: what is published twice under one serial, or under a
  lower one after a restart, is still told apart.
"""

import json
import re
from dataclasses import dataclass, field
from hashlib import blake2b

from .errors import LimitExceeded, MalformedMessage
from .limits import (
    MAX_LAYOUT_BYTES,
    MAX_NAME,
    MAX_OBJECT_BYTES,
    MAX_OBJECT_NAME,
    MAX_OBJECTS,
    MAX_PACKAGE_BYTES,
)

SCHEMA = 1
"""The version of the schema that this build reads; a newer one is refused."""

MAX_SERIAL = 2**53 - 1
"""The highest serial: what every language's numbers can hold."""

REMOVED = "removed:"
"""Before a cursor: the package was removed at the hub, which has nothing of it; a later update is sent as a whole."""

_NAME = re.compile(rf"[A-Za-z0-9._@-]{{1,{MAX_NAME}}}\Z")
_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_DIGEST_BYTES = 16


class Unfinished(MalformedMessage):
    """The file ends in the middle: its writer is still at it, or has died."""


@dataclass(frozen=True)
class Head:
    """Of one update. `skipped`: updates since the one before that were never written. `time`: the publisher's,
    microseconds. `objects`: names, in the publisher's order. `layout`: XML, None where the publisher gives none."""

    name: str
    instance: str
    serial: int
    time: int
    objects: list[str]
    skipped: int = 0
    title: str = ""
    layout: str | None = None


@dataclass(frozen=True)
class PackageFile:
    """One update whole. `lines` are the objects' JSON, in the order of `head.objects`; `digests` theirs."""

    head: Head
    lines: list[bytes]
    cursor: str
    digests: list[str] = field(default_factory=list)

    @property
    def held(self) -> dict[str, str]:
        """What a hub holds once it has taken this: digests by name."""
        return dict(zip(self.head.objects, self.digests, strict=True))


def digest(data: bytes) -> str:
    """What an object's line, or a layout's text, is known by."""
    return blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def is_package_name(name: str) -> bool:
    return _NAME.match(name) is not None


def is_object_name(name: str) -> bool:
    """Any text of one line, markup too: whoever shows it shows it as text."""
    return 1 <= len(name) <= MAX_OBJECT_NAME and name.isprintable()


def read_file(data: bytes) -> PackageFile:
    """The update that a file holds. Raises Unfinished, MalformedMessage that says what is wrong, LimitExceeded."""
    if len(data) > MAX_PACKAGE_BYTES:
        raise LimitExceeded("MAX_PACKAGE_BYTES", MAX_PACKAGE_BYTES, len(data))
    first, newline, rest = data.partition(b"\n")
    if not newline:
        raise Unfinished("the file ends within its first line")
    head = read_head(first)
    lines = rest.split(b"\n")
    if lines.pop() or len(lines) < len(head.objects):
        raise Unfinished(f"the file ends within line {len(lines) + 2} of {len(head.objects) + 1}")
    if len(lines) > len(head.objects):
        raise MalformedMessage(f"names {len(head.objects)} objects and has {len(lines)} lines of them", "objects")
    for name, line in zip(head.objects, lines, strict=True):
        if len(line) > MAX_OBJECT_BYTES:
            raise LimitExceeded("MAX_OBJECT_BYTES", MAX_OBJECT_BYTES, len(line), field=ascii(name))
    if not _is_utf8(data):
        raise MalformedMessage("is not UTF-8", "file")
    whole = digest(data)[:_DIGEST_BYTES]
    return PackageFile(head, lines, f"{head.instance};{head.serial};{whole}", [digest(line) for line in lines])


def read_head(line: bytes) -> Head:
    """The first line; raises MalformedMessage that names the member, LimitExceeded."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedMessage("the first line is no JSON") from None
    if not isinstance(value, dict) or type(value.get("dvic_package")) is not int:
        raise MalformedMessage("the first line is not the head of a package", "dvic_package")
    check_schema(value["dvic_package"])
    names = value.get("objects")
    if not isinstance(names, list) or not all(isinstance(name, str) and is_object_name(name) for name in names):
        raise MalformedMessage(f"must be a list of names of 1 to {MAX_OBJECT_NAME} printable characters", "objects")
    if len(names) > MAX_OBJECTS:
        raise LimitExceeded("MAX_OBJECTS", MAX_OBJECTS, len(names), field="objects")
    if len(set(names)) != len(names):
        raise MalformedMessage("names an object twice", "objects")
    return Head(name=_text(value, "name", _NAME), instance=_text(value, "instance", _INSTANCE),
                serial=_whole(value, "serial"), time=_whole(value, "time"), objects=names,
                skipped=_whole(value, "skipped", 0), title=_title(value), layout=_layout(value))


def check_schema(version: int) -> None:
    """Raises MalformedMessage for a schema that this build does not read."""
    if version > SCHEMA:
        raise MalformedMessage(f"is schema {version}, and this reads schema {SCHEMA}: update DVIC here, or publish "
                               "with an older dvic_log", "dvic_package")
    if version < 1:
        raise MalformedMessage("there is no such schema", "dvic_package")


def record(file: PackageFile, held: dict[str, str], held_layout: str) -> dict:
    """The record of an update for a hub that holds the objects `held` (digests by name) and the layout with that
    digest: what it has is only named."""
    head = file.head
    objects = [{"name": name, "hash": known} if held.get(name) == known else
               {"name": name, "hash": known, "data": line.decode("utf-8")}
               for name, known, line in zip(head.objects, file.digests, file.lines, strict=True)]
    package = {"schema": SCHEMA, "name": head.name, "title": head.title, "instance": head.instance,
               "serial": head.serial, "skipped": head.skipped, "objects": objects,
               "layout_hash": layout_digest(head)}
    if head.layout is not None and package["layout_hash"] != held_layout:
        package["layout"] = head.layout
    return {"time": head.time, "package": package}


def layout_digest(head: Head) -> str:
    """"" where there is no layout."""
    return "" if head.layout is None else digest(head.layout.encode("utf-8", "replace"))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(value: dict, member: str, pattern: re.Pattern) -> str:
    found = value.get(member)
    if not isinstance(found, str) or not pattern.match(found):
        raise MalformedMessage(f"must be 1 to {MAX_NAME} letters, digits, dots, dashes", member)
    return found


def _whole(value: dict, member: str, default: int | None = None) -> int:
    found = value.get(member, default)
    if type(found) is not int or not 0 <= found <= MAX_SERIAL:
        raise MalformedMessage(f"must be a whole number from 0 to {MAX_SERIAL}", member)
    return found


def _title(value: dict) -> str:
    found = value.get("title", "")
    if not isinstance(found, str) or len(found) > MAX_OBJECT_NAME or not (found.isprintable() or not found):
        raise MalformedMessage(f"must be at most {MAX_OBJECT_NAME} printable characters", "title")
    return found


def _layout(value: dict) -> str | None:
    found = value.get("layout")
    if found is None:
        return None
    if not isinstance(found, str):
        raise MalformedMessage("must be text", "layout")
    size = len(found.encode("utf-8", "replace"))
    if size > MAX_LAYOUT_BYTES:
        raise LimitExceeded("MAX_LAYOUT_BYTES", MAX_LAYOUT_BYTES, size, field="layout")
    return found
