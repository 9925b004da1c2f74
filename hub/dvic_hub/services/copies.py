"""Copies of files to machines and from them: ordered as runs, carried in pieces over the agents' connections.

    to machines       the file lies whole in the spool; each machine says what it has, and gets the rest
    from a machine    its bytes go into the spool; the last of them are confirmed when the hash is what the machine told

All that must last is in the run (its detail is the signed order) and in the spool, so a hub that is killed goes on: a
machine whose connection stands again is told so by CopyResume, and answers with what it has, or sends what is missing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from dvic_hub.bus.port import Bus
from dvic_hub.config import HubConfig
from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.domain.events import Event, RunChanged
from dvic_hub.domain.model import Run
from dvic_hub.domain.people import HUB, Actor
from dvic_hub.errors import BadRequest, Conflict, HubError, NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.files import FileService
from dvic_hub.services.room import Room
from dvic_hub.services.run_signing import COPY
from dvic_hub.services.runs import ENDED, RunService
from dvic_hub.services.spool import KeptFile, Spool
from dvic_hub.services.transfers import Download, Upload
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.copies import COPY_WINDOW, FROM, TO, CopySpec, FileAbout
from dvic_wire.errors import WireError
from dvic_wire.messages import CopyFile, CopyPiece, CopyResume, CopyTaken
from dvic_wire.pieces import MAX_PIECE, decode_bytes, encode_bytes
from dvic_wire.runs import RUNNING, RunSpec
from dvic_wire.runs import TERMINAL as ENDS

MAX_COPIES = 100
"""Copies that may be open at a time."""

READ_BYTES = 8 * MAX_PIECE
"""Bytes of a file that are read at a time, to be sent in pieces."""

STALLED = 60.0
"""Seconds without a word of a copy from a connected node after which it is asked to go on: what carries it there may
have been ended."""

LOOK_EVERY = 600.0
"""Seconds between two looks for files that nobody uses any more."""

log = logging.getLogger("dvic.copies")


@dataclass(frozen=True)
class CopyOrder:
    """What somebody wants copied. `file`: id of a whole file in the spool that goes to the selector's nodes; "": `path`
    is copied from the one node that it names. The rest as in RunOrder and CopySpec."""

    selector: str
    path: str
    file: str = ""
    user: str = ""
    mode: int = -1
    owner: str = ""
    group: str = ""
    timeout: int = 21600
    batch: str = ""
    queue: int = 0
    reason: str = ""


class CopyService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Store, bus: Bus, fleet: FleetService, agents: AgentService, runs: RunService,
                 spool: Spool, files: FileService, config: HubConfig, clock: Callable[[], float]):
        self._store, self._bus, self._fleet, self._agents, self._runs = store, bus, fleet, agents, runs
        self._spool, self._files, self._config, self._clock = spool, files, config, clock
        self._open: dict[str, Run] = {}
        self._going: dict[tuple[str, str], Upload | Download] = {}
        self._rooms: dict[str, Room] = {}
        self._tasks: set[asyncio.Task] = set()
        self._looked = float("-inf")
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Take up what was open when the hub stopped."""
        self._unsubscribe = self._bus.subscribe(self._hear)
        for id in await self._store.runs.active(COPY):
            run = await self._store.runs.get(id)
            if run is not None:
                self._open[id] = run

    async def stop(self) -> None:
        self._unsubscribe()
        tasks = [*self._tasks, *(going.task for going in self._going.values()
                                 if isinstance(going, Upload) and going.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- people

    async def create(self, order: CopyOrder, actor: Actor) -> Run:
        """Order a copy. Raises BadRequest, NotFound, Conflict, MalformedMessage, and what a run raises."""
        if len(self._open) >= MAX_COPIES:
            raise Conflict(f"at most {MAX_COPIES} copies may be open", code="limit", limit=MAX_COPIES)
        kept = self._files.whole(order.file) if order.file else None
        spec = CopySpec.from_json(self._spec(order, kept).to_json())
        if kept is None and len(self._fleet.select(order.selector)) > 1:
            raise BadRequest("a file is copied from one node at a time", field="selector")
        words = ("(copy to)", spec.path, spec.name, f"sha256:{spec.sha256}") if kept else ("(copy from)", spec.path)
        carried = RunSpec(argv=words, user=spec.user, timeout=spec.timeout)
        detail = {"copy": spec.to_json(), **({"file": kept.id} if kept else {})}
        run = await self._runs.create(RunOrder(order.selector, carried, batch=order.batch, queue=order.queue,
                                               reason=order.reason, kind=COPY, detail=detail), actor)
        self._open[run.id] = run
        if kept is not None:
            await asyncio.to_thread(self._spool.use, kept.id, self._clock())
        return run

    def _spec(self, order: CopyOrder, kept: KeptFile | None) -> CopySpec:
        common = {"path": order.path, "user": order.user, "timeout": order.timeout}
        if kept is None:
            return CopySpec(FROM, size=self._config.copy_mib * 1024 * 1024, **common)
        return CopySpec(TO, size=kept.size, sha256=kept.sha256, name=kept.name, mode=order.mode, owner=order.owner,
                        group=order.group, **common)

    def offset(self, run: str, node: str) -> int:
        """Bytes that have safely arrived, of a copy that is under way."""
        going = self._going.get((run, node))
        return going.offset if going is not None else 0

    def needed(self) -> set[str]:
        """Ids of the files that open copies need."""
        return {run.detail.get("file", run.id) for run in self._open.values()}

    # ---- nodes

    async def on_connected(self, node: str) -> None:
        """The node's connection stands: go on with its copies."""
        for row in await self._store.runs.active_on(node):
            if row.run in self._open and row.state == RUNNING:
                await self._resume(self._open[row.run], node)

    def on_gone(self, node: str) -> None:
        """Its connection has ended."""
        for (_, of), going in list(self._going.items()):
            if of == node:
                going.lost()

    def on_taken(self, node: str, message: CopyTaken) -> None:
        going = self._going.get((message.run, node))
        if not isinstance(going, Upload):
            return
        going.moved = self._clock()
        if going.task is None:  # the answer to CopyResume
            going.begin(message.offset)
            going.task = asyncio.ensure_future(self._feed(going))
            going.task.add_done_callback(_report)
        elif not going.confirm(message.offset):
            log.info("node %s confirms of copy %s what it was not sent", node, message.run)

    async def on_file(self, node: str, message: CopyFile) -> None:
        going = self._going.get((message.run, node))
        if not isinstance(going, Download):
            return
        going.moved = self._clock()
        try:
            about = FileAbout.from_json(message.about)
        except WireError as error:
            await self._give_up(message.run, f"what the machine says of the file can't be used: {error}")
            return
        if going.about is None:
            await self._announced(going, about)
        elif about.sha256:
            going.about = replace(going.about, sha256=about.sha256)
        if going.about is not None and about.sha256:
            self._start(self._save(going))

    def on_piece(self, node: str, message: CopyPiece) -> None:
        going = self._going.get((message.run, node))
        data = decode_bytes(message.data)
        if isinstance(going, Download) and data is not None and going.take(message.offset, data):
            going.moved = self._clock()
            self._start(self._save(going))

    # ---- time

    async def tick(self, now: float) -> None:
        """Ask for what has stalled, drop the files that are too old. Called each second."""
        for (run, node), going in list(self._going.items()):
            if abs(now - going.moved) > STALLED and self._agents.connected(node) and await self._runs_there(run, node):
                await self._resume(self._open[run], node)
        if not 0 <= now - self._looked < LOOK_EVERY:
            self._looked = now
            await self._files.drop_before(now - self._config.copy_keep_hours * 3600, self.needed())

    # ---- inside

    async def _resume(self, run: Run, node: str) -> None:
        going = self._going.get((run.id, node)) or self._begin(run, node)
        going.lost()
        going.moved = self._clock()
        offset = 0
        if isinstance(going, Download):
            async with going.saving:  # what is being made safe now counts
                offset = going.safe
        await self._agents.send(node, CopyResume(run.id, offset))

    async def _runs_there(self, run: str, node: str) -> bool:
        return run in self._open and any(row.node == node and row.state == RUNNING
                                         for row in await self._store.runs.nodes(run))

    def _begin(self, run: Run, node: str) -> Upload | Download:
        spec = CopySpec.from_json(run.detail["copy"])
        if spec.direction == TO:
            room = self._rooms.setdefault(node, Room(COPY_WINDOW))
            going: Upload | Download = Upload(run.id, node, run.detail["file"], spec.size, room)
        else:
            going = Download(run.id, node, spec.size)
            try:
                kept = self._spool.get(run.id)
                going.about, going.safe = FileAbout.from_json(kept.about), kept.received
            except NotFound:
                pass  # it has not told of it yet
        self._going[run.id, node] = going
        return going

    async def _feed(self, upload: Upload) -> None:
        """Send what the machine lacks, as far as its room allows."""
        ahead = b""
        while upload.sent < upload.size:
            if not ahead:
                try:
                    ahead = await asyncio.to_thread(self._spool.read, upload.file, upload.sent, READ_BYTES)
                except (OSError, NotFound) as error:
                    await self._give_up(upload.run, f"the file is not at the hub any more: {error}")
                    return
            piece, ahead = ahead[:MAX_PIECE], ahead[MAX_PIECE:]
            await upload.room.take(len(piece))
            offset, upload.sent = upload.sent, upload.sent + len(piece)
            if not await self._agents.send(upload.node, CopyPiece(upload.run, offset, encode_bytes(piece))):
                return  # its connection is gone; on_gone gives the room back

    async def _announced(self, download: Download, about: FileAbout) -> None:
        """The machine says what the file is: set room aside for it."""
        if about.size > download.most:
            await self._give_up(download.run, f"the file has {about.size} bytes, at most {download.most} are copied")
            return
        run = self._open.get(download.run)
        if run is None:
            return
        try:
            await asyncio.to_thread(self._spool.begin, about.name, about.size, run.created_by, self._clock(),
                                    id=download.run, about=replace(about, sha256="").to_json())
        except HubError as error:
            await self._give_up(download.run, str(error))
            return
        download.about = about

    async def _save(self, download: Download) -> None:
        """Make safe what has come, and confirm it; the last of it when it is what the machine has read."""
        async with download.saving:
            data = download.write()
            try:
                if data:
                    await asyncio.to_thread(self._spool.write, download.run, download.safe, data, self._clock())
                    download.written(data)
                if not download.complete:
                    confirmed = bool(data) and not download.whole
                else:
                    confirmed = download.done or await self._check(download)
            except HubError as error:
                await self._give_up(download.run, str(error))
                return
            if confirmed:
                await self._agents.send(download.node, CopyTaken(download.run, download.safe))

    async def _check(self, download: Download) -> bool:
        """All has come: whether it is what the machine has read. Raises HubError."""
        kept, about = self._spool.get(download.run), download.about
        if kept.sha256 != about.sha256:
            raise Conflict(f"what has come is not what the machine has read: its sha256 is {kept.sha256}, "
                           f"not {about.sha256}")
        await asyncio.to_thread(self._spool.describe, download.run, about.to_json())
        download.done = True
        return True

    async def _give_up(self, run: str, why: str) -> None:
        """The hub ends a copy itself."""
        log.warning("copy %s: %s", run, why)
        await self._runs.cancel(run, HUB, why=why)

    def _over(self, run: Run) -> None:
        """The whole copy is over. Of a file from a machine what is not whole is of no use."""
        del self._open[run.id]
        for of, node in list(self._going):
            if of == run.id:
                self._going.pop((of, node)).lost()
        if "file" not in run.detail:
            kept = next((kept for kept in self._spool.all() if kept.id == run.id), None)
            if kept is not None and not (kept.about or {}).get("sha256"):
                self._start(asyncio.to_thread(self._spool.remove, run.id))

    def _hear(self, event: Event) -> None:
        run = self._open.get(event.run) if isinstance(event, RunChanged) else None
        if run is None:
            return
        if event.state == ENDED:
            self._over(run)
        elif event.state == RUNNING and (run.id, event.node) not in self._going:
            self._begin(run, event.node)
            self._start(self._resume(run, event.node))
        elif event.state in ENDS:
            going = self._going.pop((run.id, event.node), None)  # what the node still says of it counts no more
            if going is not None:
                going.lost()

    def _start(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)


def _report(task: asyncio.Task) -> None:
    if not task.cancelled() and task.exception() is not None:
        level = logging.WARNING if isinstance(task.exception(), HubError) else logging.ERROR
        log.log(level, "work on a copy failed", exc_info=task.exception())
