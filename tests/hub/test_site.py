"""The site for nginx: what is written when, and Debian's nginx in front of a real hub, agent and hubctl on loopback."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from nginx_front import NGINX, Front
from private_authority import PrivateAuthority
from rig import BIN, Rig, RigAgent, free_port, until

from dvic_hub import site
from dvic_hub.errors import Conflict, HubError

TOP = Path(__file__).parents[2]


def folders(tmp_path: Path) -> Path:
    for name in ("sites-available", "sites-enabled"):
        (tmp_path / name).mkdir()
    return tmp_path


def certificate(tmp_path: Path) -> tuple[Path, Path]:
    pem, key = tmp_path / "hub.pem", tmp_path / "hub.key"
    pem.write_text("x")
    key.write_text("x")
    return pem, key


# ---- what is written


def test_the_example_in_packaging_is_what_setup_writes():
    shown = site.render(site.site_for("https://dvic.example.org", f"unix:{site.SOCKET}"), True)
    assert (TOP / "packaging" / "nginx" / "dvic-hub.conf").read_text() == shown


def test_without_a_certificate_nothing_of_the_hub_is_served_and_the_advice_says_how_to_get_one(tmp_path):
    wanted = site.site_for("https://hub.test", "unix:/run/x.sock", *[tmp_path / name for name in ("a.pem", "a.key")])
    place, with_tls = site.write(wanted, folders(tmp_path))
    assert not with_tls and "proxy_pass" not in place.read_text() and "443" not in place.read_text()
    said = site.advice(wanted, with_tls)
    assert "certbot certonly" in said and "--private-authority" in said and "--certificate-key" in said
    assert os.readlink(tmp_path / "sites-enabled" / "dvic-hub") == str(place)


def test_with_the_certificate_the_same_command_writes_the_whole_site(tmp_path):
    wanted = site.site_for("https://hub.test", "unix:/run/x.sock", tmp_path / "hub.pem", tmp_path / "hub.key")
    nginx = folders(tmp_path)
    site.write(wanted, nginx)
    certificate(tmp_path)
    place, with_tls = site.write(wanted, nginx)
    assert with_tls and "server unix:/run/x.sock fail_timeout=0;" in place.read_text()
    assert "systemctl reload nginx" in site.advice(wanted, with_tls)


def test_a_site_that_is_written_again_goes_on_with_its_certificate(tmp_path):
    nginx = folders(tmp_path)
    assert site.in_use(nginx) is None
    wanted = site.site_for("https://hub.test", "unix:/run/x.sock", *certificate(tmp_path))
    site.write(wanted, nginx)
    assert site.in_use(nginx) == (wanted.certificate, wanted.key)


def test_a_file_that_a_person_wrote_or_changed_is_left_alone(tmp_path):
    wanted = site.site_for("https://hub.test", "unix:/run/x.sock", *certificate(tmp_path))
    place, _ = site.write(wanted, folders(tmp_path))
    changed = place.read_text().replace("50r/s", "90r/s")
    place.write_text(changed)
    with pytest.raises(Conflict, match="changed by hand"):
        site.write(wanted, tmp_path)
    assert place.read_text() == changed


@pytest.mark.parametrize("url", ["https://hub.test;include /etc/passwd", "https://hub.test/dvic", "https://h{x}",
                                 "https://hub.test\n", "https://hub test"])
def test_what_nginx_would_misread_is_refused(url):
    with pytest.raises(HubError):
        site.site_for(url, "unix:/run/x.sock")


# ---- in front of a hub


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    assert NGINX, "Debian's nginx is needed: apt-get install nginx"
    port = free_port()
    authority = PrivateAuthority(tmp_path)
    authority.issue("localhost", tmp_path / "hub.pem", tmp_path / "hub.key")
    settings = f'ca_file = "{authority.ca}"\ntrusted_proxies = ["127.0.0.1"]\n'
    with Rig(tmp_path, url=f"https://localhost:{port}", settings=settings) as rig:
        rig.start_hub()
        running = Front(tmp_path, rig, port, authority)
        running.start()
        yield running
        running.stop()


def through(front: Front, *arguments: str) -> str:
    """hubctl over TLS, with the private authority."""
    environ = {**os.environ, "DVIC_CONFIG": str(front.folder / "tls.toml"), "NO_COLOR": "1"}
    done = subprocess.run([str(BIN / "hubctl"), *arguments], text=True, capture_output=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_agent_and_hubctl_work_through_nginx_and_across_a_reload(front):
    through(front, "login", front.url, "--user", "admin", "--password-file", str(front.folder / "password"),
            "--ca", str(front.authority.ca))
    ada = _agent(front)
    assert "hello" in through(front, "run", "ada", "--", "echo", "hello")
    front.authority.issue("localhost", front.folder / "hub.pem", front.folder / "hub.key")
    front.reload()
    assert "again" in through(front, "run", "ada", "--", "echo", "again")
    for old in range(2):
        front.reload()
        ada.online()
        assert f"turn {old}" in through(front, "run", "ada", "--", "echo", f"turn {old}")
    [node] = json.loads(through(front, "nodes", "-o", "json"))
    assert node["state"] == "online" and node["address"] == "127.0.0.1"


def _agent(front: Front):
    agent = RigAgent(front.rig, "ada", front.folder / "ada", "")
    shutil.copy(front.authority.ca, front.folder / "ada" / "etc" / "hub-ca.pem")
    agent.enrol(front.rig.token())
    front.rig.agents["ada"] = agent
    return agent.start().online()


def test_over_the_unix_socket_the_hub_sees_the_clients_address_and_no_other(tmp_path):
    authority, port, upstream = PrivateAuthority(tmp_path), free_port(), f"unix:{tmp_path}/hub.sock"
    authority.issue("localhost", tmp_path / "hub.pem", tmp_path / "hub.key")
    (tmp_path / "hub.toml").write_text(f'listen = "{upstream}"\nurl = "https://localhost:{port}"\nstate_dir = "var"\n')
    front = Front(tmp_path, None, port, authority, upstream=upstream)
    with (tmp_path / "hub.log").open("wb") as log:
        hub = subprocess.Popen([str(BIN / "dvic-hub"), "serve", "--config", str(tmp_path / "hub.toml")], stdout=log,
                               stderr=log)
    try:
        front.start()
        wrong_password(front)
        once = re.search(r"password\s+(\S+)", (tmp_path / "hub.log").read_text())[1]
        (tmp_path / "once").write_text(once)
        (tmp_path / "password").write_text("correct horse battery")
        through(front, "login", front.url, "--user", "admin", "--password-file", str(tmp_path / "once"),
                "--new-password-file", str(tmp_path / "password"), "--ca", str(authority.ca))
        audit = through(front, "audit", "-o", "json")
        assert "203.0.113.9" not in audit and "127.0.0.1" in audit
    finally:
        front.stop()
        hub.terminate()
        hub.wait(20)


def test_no_token_comes_into_a_log_however_the_request_ends(front):
    token = front.rig.token()
    assert front.ask(f"/install/{token}")[0] == 200
    assert front.ask(f"/install/{token}?again=1")[0] == 200
    front.rig.hub.stop()
    assert front.ask(f"/install/{token}")[0] == 502
    assert front.ask("/healthz")[0] == 502
    text = until(lambda: "/healthz" in front.log() and front.log(), "the log is written")
    assert "/install/(token)" in text and token[6:60] not in text and token[-9:] not in text
    assert token[6:60] not in front.rig.hub.said()


def test_a_client_that_names_another_address_is_logged_with_its_own(front):
    status, _ = front.ask("/api/v1/me", **{"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer dvic_a_b"})
    assert status == 401
    wrong_password(front)
    assert "203.0.113.9" not in front.rig.hubctl("audit", "-o", "json")
    assert "127.0.0.1" in front.rig.hubctl("audit", "-o", "json")


def test_bodies_and_rates_have_limits(front):
    with socket.create_connection(("127.0.0.1", front.port)) as plain, \
            ssl.create_default_context(cafile=str(front.authority.ca)).wrap_socket(
                plain, server_hostname="localhost") as link:
        link.sendall(b"POST /api/v1/enroll HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
        assert b" 413 " in link.recv(200)
    statuses = {front.status("/install/x") for _ in range(300)}
    assert 429 in statuses and statuses <= {404, 429}


def wrong_password(front: Front) -> None:
    """Try to sign in, and claim to come from elsewhere."""
    body = json.dumps({"user": "admin", "password": "wrong password"}).encode()
    context = ssl.create_default_context(cafile=str(front.authority.ca))
    request = urllib.request.Request(front.url + "/api/v1/login", body,  # noqa: S310
                                     {"X-Forwarded-For": "203.0.113.9", "Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, context=context, timeout=10)  # noqa: S310
