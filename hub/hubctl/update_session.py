"""A rollout followed to its end: a table that lives, notes, and the exit code.

The rollout is the hub's: Ctrl-C leaves it to itself. One that halts is followed until nothing of it is under way.
"""

import asyncio
import signal
import time

from dvic_wire.updates import PENDING, TERMINAL

from .client import Client
from .errors import INTERRUPTED, HubctlError, NotReachable
from .output import JSONL, TABLE, show_value
from .stream import Item, LiveStream, Lost, Subscribed
from .times import span
from .update_view import UpdateDisplay, exit_code

LOOK_AGAIN = 5.0
"""Seconds without any event after which the hub is asked how things stand."""

GIVE_UP = 300.0
"""Seconds without the hub after which hubctl stops waiting. The rollout goes on."""

TICK = 1.0
"""Seconds after which the table's clock moves, also without an event."""

ROW_FIELDS = ("node", "node_id", "state", "reason", "wave", "run", "from_version", "to_version", "sent", "changed",
              "ended")
"""Of each node, what the machine-readable forms hold."""


async def follow(client: Client, id: str, form: str) -> int:
    """Stay with a rollout until it has ended, or has halted and come to rest; returns the exit code."""
    loop = asyncio.get_running_loop()
    session = UpdateSession(client, id, form)
    following = asyncio.create_task(session.follow())
    loop.add_signal_handler(signal.SIGINT, following.cancel)
    try:
        return await following
    except asyncio.CancelledError:
        session.leave()
        return INTERRUPTED
    except HubctlError as error:
        error.next_step = f"the rollout goes on without us; when the hub is back: hubctl updates show {id}"
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)


class UpdateSession:
    def __init__(self, client: Client, id: str, form: str):
        self._client = client
        self._id = id
        self._form = form
        self._display = UpdateDisplay(quiet=form != TABLE)
        self._rollout: dict = {}
        self._told: dict[str, str] = {}
        self._lost_at = 0.0
        self._said_halted = False

    async def follow(self) -> int:
        filters = [{"kinds": ["rollout"], "rollout": self._id}]
        looked, news = float("-inf"), False
        async with LiveStream(self._client.context, filters) as stream:
            while not self._over():
                rest = self._pause() - (time.monotonic() - looked)
                item = await self._next(stream, max(0.01, rest) if news else TICK)
                if isinstance(item, Lost) and item.broken:
                    self._lost(item)
                elif item is not None:
                    if isinstance(item, Subscribed):
                        self._connected(item)
                    news = True
                if news and time.monotonic() - looked >= self._pause() or time.monotonic() - looked > LOOK_AGAIN:
                    stream.ready()  # one answer tells of all of them
                    looked, news = time.monotonic(), False
                    await self._look()
                self._show()
        return self._conclude()

    def _pause(self) -> float:
        """Seconds between two looks: an answer about thousands of nodes is large."""
        return 0.1 + len(self._rows) / 1000

    def leave(self) -> None:
        self._display.hide()
        self._display.note(f"Left alone, the rollout goes on. Look after it: hubctl updates show {self._id} --follow. "
                           f"Stop it: hubctl updates halt {self._id}")

    @property
    def _rows(self) -> list[dict]:
        return self._rollout.get("nodes") or []

    def _over(self) -> bool:
        if self._rollout.get("state") == "halted":
            return all(row["state"] in TERMINAL or row["state"] == PENDING for row in self._rows)
        return self._rollout.get("state") == "ended"

    @staticmethod
    async def _next(stream: LiveStream, seconds: float) -> Item | None:
        """The stream's next item; None when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await stream.next()
        except TimeoutError:
            return None

    async def _look(self) -> None:
        """Ask how things stand; what can't be had now is had later."""
        try:
            self._rollout = await asyncio.to_thread(lambda: self._client.get("rollouts", self._id))
        except NotReachable:
            return

    def _show(self) -> None:
        if self._form == JSONL:
            for row in self._rows:
                if self._told.get(row["node_id"], PENDING) != row["state"]:
                    self._told[row["node_id"]] = row["state"]
                    show_value({key: row.get(key) for key in ROW_FIELDS}, JSONL)
        if self._rollout.get("state") == "halted" and not self._said_halted:
            self._display.note(f"Halted: {self._rollout['halt_reason']}. What is under way goes on.")
        self._said_halted = self._rollout.get("state") == "halted"
        if self._rows:
            self._display.show(self._rows, self._client.hub_now())

    def _lost(self, item: Lost) -> None:
        now = time.monotonic()
        if not self._lost_at:
            self._display.note(f"The connection to the hub is lost: {item.reason}. The rollout goes on. "
                               "Trying again ...")
            self._lost_at = now
        if now - self._lost_at > GIVE_UP:
            raise NotReachable(f"the hub did not come back within {span(GIVE_UP)}")

    def _connected(self, item: Subscribed) -> None:
        if item.again:
            self._display.note("Connected again.")
        self._lost_at = 0.0

    def _conclude(self) -> int:
        if self._form == TABLE:
            self._display.show(self._rows, self._client.hub_now(), force=True)
            self._display.table(self._id, self._rows, self._client.hub_now())
            if self._rollout["state"] == "halted":
                self._display.note(f"Halted: {self._rollout['halt_reason']}. Go on all the same: hubctl updates resume "
                                   f"{self._id}. Give the rest up: hubctl updates cancel {self._id}")
        elif self._form != JSONL:
            show_value(self._rollout, self._form)
        return exit_code(self._rows)
