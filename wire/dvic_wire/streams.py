"""Streams: what a node reports, as sources that can be read again from a cursor.

The one rule, on which everything rests: the hub commits a batch's records and its new cursor together, and only when
the batch starts at the cursor that the hub holds. `accept` is that rule; both sides and the tests use it.

    hub holds ""      batch "" -> "a"    committed, hub holds "a"
    hub holds "a"     batch "" -> "a"    answered with "a": the agent reads again from there
    hub holds "a"     batch "a" -> "b"   committed, hub holds "b"

Names of streams and the records that they carry:

    journal                     log records of journald; the cursor is journald's own
    file:<dev>:<inode>          log records of one dvic_log file; the cursor is an offset and a fingerprint of its head
    mount:<ns>:<dev>:<inode>    the same of a file in another mount namespace (a container's), by its number
    hardware, demos             metric samples and process states, out of the ring; the cursor is <ring id>:<serial>
    containers                  states of containers, out of the ring too
    run:<run id>                output and end of one run
    package:<uid>:<hash>        histograms of one package file, the newest state of it (packages.py)
    package:<uid>:<hash>:<home> the same of a file in another mount namespace, `home` a hash of whose it is
"""

from dataclasses import dataclass, field

JOURNAL = "journal"
HARDWARE = "hardware"
DEMOS = "demos"
CONTAINERS = "containers"
FILE_PREFIX = "file:"
MOUNT_PREFIX = "mount:"
RUN_PREFIX = "run:"
PACKAGE_PREFIX = "package:"

START = ""
"""The cursor before everything."""

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
"""Levels of log records, least first."""

LEVEL_OF_PRIORITY = ("critical", "critical", "critical", "error", "warning", "notice", "info", "debug")
"""syslog priority (0 to 7) to level."""


def is_contained_package(stream: str) -> bool:
    """Whether a stream is of a package in another mount namespace."""
    return stream.startswith(PACKAGE_PREFIX) and stream.count(":") == 3


@dataclass(frozen=True)
class Gap:
    """A source lost a part of its past. `reason` is one of GAP_REASONS; `detail` is for people; `missed` counts what
    is known to be lost, in `unit` (-1: unknown)."""

    reason: str
    detail: str = ""
    missed: int = -1
    unit: str = "records"


GAP_REASONS = ("vacuumed", "truncated", "deleted", "replaced", "overrun", "corrupt", "rate", "cut", "reset")


@dataclass(frozen=True)
class Verdict:
    """What to do with a batch: store it (`accepted`), and the `cursor` to answer with. `closed`: nobody is interested
    in this stream (any more). `number`: the hub's own for a stored batch of logs or output, growing as they arrive."""

    accepted: bool
    cursor: str
    closed: bool = False
    number: int = field(default=0, compare=False)


def accept(held: str, from_cursor: str, to_cursor: str) -> Verdict:
    """The compare-and-set rule: a batch counts only when it starts at the cursor that is held."""
    if from_cursor == held:
        return Verdict(True, to_cursor)
    return Verdict(False, held)
