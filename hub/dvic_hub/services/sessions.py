"""Sessions: terminals on nodes that people open, share, leave and come back to.

A session is a run of the kind terminal: ordered, refused, cancelled and ended as one. What is beyond that is here: who
is in it, its recording, and that it goes on after the hub was started again. Rows hold all that this needs (the key
that signs what is typed, the offset up to which output is safe); whoever was in it comes back by themselves.

A node is believed only about terminals on itself. Nothing of what is typed is kept or logged anywhere.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from dvic_hub.bus.port import Bus
from dvic_hub.config import HubConfig
from dvic_hub.domain import session_rules
from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.domain.events import Event, RunChanged
from dvic_hub.domain.model import RunNode, TerminalSession
from dvic_hub.domain.people import HUB, Actor
from dvic_hub.errors import BadRequest, Conflict, HubError, NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.live_session import LiveSession, Person
from dvic_hub.services.recordings import Recording, Recordings
from dvic_hub.services.run_signing import TERMINAL
from dvic_hub.services.runs import RunService, new_id
from dvic_hub.services.session_keeper import SessionKeeper
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.messages import Message, TerminalOutput, TerminalTaken
from dvic_wire.runs import LOST, RUNNING, RunSpec
from dvic_wire.runs import TERMINAL as ENDS
from dvic_wire.signing import PrivateKey
from dvic_wire.terminals import TerminalSpec, decode_bytes

SAVE_EVERY = 0.1
"""Seconds between two times that a session's output is made safe; the machine waits for it when its window is full."""

STOP_SECONDS = 5.0
"""How long a hub that stops waits for the disk."""

LOOK_EVERY = 3600.0
"""Seconds between two looks for recordings that are too old."""

MAX_PEOPLE = 50
"""People in one session at a time."""

_DAY = 86_400 * 1_000_000

log = logging.getLogger("dvic.sessions")


