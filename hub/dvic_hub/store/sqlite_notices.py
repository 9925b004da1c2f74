"""Channels, routes, what was told to whom, and the deliveries that are on their way."""

from collections.abc import Iterable, Sequence, Set

import apsw

from dvic_hub.domain.alarm_model import Alarm, Delivery
from dvic_hub.domain.channels import Channel
from dvic_hub.domain.delivery import GIVEN_UP, SENDING, WAITING
from dvic_hub.domain.model import Page
from dvic_hub.domain.routes import Route
from dvic_hub.domain.telling import CLEARED, RAISED, History, Subject, Told

from .rows import BOOL, JSON, Form, Table
from .sqlite_alarms import ALARMS, DELIVERIES, TOLD
from .sqlite_readers import Readers
from .sqlite_writer import Writer

_NAMES = Form(JSON.write, lambda value: tuple(JSON.read(value)))

CHANNELS = Table("channel", Channel, {"enabled": BOOL, "options": JSON})
ROUTES = Table("route", Route, {"services": _NAMES, "rules": _NAMES, "channels": _NAMES, "recovery": BOOL,
                                "enabled": BOOL})

ASKED_AT_ONCE = 500
"""Ids or subjects that are looked for by one statement."""


class SqliteNotices:
    """Implements port.Notices."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    # ---- channels and routes

    async def channels(self) -> list[Channel]:
        return await self._readers.run(lambda connection: CHANNELS.select(connection, "ORDER BY name"))

    async def put_channel(self, channel: Channel, most: int) -> bool:
        return await self._put(CHANNELS, channel, most)

    async def remove_channel(self, name: str, now: int, reason: str) -> bool:
        def job(connection: apsw.Connection) -> bool:
            _give_up(connection, name, now, reason)
            TOLD.delete(connection, "channel = ?", (name,))
            return CHANNELS.delete(connection, "name = ?", (name,)) > 0

        return await self._writer.run(job)

    async def routes(self) -> list[Route]:
        return await self._readers.run(lambda connection: ROUTES.select(connection, "ORDER BY name"))

    async def put_route(self, route: Route, most: int) -> bool:
        return await self._put(ROUTES, route, most)

    async def remove_route(self, name: str) -> bool:
        return await self._writer.run(lambda connection: ROUTES.delete(connection, "name = ?", (name,)) > 0)

    async def _put(self, table: Table, row: Channel | Route, most: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            known = table.delete(connection, "name = ?", (row.name,))
            if not known and len(table.select(connection)) >= most:
                return False
            table.insert(connection, [row])
            return True

        return await self._writer.run(job)

    # ---- what is known of alarms

    async def alarms(self, ids: Sequence[str]) -> dict[str, Alarm]:
        def read(connection: apsw.Connection) -> dict[str, Alarm]:
            return {row.id: row for part in _parts(sorted(set(ids)))
                    for row in ALARMS.select(connection, f"WHERE id IN ({_places(part)})", part)}

        return await self._readers.run(read)

    async def history(self, subjects: Sequence[Subject], raised_since: int, told_since: int) -> History:
        def read(connection: apsw.Connection) -> History:
            told: list[Told] = []
            raises: dict[Subject, int] = {}
            for rule, subject in subjects:
                told += TOLD.select(connection, "WHERE rule = ? AND subject = ?", (rule, subject))
                raises[rule, subject] = connection.execute(
                    "SELECT count(*) FROM alarm WHERE rule = ? AND subject = ? AND raised >= ?",
                    (rule, subject, raised_since)).get
            recent = {topic: (times, last) for topic, times, last in connection.execute(
                "SELECT topic, count(DISTINCT created), max(created) FROM delivery WHERE created >= ? GROUP BY topic",
                (told_since,))}
            waiting = dict(connection.execute("SELECT channel, count(*) FROM delivery WHERE ended = 0 "
                                              "GROUP BY channel"))
            return History(tuple(told), raises, recent, waiting)

        return await self._readers.run(read)

    async def told_again(self, now: int, limit: int) -> list[Told]:
        return await self._readers.run(lambda connection: TOLD.select(
            connection, "WHERE again != 0 AND again <= ? ORDER BY again LIMIT ?", (now, limit)))

    async def tell_sooner(self, channel: str, alarms: Sequence[str], again: int) -> None:
        def job(connection: apsw.Connection) -> None:
            for alarm in alarms:
                TOLD.update(connection, {"again": again}, "channel = ? AND alarm = ? AND state = ? AND "
                            "(again = 0 OR again > ?)", (channel, alarm, RAISED, again))

        await self._writer.run(job)

    # ---- deliveries

    async def add_delivery(self, delivery: Delivery) -> None:
        await self._writer.run(lambda connection: DELIVERIES.insert(connection, [delivery]))

    async def delivery(self, id: str) -> Delivery | None:
        found = await self._readers.run(lambda connection: DELIVERIES.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def channels_due(self, now: int) -> list[str]:
        return await self._readers.run(lambda connection: [name for (name,) in connection.execute(
            "SELECT DISTINCT channel FROM delivery WHERE ended = 0 AND state = ? AND due <= ?", (WAITING, now))])

    async def next_due(self, channel: str, now: int) -> Delivery | None:
        found = await self._readers.run(lambda connection: DELIVERIES.select(
            connection, "WHERE ended = 0 AND channel = ? AND state = ? AND due <= ? ORDER BY due, id LIMIT 1",
            (channel, WAITING, now)))
        return found[0] if found else None

    async def sending(self) -> list[Delivery]:
        return await self._readers.run(lambda connection: DELIVERIES.select(
            connection, "WHERE ended = 0 AND state = ? ORDER BY id", (SENDING,)))

    async def move_delivery(self, id: str, states: Set[str], **changes: object) -> bool:
        wanted = sorted(states)
        return await self._writer.run(lambda connection: DELIVERIES.update(
            connection, changes, f"id = ? AND ended = 0 AND state IN ({_places(wanted)})", (id, *wanted)) > 0)

    async def give_up(self, channel: str, now: int, reason: str) -> int:
        return await self._writer.run(lambda connection: _give_up(connection, channel, now, reason))

    async def hurry(self, channel: str, now: int) -> None:
        await self._writer.run(lambda connection: DELIVERIES.update(
            connection, {"due": now}, "ended = 0 AND channel = ? AND due > ?", (channel, now)))

    async def deliveries(self, limit: int, before: str = "", channel: str = "", state: str = "",
                         alarm: str = "") -> Page:
        wanted = [(condition, value) for condition, value in (
            ("id < ?", before), ("channel = ?", channel), ("state = ?", state),
            ("EXISTS (SELECT 1 FROM json_each(delivery.alarms) AS one WHERE one.value = ?)", alarm)) if value]
        where = f"WHERE {' AND '.join(condition for condition, _ in wanted)} " if wanted else ""
        rows = await self._readers.run(lambda connection: DELIVERIES.select(
            connection, f"{where}ORDER BY id DESC LIMIT ?", (*(value for _, value in wanted), limit + 1)))
        return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else "")

    async def forget_notices(self, before: int, limit: int = 1000) -> int:
        def job(connection: apsw.Connection) -> int:
            gone = connection.execute("SELECT id FROM delivery WHERE created < ? AND ended != 0 LIMIT ?",
                                      (before, limit)).fetchall()
            connection.executemany("DELETE FROM delivery WHERE id = ?", gone)
            return len(gone) + TOLD.delete(connection, "state = ? AND time < ?", (CLEARED, before))

        return await self._writer.run(job)


def _give_up(connection: apsw.Connection, channel: str, now: int, reason: str) -> int:
    return DELIVERIES.update(connection, {"state": GIVEN_UP, "ended": now, "error": reason},
                             "ended = 0 AND channel = ? AND state = ?", (channel, WAITING))


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start:start + ASKED_AT_ONCE] for start in range(0, len(values), ASKED_AT_ONCE))


def _places(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
