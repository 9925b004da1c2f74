"""One run from its order to its end: live output, states, Ctrl-C, and the exit code.

Output comes by the stream; what was written before the subscription, or while the connection was broken, comes from
the run's stored output. What a node wrote last is stored together with its end, so when all nodes have ended and not
all ends were seen live, the stored output is read once more: nothing is left out, nothing shown twice.
"""

import asyncio
import base64
import signal
import sys
import time
from collections.abc import Hashable

from dvic_wire.runs import DISPATCHED, FAILED, FINISHED, QUEUED, RUNNING, TERMINAL, TIMED_OUT

from .client import Client
from .errors import INTERRUPTED, OK, SOME_FAILED, HubctlError, NotReachable
from .following import Follower
from .output import JSONL, TABLE, Screen, json_line, show_value
from .run_view import Display, Tally
from .stream import Item, LiveStream, Lost, Reached, Subscribed
from .times import moment_of, span, to_rfc3339

LOOK_AGAIN = 5.0
"""Seconds without any event after which the run's state is asked for."""

GIVE_UP = 300.0
"""Seconds without the hub after which hubctl stops waiting. The run goes on."""

REMEMBERED = 1_000_000
"""Pieces of output that are remembered one by one."""

TICK = 1.0
"""Seconds after which the bar's clock moves, also without an event."""

GRACE = 2.0
"""Seconds for which the ends of outputs are waited for, once all nodes have ended, before everything is read again."""

ENDS_WITH_OUTPUT = frozenset({FINISHED, FAILED, TIMED_OUT})
"""States of a run that was started for certain, so that its output has an end."""


async def carry_out(client: Client, order: dict, form: str, bare: bool) -> int:
    """Order the run and stay with it; returns the exit code."""
    loop = asyncio.get_running_loop()
    session = RunSession(client, form, bare)
    loop.add_signal_handler(signal.SIGINT, session.interrupted)
    try:
        return await session.carry_out(order)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def piece_identity(piece: dict) -> tuple[str, int, Hashable]:
    """What makes a piece of output this one, for Follower."""
    return piece["node"], piece["time"], (piece["stream"], piece["data"])


def piece_of_item(item: dict) -> dict:
    """A piece of stored output."""
    return _piece(item, item["stream"], item.get("text", ""))


def piece_of_event(event: dict) -> dict | None:
    """A piece of live output; None for a run's start and end."""
    stream = "out" if "out" in event else "err" if "err" in event else ""
    return _piece(event, stream, event[stream]) if stream else None


def _piece(record: dict, stream: str, text: str) -> dict:
    binary = record.get("binary")
    data = base64.b64decode(binary) if binary else text.encode("utf-8", "surrogateescape")
    return {"node": record["node"], "time": moment_of(record.get("time")), "stream": stream, "data": data}


