"""Which of two Debian versions is the newer one: `[epoch:]upstream[-revision]`, compared as deb-version(7) says.

    >>> compare("1.0~rc1", "1.0"), compare("1:0.9", "2.0"), compare("1.0", "1.0-0")
    (-1, 1, 0)
"""

import re

from .errors import MalformedMessage

MAX_VERSION = 100
"""Characters of a version."""

_FORM = re.compile(r"(?:([0-9]{1,9}):)?([0-9][A-Za-z0-9.+~-]*?)(?:-([A-Za-z0-9.+~]+))?\Z")
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")


def check_version(text: object) -> str:
    """Return the version, or raise MalformedMessage."""
    if not isinstance(text, str) or len(text) > MAX_VERSION or not _FORM.match(text):
        raise MalformedMessage("is no Debian version", "version")
    return text


def compare(one: str, other: str) -> int:
    """-1 where `one` is older than `other`, 0 where they are the same, 1 where it is newer. Raises MalformedMessage."""
    first, second = sort_key(one), sort_key(other)
    return (first > second) - (first < second)


def sort_key(text: str) -> tuple:
    """What sorts versions from old to new. Raises MalformedMessage."""
    epoch, upstream, revision = _FORM.match(check_version(text)).groups()
    return int(epoch or 0), _sortable(upstream), _sortable(revision or "0")


def _sortable(text: str) -> tuple:
    """Turns of not-digits and digits; `~` sorts before the end, letters before everything else."""
    return tuple((tuple(_weight(letter) for letter in word) + (0,), int(number or 0))
                 for word, number in _PARTS.findall(text))


def _weight(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256
