"""Alarms, their flips, and the rules that people changed. A change of an alarm and its flip are one transaction."""

from collections.abc import Iterable, Sequence

import apsw

from dvic_hub.domain.alarm_model import (
    ACKNOWLEDGED,
    CLEARED,
    EVERY_ALARM,
    RAISED,
    SEVERITIES,
    Alarm,
    AlarmQuery,
    Delivery,
    Flip,
    RuleRow,
)
from dvic_hub.domain.model import Page
from dvic_hub.domain.telling import Told

from .rows import BOOL, JSON, Form, Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

_NAMES = Form(JSON.write, lambda value: tuple(JSON.read(value)))

ALARMS = Table("alarm", Alarm, {"silenced": BOOL, "tags": _NAMES})
FLIPS = Table("flip", Flip)
DELIVERIES = Table("delivery", Delivery, {"alarms": _NAMES, "handed": _NAMES})
RULES = Table("alarm_rule", RuleRow)
TOLD = Table("told", Told)


class SqliteAlarms:
    """Implements port.Alarms."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    # ---- changes

    async def begin(self, alarms: Sequence[Alarm], most: int) -> list[Alarm]:
        def job(connection: apsw.Connection) -> list[Alarm]:
            room = most - connection.execute("SELECT count(*) FROM alarm WHERE cleared = 0").get
            begun = []
            for alarm in alarms:
                if len(begun) < room and not connection.execute(
                        "SELECT 1 FROM alarm WHERE cleared = 0 AND rule = ? AND subject = ?",
                        (alarm.rule, alarm.subject)).fetchall():
                    ALARMS.insert(connection, [alarm])
                    _flip(connection, alarm.id, RAISED, alarm.raised)
                    begun.append(alarm)
            return begun

        return await self._writer.run(job)

    async def renew(self, alarms: Sequence[Alarm]) -> None:
        def job(connection: apsw.Connection) -> None:
            for alarm in alarms:
                ALARMS.update(connection, {"summary": alarm.summary, "value": alarm.value, "changed": alarm.changed},
                              "id = ? AND cleared = 0", (alarm.id,))

        await self._writer.run(job)

    async def acknowledge(self, ids: Sequence[str], by: str, now: int) -> list[Alarm]:
        return await self._change(ids, ACKNOWLEDGED, now, "cleared = 0 AND acknowledged = 0",
                                  {"acknowledged": now, "acknowledged_by": by})

    async def clear(self, ids: Sequence[str], now: int, reason: str = "") -> list[Alarm]:
        return await self._change(ids, CLEARED, now, "cleared = 0", {"cleared": now, "reason": reason})

    async def speak(self, ids: Sequence[str], now: int) -> list[Alarm]:
        return await self._change(ids, RAISED, now, "cleared = 0 AND silenced = 1", {"silenced": False})

    async def forget_before(self, time: int, limit: int = 1000) -> int:
        def job(connection: apsw.Connection) -> int:
            gone = connection.execute("SELECT id FROM alarm WHERE cleared != 0 AND cleared < ? LIMIT ?",
                                      (time, limit)).fetchall()
            connection.executemany("DELETE FROM flip WHERE alarm = ?", gone)
            connection.executemany("DELETE FROM alarm WHERE id = ?", gone)
            return len(gone)

        return await self._writer.run(job)

    async def _change(self, ids: Sequence[str], kind: str, now: int, where: str, changes: dict) -> list[Alarm]:
        def job(connection: apsw.Connection) -> list[Alarm]:
            changed = []
            for id in ids:
                if ALARMS.update(connection, {**changes, "changed": now}, f"id = ? AND {where}", (id,)):
                    _flip(connection, id, kind, now)
                    changed += ALARMS.select(connection, "WHERE id = ?", (id,))
            return changed

        return await self._writer.run(job)

    # ---- telling

    async def claim(self, flips: Sequence[Flip], deliveries: Sequence[Delivery], now: int,
                    silenced: Sequence[str] = (), told: Sequence[Told] = ()) -> bool:
        def job(connection: apsw.Connection) -> bool:
            for flip in flips:
                if not FLIPS.update(connection, {"claimed": now}, "id = ? AND claimed = 0", (flip.id,)):
                    raise _Gone
            DELIVERIES.insert(connection, deliveries)
            for id in silenced:
                ALARMS.update(connection, {"silenced": True}, "id = ? AND cleared = 0", (id,))
            for row in told:
                TOLD.delete(connection, "channel = ? AND rule = ? AND subject = ?", row.key)
            TOLD.insert(connection, told)
            return True

        try:
            return await self._writer.run(job)
        except _Gone:
            return False

    async def unclaimed(self, limit: int) -> list[Flip]:
        return await self._readers.run(lambda connection: FLIPS.select(
            connection, "WHERE claimed = 0 ORDER BY id LIMIT ?", (limit,)))

    async def flips(self, alarm: str) -> list[Flip]:
        return await self._readers.run(lambda connection: FLIPS.select(
            connection, "WHERE alarm = ? ORDER BY id", (alarm,)))

    # ---- asking

    async def get(self, id: str) -> Alarm | None:
        found = await self._readers.run(lambda connection: ALARMS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def open(self) -> list[Alarm]:
        return await self._readers.run(lambda connection: ALARMS.select(connection, "WHERE cleared = 0 ORDER BY id"))

    async def hushed(self) -> list[Alarm]:
        return await self._readers.run(lambda connection: ALARMS.select(
            connection, "WHERE cleared = 0 AND silenced = 1 ORDER BY id"))

    # ---- rules

    async def rules(self) -> list[RuleRow]:
        return await self._readers.run(lambda connection: RULES.select(connection, "ORDER BY name"))

    async def put_rule(self, row: RuleRow) -> None:
        def job(connection: apsw.Connection) -> None:
            RULES.delete(connection, "name = ?", (row.name,))
            RULES.insert(connection, [row])

        await self._writer.run(job)

    async def remove_rule(self, name: str) -> bool:
        return await self._writer.run(lambda connection: RULES.delete(connection, "name = ?", (name,)) > 0)

    # ---- the list (last: its name hides the type's)

    async def list(self, limit: int, before: str = "", query: AlarmQuery = EVERY_ALARM) -> Page:
        where, values = _conditions(query)
        if before:
            where, values = [*where, "id < ?"], [*values, before]
        rest = f"WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?" if where else "ORDER BY id DESC LIMIT ?"
        rows = await self._readers.run(lambda connection: ALARMS.select(connection, rest, (*values, limit + 1)))
        return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else "")


class _Gone(Exception):
    """Somebody else has claimed one of them; the job's savepoint is rolled back."""


def _flip(connection: apsw.Connection, alarm: str, kind: str, time: int) -> None:
    connection.execute("INSERT INTO flip (alarm, kind, time, claimed) VALUES (?, ?, ?, 0)",
                       (alarm, kind, time)).fetchall()


def _conditions(query: AlarmQuery) -> tuple[list[str], list[object]]:
    """The query as SQL from the code, and the values that are bound to it."""
    found: list[tuple[str, Iterable[object]]] = []
    if query.open is not None:
        found.append((f"cleared {'=' if query.open else '!='} 0", ()))
    if query.state:
        found.append(({RAISED: "cleared = 0 AND acknowledged = 0", ACKNOWLEDGED: "cleared = 0 AND acknowledged != 0",
                       CLEARED: "cleared != 0"}[query.state], ()))
    if query.severity:
        wanted = SEVERITIES[SEVERITIES.index(query.severity):]
        found.append((f"severity IN ({', '.join('?' * len(wanted))})", wanted))
    found += [(f"{name} = ?", (getattr(query, name),)) for name in ("rule", "node", "service") if getattr(query, name)]
    if query.since:
        found.append(("(cleared = 0 OR cleared >= ?)", (query.since,)))
    return [condition for condition, _ in found], [value for _, values in found for value in values]
