"""Pure: one line of a log file to one log record.

    {"dvic_log": 1, "pid": 42, ...}                              header: who writes this file (a claim)
    {"t": 1763632800000000, "l": "info", "m": "hello", "f": {}}  a line of dvic_log
    {"m": "started", "s": "meteor", "c": "decode", "e": "start"} the same of a monitoring service's step (see _PLACE)
    2026-11-20 10:00:00 [error] no beam                          any plain text; time and level are found if they can be
    <3>no beam                                                   syslog's priority, as systemd reads it

Nothing here raises for what a line holds: a line that only looks like JSON is plain text. What a line claims is
bounded: its time (from 2000 to a day ahead of now, else the time of reading), its fields, their number and size.
"""

import json
import math
import re
from datetime import datetime

from dvic_wire import records
from dvic_wire.limits import MAX_FIELD_TEXT, MAX_FIELDS, MAX_NAME, MAX_RECORD_TEXT
from dvic_wire.streams import LEVEL_OF_PRIORITY

from .text import readable, well_formed

MAX_HEADER_BYTES = 16 * 1024
"""A header line that is longer is no header."""

MAX_HEADER_TEXT = 512
"""Characters of a text in a header."""

EARLIEST = 946_684_800_000_000
"""2000-01-01 in microseconds: what claims to be older has no clock."""

FUTURE_LEEWAY = 86_400_000_000
"""Microseconds that a line's own time may be ahead of now."""

_LEVEL_OF_WORD = {
    "trace": "debug", "debug": "debug", "dbg": "debug", "verbose": "debug",
    "info": "info", "information": "info", "notice": "notice",
    "warning": "warning", "warn": "warning",
    "error": "error", "err": "error", "severe": "error",
    "critical": "critical", "crit": "critical", "fatal": "critical", "alert": "critical", "emerg": "critical",
    "emergency": "critical", "panic": "critical",
}

_LEVEL_WITHIN = 200
"""Characters of a line in which its level is looked for."""

_WORDS = "|".join(sorted(_LEVEL_OF_WORD, key=len, reverse=True))

# level=error, "level": "error"; [error], <error>, (error), |error|; error: at the start or behind a space; ERROR alone
_LEVEL = re.compile(
    rf"""(?i:level|lvl|severity)["']?\s?[=:]\s?["']?(?i:({_WORDS}))\b"""
    rf"""|[\[<(|]\s?(?i:({_WORDS}))\s{{0,3}}[\])>|]"""
    rf"""|(?<![^\s\])])(?i:({_WORDS})):"""
    rf"""|\b({_WORDS.upper()})\b""")

_PLACE = (("s", "service"), ("c", "component"), ("y", "cycle"), ("i", "source"), ("e", "step"))
"""Members that say to which step of a monitoring service a line belongs, and the fields that they become."""

_SYSLOG = re.compile(rb"<(\d{1,3})>")
_TRACEBACK = "Traceback (most recent call last)"

_ISO = re.compile(r"[\[(]?(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
                  r"\s?(Z|UTC|[+-]\d\d:?\d\d)?")
_EPOCH = re.compile(r"\[?(\d{10})\.(\d{3,9})\b")


def record_of(line: bytes, now: int, cut: int = 0) -> dict | None:
    """The record of one line (without its newline), or None for a blank one. `now`: the time of reading, microseconds.
    `cut`: bytes of the line that the reader already left out."""
    line = line.removesuffix(b"\r")
    if line.startswith(b"{") and not cut and (record := _structured(line, now)):
        return record
    if not line.strip(b" \t\r\0"):
        return None
    return _plain(line, now, cut)


