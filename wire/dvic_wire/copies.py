"""A file that is copied to a machine or from one: what its order holds, and what is told of the file.

A copy is a run (its id, its directory, its end). Its order (COPY) names the file by path, and of one that goes to the
machine also size and sha256: so whoever merely carries the bytes, the agent, can put nothing else in its place. The
bytes travel in pieces with offsets (messages.CopyPiece) and are confirmed by offset (CopyTaken), so that after any loss
they go on from what was confirmed. At most COPY_WINDOW bytes are under way unconfirmed.
"""

import re
from dataclasses import dataclass, fields

from .errors import MalformedMessage

TO, FROM = "to", "from"
"""Directions, as the machine sees them: the file comes to it, or from it."""

COPY_WINDOW = 256 * 1024
"""Bytes of all files on their way to one machine, or of one file from it, that may be under way unconfirmed."""

MAX_COPY_BYTES = 2**40
"""Bytes of one file; what a hub and a machine allow is less."""

MAX_COPY_PATH = 4000
"""Bytes of a path on a machine, in UTF-8."""

MAX_FILE_NAME = 255
"""Bytes of a file's name, in UTF-8."""

COPY_TIMES = {"keep": (5, 86400), "timeout": (10, 30 * 86400)}
"""Seconds that each of an order's times may be."""

KEEP_MODE = -1
"""In the place of a mode: that of the file which is replaced, or else what a new file of the user's gets."""

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class CopySpec:
    """What a copy's order asks for. `path` counts from the home of `user` ("": the machine's choice) where it is not
    absolute. Seconds: `keep` that it waits for somebody to carry it on, `timeout` of its whole life.

    to      `path` is the file's new name, or a folder in which it is called `name`. `size` and `sha256` are the
            content's. `mode`: permissions, or KEEP_MODE. `owner`, `group`: names, for where the user may give files
            away and they exist; "" for none.
    from    `size`: the most bytes that the file may have. The rest is empty.
    """

    direction: str
    path: str
    user: str = ""
    size: int = 0
    name: str = ""
    sha256: str = ""
    mode: int = KEEP_MODE
    owner: str = ""
    group: str = ""
    keep: int = 900
    timeout: int = 21600

    def to_json(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, value: object) -> "CopySpec":
        """Check and read; raises MalformedMessage that names the field."""
        value = _with_types(cls, value, "copy")
        for name, (least, most) in COPY_TIMES.items():
            if not least <= value[name] <= most:
                raise MalformedMessage(f"must be {least} to {most}", f"copy.{name}")
        if value["direction"] not in (TO, FROM):
            raise MalformedMessage("must be to or from", "copy.direction")
        check_path(value["path"], "copy.path")
        for name in ("user", "owner", "group"):
            if "\0" in value[name] or len(value[name]) > 256:
                raise MalformedMessage("must be a name", f"copy.{name}")
        if not 0 <= value["size"] <= MAX_COPY_BYTES:
            raise MalformedMessage(f"must be 0 to {MAX_COPY_BYTES}", "copy.size")
        if not KEEP_MODE <= value["mode"] <= 0o777:
            raise MalformedMessage("must be -1, or 0 to 511", "copy.mode")
        if value["direction"] == TO:
            check_file_name(value["name"], "copy.name")
            if not _SHA256.match(value["sha256"]):
                raise MalformedMessage("must be a SHA-256 in hex", "copy.sha256")
        return cls(**value)


@dataclass(frozen=True)
class FileAbout:
    """A file on a machine, as the machine tells of it. `modified`: Unix seconds. `sha256` "": it was not read to its
    end yet."""

    name: str
    size: int
    mode: int
    owner: str
    group: str
    modified: int
    sha256: str = ""

    def to_json(self) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, value: object) -> "FileAbout":
        """Check and read; raises MalformedMessage that names the field."""
        value = _with_types(cls, value, "about")
        check_file_name(value["name"], "about.name")
        if not 0 <= value["size"] <= MAX_COPY_BYTES or not 0 <= value["mode"] <= 0o777:
            raise MalformedMessage("is out of bounds", "about.size")
        if abs(value["modified"]) > 2**40 or max(len(value["owner"]), len(value["group"])) > 256:
            raise MalformedMessage("is out of bounds", "about.modified")
        if value["sha256"] and not _SHA256.match(value["sha256"]):
            raise MalformedMessage("must be a SHA-256 in hex", "about.sha256")
        return cls(**value)


def check_path(path: str, field: str) -> str:
    """A path on a machine; raises MalformedMessage."""
    if not path or "\0" in path or not _fits(path, MAX_COPY_PATH):
        raise MalformedMessage(f"must be a path of 1 to {MAX_COPY_PATH} bytes", field)
    return path


def check_file_name(name: str, field: str) -> str:
    """The name of a file in its folder; raises MalformedMessage."""
    if name in ("", ".", "..") or "/" in name or "\0" in name or not _fits(name, MAX_FILE_NAME):
        raise MalformedMessage(f"must be a file's name of 1 to {MAX_FILE_NAME} bytes", field)
    return name


def _with_types(cls: type, value: object, what: str) -> dict:
    """The object, when it has exactly the fields of `cls`, each of its type; raises MalformedMessage."""
    known = {field.name: field.type for field in fields(cls)}
    if not isinstance(value, dict) or set(value) != set(known):
        raise MalformedMessage(f"must be an object of {', '.join(sorted(known))}", what)
    for name, wanted in known.items():
        if type(value[name]) is not wanted:
            raise MalformedMessage(f"must be {wanted.__name__}", f"{what}.{name}")
    return value


def _fits(text: str, most: int) -> bool:
    try:
        return len(text.encode("utf-8")) <= most
    except UnicodeEncodeError:
        return False
