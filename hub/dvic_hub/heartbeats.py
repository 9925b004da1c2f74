"""The heartbeats' UDP port, where the setting `heartbeat_listen` opens one.

A flood would fill the socket's buffer and push out what others send, however fast it is read; so the kernel is told to
drop what comes from its address (datagram_filter.py). Nothing is ever sent from here.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dvic_hub.config import HubConfig, endpoint_of
from dvic_hub.datagram_filter import drop
from dvic_hub.domain.datagrams import MAX_DATAGRAM_BYTES
from dvic_hub.errors import HubError
from dvic_hub.services.heartbeats import HeartbeatService

BUFFER_BYTES = 4 * 1024 * 1024
"""Of the kernel, for what comes while the hub does something else; it gives less where net.core.rmem_max is less."""

DRAIN = 256
"""Datagrams read in one go, before the hub's other work gets its turn."""

WORKERS = 2
"""Batches under way: while one waits for the disk, another is verified."""

log = logging.getLogger("dvic.heartbeats")


class NotHearing(HubError):
    """The port can't be had."""

    code, title = "listen", "The hub can't hear heartbeats"


@asynccontextmanager
async def hearing(service: HeartbeatService, config: HubConfig) -> AsyncIterator[tuple[str, int] | None]:
    """Hear heartbeats while the block lasts; yields where (host, port), None when the setting is empty. Raises
    NotHearing."""
    if not config.heartbeat_listen:
        yield None
        return
    opened = open_socket(*endpoint_of(config.heartbeat_listen, "heartbeat_listen"))
    loop = asyncio.get_running_loop()
    loop.add_reader(opened, read_all, opened, service)
    workers = [loop.create_task(_work(service), name="dvic heartbeats") for _ in range(WORKERS)]
    workers.append(loop.create_task(_lift(opened, service), name="dvic heartbeats' floods"))
    try:
        yield opened.getsockname()[:2]
    finally:
        loop.remove_reader(opened)
        opened.close()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def open_socket(host: str, port: int) -> socket.socket:
    """A UDP socket that never blocks; of both families where `host` is `::`."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM,
                                                       flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)[0]
        opened = socket.socket(family, kind)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        opened.bind(where)
    except OSError as error:
        why = error.strerror or error
        raise NotHearing(f"can't hear heartbeats on {host} port {port}: {why}; see heartbeat_listen in hub.toml",
                         field="heartbeat_listen") from error
    return opened


def read_all(opened: socket.socket, service: HeartbeatService) -> None:
    """Hand over what waits in the socket, up to DRAIN datagrams."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(DRAIN):
            try:
                data, peer = opened.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except BlockingIOError:
                raise
            except OSError as error:
                log.debug("a datagram could not be read: %s", error)
                return
            service.offer(data, peer[0].removeprefix("::ffff:"))
            if service.floods.changed:
                shut_out(opened, service)


def shut_out(opened: socket.socket, service: HeartbeatService) -> None:
    """Let the kernel drop what floods, and nothing else."""
    service.floods.changed = False
    try:
        drop(opened, service.floods.dropped())
    except OSError as error:
        log.warning("a flood can't be dropped by the kernel, others may go unheard: %s", error)


async def _lift(opened: socket.socket, service: HeartbeatService) -> None:
    while True:
        await asyncio.sleep(1)
        service.lift_floods()
        if service.floods.changed:
            shut_out(opened, service)


async def _work(service: HeartbeatService) -> None:
    while True:
        try:
            await service.turn()
        except Exception:
            log.exception("a batch of heartbeats was lost")
