"""Makes safe what a session has shown: recording and row on the disk, together.

Only what is in both may be acknowledged to the machine, which keeps the rest and sends it again to a hub that was
killed in between. A session that can't be recorded any more goes on without, or, where the hub asks for it, not at all.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from dvic_hub.domain.model import TerminalSession
from dvic_hub.errors import Conflict, StoreError
from dvic_hub.services.live_session import LiveSession
from dvic_hub.services.recordings import Recording, RecordingFailed, Recordings
from dvic_hub.store.port import Store
from dvic_wire.asciicast import CastHeader

log = logging.getLogger("dvic.sessions")


class SessionKeeper:
    """`required`: nothing goes on without a recording; `failed(session, why)` is told then."""

    def __init__(self, store: Store, recordings: Recordings, required: bool,
                 failed: Callable[[LiveSession, str], None]):
        self._store = store
        self._recordings = recordings
        self._required = required
        self._failed = failed

    async def begin(self, row: TerminalSession) -> Recording | None:
        """A new recording; None where there can be none and it is not required. Raises Conflict."""
        header = CastHeader(row.cols, row.rows, row.created // 1_000_000, row.title)
        try:
            return await asyncio.to_thread(self._recordings.begin, row.id, header)
        except RecordingFailed as error:
            if self._required:
                raise Conflict(f"{error}, and this hub opens no terminal without that", code="recording") from None
            log.warning("session %s is not recorded: %s", row.id, error)
            return None

    async def go_on(self, row: TerminalSession) -> tuple[Recording | None, str]:
        """The recording of a session that a hub before us began, or why there is none though there was."""
        if not (row.recorded and row.recording):
            return None, ""
        try:
            return await asyncio.to_thread(self._recordings.go_on, row.id, row.recording), ""
        except RecordingFailed as error:
            return None, str(error)

    async def save(self, live: LiveSession) -> None:
        """Put output and row on the disk; `live.safe` says then how far. One at a time for each session."""
        async with live.saving:
            live.dirty.clear()
            received = live.received
            changes: dict = {"cols": live.row.cols, "rows": live.row.rows}
            if live.recording is not None:
                received -= live.recording.held_back
                lines = live.recording.take()
                try:
                    await asyncio.to_thread(live.recording.write, lines)
                    changes["recording"] = live.recording.length
                except RecordingFailed as error:
                    self.give_up(live, str(error))
                    received = live.received
            try:
                await self._store.sessions.update(live.row.id, offset=received, **changes)
            except StoreError as error:
                log.error("session %s could not be saved: %s", live.row.id, error)
                return
            live.safe = received

    def give_up(self, live: LiveSession, why: str) -> None:
        """It is recorded no more."""
        log.warning("session %s: %s", live.row.id, why)
        if live.recording is not None:
            live.recording.close()
        live.recording, live.failed = None, why
        live.tell({"note": why})
        if self._required:
            self._failed(live, why)

    async def path(self, id: str) -> Path:
        """The file of a recording; raises NotFound."""
        return await asyncio.to_thread(self._recordings.check, id)

    async def drop(self, id: str) -> None:
        await asyncio.to_thread(self._recordings.remove, id)
        await self._store.sessions.update(id, recording=0)

    async def drop_before(self, time: int) -> None:
        """The recordings of sessions that ended before `time`."""
        for row in await self._store.sessions.recorded_before(time):
            await self.drop(row.id)
