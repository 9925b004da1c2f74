"""Where the hub's parts are put together; nowhere else is anything looked up or made.

    application = build_app(config)          # an aiohttp application that starts and stops all that it needs
    application[HUB].people                  # the parts, for the program that runs it

Order of starting: store, fleet, runs, rollouts, live, loops. Of stopping: loops, agents (told goodbye), live, the rest.
"""

import importlib.metadata
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from dvic_hub import identity
from dvic_hub.api.application import make_application
from dvic_hub.api.doors import Doors
from dvic_hub.api.install import make_script
from dvic_hub.bus.local import LocalBus
from dvic_hub.config import HubConfig
from dvic_hub.domain.layout import check_layout
from dvic_hub.loops import Loops
from dvic_hub.notify.senders import Senders
from dvic_hub.services.agents import AgentService
from dvic_hub.services.alarm_package_looks import PackageLooks
from dvic_hub.services.alarm_probes import Probes
from dvic_hub.services.alarm_recall import Recall
from dvic_hub.services.alarm_rules import RuleService
from dvic_hub.services.alarm_watch import WatchService
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.channels import ChannelService
from dvic_hub.services.copies import CopyService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.deliveries import DeliveryService
from dvic_hub.services.enrolment import EnrolmentService
from dvic_hub.services.files import FileService
from dvic_hub.services.heartbeats import HeartbeatService
from dvic_hub.services.host_keys import HostKeyService
from dvic_hub.services.hosts import HostService
from dvic_hub.services.ingest import IngestService
from dvic_hub.services.live import LiveService
from dvic_hub.services.maintenance import MaintenanceService
from dvic_hub.services.manifests import ManifestService
from dvic_hub.services.notifications import NotificationService
from dvic_hub.services.outbound_heartbeat import OutboundHeartbeat
from dvic_hub.services.packages import PackageService
from dvic_hub.services.people import PeopleService
from dvic_hub.services.pushes import PushService
from dvic_hub.services.quiet import QuietService
from dvic_hub.services.release_keys import ReleaseKeyService
from dvic_hub.services.releases import ReleaseService
from dvic_hub.services.rollouts import RolloutService
from dvic_hub.services.run_signing import RunSigner
from dvic_hub.services.runs import RunService
from dvic_hub.services.sessions import SessionService
from dvic_hub.services.shares import ShareService
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.spool import Spool
from dvic_hub.services.stomp import StompService
from dvic_hub.services.telegram_commands import TelegramCommands
from dvic_hub.services.telegram_polls import TelegramPolls
from dvic_hub.services.watch import FleetService
from dvic_hub.services.windows import WindowService
from dvic_hub.store.port import Store
from dvic_hub.store.sqlite import SqliteStore

DATABASE = "dvic.db"

MIB = 1024 * 1024

VERSION = importlib.metadata.version("dvic")


@dataclass(frozen=True)
class Hub:
    """What runs. `doors` are the services; `loops` what the watchdog looks at; `watching` raises alarms; `senders`:
    connections out."""

    doors: Doors
    loops: Loops
    watching: WatchService
    senders: Senders


HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)


def build_app(config: HubConfig, clock: Callable[[], float] = time.time, *,
              store: Store | None = None, steady: Callable[[], float] = time.monotonic) -> web.Application:
    """The hub as an application. Makes its key in `state_dir` at the first start; raises IdentityError.

    `clock` gives Unix seconds, `steady` seconds that only grow; `store` is another one than the database in
    `state_dir`.
    """
    hub = _put_together(config, clock, store or SqliteStore(config.state_dir / DATABASE, clock), steady)
    application = make_application(hub.doors)
    application[HUB] = hub
    application.cleanup_ctx.append(_running)
    application.on_shutdown.append(_say_goodbye)
    return application


