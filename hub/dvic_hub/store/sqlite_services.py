"""Monitoring services, their cycles, and the events that wait to be applied to them."""

from collections.abc import Mapping, Set

import apsw
import msgspec

from dvic_hub.domain.cycle_model import Cycle, Service, Share, Step, WaitingEvents
from dvic_hub.domain.model import Page
from dvic_hub.domain.service_description import Description
from dvic_hub.errors import BadRequest, Conflict

from .rows import BOOL, JSON, Form, Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

_DESCRIPTION = Form(lambda value: msgspec.json.encode(value).decode(), msgspec.json.Decoder(Description).decode)
_STEPS = Form(lambda value: msgspec.json.encode(value).decode(), msgspec.json.Decoder(list[Step]).decode)
_NAMES = Form(JSON.write, lambda value: tuple(JSON.read(value)))

SERVICES = Table("service", Service, {"description": _DESCRIPTION, "off": BOOL, "components_off": _NAMES,
                                      "levels": JSON, "counted": JSON, "muted": _NAMES})
CYCLES = Table("cycle", Cycle, {"steps": _STEPS})
SHARES = Table("service_share", Share)
EVENTS = Table("step_events", WaitingEvents)

NAMES_A_QUERY = 500
"""Names that are looked for by one statement."""


class SqliteServices:
    """Implements port.Services."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, service: Service) -> None:
        def job(connection: apsw.Connection) -> None:
            try:
                SERVICES.insert(connection, [service])
            except apsw.ConstraintError:
                raise Conflict(f"there is a service {service.name} already", code="name-taken") from None

        await self._writer.run(job)

    async def get(self, name: str) -> Service | None:
        found = await self._readers.run(lambda connection: SERVICES.select(connection, "WHERE name = ?", (name,)))
        return found[0] if found else None

    async def all(self) -> list[Service]:
        return await self._readers.run(lambda connection: SERVICES.select(connection, "ORDER BY name"))

    async def remove(self, name: str) -> bool:
        def job(connection: apsw.Connection) -> bool:
            CYCLES.delete(connection, "service = ?", (name,))
            SHARES.delete(connection, "service = ?", (name,))
            return SERVICES.delete(connection, "name = ?", (name,)) > 0

        return await self._writer.run(job)

    async def change(self, service: Service, cycles: list[Cycle]) -> bool:
        def job(connection: apsw.Connection) -> bool:
            changes = {name: getattr(service, name) for name in ("description", "changed", "off", "components_off",
                                                             "levels", "due", "muted")}
            if not SERVICES.update(connection, changes, "name = ?", (service.name,)):
                return False
            _put(connection, cycles)
            return True

        return await self._writer.run(job)

    async def cycles(self, service: str, limit: int, before: str = "") -> Page:
        if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
            raise BadRequest("the cursor is not one of this list", field="cursor")
        rest = "WHERE service = ? AND number < ? ORDER BY number DESC LIMIT ?"
        rows = await self._readers.run(lambda connection: CYCLES.select(
            connection, rest, (service, int(before or 2**62), limit + 1)))
        return Page(rows[:limit], str(rows[limit - 1].number) if len(rows) > limit else "")

    async def cycle(self, service: str, number: int) -> Cycle | None:
        found = await self._readers.run(lambda connection: CYCLES.select(
            connection, "WHERE service = ? AND number = ?", (service, number)))
        return found[0] if found else None

    async def results(self, service: str, limit: int) -> list[tuple[int, str]]:
        return await self._readers.run(lambda connection: connection.execute(
            "SELECT number, result FROM cycle WHERE service = ? ORDER BY number DESC LIMIT ?",
            (service, limit)).fetchall())

    async def relevant(self, names: Mapping[str, Set[str]]) -> list[Cycle]:
        def read(connection: apsw.Connection) -> list[Cycle]:
            found: dict[tuple[str, int], Cycle] = {}
            for service, wanted in names.items():
                rows = CYCLES.select(connection, "WHERE service = ? AND result = ''", (service,))
                rows += CYCLES.select(connection, "WHERE service = ? ORDER BY number DESC LIMIT 1", (service,))
                rows += CYCLES.select(connection, "WHERE service = ? AND name = '' AND result != '' "
                                                  "ORDER BY number DESC LIMIT 1", (service,))
                listed = sorted(wanted - {""})
                for start in range(0, len(listed), NAMES_A_QUERY):
                    part = listed[start:start + NAMES_A_QUERY]
                    places = ", ".join("?" * len(part))
                    rows += CYCLES.select(connection, f"WHERE service = ? AND name IN ({places})", (service, *part))
                found.update(((service, row.number), row) for row in rows)
            return list(found.values())

        return await self._readers.run(read)

    async def add_share(self, share: Share, most: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            if len(SHARES.select(connection, "WHERE service = ?", (share.service,))) >= most:
                return False
            SHARES.insert(connection, [share])
            return True

        return await self._writer.run(job)

    async def shares(self, service: str) -> list[Share]:
        return await self._readers.run(lambda connection: SHARES.select(
            connection, "WHERE service = ? ORDER BY created, id", (service,)))

    async def share(self, id: str) -> Share | None:
        found = await self._readers.run(lambda connection: SHARES.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def remove_share(self, id: str) -> bool:
        return await self._writer.run(lambda connection: SHARES.delete(connection, "id = ?", (id,)) > 0)

    async def put_events(self, body: bytes) -> None:
        await self._writer.run(lambda connection: connection.execute(
            "INSERT INTO step_events (number, body) VALUES (0, ?)", (body,)).fetchall())

    async def waiting(self, limit: int) -> list[WaitingEvents]:
        return await self._readers.run(lambda connection: EVENTS.select(connection, "ORDER BY id LIMIT ?", (limit,)))

    async def settle(self, applied: list[WaitingEvents], services: list[Service], cycles: list[Cycle],
                     keep: int) -> bool:
        def job(connection: apsw.Connection) -> bool:
            if applied and EVENTS.delete(connection, "id BETWEEN ? AND ?",
                                         (applied[0].id, applied[-1].id)) != len(applied):
                raise _Gone
            there = {service.name: service.last for service in services if SERVICES.update(
                connection, {name: getattr(service, name) for name in ("last", "due", "counted")}, "name = ?",
                (service.name,))}
            _put(connection, [cycle for cycle in cycles if cycle.service in there])
            for name, last in there.items():
                CYCLES.delete(connection, "service = ? AND number <= ? AND result != ''", (name, last - keep))
            return True

        try:
            return await self._writer.run(job)
        except _Gone:
            return False


class _Gone(Exception):
    """Somebody else has applied them; the job's savepoint is rolled back."""


def _put(connection: apsw.Connection, cycles: list[Cycle]) -> None:
    connection.executemany("DELETE FROM cycle WHERE service = ? AND number = ?",
                           [(cycle.service, cycle.number) for cycle in cycles])
    CYCLES.insert(connection, cycles)