class RunSession:
    def __init__(self, client: Client, form: str, bare: bool):
        self._client = client
        self._form = form
        self._bare = bare
        self._id = ""
        self._tally = Tally()
        self._ids: dict[str, str] = {}
        self._ended: set[str] = set()
        self._follower = Follower(piece_identity, REMEMBERED)
        self._interrupts = 0
        self._left = asyncio.Event()
        self._work: set[asyncio.Task] = set()
        self._lost_at = 0.0
        self._said_who_waits = False

    async def carry_out(self, order: dict) -> int:
        run = await asyncio.to_thread(lambda: self._client.post("runs", body=order))
        self._id = run["id"]
        rows = run.get("nodes") or []
        self._tally.update(rows)
        self._ids = {row["node"]: row["node_id"] for row in rows}
        self._display = Display(list(self._ids), self._bare)
        if self._interrupts:
            self._start_cancel()
        staying = asyncio.create_task(self._stay())
        leaving = asyncio.create_task(self._left.wait())
        done, _ = await asyncio.wait({staying, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if staying not in done:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
            self._display.close()
            self._display.note(f"Left alone. Look after it: hubctl runs show {self._id}")
            return INTERRUPTED
        try:
            run = staying.result()
        except HubctlError as error:
            self._display.close()
            error.next_step = f"the run goes on without us; when the hub is back: hubctl runs show {self._id}"
            raise
        return self._conclude(run)

    def interrupted(self) -> None:
        """Ctrl-C: the first cancels the run, the second leaves it to itself."""
        self._interrupts += 1
        if self._id and self._interrupts == 1:
            self._start_cancel()
        elif self._id:
            self._left.set()

    def _start_cancel(self) -> None:
        self._display.note(f"Cancelling run {self._id} on all nodes. (Ctrl-C again: don't wait for it.)")
        self._said_who_waits = False
        task = asyncio.create_task(self._cancel())
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _cancel(self) -> None:
        try:
            await asyncio.to_thread(lambda: self._client.post("runs", self._id, "cancel"))
        except HubctlError as error:
            self._display.note(f"It could not be cancelled: {error}. Try: hubctl runs cancel {self._id}")

    async def _stay(self) -> dict:
        """Until every node has ended; returns the run as it is then."""
        silent = 0.0
        async with LiveStream(self._client.context, [{"kinds": ["run"], "run": self._id}]) as stream:
            while not self._tally.all_done:
                item = await self._next(stream, TICK)
                silent = silent + TICK if item is None else 0.0
                if isinstance(item, dict):
                    self._event(item)
                elif isinstance(item, Lost) and item.broken:
                    self._lost(item)
                elif isinstance(item, Reached):
                    self._follower.caught_up()
                elif item is not None:
                    self._connected(item)
                    await self._look(with_output=True)
                    await stream.mark()
                elif silent >= LOOK_AGAIN:
                    silent = 0.0
                    await self._look(with_output=False)
                    self._say_who_waits()
                self._display.progress(self._tally)
            return await self._finish(stream)

    def _say_who_waits(self) -> None:
        """Once, and once more after a cancel: nothing happening for long has a reason."""
        waiting = self._tally.nodes_in(frozenset({QUEUED, DISPATCHED}))
        if waiting and not self._said_who_waits and not self._tally.nodes_in(frozenset({RUNNING})):
            self._said_who_waits = True
            names = [name for name, id in self._ids.items() if id in waiting]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            self._display.note(f"Waiting for {', '.join(names[:3])}{more}: not online, or not answering.")

    @staticmethod
    async def _next(stream: LiveStream, seconds: float) -> Item | None:
        """The stream's next item; None when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await stream.next()
        except TimeoutError:
            return None

    def _lost(self, item: Lost) -> None:
        now = time.monotonic()
        if not self._lost_at:
            self._display.note(f"The connection to the hub is lost: {item.reason}. The run goes on. Trying again ...")
            self._lost_at = now
        if now - self._lost_at > GIVE_UP:
            raise NotReachable(f"the hub did not come back within {span(GIVE_UP)}")

    def _connected(self, item: Subscribed | Lost) -> None:
        if isinstance(item, Subscribed):
            self._follower.caught_up()
            if item.again:
                self._display.note("Connected again.")
        self._lost_at = 0.0

    async def _look(self, with_output: bool) -> None:
        """Ask for states, and for output that was not shown; what can't be had now is had later."""
        try:
            run = await asyncio.to_thread(lambda: self._client.get("runs", self._id))
            rows = run.get("nodes") or []
            if with_output:
                await self._stored_output()
                # the states were asked for first: all that a node which had ended wrote was stored by then
                self._ended |= {row["node_id"] for row in rows if row["state"] in TERMINAL}
        except NotReachable:
            return
        self._tally.update(rows)

    async def _stored_output(self) -> None:
        items = await asyncio.to_thread(lambda: list(self._client.items("runs", self._id, "output")))
        for piece in self._follower.history(map(piece_of_item, items)):
            self._show(piece)

    def _event(self, event: dict) -> None:
        node = event.get("node")
        if event.get("run") != self._id or not isinstance(node, str) or not node:
            return
        if event.get("kind") == "run":
            self._tally.move(str(event.get("node_id") or self._ids.get(node)), str(event.get("state")))
        elif event.get("kind") == "output":
            piece = piece_of_event(event)
            if piece and self._follower.is_new(piece, self._client.hub_now()):
                self._show(piece)
            elif "end" in event:
                self._ended.add(str(event.get("node_id") or self._ids.get(node)))
                self._display.node_ended(node)

    def _show(self, piece: dict) -> None:
        if self._form == TABLE:
            self._display.output(piece["node"], piece["stream"], piece["data"])
        elif self._form == JSONL:
            text = piece["data"].decode("utf-8", "backslashreplace")
            Screen.of(sys.stdout).line(json_line({"time": to_rfc3339(piece["time"]), "node": piece["node"],
                                                  "stream": piece["stream"], "text": text}))
            sys.stdout.flush()

    async def _finish(self, stream: LiveStream) -> dict:
        """All nodes have ended: show what of their output is still on its way."""
        deadline = time.monotonic() + GRACE
        while not self._tally.nodes_in(ENDS_WITH_OUTPUT) <= self._ended and time.monotonic() < deadline:
            item = await self._next(stream, GRACE)
            if isinstance(item, dict):
                self._event(item)
            elif item is not None:
                break
        patience = time.monotonic() + GIVE_UP
        while True:
            try:
                if not set(self._tally.states) <= self._ended:
                    await self._stored_output()
                return await asyncio.to_thread(lambda: self._client.get("runs", self._id))
            except NotReachable:
                if time.monotonic() > patience:
                    raise
                await asyncio.sleep(1)

    def _conclude(self, run: dict) -> int:
        self._display.close()
        rows = run.get("nodes") or []
        if self._form == TABLE:
            self._display.table(self._id, rows)
        elif self._form == JSONL:
            for row in rows:
                show_value({key: row.get(key) for key in ("node", "state", "exit_code", "reason")}, JSONL)
        else:
            show_value(run, self._form)
        well = rows and all(row["state"] == FINISHED for row in rows)
        return OK if well else SOME_FAILED