def _put_together(config: HubConfig, clock: Callable[[], float], store: Store, steady: Callable[[], float]) -> Hub:
    key, _ = identity.load_or_create(config.state_dir)
    bus = LocalBus()
    audit = AuditService(store.audit, clock)
    people = PeopleService(store.people, audit, clock)
    fleet = FleetService(store, bus, clock)
    silences = SilenceService(store, bus, fleet, audit, clock)
    agents = AgentService(store, fleet, audit, key.fingerprint, clock, max_agents=config.max_agents, settings={
        "keepalive_period": config.keepalive_period, "hardware_period": config.hardware_period})
    release_keys = ReleaseKeyService(store.releases, audit, key, config.state_dir, clock)
    manifests = ManifestService(store.releases, release_keys, VERSION, clock)
    releases = ReleaseService(config.state_dir, audit, manifests, clock)
    signer = RunSigner(key, release_keys.key_set, clock)
    runs = RunService(store, bus, fleet, agents, audit, signer, clock, max_active=config.max_active_runs,
                      steady=time.monotonic if clock is time.time else None)
    rollouts = RolloutService(store, bus, fleet, agents, audit, runs, releases, signer, clock)
    enrolment = EnrolmentService(store, fleet, agents, audit, key, config.url, clock, max_nodes=config.max_nodes,
                                 on_gone=runs.on_gone)

    async def installer(token: str) -> str:
        script = make_script(token, config.url, await releases.public_key(), config.ca_text())
        return f"DVIC_TELL=1\n{script}"

    host_keys = HostKeyService(store, audit, clock)
    pushes = PushService(store, bus, fleet, agents, audit, runs, signer, enrolment, host_keys, installer, clock,
                         from_hub=config.push_from_hub)
    sessions = SessionService(store, bus, fleet, agents, audit, runs, config, clock)
    spool = Spool(config.state_dir, config.copy_mib * MIB, config.copy_spool_mib * MIB)
    files = FileService(spool, audit, clock)
    copies = CopyService(store, bus, fleet, agents, runs, spool, files, config, clock)
    cycles = CycleService(store.services, bus, fleet, audit, clock, agents.ask)
    packages = PackageService(store, bus, fleet, audit, config, clock, check_layout=check_layout)
    ingest = IngestService(store, bus, fleet.announce, cycles, packages)
    shares = ShareService(store.services, cycles, audit, clock)
    hosts = HostService(store, bus, audit, config, clock, steady)
    heartbeats = HeartbeatService(store, fleet, agents, ingest, hosts, key.fingerprint, clock, steady)
    alarms = AlarmService(store.alarms, bus, fleet, audit, config.retention_days, clock)
    rules = RuleService(store.alarms, audit, clock)
    quiet = QuietService(store.alarms, alarms, fleet, silences, clock)
    watching = WatchService(bus, fleet, hosts, cycles, rules, alarms, Recall(store, fleet),
                            Probes(store, fleet, config, store.trouble),
                            PackageLooks(store, packages, fleet), clock, steady, quiet.explains)
    senders = Senders(config.url, config.ca_text(), clock)
    channels = ChannelService(store, audit, senders.check, clock)
    deliveries = DeliveryService(store.notices, channels, senders, audit, config.url, clock)
    channels.on_change = deliveries.poke
    notifications = NotificationService(store, bus, fleet, channels, deliveries, cycles.muted, config.url, clock,
                                        quiet.verdict)
    telegram = TelegramPolls(channels, store, TelegramCommands(fleet, alarms, cycles, silences, clock),
                             lambda: senders.http, clock)
    live = LiveService(bus, fleet)
    maintenance = MaintenanceService(store, config.retention_days, clock)
    doors = Doors(config=config, identity=key, clock=clock, started=clock(), version=VERSION, store=store, audit=audit,
                  people=people, fleet=fleet, silences=silences,
                  windows=WindowService(store.silences, silences, audit, clock), alarms=alarms, rules=rules,
                  agents=agents, ingest=ingest, enrolment=enrolment, releases=releases, release_keys=release_keys,
                  manifests=manifests, runs=runs, rollouts=rollouts, pushes=pushes, host_keys=host_keys,
                  sessions=sessions, cycles=cycles, packages=packages, shares=shares, files=files, copies=copies,
                  channels=channels, deliveries=deliveries, notifications=notifications, telegram=telegram, live=live,
                  stomp=StompService(people, live), heartbeats=heartbeats, hosts=hosts)
    loops = Loops()
    heartbeat = OutboundHeartbeat(config.heartbeat_url, lambda: troubles_of(loops, store), lambda: senders.http)

    async def watch() -> None:
        fleet.tick(clock())
        await agents.tick(clock())
        await sessions.tick(clock())
        await hosts.tick()
        await copies.tick(clock())
        await packages.tick()

    async def run() -> None:
        await runs.woken(1.0)
        await runs.tick(clock())

    async def roll_out() -> None:
        await rollouts.woken(1.0)
        await rollouts.tick(clock())

    async def follow_steps() -> None:
        await cycles.woken(1.0)
        await cycles.turn(clock())

    async def watch_rules() -> None:
        await watching.woken(1.0)
        await watching.turn()

    async def keep_quiet() -> None:
        await silences.tick()
        await quiet.tick()

    async def tell_people() -> None:
        await notifications.woken(1.0)
        await notifications.turn()

    loops.add("alarms", 0, watch_rules)
    loops.add("telling people", 0, tell_people)
    loops.add("commands by Telegram", 1.0, telegram.tick)
    loops.add("heartbeat out", config.heartbeat_every, heartbeat.beat)
    loops.add("steps of services", 0, follow_steps)
    loops.add("watching nodes", 1.0, watch)
    loops.add("silences", 1.0, keep_quiet)
    loops.add("runs", 0, run)
    loops.add("rollouts", 0, roll_out)
    loops.add("maintenance", 0, maintenance.turn)
    return Hub(doors, loops, watching, senders)


def troubles_of(loops: Loops, store: Store) -> list[str]:
    """What is wrong with a hub, in words; empty when it is well."""
    stuck, fault = loops.stuck(), store.trouble()
    return [*(f"{name} is stuck" for name in stuck), *([str(fault)] if fault else [])]


async def _running(application: web.Application) -> AsyncIterator[None]:
    hub = application[HUB]
    doors = hub.doors
    await doors.store.open()
    try:
        await doors.fleet.start()
        await doors.silences.start()
        await doors.hosts.start()
        doors.runs.start()
        doors.rollouts.start()
        doors.pushes.start()
        await doors.sessions.start()
        await doors.files.start()
        await doors.copies.start()
        await doors.cycles.start()
        await doors.packages.start()
        await doors.rules.start()
        await doors.alarms.start()
        await hub.watching.start()
        hub.senders.open()
        await doors.channels.start()
        await doors.deliveries.start()
        doors.notifications.start()
        doors.live.start()
        hub.loops.start()
        yield
        await doors.telegram.stop()
        hub.watching.stop()
        doors.notifications.stop()
        await doors.deliveries.stop()
        await doors.copies.stop()
        await doors.sessions.stop()
        await doors.pushes.stop()
        doors.rollouts.stop()
        doors.runs.stop()
        await doors.fleet.stop()
        await doors.hosts.stop()
    finally:
        await hub.senders.close()
        await doors.store.close()


async def _say_goodbye(application: web.Application) -> None:
    """While connections still stand: end what drives them, and tell them."""
    hub = application[HUB]
    await hub.loops.stop()
    hub.doors.sessions.leave_all()
    hub.doors.stomp.leave_all()
    await hub.doors.agents.close_all()
    hub.doors.live.stop()
