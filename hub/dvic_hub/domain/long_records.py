"""Very long log records, cut for those who look at many: a message can have a million characters, and a page of them
would harm whoever shows it. The whole record stays in the store, to be asked for alone. Pure.
"""

import msgspec

BRIEF_ABOVE = 64 * 1024
"""Bytes of a live record above which those who want it brief get it cut; joined lines are never longer together."""

BRIEF_TEXT = 4096
"""Characters of the message, and of each field, of a live record that is cut."""


def brief(line: bytes, count: int) -> tuple[bytes, int]:
    """Joined lines as they are, but a single log record that is very long cut."""
    if count != 1 or len(line) <= BRIEF_ABOVE:
        return line, count
    return msgspec.json.encode(shortened(msgspec.json.decode(line), BRIEF_TEXT)), 1


def is_long(record: dict, most: int) -> bool:
    """Whether `shortened` would leave anything out."""
    return len(record["message"]) > most or len(record.get("binary") or "") > 2 * most or any(
        len(name) > most or (isinstance(value, str) and len(value) > most)
        for name, value in (record.get("fields") or {}).items())


def shortened(record: dict, most: int) -> dict:
    """A log record of whose message and fields no more than `most` characters are left, and no `binary`; `length` says
    how many characters the whole message has."""
    cut = {key: value for key, value in record.items() if key not in ("binary", "fields")}
    cut["length"] = len(record["message"])
    cut["message"] = record["message"][:most]
    if fields := record.get("fields"):
        cut["fields"] = {name[:most]: value[:most] if isinstance(value, str) else value
                         for name, value in fields.items()}
    return cut
