"""Pure: raw entries of journald to log records, frugally, and what its cursors tell."""

import re
from dataclasses import dataclass

from dvic_wire.streams import LEVEL_OF_PRIORITY

from .text import printable, readable

MAX_NAME_TEXT = 256
"""Characters of a unit or an identifier."""

_MANY = 4096
"""Texts remembered, so that the same unit is not decoded for each entry."""

_PRIORITIES = {str(priority).encode(): priority for priority in range(8)}

_PARTS = re.compile(r"([a-z])=([0-9a-f]+)")


@dataclass(frozen=True)
class JournalPlace:
    """What a cursor tells: journald's sequence (its id and number), boot, times in microseconds, hash of the entry."""

    sequence: str
    number: int
    boot: str
    monotonic: int
    time: int
    hash: str

    @classmethod
    def parse(cls, cursor: str) -> "JournalPlace":
        """Parts that are not there are empty or 0."""
        parts = dict(_PARTS.findall(cursor))
        return cls(parts.get("s", ""), int(parts.get("i", "0"), 16), parts.get("b", ""), int(parts.get("m", "0"), 16),
                   int(parts.get("t", "0"), 16), parts.get("x", ""))

    def is_entry_of(self, other: "JournalPlace") -> bool:
        """The same entry. Its sequence may have changed: journald copies entries from /run to /var."""
        return ((self.boot, self.monotonic, self.time, self.hash)
                == (other.boot, other.monotonic, other.time, other.hash))

    def is_before(self, other: "JournalPlace") -> bool:
        """Certainly written before: the same sequence, a smaller number."""
        return self.sequence == other.sequence != "" and self.number < other.number

    def behind(self, other: "JournalPlace") -> int:
        """Entries that journald wrote from there to here, 0 when that is not known."""
        return max(0, self.number - other.number) if self.sequence == other.sequence != "" else 0


class Converter:
    """Entries (field to bytes, or to a list of them) to log records."""

    def __init__(self) -> None:
        self._texts: dict[bytes, str] = {}

    def __call__(self, entry: dict, time: int) -> dict:
        """`time` in microseconds. Never raises for what an entry holds."""
        get = entry.get
        message = get("MESSAGE", b"")
        text, binary, cut = readable(message if type(message) is bytes else b"\n".join(message))
        priority = _PRIORITIES.get(_one(get("PRIORITY", b"")), -1)
        record = {"time": time, "level": LEVEL_OF_PRIORITY[priority] if priority >= 0 else "info", "message": text}
        if priority >= 0:
            record["priority"] = priority
        unit = get("_SYSTEMD_UNIT")
        if unit is None or unit == b"init.scope":
            unit = get("UNIT", unit)  # systemd's own words about a unit
        if unit is not None:
            record["unit"] = self._text(unit)
        identifier = get("SYSLOG_IDENTIFIER") or get("_COMM")
        if identifier is not None:
            record["identifier"] = self._text(identifier)
        pid = get("_PID") or get("SYSLOG_PID")
        if pid is not None and (number := _number(pid)) is not None:
            record["pid"] = number
        uid = get("_UID")
        if uid is not None and (number := _number(uid)) is not None:
            record["uid"] = number
        boot = get("_BOOT_ID")
        if boot is not None:
            record["boot"] = self._text(boot)
        if binary:
            record["binary"] = binary
        if cut:
            record["cut"] = cut
        return record

    def _text(self, value: bytes | list) -> str:
        value = _one(value)
        text = self._texts.get(value)
        if text is None:
            if len(self._texts) >= _MANY:
                self._texts.clear()
            text = self._texts[value] = printable(value, MAX_NAME_TEXT)
        return text


def _one(value: bytes | list) -> bytes:
    """A field may have been given several times: its first value counts."""
    return value if type(value) is bytes else value[0]


def _number(value: bytes | list) -> int | None:
    try:
        number = int(_one(value))
    except ValueError:
        return None
    return number if 0 <= number < 1 << 63 else None
