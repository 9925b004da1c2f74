"""One STOMP connection as a machine of states: frames and time go in, what there is to do comes out. Pure.

    waiting  -> asked      CONNECT (or STOMP): who it is has to be checked
    asked    -> open       it may come in: CONNECTED
    any      -> closed     ERROR, DISCONNECT

What stands in a transaction waits for its COMMIT, in bounds, and is then one list of steps, or none.

Whatever is wrong ends the connection with one ERROR frame that says why, as STOMP wants it. Topics keep nothing: what
was not acknowledged is not sent again, and NACK counts as "done with". A subscriber that acknowledges too little counts
as slow (`Unacknowledged.full`).
"""

import re
from dataclasses import dataclass, field

from dvic_hub.domain.stomp_frames import VERSIONS, Frame, write_frame
from dvic_hub.domain.stomp_topics import filters_of
from dvic_hub.domain.subscriptions import Filter
from dvic_wire.errors import LimitExceeded, MalformedMessage, WireError

WAITING = "waiting"
ASKED = "asked"
OPEN = "open"
CLOSED = "closed"

MAX_STOMP_SUBSCRIPTIONS = 16
"""Subscriptions of one STOMP connection."""

MAX_UNACKNOWLEDGED = 1000
"""Messages that a subscription with acknowledgements may leave open; further events are missed meanwhile."""

MAX_TRANSACTIONS = 8
"""Transactions that one STOMP connection may have open."""

MAX_TRANSACTION_FRAMES = 1000
"""Frames in one of them."""

MAX_TRANSACTION_BYTES = 1024 * 1024
"""Bytes of the bodies in one of them."""

MAX_STOMP_ID = 128
"""Characters of a subscription's or a receipt's id."""

HANDSHAKE_SECONDS = 10.0
"""In which a connection must have said who it is."""

BEAT_SECONDS = 5.0
"""Heart-beats that the hub can send, and would like to get, at most so far apart."""

TICK = 0.5
"""Seconds between two calls of `tick`."""

AUTO, CLIENT, INDIVIDUAL = "auto", "client", "client-individual"

_BEATS = re.compile(r"([0-9]{1,9}),([0-9]{1,9})\Z")


@dataclass(frozen=True)
class Say:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True)
class CheckWho:
    """Find out whether this is somebody who may come in, then call `admit` or `refuse`."""

    login: str
    passcode: str


@dataclass(frozen=True)
class Listen:
    """Begin to send what the filters want. `unacknowledged`: to be told of each message; None in mode auto."""

    id: str
    destination: str
    filters: tuple[Filter, ...]
    unacknowledged: "Unacknowledged | None"


@dataclass(frozen=True)
class Stop:
    """Send nothing more for this subscription."""

    id: str


@dataclass(frozen=True)
class Deliver:
    """The client sent a message to a destination."""

    destination: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class End:
    """Close, when what was said is out."""

    reason: str


Step = Say | CheckWho | Listen | Stop | Deliver | End


@dataclass(eq=False)
class Unacknowledged:
    """The messages of one subscription that are open, oldest first."""

    mode: str
    ids: dict[str, None] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.ids) >= MAX_UNACKNOWLEDGED

    def settle(self, id: str) -> bool:
        """ACK or NACK; in mode `client` for all before it too. False when the message is not open here."""
        if id not in self.ids:
            return False
        for each in list(self.ids):
            if self.mode == CLIENT or each == id:
                del self.ids[each]
            if each == id:
                break
        return True


@dataclass(eq=False)
class Transaction:
    """What waits for its COMMIT."""

    frames: list[Frame] = field(default_factory=list)
    size: int = 0

    def add(self, frame: Frame) -> None:
        """Raises LimitExceeded."""
        self.size += len(frame.body)
        if len(self.frames) >= MAX_TRANSACTION_FRAMES:
            raise LimitExceeded("MAX_TRANSACTION_FRAMES", MAX_TRANSACTION_FRAMES, len(self.frames) + 1)
        if self.size > MAX_TRANSACTION_BYTES:
            raise LimitExceeded("MAX_TRANSACTION_BYTES", MAX_TRANSACTION_BYTES, self.size)
        self.frames.append(frame)