class SessionService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, agents: AgentService, audit: AuditService,
                 runs: RunService, config: HubConfig, clock: Callable[[], float]):
        self._store, self._bus, self._fleet, self._agents = store, bus, fleet, agents
        self._audit, self._runs, self._config, self._clock = audit, runs, config, clock
        self._keeper = SessionKeeper(store, Recordings(config.state_dir, config.recording_mib * 1024 * 1024),
                                     config.require_recording, self._unrecorded)
        self._live: dict[str, LiveSession] = {}
        self._tasks: set[asyncio.Task] = set()
        self._unsubscribe: Callable[[], None] = lambda: None
        self._looked = float("-inf")
        self._stopping = False

    async def start(self) -> None:
        """Take up what was open when the hub stopped."""
        self._unsubscribe = self._bus.subscribe(self._hear)
        for row in await self._store.sessions.open():
            row = replace(row, starts=row.starts + 1)
            await self._store.sessions.update(row.id, starts=row.starts)
            recording, failed = await self._keeper.go_on(row)
            live = self._follow(row, recording)
            if failed:
                self._keeper.give_up(live, failed)
            run_node = await self._run_node(row)
            if run_node is None or run_node.state in ENDS:
                await self._finish(live)

    async def stop(self) -> None:
        """Make safe what has come; the sessions go on."""
        self._unsubscribe()
        self._stopping = True
        for live in self._live.values():
            live.dirty.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for live in self._live.values():
            if live.recording is not None:
                live.recording.close()

    def leave_all(self) -> None:
        """The hub stops: let everybody come back to the next one."""
        for live in self._live.values():
            for person in live.people:
                person.end("restarting")

    # ---- people

    async def open(self, node: str, user: str, argv: list[str], size: tuple[int, int], title: str, record: bool | None,
                   actor: Actor) -> TerminalSession:
        """Order a terminal on a node that is connected. Raises NotFound, BadRequest, Conflict, what a run raises."""
        view = self._fleet.view(node)
        if view is None:
            raise NotFound(f"there is no node {node}")
        if not self._agents.connected(view.id):
            raise Conflict(f"{view.name} is not connected", code="not-connected")
        if record is False and self._config.require_recording:
            raise BadRequest("this hub opens no terminal without recording it", code="recording", field="record")
        if len(self._live) >= self._config.max_sessions:
            raise Conflict(f"at most {self._config.max_sessions} terminals may be open", code="limit",
                           limit=self._config.max_sessions)
        session_rules.check_argv(argv)
        now = self._clock()
        key, seed = _new_key()
        row = TerminalSession(new_id(now), view.id, view.name, user, list(argv),
                              session_rules.title_of(argv, title, view.name), int(now * 1_000_000), actor.name, *size,
                              seed, recorded=self._config.record if record is None else record)
        recording = await self._keeper.begin(row) if row.recorded else None
        row = replace(row, recorded=recording is not None, recording=recording.length if recording else 0)
        spec = TerminalSpec(key.public, tuple(argv), user, *size, idle=self._config.session_idle,
                            timeout=self._config.session_hours * 3600)
        carried = RunSpec(argv=tuple(argv) or ("(login shell)",), user=user, timeout=spec.timeout)
        order = RunOrder(f"id:{view.id}", carried, reason=row.title, kind=TERMINAL,
                         detail={"terminal": spec.to_json()}, id=row.id)
        await self._store.sessions.add(row)
        live = self._follow(row, recording)
        try:
            await self._runs.create(order, actor)
        except BaseException:
            live.row = replace(live.row, why="it could not be ordered")
            await asyncio.shield(self._finish(live))
            raise
        return row

    async def get(self, id: str) -> TerminalSession:
        """Raises NotFound."""
        live = self._live.get(id)
        if live is not None:
            return replace(live.row, recording=live.recording.length) if live.recording else live.row
        row = await self._store.sessions.get(id)
        if row is None:
            raise NotFound(f"there is no session {id}")
        return row

    def people(self, id: str) -> list[Person]:
        """Who is in it now."""
        return list(self._live[id].people) if id in self._live else []

    async def join(self, id: str, actor: Actor, read_only: bool, offset: int,
                   acknowledges: bool = False) -> tuple[LiveSession, Person]:
        """Come into a session that goes on. Raises NotFound, Conflict."""
        await self.get(id)
        live = self._live.get(id)
        if live is None:
            raise Conflict("this session is over", code="ended")
        if len(live.people) >= MAX_PEOPLE:
            raise Conflict(f"at most {MAX_PEOPLE} people may be in a session", code="limit", limit=MAX_PEOPLE)
        await self._audit.note(actor, "session.join", live.row.node_name, {"session": id, "read_only": read_only})
        person = Person(actor, read_only, int(self._clock() * 1_000_000), acknowledges=acknowledges)
        if live.over:
            raise Conflict("this session is over", code="ended")
        await self._send(live, live.join(person, offset, self._clock()))
        return live, person

    async def leave(self, live: LiveSession, person: Person) -> None:
        await self._send(live, live.leave(person, self._clock()))
        self._acknowledge(live)

    async def type(self, live: LiveSession, person: Person, data: bytes) -> None:
        """What somebody typed; waits while the terminal takes no more. Of who only reads nothing is taken."""
        if person.read_only:
            return
        while not live.has_room and not live.over and person.ended is None:
            live.room.clear()
            await live.room.wait()
        if not live.over:
            await self._send(live, live.type(data, self._clock()))

    async def resize(self, live: LiveSession, person: Person, cols: int, rows: int) -> None:
        await self._send(live, live.resize(person, cols, rows, self._clock()))

    def sent(self, live: LiveSession, person: Person, size: int) -> None:
        """So many bytes of output have gone out to somebody."""
        person.sent(size)
        self._acknowledge(live)

    def seen(self, live: LiveSession, person: Person, offset: int) -> None:
        """Somebody who acknowledges has drawn the output before `offset`."""
        person.seen(offset, self._clock())
        self._acknowledge(live)

    async def end(self, id: str, actor: Actor) -> TerminalSession:
        """End it for all. Raises NotFound, Forbidden."""
        row = await self.get(id)
        session_rules.may_end(actor, row)
        live = self._live.get(id)
        if live is not None:
            await self._end(live, f"ended by {actor.name}", actor)
        return await self.get(id)

    async def remove_recording(self, id: str, actor: Actor) -> None:
        """Raises NotFound, Conflict while it goes on."""
        row = await self.get(id)
        if id in self._live:
            raise Conflict("the session goes on", code="open")
        await self._keeper.path(id)
        async with self._audit.record(actor, "recording.remove", row.node_name, {"session": id}):
            await self._keeper.drop(id)

    async def recording(self, id: str, actor: Actor):
        """The path of the recording, on the disk as it is up to now. Raises NotFound."""
        row = await self.get(id)
        path = await self._keeper.path(id)
        await self._audit.note(actor, "recording.read", row.node_name, {"session": id})
        return path

    # ---- nodes

    async def on_connected(self, node: str) -> None:
        """The node's connection stands: go on with its terminals."""
        for live in list(self._live.values()):
            if live.row.node == node:
                row = await self._run_node(live.row)
                if row is not None and row.state == RUNNING:
                    await self._resume(live)

    def on_gone(self, node: str) -> None:
        """Its connection has ended."""
        for live in self._live.values():
            if live.row.node == node:
                live.lost()
                live.tell({"node": "away"})

    async def on_output(self, node: str, message: TerminalOutput) -> None:
        live = self._of(node, message.run)
        data = decode_bytes(message.data)
        if live is not None and data is not None and not live.show(message.offset, data, self._clock()):
            log.info("output of terminal %s does not fit and is left out", message.run)

    async def on_taken(self, node: str, message: TerminalTaken) -> None:
        live = self._of(node, message.run)
        if live is not None:
            await self._send(live, live.taken(message.n))

    # ---- time

    async def tick(self, now: float) -> None:
        """End what nobody is in, put out who is too slow, drop what is too old. Called each second."""
        for live in list(self._live.values()):
            if not live.people and now - live.alone_since > session_rules.ATTACH_GRACE and not live.row.why:
                await self._end(live, f"nobody was in it for {session_rules.ATTACH_GRACE:.0f} s", HUB)
            for person in list(live.people):
                if person.busy_since and now - person.busy_since > session_rules.SLOW:
                    person.end("slow")
        if not 0 <= now - self._looked < LOOK_EVERY:
            self._looked = now
            await self._keeper.drop_before(int(now * 1_000_000) - self._config.recording_days * _DAY)

    # ---- inside

    def _follow(self, row: TerminalSession, recording: Recording | None) -> LiveSession:
        live = self._live[row.id] = LiveSession(row, recording, self._clock())
        self._start(self._keep_safe(live))
        return live

    def _of(self, node: str, run: str) -> LiveSession | None:
        live = self._live.get(run)
        return live if live is not None and live.row.node == node else None

    async def _keep_safe(self, live: LiveSession) -> None:
        """Save what has come, again and again, until the session is over."""
        while not live.over and not self._stopping:
            await live.dirty.wait()
            await self._save(live)
            await asyncio.sleep(SAVE_EVERY)

    async def _save(self, live: LiveSession) -> None:
        """Make safe what has come, then let the machine go on."""
        await self._keeper.save(live)
        self._acknowledge(live)

    def _unrecorded(self, live: LiveSession, why: str) -> None:
        """Told by the keeper: this hub asks for a recording, and there is none any more."""
        self._start(self._end(live, why, HUB))

    async def _end(self, live: LiveSession, why: str, actor: Actor) -> None:
        live.row = replace(live.row, why=live.row.why or why)
        await self._store.sessions.update(live.row.id, why=live.row.why)
        await self._runs.cancel(live.row.id, actor)

    async def _resume(self, live: LiveSession) -> None:
        await self._agents.send(live.row.node, live.resume())
        live.tell({"node": "here"})

    async def _send(self, live: LiveSession, messages: list[Message]) -> None:
        for message in messages:
            await self._agents.send(live.row.node, message)

    def _acknowledge(self, live: LiveSession) -> None:
        message = live.acknowledge()
        if message is not None:
            self._start(self._send(live, [message]))

    async def _run_node(self, row: TerminalSession) -> RunNode | None:
        return next((each for each in await self._store.runs.nodes(row.id) if each.node == row.node), None)

    async def _finish(self, live: LiveSession) -> None:
        """The terminal is no more: tell everybody, close the recording, forget the key."""
        if live.over:
            return
        live.over = True
        live.room.set()
        await self._save(live)
        if live.recording is not None:
            live.recording.close()
            live.recording = None
        live.dirty.set()
        if not live.received:
            await self._keeper.drop(live.row.id)  # nothing was ever shown
        row = await self._run_node(live.row)
        ended = row.ended if row is not None and row.ended else int(self._clock() * 1_000_000)
        await self._store.sessions.update(live.row.id, ended=ended, key=b"", why=live.row.why)
        self._live.pop(live.row.id, None)
        live.tell({"ended": {"state": row.state if row else LOST, "exit_code": row.exit_code if row else -1,
                             "reason": live.row.why or (row.reason if row else "")}})
        for person in live.people:
            person.end("ended")

    def _hear(self, event: Event) -> None:
        live = self._live.get(event.run) if isinstance(event, RunChanged) else None
        if live is None or event.node != live.row.node:
            return
        if event.state == RUNNING:
            if not live.asked:  # else it came from the run's stream as well
                self._start(self._resume(live))
        elif event.state in ENDS:
            self._start(self._finish(live))

    def _start(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            level = logging.WARNING if isinstance(task.exception(), HubError) else logging.ERROR
            log.log(level, "work on a session failed", exc_info=task.exception())


def _new_key() -> tuple[PrivateKey, bytes]:
    seed = secrets.token_bytes(32)
    return PrivateKey.from_seed(seed), seed
