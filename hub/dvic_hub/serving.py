"""The hub as a process: one event loop, one listener, systemd told how it is, and a clean end on SIGTERM.

The database belongs to one hub at a time: a second one that is started on it ends with an error that says so.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import sdnotify
import uvloop
from aiohttp import web

from dvic_hub.announcement import announced
from dvic_hub.api.http_log import server_logger
from dvic_hub.app import HUB, VERSION, Hub, build_app
from dvic_hub.config import HubConfig
from dvic_hub.domain.people import HUB as HUB_ITSELF
from dvic_hub.errors import HubError
from dvic_hub.heartbeats import hearing
from dvic_hub.stomp_port import serving_stomp

SHUTDOWN_TIMEOUT = 5.0
"""Seconds in which requests that are under way may end when the hub stops."""

T = TypeVar("T")

log = logging.getLogger("dvic.hub")


class NotListening(HubError):
    """The address can't be listened on."""

    code, title = "listen", "The hub can't listen"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a fast event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@asynccontextmanager
async def started(config: HubConfig) -> AsyncIterator[tuple[Hub, web.AppRunner]]:
    """All parts of the hub, working, without a door to the outside yet."""
    application = build_app(config)
    runner = web.AppRunner(application, access_log=None, logger=server_logger(), handle_signals=False,
                           shutdown_timeout=SHUTDOWN_TIMEOUT)
    try:
        await runner.setup()
        yield application[HUB], runner
    finally:
        await runner.cleanup()


async def serve(config: HubConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    notifier = sdnotify.SystemdNotifier()
    async with started(config) as (hub, runner), AsyncExitStack() as seen:
        await show_first_admin(hub)
        await _listen(runner, config)
        key = hub.doors.identity.fingerprint
        await seen.enter_async_context(hearing(hub.doors.heartbeats, config))
        await seen.enter_async_context(serving_stomp(hub.doors))
        if config.announce:
            await seen.enter_async_context(announced(config.url, key))
        print(f"dvic-hub {VERSION} serves {config.url} on {config.listen}, key {key}", flush=True)
        notifier.notify("READY=1")
        watchdog = asyncio.create_task(_keep_systemd_informed(hub, notifier))
        await stopping.wait()
        notifier.notify("STOPPING=1")
        watchdog.cancel()
        log.info("stopping")


async def show_first_admin(hub: Hub) -> bool:
    """On a hub without people: make an admin, and print the one-time password, this once. False: there are people."""
    made = await hub.doors.people.ensure_admin()
    if made is None:
        return False
    _show_password(*made, hub.doors.config)
    return True


async def show_new_password(hub: Hub, name: str) -> None:
    """Give a user a new one-time password and print it. Raises NotFound."""
    user, password = await hub.doors.people.change_user(name, HUB_ITSELF, password="")
    _show_password(user.name, password, hub.doors.config)


def _show_password(name: str, password: str, config: HubConfig) -> None:
    authority = f" --ca {config.ca_file}" if config.ca_file else ""
    print(f"\nSign in as\n\n    user      {name}\n    password  {password}\n\nfor example by\n\n"
          f"    hubctl login {config.url} --user {name}{authority}\n\n"
          "The password above is shown this once and is replaced while signing in.\n", flush=True)


async def _listen(runner: web.AppRunner, config: HubConfig) -> None:
    kind, where = config.endpoint()
    try:
        if kind == "unix":
            await web.UnixSite(runner, where).start()
            os.chmod(where, 0o660)
        else:
            await web.TCPSite(runner, *where, reuse_address=True).start()
    except OSError as error:
        why = error.strerror or error
        raise NotListening(f"can't listen on {config.listen}: {why}; see listen in hub.toml") from error


async def _keep_systemd_informed(hub: Hub, notifier: sdnotify.SystemdNotifier) -> None:
    """STATUS, and WATCHDOG for as long as the hub's own work comes round."""
    given = os.environ.get("WATCHDOG_USEC", "")
    every = int(given) / 2_000_000 if given.isdecimal() and int(given) else 30.0
    while True:
        stuck = hub.loops.stuck()
        if stuck:
            log.error("stuck: %s", ", ".join(stuck))
        else:
            notifier.notify("WATCHDOG=1")
        counts = hub.doors.fleet.counts()
        agents = hub.doors.agents.count()
        notifier.notify(f"STATUS={len(hub.doors.fleet)} nodes, {counts['online']} online, {agents} connected")
        await asyncio.sleep(every)


def log_to_stderr() -> None:
    """Lines for a terminal, or for journald, which takes the level from the line's beginning."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Lines(logging.Formatter):
    _PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}

    def __init__(self, journal: bool):
        super().__init__("%(name)s: %(message)s" if journal else "%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self._journal:
            return text
        priority = self._PRIORITIES.get(record.levelname, 6)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())
