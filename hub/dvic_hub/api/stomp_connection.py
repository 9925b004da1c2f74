"""One STOMP connection, whatever carries it: takes bytes to domain/stomp_session.py and does what that says.

    connection = StompConnection(doors, address, outlet, wrap)
    await connection.serve(chunks)         # until either side ends it; the carrier closes when outlet.ended is set
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator

from dvic_hub.api.doors import Doors
from dvic_hub.api.stomp_sending import Sending, known_service
from dvic_hub.api.stream_socket import SocketOutlet
from dvic_hub.domain.people import Actor
from dvic_hub.domain.stomp_frames import Frame, Parser
from dvic_hub.domain.stomp_session import (
    OPEN,
    TICK,
    CheckWho,
    Deliver,
    End,
    Listen,
    Say,
    Step,
    StompSession,
    Stop,
    error_frame,
)
from dvic_hub.errors import HubError, NotSignedIn
from dvic_hub.services.live import BACKLOG_BYTES, Subscription
from dvic_hub.services.stomp import AcknowledgedOutlet, Wrap
from dvic_wire.errors import WireError

log = logging.getLogger("dvic.stomp")


class StompConnection:
    """`wrap` makes of a STOMP frame what the carrier carries; `address` is the client's."""

    def __init__(self, doors: Doors, address: str, outlet: SocketOutlet, wrap: Wrap):
        self._doors = doors
        self._address = address
        self._outlet = outlet
        self._wrap = wrap
        self._session = StompSession(f"dvic-hub/{doors.version}", time.monotonic())
        self._parser = Parser()
        self._listening: dict[str, Subscription] = {}
        self._actor: Actor | None = None
        self._sending = Sending()
        self._token = ""
        self._made_login = False

    @property
    def open(self) -> bool:
        return self._session.state == OPEN

    async def serve(self, chunks: AsyncIterator[bytes]) -> None:
        """Until the client, the hub or the connection ends. Raises TooMany when there is no room."""
        self._doors.stomp.enter(self)
        guards = [asyncio.create_task(self._tick()), asyncio.create_task(self._recheck())]
        try:
            async for data in chunks:
                self._session.heard(time.monotonic())
                self._parser.feed(data)
                await self._read()
                if self._outlet.ended.is_set():
                    break
                if self._outlet.backlog() > BACKLOG_BYTES:
                    self.leave("slow", "it asks and does not read")
        except ConnectionError:
            pass
        finally:
            self._doors.stomp.exit(self)
            for subscription in self._listening.values():
                self._doors.live.unsubscribe(subscription)
            for guard in guards:
                guard.cancel()
            await asyncio.gather(*guards, return_exceptions=True)
            if self._made_login and self._actor is not None:
                await asyncio.shield(self._sign_out(self._actor))

    def leave(self, code: str, reason: str) -> None:
        """End it: with ERROR, save for one that does not read."""
        if code != "slow" and not self._outlet.ended.is_set():
            self._write(error_frame(reason, self._session.version))
        self._outlet.close(code, reason)

    async def _read(self) -> None:
        """Take the frames that are whole. What is sent in several, one behind the other, is committed as one."""
        try:
            while not self._outlet.ended.is_set() and (frame := self._parser.next()) is not None:
                await self._take(frame, self._session.receive(frame))
                self._parser.version = self._session.version
        except WireError as error:
            await self._send()
            await self._do(self._session.refuse(str(error)))
        await self._send()

    async def _take(self, frame: Frame, steps: list[Step]) -> None:
        if any(isinstance(step, Deliver) for step in steps):
            try:
                self._sending.add(self._doors, self._actor, steps)
            except HubError as error:
                steps = self._session.refuse(str(error), frame.headers.get("receipt", ""))
            else:
                if self._sending.full:
                    await self._send()
                return
        await self._send()
        await self._do(steps)

    async def _send(self) -> None:
        """Commit what was sent, then go on with what had to wait for that: its receipts."""
        sending, self._sending = self._sending, Sending()
        try:
            if sending.events:
                await self._doors.cycles.post(sending.events)
        except HubError as error:
            await self._do(self._session.refuse(f"what was sent is not stored: {error}"))
        else:
            await self._do(sending.after)

    async def _do(self, steps: list[Step]) -> None:
        for step in steps:
            try:
                await self._do_one(step)
            except (HubError, WireError) as error:
                await self._do(self._session.refuse(str(error)))
                return

    async def _do_one(self, step: Step) -> None:
        if isinstance(step, Say):
            self._write(step.data)
        elif isinstance(step, CheckWho):
            self._actor, self._token, self._made_login = await self._doors.stomp.come_in(
                step.login, step.passcode, self._address)
            await self._do(self._session.admit(secrets.token_hex(8), time.monotonic()))
        elif isinstance(step, Listen):
            self._listen(step)
        elif isinstance(step, Stop):
            if (subscription := self._listening.pop(step.id, None)) is not None:
                self._doors.live.unsubscribe(subscription)
        elif isinstance(step, End):
            self._outlet.close("ended", step.reason)

    def _listen(self, step: Listen) -> None:
        known_service(self._doors, step.destination)
        stomp, version = self._doors.stomp, self._session.version
        if step.unacknowledged is None:
            outlet, encode = self._outlet, stomp.shared(step.id, step.destination, version, self._wrap)
        else:
            outlet = AcknowledgedOutlet(self._outlet, step.unacknowledged)
            encode = stomp.counting(step.id, step.destination, version, self._wrap)
        self._listening[step.id] = self._doors.live.subscribe(step.filters, outlet, encode)

    def _write(self, data: bytes) -> None:
        try:
            self._outlet.write(self._wrap(data))
        except ConnectionError as error:
            self._outlet.close("gone", str(error))

    async def _tick(self) -> None:
        while not self._outlet.ended.is_set():
            await asyncio.sleep(TICK)
            await self._do(self._session.tick(time.monotonic()))

    async def _recheck(self) -> None:
        """Who is signed out hears no more, and who has another role now sends by that one."""
        while True:
            await asyncio.sleep(self._doors.live.recheck)
            try:
                if self._token:
                    self._actor = await self._doors.people.authenticate(self._token, self._address)
            except NotSignedIn as error:
                self.leave("not-signed-in", str(error))
                return
            except HubError:
                continue

    async def _sign_out(self, actor: Actor) -> None:
        try:
            await self._doors.stomp.let_go(actor)
        except HubError as error:
            log.warning("the login of a STOMP connection was not ended: %s", error)
