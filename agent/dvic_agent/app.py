"""The only place where the agent's parts are put together.

    sources -> pump -> window -> link <-> hub            link -> agent -> run desk -> executor
              link -> terminals, copies -> what holds them    supervisor, status server: tell how it goes

`Agent` is one life: from a config to a stop. `serve` lives as many as SIGHUP asks for and ends at SIGTERM.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from dvic_wire.messages import (
    Ack,
    CopyPiece,
    CopyResume,
    CopyTaken,
    Leave,
    Message,
    Problem,
    RunAnswer,
    RunCancel,
    RunRequest,
    Settings,
    TerminalAck,
    TerminalInput,
    TerminalResume,
    UpdateConfirm,
    Welcome,
)

from . import config as configs
from .clock import Clock
from .config import AgentConfig
from .copies import Copies
from .errors import ConfigError
from .executor_client import ExecutorClient
from .identity import ensure_key, load_identity, occupy
from .keepalive import Serials, keepalive
from .leaving import Leaver
from .link import Link
from .log_levels import LogLevels
from .memory import give_back
from .pump import Pump
from .runs import RunDesk
from .session import Ended, Session
from .sources.run_output import RunOutput
from .sources.source import Source
from .status import StatusServer
from .supervisor import Supervisor
from .terminals import Terminals
from .version import VERSION
from .window import Limits, Window

log = logging.getLogger(__name__)

LOOK_EVERY = 15.0
"""Seconds between looks whether the hub still answers, at the longest."""

GIVE_BACK_EVERY = 300.0
"""Seconds between gifts of unused memory to the system; the first after the first keepalive."""

CONFLICT_SHOWN = 180.0
"""Seconds for which the status shows that another machine tried to be this node; it tries each minute."""

HINTS = {
    "conflict": "was this machine's disk copied? Then give one of the two its own key: dvic-agent enroll --new-key",
    "removed": "to join again it needs a new token: dvic-agent enroll --new-key",
    "revoked": "to come back it needs a new token and a new key: dvic-agent enroll --new-key",
    "unknown": "was the hub set up anew, or restored from an old backup? Enroll it again with a new token: dvic-agent "
               "enroll",
}
"""What to do about a refusal, by its code."""

PERIODS = (1, 3600)
"""Seconds that a hub may ask for as a period."""

MakeSources = Callable[[AgentConfig, Clock, RunDesk], Sequence[Source]]


class Agent:
    """One life of the agent. Is the link's handler: what the hub says arrives here."""

    def __init__(self, config: AgentConfig, make_sources: MakeSources, supervisor: Supervisor, clock: Clock,
                 facts: Callable[[], dict]):
        self._config = config
        self._clock = clock
        self._supervisor = supervisor
        self._serials = Serials(config.private_dir / "serial")
        self._link = Link(lambda: load_identity(config.config_dir, config.private_dir), self, facts=facts,
                          version=VERSION, clock=clock, ca_file=config.ca_file)
        executor = ExecutorClient(config.executor_socket)
        self._desk = RunDesk(executor, config.runs_dir, self._link.send)
        self._terminals = Terminals(config.runs_dir, self._link.send_terminal)
        self._copies = Copies(config.runs_dir, self._link.send_copy)
        self._leaver = Leaver(executor)
        self._log_levels = LogLevels(config.log_levels_file)
        self._window = Window(Limits(config.batch_records, config.batch_bytes, config.stream_batches,
                                     config.flight_bytes, config.batch_delay, config.lines_per_second))
        self._sources = make_sources(config, clock, self._desk)
        self._pump = Pump(self._sources, self._window, self._link.send_batch, clock)
        self._status = StatusServer(config.private_dir, self.describe)
        self._session: Session | None = None
        self._connection = {"state": "connecting", "reason": "", "since": clock.wall()}
        self._conflict, self._conflict_at = "", 0.0
        self._period = config.keepalive_period
        self._beat = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Live until `stop` is set; raises what a part fails of."""
        await self._status.start()
        parts = [asyncio.create_task(part, name=name) for name, part in (
            ("link", self._link.run()), ("pump", self._pump.run()), ("keepalive", self._keep_alive()),
            ("watchdog", self._supervisor.watch(self._pump.moving)))]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        self._supervisor.ready()
        try:
            await self._until(stopped, parts)
        finally:
            await self._end([stopped, *parts])

    def describe(self) -> dict:
        """For `dvic-agent status`: connection, node, hub, streams."""
        identity = self._link.identity
        known = {"node": identity.key.public.node_id, "name": identity.hub.name,
                 "hub": {"url": identity.hub.url, "fingerprint": identity.hub.fingerprint}} if identity else {}
        if identity and self._session and self._session.welcome:
            known["name"] = self._session.welcome.name
        return {"version": VERSION, "pid": os.getpid(), "connection": dict(self._connection), **known,
                "streams": self._window.describe(), "unacknowledged": self._window.unacknowledged,
                "moving": self._pump.moving(),
                "notes": self._notes()}

    def _notes(self) -> list[str]:
        notes = [note for source in self._sources if (note := getattr(source, "unavailable", ""))]
        if self._conflict and self._clock.steady() - self._conflict_at < CONFLICT_SHOWN:
            notes.append(self._conflict)
        return notes

    # what the link tells

    def opened(self, session: Session, welcome: Welcome) -> None:
        self._session = session
        self._serials.seen(welcome.serial)
        self._tell("connected", f"{self._link.identity.hub.url} as {welcome.name}")
        self._settle(welcome.settings)
        self._pump.opened(welcome.cursors)
        self._desk.compare(welcome.runs)
        self._beat.set()

    def received(self, message: Message) -> None:
        if isinstance(message, Ack):
            self._pump.answered(message)
        elif isinstance(message, RunRequest | RunCancel | RunAnswer):
            self._desk.request(message)
        elif isinstance(message, TerminalResume | TerminalInput | TerminalAck):
            self._terminals.take(message)
        elif isinstance(message, CopyResume | CopyPiece | CopyTaken):
            self._copies.take(message)
        elif isinstance(message, UpdateConfirm):
            self._desk.confirm(message)
        elif isinstance(message, Leave):
            self._leaver.leave(message)
        elif isinstance(message, Settings):
            self._settle(message.values)
        elif isinstance(message, Problem):
            self._trouble(message)

    def closed(self, ended: Ended, wait: float) -> None:
        if self._session is not None:
            self._session = None
            self._pump.lost()
            self._terminals.lost()
            self._copies.lost()
        state = "not enrolled" if ended.code == "not-enrolled" else "refused" if ended.proved else "disconnected"
        hint = f" ({HINTS[ended.code]})" if ended.proved and ended.code in HINTS else ""
        self._tell(state, f"{ended.reason}{hint}", f", trying again in {wait:.0f} s")

    # parts of a life

    async def _until(self, stopped: asyncio.Task, parts: list[asyncio.Task]) -> None:
        """Until the stop, or a part ends that should not have."""
        waited = {stopped, *parts}
        while not stopped.done():
            done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a part that failed ends the agent; systemd starts it anew

    async def _end(self, tasks: list[asyncio.Task]) -> None:
        await self._link.stop()
        link = [task for task in tasks if task.get_name() == "link"]
        await asyncio.wait(link, timeout=5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._terminals.stop()
        await self._copies.stop()
        await self._desk.stop()
        await self._leaver.stop()
        await self._pump.stop()
        await self._status.stop()

    async def _keep_alive(self) -> None:
        next_beat, give_back_at = 0.0, 0.0
        while True:
            self._beat.clear()
            now = self._clock.steady()
            if self._session is None:
                next_beat = 0.0
                await self._beat.wait()
                continue
            if self._pump.stalled():
                self._link.drop("stalled", "the hub leaves batches unanswered")
            elif now >= next_beat:
                self._link.send(keepalive(self._link.identity, self._serials.take(), self._period,
                                          self._session.hub_time(now)))
                next_beat = now + self._period
                self._supervisor.status(self._line())
                if now >= give_back_at:
                    give_back_at = now + GIVE_BACK_EVERY
                    give_back()
            try:
                await asyncio.wait_for(self._beat.wait(), max(0.0, min(next_beat - now, LOOK_EVERY)))
                next_beat = 0.0
            except TimeoutError:
                pass

    def _settle(self, values: dict) -> None:
        """Obey the hub's settings where they make sense."""
        least, most = PERIODS
        period = values.get("keepalive_period")
        if type(period) in (int, float) and least <= period <= most and int(period) != self._period:
            self._period = int(period)
            self._beat.set()
        self._log_levels.want(values.get("log_levels"))
        period = values.get("hardware_period")
        if type(period) in (int, float) and least <= period <= most:
            for source in self._sources:
                if hasattr(source, "set_period"):
                    source.set_period(float(period))

    def _trouble(self, problem: Problem) -> None:
        if problem.about in self._window:
            self._pump.faulty(problem.about, problem.reason)
        else:
            if problem.code == "conflict":
                self._conflict, self._conflict_at = f"{problem.reason} ({HINTS['conflict']})", self._clock.steady()
            log.warning("the hub could not use a message (%s): %s", problem.code, problem.reason)

    def _tell(self, state: str, reason: str, more: str = "") -> None:
        before = self._connection
        self._connection = {"state": state, "reason": reason, "since": self._clock.wall()}
        if (before["state"], before["reason"]) != (state, reason):
            log.log(logging.INFO if state == "connected" else logging.WARNING, "%s: %s%s", state, reason, more)
        elif state != "connected":
            self._connection["since"] = before["since"]
        self._supervisor.status(self._line())

    def _line(self) -> str:
        waiting = f"; {self._window.streams} streams, {self._window.unacknowledged} batches unacknowledged"
        return f"{self._connection['state']}: {self._connection['reason']}{waiting if self._session else ''}"


