"""Names and tags of nodes: what they may be, and the free name nearest to a wanted one.

A name stands in URLs, selectors, file names of reports and on terminals, so it is letters, digits and `. _ -`, and
never looks like an id. Case is kept and does not count.
"""

import re
from collections.abc import Callable

from dvic_hub.domain.session import NODE_ID
from dvic_hub.errors import BadRequest
from dvic_wire.limits import MAX_NAME

MAX_TAGS = 64
"""Tags of one node."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_TAG_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*\Z")
_TAG_VALUE = re.compile(r"[\w.:@+/-]*\Z", re.ASCII)


def check_name(name: str) -> str:
    """Return the name, or raise BadRequest."""
    if not 1 <= len(name) <= MAX_NAME:
        raise BadRequest(f"a node's name has 1 to {MAX_NAME} characters", field="name", limit=MAX_NAME)
    if not _NAME.match(name) or NODE_ID.match(name.lower()):
        raise BadRequest("a node's name is letters, digits and . _ - and begins with a letter or digit; it can't look "
                         "like an id", field="name")
    return name


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return the tags, or raise BadRequest: keys and values are what a selector can name."""
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"a node has at most {MAX_TAGS} tags", field="tags", limit=MAX_TAGS)
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_NAME or not _TAG_KEY.match(key):
            raise BadRequest(f"a tag's key is 1 to {MAX_NAME} letters, digits and . _ / -", field="tags",
                             limit=MAX_NAME)
        if len(value) > MAX_NAME or not _TAG_VALUE.match(value):
            raise BadRequest(f"the value of tag {key} is at most {MAX_NAME} letters, digits and . _ : @ + / -",
                             field="tags", limit=MAX_NAME)
    return tags


def free_name(wanted: str, fallback: str, taken: Callable[[str], bool]) -> str:
    """`wanted` (a host's name, in the machine's own words) made a name that is not `taken`: ada, ada-2, ada-3 ..."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted.partition(".")[0] or wanted).lstrip("._-")[:MAX_NAME]
    if not plain or NODE_ID.match(plain.lower()):
        plain = "node-" + fallback.removeprefix("n-")[:6]
    if not taken(plain):
        return plain
    number = 2
    while taken(_numbered(plain, number)):
        number += 1
    return _numbered(plain, number)


def _numbered(name: str, number: int) -> str:
    return f"{name[:MAX_NAME - len(str(number)) - 1]}-{number}"