def header_of(line: bytes) -> dict | None:
    """The bounded claims of a header line, None when it is none. Keys: pid, executable, user, name, start, library."""
    if not line.startswith(b"{") or len(line) > MAX_HEADER_BYTES or b'"dvic_log"' not in line:
        return None
    value = _object(line)
    if value is None or type(value.get("dvic_log")) is not int:
        return None
    header: dict = {}
    for name in ("pid", "start"):
        claim = value.get(name)
        if type(claim) is int and 0 < claim < 1 << (22 if name == "pid" else 53):
            header[name] = claim
    for name in ("executable", "user", "name", "library"):
        claim = value.get(name)
        if isinstance(claim, str):
            header[name] = well_formed(claim)[:MAX_HEADER_TEXT]
    return header


def level_of(text: str) -> str:
    """The level that a plain line's usual words tell; `info` when none does."""
    found = _LEVEL.search(text, 0, _LEVEL_WITHIN)
    if found:
        return _LEVEL_OF_WORD[found[found.lastindex].lower()]
    return "error" if text.startswith(_TRACEBACK) else "info"


def time_of(text: str, now: int) -> int:
    """The time that stands at the start of a plain line, microseconds; `now` when there is none that can be believed.
    A time without a zone is this machine's."""
    if not text[:2].strip("[(").isdigit():
        return now
    if found := _EPOCH.match(text):
        return _believable(int(found[1]) * 1_000_000 + int(found[2].ljust(6, "0")[:6]), now)
    found = _ISO.match(text)
    if not found:
        return now
    *moment, fraction, zone = found.groups()
    suffix = "+00:00" if zone in ("Z", "UTC") else zone or ""
    try:
        seconds = datetime.fromisoformat("{}-{}-{}T{}:{}:{}".format(*moment) + suffix).timestamp()
    except (ValueError, OverflowError, OSError):
        return now
    return _believable(int(seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6]), now)


def _structured(line: bytes, now: int) -> dict | None:
    """The record of a dvic_log line; None when it is something else."""
    value = _object(line)
    if value is None or not isinstance(value.get("m"), str):
        return None
    level, time = value.get("l"), value.get("t")
    message = well_formed(value["m"])
    left_out = len(message[MAX_RECORD_TEXT:].encode())
    binary = ""
    if "\0" in message:
        message, binary, more = readable(message[:MAX_RECORD_TEXT].encode())
        left_out += more
    claims = value.get("f")
    fields = _flat(claims) if isinstance(claims, dict) else {}
    for short, name in _PLACE:
        if (claim := value.get(short)) is not None:
            fields[name] = _scalar(claim)
    return records.log(_believable(time, now) if type(time) is int else now,
                       _LEVEL_OF_WORD.get(level.lower(), "info") if isinstance(level, str) else "info",
                       message[:MAX_RECORD_TEXT], binary=binary, cut=left_out or None, fields=fields)


def _plain(line: bytes, now: int, cut: int) -> dict:
    level = None
    if found := _SYSLOG.match(line):
        level = LEVEL_OF_PRIORITY[int(found[1]) & 7]
        line = line[found.end():]
    text, binary, more = readable(line)
    return records.log(time_of(text, now), level or level_of(text), text, binary=binary, cut=(cut + more) or None)


def _object(line: bytes) -> dict | None:
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _believable(time: int, now: int) -> int:
    return time if EARLIEST <= time <= now + FUTURE_LEEWAY else now


def _flat(claims: dict) -> dict:
    """At most MAX_FIELDS scalars (those of _PLACE have their own room); the count of others is told."""
    room = MAX_FIELDS - 1 - len(_PLACE)
    fields = {well_formed(name)[:MAX_NAME]: _scalar(claim) for name, claim in list(claims.items())[:room]}
    if len(claims) > room:
        fields["fields_left_out"] = len(claims) - room
    return fields


def _scalar(value: object) -> str | int | float | bool:
    """A field's value: texts, numbers and booleans as they are, anything else as JSON text."""
    if isinstance(value, str):
        return well_formed(value[:MAX_FIELD_TEXT]).replace("\0", "\\x00")[:MAX_FIELD_TEXT]
    if isinstance(value, bool) or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    try:
        return well_formed(json.dumps(value, ensure_ascii=False))[:MAX_FIELD_TEXT]
    except (ValueError, RecursionError):
        return "(a number that is too long)"
