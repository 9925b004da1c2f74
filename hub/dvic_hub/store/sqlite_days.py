"""The days of history as the writer's thread sees them: which there are, their texts as numbers, the next ids."""

from collections.abc import Callable
from datetime import UTC, datetime

import apsw

from . import schema

LAST_ID = "last id"
"""Key in `value`: ids up to this one were given, though no row may tell of it any more."""

KEPT_TEXTS = 100_000
"""Texts kept in memory; past it all are forgotten and looked up again."""


def day_of(seconds: float) -> str:
    """The day (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d")


def time_of_day(day: str) -> int:
    """When a day began, in microseconds since 1970."""
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * 1_000_000


def days_between(day: str, later: str) -> int:
    """From one day to another."""
    start, end = (datetime.strptime(each, "%Y%m%d").replace(tzinfo=UTC) for each in (day, later))
    return (end - start).days


class Days:
    """Used by the writer's thread alone. `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: set[str] = set()
        self._texts: dict[tuple[str, str], int] = {}
        self._last_id = 0
        self._checked_until = 0.0
        self._today = ""
        self._stale = True

    def rolled_back(self) -> None:
        """What was learned in this group is not so; it is read anew."""
        self._stale = True
        self._texts.clear()

    def load(self, connection: apsw.Connection) -> None:
        """Learn what there is."""
        self._stale = False
        self._known = set(schema.days(connection))
        self._texts.clear()
        last = [int(value) for (value,) in connection.execute("SELECT value FROM value WHERE key = ?", (LAST_ID,))]
        for day in self._known:
            for table in ("index", "metrics"):
                row = connection.execute(f"SELECT max(id) FROM {table}_{schema.checked_day(day)}").fetchall()  # noqa: S608
                last.append(row[0][0] or 0)
        self._last_id = max(self._last_id, *last, 0)
        self._today = ""

    def today(self, connection: apsw.Connection) -> str:
        """The name of the day, whose tables exist from now on."""
        if self._stale:
            self.load(connection)
        now = self._clock()
        if not self._today or not self._checked_until - 1 <= now < self._checked_until:
            self._today, self._checked_until = day_of(now), now + 1
        if self._today not in self._known:
            schema.create_day(connection, self._today)
            self._known.add(self._today)
        return self._today

    def number(self, connection: apsw.Connection, day: str, text: str) -> int:
        """The number that stands for a text in this day's tables."""
        number = self._texts.get((day, text))
        if number is None:
            if len(self._texts) > KEPT_TEXTS:
                self._texts.clear()
            table = f"string_{day}"
            connection.execute(f"INSERT INTO {table} (text) VALUES (?) ON CONFLICT DO NOTHING", (text,))  # noqa: S608
            row = connection.execute(f"SELECT id FROM {table} WHERE text = ?", (text,)).fetchall()  # noqa: S608
            number = self._texts[day, text] = row[0][0]
        return number

    def next_id(self) -> int:
        """Ids grow and are never given twice, not even after a rolled back group or a restart."""
        self._last_id += 1
        return self._last_id

    def keep_last_id(self, connection: apsw.Connection) -> None:
        """To be called in whatever transaction deletes rows of days, before it does: the rows may be all that tells."""
        if self._stale:
            self.load(connection)
        connection.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (LAST_ID, str(self._last_id)))

    def forget(self, connection: apsw.Connection, day: str) -> None:
        """Unlist a day; its tables are taken away piece by piece afterwards."""
        connection.execute("DELETE FROM day WHERE day = ?", (day,))
        self._known.discard(day)
        self._texts = {key: number for key, number in self._texts.items() if key[0] != day}
        self._today = ""