def make_sources(config: AgentConfig, clock: Clock, desk: RunDesk) -> Sequence[Source]:
    """What the config asks for. A source whose library is missing on this machine is left out and named once."""
    makers = {"journal": _journal, "log_files": _log_files, "container_states": _container_states,
              "containers": _containers, "hardware": _hardware, "demos": _demos, "packages": _packages}
    sources: dict[str, Source] = {}
    for name, make in makers.items():
        if getattr(config, name):
            try:
                sources[name] = make(config, clock, sources)
            except PermissionError as error:
                log.info("the source %s is off: %s", name, error)
            except (ImportError, OSError) as error:
                log.warning("the source %s can't be used here: %s", name, error)
    return [*sources.values(), RunOutput(config.runs_dir, desk.forget, clock=clock)]


def _journal(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.journal import Journal

    return Journal(config.journal_from, config.journal_folder, clock)


def _log_files(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.log_files import LogFiles

    return LogFiles(config.log_folders, config.log_pattern, clock=clock)


def _container_states(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.containers import Containers
    from .sources.mounts import may_look

    kernel = config.containers and may_look()
    if not (kernel or config.container_sockets):
        raise PermissionError("the agent may not look into containers, and no socket of an engine is named")
    return Containers(config.container_sockets, _rings(config), kernel=kernel, room=config.ring_bytes, clock=clock)


def _containers(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.control_groups import tree_of
    from .sources.mounts import Mounts, may_look

    if not may_look():
        raise PermissionError("the agent may not look into containers (it has no CAP_SYS_PTRACE)")
    packages = "dvic_package_*" if config.packages else None
    states = made.get("container_states")
    told = {"seen": states.seen, "named": states.named} if states else {}
    mounts = Mounts(config.log_folders, config.log_pattern, packages, clock=clock, groups=tree_of(), **told)
    if states:
        states.left = mounts.look_again
    return mounts


def _hardware(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.hardware import Hardware

    return Hardware(_rings(config), period=config.hardware_period, room=config.ring_bytes, clock=clock)


def _demos(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.demos import Demos

    files = made["log_files"].files if "log_files" in made else list
    return Demos(files, _rings(config), period=config.demos_period, room=config.ring_bytes, clock=clock)


def _packages(config: AgentConfig, clock: Clock, made: dict) -> Source:
    from .sources.packages import Packages

    return Packages(config.log_folders, config.log_levels_file.with_name("packages"), clock=clock,
                    containers="containers" in made)


def _rings(config: AgentConfig) -> Path:
    folder = config.private_dir / "ring"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


async def serve(config: AgentConfig, make_sources: MakeSources, facts: Callable[[], dict], *,
                supervisor: Supervisor | None = None, clock: Clock = Clock()) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads agent.toml again and starts over with it (the process stays)."""
    supervisor = supervisor or Supervisor.from_environment()
    ensure_key(config.private_dir)
    occupied = occupy(config.private_dir)
    try:
        await _lives(config, make_sources, facts, supervisor, clock)
    finally:
        os.close(occupied)


async def _lives(config: AgentConfig, make_sources: MakeSources, facts: Callable[[], dict], supervisor: Supervisor,
                 clock: Clock) -> None:
    loop, stop, signals = asyncio.get_running_loop(), asyncio.Event(), []

    def caught(number: signal.Signals) -> None:
        signals.append(number)
        if number != signal.SIGHUP:
            supervisor.stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, caught, number)
    while True:
        await Agent(config, make_sources, supervisor, clock, facts).run(stop)
        stop.clear()
        if set(signals) - {signal.SIGHUP}:
            break
        signals.clear()
        supervisor.reloading()
        config = _reload(config)


def _reload(config: AgentConfig) -> AgentConfig:
    try:
        fresh = configs.load(config.config_dir, config.state_dir)
        log.info("agent.toml was read again")
        return fresh
    except ConfigError as error:
        log.error("agent.toml is not used, the settings before it stay: %s", error)
        return config
