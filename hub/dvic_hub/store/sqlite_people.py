"""Users, what they sign in with, and the record of what they did."""

import apsw

from dvic_hub.domain.model import ApiToken, AuditEntry, Page, User
from dvic_hub.errors import BadRequest, Conflict

from .rows import BOOL, JSON, Table
from .sqlite_readers import Readers
from .sqlite_writer import Writer

USERS = Table("user", User, {"must_change": BOOL})
API_TOKENS = Table("api_token", ApiToken)
AUDIT = Table("audit", AuditEntry, {"detail": JSON})


class SqlitePeople:
    """Implements port.People."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add_user(self, user: User) -> None:
        def job(connection: apsw.Connection) -> None:
            try:
                USERS.insert(connection, [user])
            except apsw.ConstraintError:
                raise Conflict("a user of this name exists", field="name") from None

        await self._writer.run(job)

    async def user(self, name: str) -> User | None:
        found = await self._readers.run(lambda connection: USERS.select(connection, "WHERE name = ?", (name,)))
        return found[0] if found else None

    async def users(self) -> list[User]:
        return await self._readers.run(lambda connection: USERS.select(connection, "ORDER BY name"))

    async def update_user(self, name: str, **changes: object) -> bool:
        return await self._writer.run(lambda connection: USERS.update(connection, changes, "name = ?", (name,)) > 0)

    async def remove_user(self, name: str) -> bool:
        """The user and all that signs in as this user."""
        def job(connection: apsw.Connection) -> bool:
            API_TOKENS.delete(connection, "user = ?", (name,))
            return USERS.delete(connection, "name = ?", (name,)) > 0

        return await self._writer.run(job)

    async def add_token(self, token: ApiToken) -> None:
        await self._writer.run(lambda connection: API_TOKENS.insert(connection, [token]))

    async def token(self, id: str) -> ApiToken | None:
        found = await self._readers.run(lambda connection: API_TOKENS.select(connection, "WHERE id = ?", (id,)))
        return found[0] if found else None

    async def tokens(self, user: str = "") -> list[ApiToken]:
        return await self._readers.run(lambda connection: API_TOKENS.select(
            connection, "WHERE ?1 = '' OR user = ?1 ORDER BY created DESC, id", (user,)))

    async def remove_token(self, id: str) -> bool:
        return await self._writer.run(lambda connection: API_TOKENS.delete(connection, "id = ?", (id,)) > 0)

    async def remove_tokens_of(self, user: str) -> int:
        return await self._writer.run(lambda connection: API_TOKENS.delete(connection, "user = ?", (user,)))

    async def touch_token(self, id: str, now: int) -> None:
        await self._writer.run(lambda connection: API_TOKENS.update(connection, {"last_used": now}, "id = ?", (id,)))


class SqliteAudit:
    """Implements port.Audit."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def add(self, entry: AuditEntry) -> int:
        def job(connection: apsw.Connection) -> int:
            connection.execute("INSERT INTO audit (time, actor, address, action, target, detail, outcome) "
                               "VALUES (?, ?, ?, ?, ?, ?, ?)",
                               (entry.time, entry.actor, entry.address, entry.action, entry.target,
                                JSON.write(entry.detail), entry.outcome))
            return connection.last_insert_rowid()

        return await self._writer.run(job)

    async def outcome(self, id: int, outcome: str) -> None:
        await self._writer.run(lambda connection: AUDIT.update(connection, {"outcome": outcome}, "id = ?", (id,)))

    async def list(self, limit: int, before: str = "", actor: str = "", action: str = "", target: str = "") -> Page:
        """Newest first; the cursor is the last one's id."""
        if before and not (before.isascii() and before.isdigit() and len(before) < 19):
            raise BadRequest("is not a cursor of this list", field="cursor")
        values = (int(before) if before else 2**62, actor, action, target, limit + 1)
        rows = await self._readers.run(lambda connection: AUDIT.select(
            connection, "WHERE id < ?1 AND (?2 = '' OR actor = ?2) AND (?3 = '' OR action = ?3) "
                        "AND (?4 = '' OR target = ?4) ORDER BY id DESC LIMIT ?5", values))
        return Page(rows[:limit], str(rows[limit - 1].id) if len(rows) > limit > 0 else "")
