"""The package comes from the hub over real sockets, and only the signed one is taken."""

import hashlib
import socket
import ssl
import threading
from dataclasses import replace

import pytest
from private_authority import PrivateAuthority
from update_papers import PackageServer

from dvic_agent.executor.errors import Refusal
from dvic_agent.executor.update import download
from dvic_agent.executor.update.download import DownloadFailed, Stopped, fetch, find_ca, is_whole
from dvic_agent.executor.update.plan import Journal

DATA = bytes(range(256)) * 4000


@pytest.fixture
def server(tmp_path):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/a.deb").write_bytes(DATA)
    server = PackageServer(tmp_path / "pool", "127.0.0.1")
    yield server
    server.close()


def journal(hub, name="a.deb", **changed):
    sha = hashlib.sha256(DATA).hexdigest()
    return replace(Journal("r" * 12, "dvic-agent", "2", "all", len(DATA), sha, f"{hub}/apt/pool/{name}", "", "1", 60),
                   **changed)


def got(tmp_path, journal, stopped=lambda: False, patience=0.0):
    fetch(journal, tmp_path / "new.part", tmp_path / "new.deb", stopped, patience=patience, pause=0.01)
    return (tmp_path / "new.deb").read_bytes()


def test_the_signed_package_comes_whole_and_appears_only_then(tmp_path, server):
    seen = []
    server.half = lambda: seen.append((tmp_path / "new.deb").exists())

    assert got(tmp_path, journal(server.url)) == DATA
    assert seen == [False] and not (tmp_path / "new.part").exists()
    assert is_whole(tmp_path / "new.deb", journal(server.url))
    assert not is_whole(tmp_path / "new.deb", journal(server.url, sha256="0" * 64))
    assert not is_whole(tmp_path / "none.deb", journal(server.url))


@pytest.mark.parametrize(("alter", "reason"), [
    (lambda data: data[:-1] + b"!", "is not the package that was signed: its sha256 is"),
    (lambda data: data[:-1], f"is truncated at the hub: {len(DATA) - 1} of {len(DATA)} bytes"),
    (lambda data: data + b"!", f"is longer than the {len(DATA)} bytes that were signed"),
])
def test_anything_else_is_named_and_nothing_of_it_is_left(tmp_path, server, alter, reason):
    server.alter = alter

    with pytest.raises(DownloadFailed, match=reason):
        got(tmp_path, journal(server.url))
    assert [path.name for path in tmp_path.iterdir()] == ["pool"]


def test_a_file_that_the_hub_does_not_have_is_not_asked_for_again(tmp_path, server):
    with pytest.raises(DownloadFailed, match="HTTP 404"):
        got(tmp_path, journal(server.url, "b.deb"), patience=60)
    assert len(server.asked) == 1


def test_a_hub_that_is_away_is_asked_again_for_a_while(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DownloadFailed, match="the hub is not reachable: .*refused"):
            got(tmp_path, journal(url), patience=0.05)


def test_a_connection_that_breaks_is_made_again(tmp_path, server):
    server.breaks = 2

    assert got(tmp_path, journal(server.url), patience=60) == DATA
    assert len(server.asked) == 3


def test_a_download_ends_when_it_is_to_be_stopped(tmp_path, server):
    stop = threading.Event()
    server.half = stop.set

    with pytest.raises(Stopped):
        got(tmp_path, journal(server.url), stopped=stop.is_set)
    assert not (tmp_path / "new.part").exists()


def test_a_redirect_is_not_followed(tmp_path, server):
    server.redirect = f"{server.url}/apt/pool/a.deb"

    with pytest.raises(DownloadFailed, match="HTTP 302"):
        got(tmp_path, journal(server.url))


def test_room_is_looked_at_before_and_said_in_bytes(tmp_path, server):
    needed = 1 << 60
    said = f"no room: {needed + download.SPARE_BYTES} bytes are needed in {tmp_path}, [0-9]+ are free"
    with pytest.raises(DownloadFailed, match=said):
        got(tmp_path, journal(server.url, size=needed))
    assert server.asked == []


def test_tls_is_checked_against_the_authority_that_is_named(tmp_path, server):
    authority = PrivateAuthority(tmp_path)
    authority.issue("127.0.0.1", tmp_path / "hub.pem", tmp_path / "hub.key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "hub.pem", tmp_path / "hub.key")
    secure = PackageServer(tmp_path / "pool", "127.0.0.1", context)
    try:
        assert got(tmp_path, journal(secure.url, ca_file=str(authority.ca))) == DATA
        (tmp_path / "new.deb").unlink()
        with pytest.raises(DownloadFailed, match="the certificate does not hold"):
            got(tmp_path, journal(secure.url), patience=60)
        with pytest.raises(DownloadFailed, match="can't be read"):
            got(tmp_path, journal(secure.url, ca_file=str(tmp_path / "none.pem")))
    finally:
        secure.close()


def test_the_authority_is_the_agents(tmp_path):
    assert find_ca(tmp_path) == ""
    (tmp_path / "hub-ca.pem").write_text("")
    assert find_ca(tmp_path) == str(tmp_path / "hub-ca.pem")
    (tmp_path / "agent.toml").write_text('[hub]\nca_file = "/etc/our.pem"\n')
    assert find_ca(tmp_path) == "/etc/our.pem"
    (tmp_path / "agent.toml").write_text("[hub")
    with pytest.raises(Refusal, match="agent.toml can't be used"):
        find_ca(tmp_path)
    (tmp_path / "agent.toml").write_text("")
    (tmp_path / "agent.toml").chmod(0o666)
    with pytest.raises(Refusal, match="chmod go-w"):
        find_ca(tmp_path)
