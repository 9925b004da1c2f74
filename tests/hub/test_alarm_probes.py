"""What the hub looks at itself: its certificate as it is shown, how disks fill by what is stored, its own disk."""

import asyncio
import datetime as dt
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from batches import batch
from hub_parts import NOW, Clock

from dvic_hub import authority
from dvic_hub.bus.local import LocalBus
from dvic_hub.config import HubConfig
from dvic_hub.domain.alarm_rules import Rule, checked
from dvic_hub.domain.alarm_watches import watch_of
from dvic_hub.domain.model import Node
from dvic_hub.errors import StoreFull
from dvic_hub.services.alarm_probes import Probes, filled, look_at_certificate
from dvic_hub.services.watch import FleetService
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.records import sample

HOUR = 3600


@contextmanager
def shown(folder, host="127.0.0.1", now=None):
    """A server that shows a certificate for `host` made at `now`; gives its port and the authority's text."""
    files = authority.prepare(folder, host, now or dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()  # who does not trust it hangs up

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], files.ca.read_text()
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_the_end_of_a_certificate_is_read_as_its_clients_see_it(tmp_path):
    with shown(tmp_path / "tls") as (port, ca):
        ends, problem = look_at_certificate("127.0.0.1", port, ca)
        days = (ends - dt.datetime.now(dt.UTC).timestamp()) / 86_400
        assert authority.CERTIFICATE_DAYS - 2 < days <= authority.CERTIFICATE_DAYS and problem == ""


def test_one_that_clients_refuse_is_told_with_why_and_its_end_all_the_same(tmp_path):
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=authority.CERTIFICATE_DAYS + 9)
    with shown(tmp_path / "old", now=long_ago) as (port, ca):
        ends, problem = look_at_certificate("127.0.0.1", port, ca)
        assert ends < dt.datetime.now(dt.UTC).timestamp() and "expired" in problem
    with shown(tmp_path / "other") as (port, _):
        ends, problem = look_at_certificate("127.0.0.1", port, "")
        assert ends and problem, "no public authority has signed it"


def test_where_nobody_answers_nothing_is_known():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert look_at_certificate("127.0.0.1", port, "") == (None, "")


def with_probes(tmp_path, test, trouble=lambda: None):
    async def steps():
        clock = Clock()
        store = SqliteStore(tmp_path / "dvic.db", clock)
        await store.open()
        try:
            fleet = FleetService(store, LocalBus(), clock)
            await store.nodes.add(Node("n-ada", "ada", b"a" * 32))
            await fleet.start()
            await test(Probes(store, fleet, HubConfig(state_dir=tmp_path), trouble), store, fleet, clock)
        finally:
            await store.close()

    asyncio.run(steps())


def test_a_disk_that_fills_is_found_in_what_is_stored_of_it(tmp_path):
    async def test(probes, store, fleet, clock):
        for place, (name, growth) in enumerate((("disk./.percent", 1.0), ("disk./home.percent", 0.0))):
            records = [sample(int((NOW - 7 * HOUR + minute * 60) * 1e6), {name: 60 + growth * minute / 60})
                       for minute in range(0, 421, 5)]
            await store.streams.commit(batch("n-ada", "hardware", records, f"{place}" if place else "", f"{place + 1}"))
        watch = watch_of(checked(Rule("r", "disk-full")))
        await probes.disks([watch], clock.now)
        assert watch.conditions.due(int(clock.now * 1e6)) == [], "nothing is near to being full, as far as is known"
        for name, value in (("disk./.percent", 67.0), ("disk./home.percent", 60.0)):
            watch.sample(fleet.view("ada"), name, value, int(clock.now * 1e6))
        probes.again()
        await probes.disks([watch], clock.now)
        [finding] = watch.conditions.due(int(clock.now * 1e6))
        assert finding.summary == "disk./ of ada is full in 1.4 days at the present slope"

    with_probes(tmp_path, test)


def test_the_hubs_own_disk_is_looked_at_and_what_keeps_it_from_storing_is_told(tmp_path):
    async def test(probes, store, fleet, clock):
        watch = watch_of(checked(Rule("r", "hub-disk", settings={"above": 100, "clear": 100})))
        await probes.hub_disk([watch], clock.now)
        assert [finding.subject for finding in watch.conditions.due(int(clock.now * 1e6))] == ["hub store"]

    with_probes(tmp_path, test, trouble=lambda: StoreFull("the disk is full"))
    assert 0 < filled(tmp_path) <= 100 and filled(tmp_path / "gone") == 0


@pytest.mark.parametrize("url", ["http://hub.example", "https://127.0.0.1:1"])
def test_a_hub_without_tls_or_that_does_not_answer_says_nothing_of_its_certificate(tmp_path, url):
    async def test(probes, store, fleet, clock):
        probes._config = HubConfig(state_dir=tmp_path, url=url)
        watch = watch_of(checked(Rule("r", "certificate")))
        await probes.certificate([watch], clock.now)
        assert watch.conditions.due(int(clock.now * 1e6)) == []

    with_probes(tmp_path, test)
