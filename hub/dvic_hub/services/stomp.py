"""What all STOMP connections share: who may come in, how many, and how events become MESSAGE frames.

- A connection says who it is by CONNECT: an API token as `passcode`, or a user and a password, which makes a login for
  as long as the connection lasts, with the limits and the audit of every sign-in.
- Events come from the live stream (services/live.py) by its own rules for slow subscribers. Subscriptions without
  acknowledgements that have the same id, destination and filters share their frames.
"""

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from dvic_hub.domain import people as rules
from dvic_hub.domain.people import VIEWER, Actor
from dvic_hub.domain.stomp_frames import escape
from dvic_hub.domain.stomp_session import Unacknowledged
from dvic_hub.errors import TooMany
from dvic_hub.services.live import BACKLOG_BYTES, Encode, LiveService, Outlet
from dvic_hub.services.people import PeopleService

MAX_STOMP_CONNECTIONS = 1000
"""STOMP connections of one hub."""

MAX_STOMP_STRANGERS = 100
"""STOMP connections that have not said yet who they are."""

SHARED_ENCODERS = 1024
"""Different subscriptions whose frames are shared."""

Wrap = Callable[[bytes], bytes]
"""One STOMP frame as the transport carries it."""


class Connection(Protocol):
    """One connection, as its driver offers it."""

    open: bool

    def leave(self, code: str, reason: str) -> None:
        """End it and say why, without waiting."""


class Tracked(bytes):
    """Frames of a subscription with acknowledgements, with the ids of their messages."""

    ids: tuple[str, ...] = ()


class AcknowledgedOutlet:
    """Where the frames of such a subscription go: one that leaves too many open counts as one that does not read."""

    def __init__(self, outlet: Outlet, unacknowledged: Unacknowledged):
        self._outlet = outlet
        self._unacknowledged = unacknowledged

    def write(self, frame: bytes) -> None:
        self._outlet.write(frame)
        self._unacknowledged.ids.update(dict.fromkeys(getattr(frame, "ids", ())))

    def backlog(self) -> int:
        return BACKLOG_BYTES + 1 if self._unacknowledged.full else self._outlet.backlog()

    def close(self, code: str, reason: str) -> None:
        self._outlet.close(code, reason)


class StompService:
    """`connections` are those that stand; their drivers `enter` and `exit`."""

    def __init__(self, people: PeopleService, live: LiveService):
        self._people = people
        self._live = live
        self._numbers = itertools.count(1)
        self.connections: dict[Connection, None] = {}
        self.shared = lru_cache(SHARED_ENCODERS)(self._encoder)
        """`shared(id, destination, version, wrap)`: the encoder of a subscription without acknowledgements."""

    def enter(self, connection: Connection) -> None:
        """Raises TooMany."""
        strangers = sum(not each.open for each in self.connections)
        if len(self.connections) >= MAX_STOMP_CONNECTIONS or strangers >= MAX_STOMP_STRANGERS:
            raise TooMany("the hub has too many STOMP connections", retry=30)
        self.connections[connection] = None

    def exit(self, connection: Connection) -> None:
        self.connections.pop(connection, None)

    def leave_all(self) -> None:
        """The hub stops."""
        for connection in list(self.connections):
            connection.leave("stopping", "the hub is stopping")

    async def come_in(self, login: str, passcode: str, address: str) -> tuple[Actor, str, bool]:
        """Who this is, the token that keeps it in, and whether that was made for it (`let_go` ends it then). Raises
        what PeopleService.sign_in and authenticate raise, and Forbidden."""
        if rules.split_token(passcode):
            actor, made, token = await self._people.authenticate(passcode, address), False, passcode
        else:
            token, made = (await self._people.sign_in(login, passcode, address, note="STOMP")).text, True
            actor = await self._people.authenticate(token, address)
        rules.require(actor, VIEWER)
        return actor, token, made

    async def let_go(self, actor: Actor) -> None:
        """End the login that was made for a connection."""
        await self._people.sign_out(actor)

    def counting(self, id: str, destination: str, version: str, wrap: Wrap) -> Encode:
        """The encoder of a subscription with acknowledgements: its frames know their ids."""
        return self._encoder(id, destination, version, wrap, tracked=True)

    def _encoder(self, id: str, destination: str, version: str, wrap: Wrap, tracked: bool = False) -> Encode:
        """Lines of events, joined by newlines, become a MESSAGE each."""
        head = (f"MESSAGE\nsubscription:{escape(id, version)}\ndestination:{escape(destination, version)}\n"
                "content-type:application/json\nmessage-id:").encode()
        ack, numbers = version == "1.2" and tracked, self._numbers

        def encode(payload: bytes) -> bytes:
            frames, ids = [], []
            for line in payload.split(b"\n"):
                number = b"%x" % next(numbers)
                shown = b"%b\nack:%b" % (number, number) if ack else number
                frames.append(wrap(b"%b%b\ncontent-length:%d\n\n%b\0" % (head, shown, len(line), line)))
                if tracked:
                    ids.append(number.decode())
            if not tracked:
                return b"".join(frames)
            joined = Tracked(b"".join(frames))
            joined.ids = tuple(ids)
            return joined

        return encode
