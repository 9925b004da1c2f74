"""Pure: which containers there are, how each does, and what of it is new. Two tell: the kernel and the engines.

    seen      what the kernel shows: a container has processes, since when; it tells no name and no exit code
    told      what an engine says, where its socket may be read: name, image, state and exit code
    buried    the last word about containers that their engine has removed

The engine's word counts as long as it is fresh. Where nobody speaks for a container, it runs while it has processes and
has ended when they are gone, with a code that is not known. One that has ended and is in no engine's list is told for
KEPT seconds more, then it is `gone`; a removed one keeps the code that it ended with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .engine_answers import ENDED, RUNNING, Told
from .namespaces import Home

GONE = "gone"

KEPT = 3600.0
"""Seconds for which a container is told that has ended and that no engine lists."""

MAX_STATES = 1000
"""Containers of one machine whose states are told; of more, those that are known already."""

MAX_ENDED = 100
"""Of these, ones that have ended and that no engine lists; the oldest give way."""

SLACK = 2_000_000
"""Microseconds between two beginnings that are one: the kernel counts coarsely, and an engine begins a bit earlier."""

Key = tuple[str, str]
"""Engine and id; of ids that can't be another's the engine is left out."""


@dataclass
class _Known:
    """`until`: when it is forgotten, steady seconds; 0 while somebody speaks for it."""

    entry: dict
    until: float = 0.0


def key_of(engine: str, id: str) -> Key:
    return ("" if len(id) == 64 else engine, id)


class ContainerStates:
    """Entries are as they travel: id, engine, state, since and, where known, name, image, unit and exit_code."""

    def __init__(self) -> None:
        self._known: dict[Key, _Known] = {}
        self._removed: set[Key] = set()
        """By their engines, while the kernel still shows them."""
        self._last_words: dict[Key, dict] = {}
        """Of those that are told as removed and as there in one breath."""

    def all(self) -> list[dict]:
        return [known.entry for known in self._known.values()]

    def compare(self, seen: Mapping[Home, int] | None, told: Sequence[tuple[Told, bool]], buried: Iterable[Told],
                now: int, steady: float) -> list[dict]:
        """The entries that changed. `seen`: containers with processes, and when these began (microseconds, 0: not
        known); None where the kernel is not asked. `told`: each with whether the engine's word is fresh. `now`:
        microseconds."""
        listed = {key_of(one.engine, one.id) for one, _ in told}
        last_words = self._last_words | {key_of(one.engine, one.id): _entry(one) for one in buried}
        self._last_words = {key: entry for key, entry in last_words.items() if key in listed}
        current = self._current(seen, told, {key: entry for key, entry in last_words.items() if key not in listed})
        changed = []
        for key, entry in current.items():
            changed += self._is_now(key, entry)
        for key, known in self._known.items():
            if key not in current and known.entry["state"] != ENDED:
                changed += self._is_now(key, _over(known.entry, now))
            if known.entry["state"] != ENDED or key in listed:
                known.until = 0.0
            elif not known.until:
                known.until = steady + KEPT
        return changed + self._forget(steady, now)

    def _current(self, seen: Mapping[Home, int] | None, told: Sequence[tuple[Told, bool]],
                 last_words: Mapping[Key, dict]) -> dict[Key, dict]:
        current = {key_of(home.engine, home.id): self._shown(home, since) for home, since in (seen or {}).items()
                   if home.engine and home.id}
        self._removed = (self._removed | last_words.keys()) & current.keys()
        for key in self._removed:
            del current[key]
        for one, fresh in told:
            key = key_of(one.engine, one.id)
            shown = current.get(key)
            if fresh or one.state == ENDED or seen is None:
                current[key] = {**_entry(one), **({"unit": shown["unit"]} if shown and "unit" in shown else {})}
            elif shown:
                current[key] = shown | _names(one)
        return {**last_words, **current}

    def _shown(self, home: Home, since: int) -> dict:
        known = self._known.get(key_of(home.engine, home.id))
        if known and known.entry["state"] == RUNNING and (not since or abs(known.entry["since"] - since) < SLACK):
            since = known.entry["since"]
        entry = {"id": home.id, "engine": home.engine, "state": RUNNING, "since": since}
        return {**entry, "unit": home.unit} if home.unit else entry

    def _is_now(self, key: Key, entry: dict) -> list[dict]:
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_STATES:
                return []
            known = self._known[key] = _Known({})
        before = known.entry
        lasting = {name: before[name] for name in ("name", "image", "unit") if name in before}
        known.entry = {**lasting, **entry}
        return [known.entry] if known.entry != before else []

    def _forget(self, steady: float, now: int) -> list[dict]:
        over = sorted((known.until, key) for key, known in self._known.items() if known.until)
        gone = [key for until, key in over if steady >= until]
        gone += [key for _, key in over[:max(0, len(over) - MAX_ENDED)] if key not in gone]
        return [self._known.pop(key).entry | {"state": GONE, "since": now} for key in gone]


def _entry(told: Told) -> dict:
    entry = {"id": told.id, "engine": told.engine, "state": told.state, "since": told.since, **_names(told)}
    return entry if told.exit_code is None else {**entry, "exit_code": told.exit_code}


def _names(told: Told) -> dict:
    return {name: value for name, value in (("name", told.name), ("image", told.image)) if value}


def _over(entry: dict, now: int) -> dict:
    return {name: value for name, value in entry.items() if name != "exit_code"} | {"state": ENDED, "since": now}