class StompSession:
    """`name` is what the hub calls itself; times are seconds of a clock that only grows."""

    def __init__(self, name: str, now: float):
        self.state = WAITING
        self.version = "1.0"
        self._name = name
        self._begun = now
        self._heard = now
        self._wishes = (0.0, 0.0)
        self._said_beats = False
        self._send_every = 0.0
        self._expect_every = 0.0
        self._next_beat = 0.0
        self._subscriptions: dict[str, Unacknowledged | None] = {}
        self._transactions: dict[str, Transaction] = {}

    def heard(self, now: float) -> None:
        """Bytes came, whatever they were."""
        self._heard = now

    def receive(self, frame: Frame) -> list[Step]:
        """A frame came. Never raises: what is wrong with it is in the steps."""
        if self.state == CLOSED:
            return []
        try:
            receipt = _id(frame, "receipt") if "receipt" in frame.headers else ""
        except WireError as error:
            return self.refuse(str(error))
        try:
            steps = self._take(frame)
        except WireError as error:
            return self.refuse(str(error), receipt)
        if receipt:
            said = Say(write_frame("RECEIPT", {"receipt-id": receipt}, b"", self.version))
            place = next((index for index, step in enumerate(steps) if isinstance(step, End)), len(steps))
            steps.insert(place, said)
        return steps

    def admit(self, session: str, now: float) -> list[Step]:
        """Who was asked for may come in. `session`: an id of the connection."""
        self.state = OPEN
        can, wants = self._wishes
        self._expect_every = max(can, BEAT_SECONDS) if can else 0.0
        self._send_every = max(wants, BEAT_SECONDS) if wants else 0.0
        self._next_beat = now + self._send_every
        headers = {"version": self.version, "server": self._name, "session": session}
        if self._said_beats:
            headers["heart-beat"] = f"{int(BEAT_SECONDS * 1000)},{int(BEAT_SECONDS * 1000)}"
        return [Say(write_frame("CONNECTED", headers, b"", self.version))]

    def refuse(self, reason: str, receipt: str = "") -> list[Step]:
        """End with an ERROR that says why."""
        if self.state == CLOSED:
            return []
        self.state = CLOSED
        return [Say(error_frame(reason, self.version, receipt)), End(reason)]

    def tick(self, now: float) -> list[Step]:
        """Call it every TICK."""
        if self.state == WAITING and now - self._begun > HANDSHAKE_SECONDS:
            return self.refuse(f"no CONNECT came within {HANDSHAKE_SECONDS:.0f} s")
        if self.state != OPEN:
            return []
        if self._expect_every and now - self._heard > 2 * self._expect_every + TICK:
            return self.refuse(f"nothing was heard for {now - self._heard:.0f} s")
        if self._send_every and now + TICK >= self._next_beat:
            self._next_beat = now + self._send_every
            return [Say(b"\n")]
        return []

    # ---- inside

    def _take(self, frame: Frame) -> list[Step]:
        if frame.command in ("CONNECT", "STOMP"):
            return self._connect(frame)
        if self.state != OPEN:
            raise MalformedMessage("CONNECT comes first", frame.command)
        if frame.command == "SUBSCRIBE":
            return self._subscribe(frame)
        if frame.command == "UNSUBSCRIBE":
            return self._unsubscribe(frame)
        if frame.command in ("SEND", "ACK", "NACK"):
            _needed(frame, "destination" if frame.command == "SEND" else self._message_id)
            if "transaction" not in frame.headers:
                return self._carry_out(frame)
            self._transaction(frame).add(frame)
            return []
        if frame.command == "DISCONNECT":
            self.state = CLOSED
            return [End("disconnected")]
        return self._transact(frame)

    @property
    def _message_id(self) -> str:
        """The header that names what is acknowledged."""
        return "id" if self.version == "1.2" else "message-id"

    def _carry_out(self, frame: Frame) -> list[Step]:
        """SEND, ACK or NACK, now."""
        if frame.command == "SEND":
            return [Deliver(frame.headers["destination"], frame.headers, frame.body)]
        id = frame.headers[self._message_id]
        if not any(one is not None and one.settle(id) for one in self._subscriptions.values()):
            raise MalformedMessage("no such message waits for it", frame.command)
        return []

    def _transact(self, frame: Frame) -> list[Step]:
        """BEGIN, COMMIT or ABORT."""
        name = _id(frame, "transaction")
        if frame.command == "BEGIN":
            if name in self._transactions:
                raise MalformedMessage("a transaction has this name already", "transaction")
            if len(self._transactions) >= MAX_TRANSACTIONS:
                raise LimitExceeded("MAX_TRANSACTIONS", MAX_TRANSACTIONS, len(self._transactions) + 1)
            self._transactions[name] = Transaction()
            return []
        transaction = self._transaction(frame)
        del self._transactions[name]
        frames = transaction.frames if frame.command == "COMMIT" else ()
        return [step for each in frames for step in self._carry_out(each)]

    def _transaction(self, frame: Frame) -> Transaction:
        name = _id(frame, "transaction")
        if name not in self._transactions:
            raise MalformedMessage("there is no such transaction: BEGIN comes first", "transaction")
        return self._transactions[name]

    def _connect(self, frame: Frame) -> list[Step]:
        if self.state != WAITING:
            raise MalformedMessage("it is connected already", frame.command)
        offered = frame.headers.get("accept-version", "1.0").split(",")
        common = [version for version in VERSIONS if version in [each.strip() for each in offered]]
        if not common:
            raise MalformedMessage(f"this hub speaks STOMP {', '.join(reversed(VERSIONS))}", "accept-version")
        if beats := frame.headers.get("heart-beat"):
            found = _BEATS.match(beats.replace(" ", ""))
            if not found:
                raise MalformedMessage("is two numbers of milliseconds", "heart-beat")
            self._said_beats, self._wishes = True, (int(found[1]) / 1000, int(found[2]) / 1000)
        self.state, self.version = ASKED, common[0]
        return [CheckWho(frame.headers.get("login", ""), frame.headers.get("passcode", ""))]

    def _subscribe(self, frame: Frame) -> list[Step]:
        destination, mode = _needed(frame, "destination"), frame.headers.get("ack", AUTO)
        id = _id(frame, "id") if self.version != "1.0" or "id" in frame.headers else destination
        if mode not in (AUTO, CLIENT, INDIVIDUAL):
            raise MalformedMessage(f"is {AUTO}, {CLIENT} or {INDIVIDUAL}", "ack")
        if id in self._subscriptions:
            raise MalformedMessage("a subscription has this id already", "id")
        if len(self._subscriptions) >= MAX_STOMP_SUBSCRIPTIONS:
            raise MalformedMessage(f"a connection has at most {MAX_STOMP_SUBSCRIPTIONS} subscriptions", "SUBSCRIBE")
        filters = filters_of(destination, frame.headers)
        self._subscriptions[id] = None if mode == AUTO else Unacknowledged(mode)
        return [Listen(id, destination, filters, self._subscriptions[id])]

    def _unsubscribe(self, frame: Frame) -> list[Step]:
        id = frame.headers.get("id", "") or ("" if self.version != "1.0" else frame.headers.get("destination", ""))
        if id not in self._subscriptions:
            raise MalformedMessage("there is no subscription with this id", "id")
        del self._subscriptions[id]
        return [Stop(id)]


def error_frame(reason: str, version: str, receipt: str = "") -> bytes:
    """ERROR: one line in the header, the same in the body."""
    line = " ".join(reason.split())[:500]
    about = {"receipt-id": receipt} if receipt else {}
    return write_frame("ERROR", {"message": line, "content-type": "text/plain", **about}, line.encode(), version)


def _needed(frame: Frame, name: str) -> str:
    if not (value := frame.headers.get(name, "")):
        raise MalformedMessage(f"{frame.command} needs the header {name}", name)
    return value


def _id(frame: Frame, name: str) -> str:
    value = _needed(frame, name)
    if len(value) > MAX_STOMP_ID:
        raise MalformedMessage(f"has at most {MAX_STOMP_ID} characters", name)
    return value
