"""The language that names nodes.

    all                          every node
    web-1   web-*   lab?-[ab]    by name, shell globs, case does not matter
    name:all                     a node whose name is a keyword
    id:n-abc...                  by id, globs too
    tag:room=lab  tag:room       by tag: its value (globs), or only that it is there
    os:debian*                   by operating system, as the node reports it
    state:online                 online, late, silent, never or revoked
    not X   X and Y   X or Y   ( X )     `not` binds closest, then `and`, then `or`

    >>> parse("tag:room=lab and not state:silent").matches(node)
"""

import fnmatch
import re
from dataclasses import dataclass
from typing import Protocol

from .errors import InvalidSelector, LimitExceeded
from .limits import MAX_SELECTOR

MAX_TERMS = 100
"""Terms of one selector; also bounds its nesting."""

KEYWORDS = frozenset({"all", "and", "or", "not"})
STATES = ("online", "late", "silent", "never", "revoked")


class NodeView(Protocol):
    """What a selector looks at."""

    id: str
    name: str
    tags: dict[str, str]
    os: str
    state: str


class Selector(Protocol):
    """A parsed selector."""

    def matches(self, node: NodeView) -> bool: ...


@dataclass(frozen=True)
class All:
    def matches(self, node: NodeView) -> bool:
        return True


@dataclass(frozen=True)
class Term:
    """`field` is name, id, os or state; `pattern` a glob."""

    field: str
    pattern: str

    def matches(self, node: NodeView) -> bool:
        return _glob(getattr(node, self.field), self.pattern)


@dataclass(frozen=True)
class Tag:
    """`pattern` is None where only the presence of the tag counts."""

    key: str
    pattern: str | None

    def matches(self, node: NodeView) -> bool:
        value = node.tags.get(self.key)
        return value is not None and (self.pattern is None or _glob(value, self.pattern))


@dataclass(frozen=True)
class Not:
    inner: Selector

    def matches(self, node: NodeView) -> bool:
        return not self.inner.matches(node)


@dataclass(frozen=True)
class And:
    parts: tuple[Selector, ...]

    def matches(self, node: NodeView) -> bool:
        return all(part.matches(node) for part in self.parts)


@dataclass(frozen=True)
class Or:
    parts: tuple[Selector, ...]

    def matches(self, node: NodeView) -> bool:
        return any(part.matches(node) for part in self.parts)


def _glob(value: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(value.lower(), pattern.lower())


_WORD = re.compile(r"\s*(?:([()])|([^\s()]+))")
_PLAIN = re.compile(r"[\w.:@*?\[\]!+/=-]+\Z")


def parse(text: str) -> Selector:
    """Parse a selector; raises InvalidSelector with the position, or LimitExceeded."""
    if len(text) > MAX_SELECTOR:
        raise LimitExceeded("MAX_SELECTOR", MAX_SELECTOR, len(text))
    parser = _Parser(text)
    selector = parser.either()
    word, position = parser.peek()
    if word:
        raise InvalidSelector(f"expected and, or, or the end before {word!r}", position)
    return selector


class _Parser:
    """Recursive descent over the words of one selector."""

    def __init__(self, text: str):
        self.words: list[tuple[str, int]] = []
        for found in _WORD.finditer(text):
            self.words.append((found.group(1) or found.group(2), found.start(found.lastindex or 0)))
        if len(self.words) > MAX_TERMS:
            raise LimitExceeded("MAX_TERMS", MAX_TERMS, len(self.words))
        self.end = len(text)
        self.at = 0

    def peek(self) -> tuple[str, int]:
        return self.words[self.at] if self.at < len(self.words) else ("", self.end)

    def take(self, word: str) -> bool:
        if self.peek()[0].lower() != word:
            return False
        self.at += 1
        return True

    def either(self) -> Selector:
        parts = [self.both()]
        while self.take("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self) -> Selector:
        parts = [self.one()]
        while self.take("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self) -> Selector:
        if self.take("not"):
            return Not(self.one())
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise InvalidSelector("a parenthesis is not closed", self.peek()[1])
            return inner
        word, position = self.peek()
        if not word or word == ")" or word.lower() in ("and", "or"):
            raise InvalidSelector("a node name, tag:, id:, os: or state: is missing", position)
        self.at += 1
        return _term(word, position)


def _term(word: str, position: int) -> Selector:
    if not _PLAIN.match(word):
        raise InvalidSelector(f"{word!r} has a character that no name can have", position)
    if word.lower() == "all":
        return All()
    kind, colon, rest = word.partition(":")
    if not colon:
        return Term("name", word)
    if not rest:
        raise InvalidSelector(f"nothing stands after {kind}:", position)
    if kind == "tag":
        key, equals, value = rest.partition("=")
        if not key:
            raise InvalidSelector("a tag has no key", position)
        return Tag(key, value if equals else None)
    if kind == "state" and rest.lower() not in STATES:
        raise InvalidSelector(f"there is no state {rest!r} (there are {', '.join(STATES)})", position)
    if kind not in ("name", "id", "os", "state"):
        raise InvalidSelector(f"there is no {kind}: (there are name:, id:, tag:, os:, state:)", position)
    return Term(kind, rest)
