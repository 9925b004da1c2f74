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
from dataclasses import replace
from pathlib import Path

import pytest
from nginx_front import NGINX, Front
from private_authority import PrivateAuthority
from probe_debs import make_deb
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


def test_an_address_with_a_path_gets_a_place_in_the_site_of_that_host(tmp_path):
    for name in ("conf.d", "snippets"):
        (tmp_path / name).mkdir()
    wanted = site.site_for("https://www.test/lab.1/dvic", "unix:/run/x.sock")
    place, served = site.write(wanted, tmp_path)
    assert place == tmp_path / "snippets" / "dvic-hub.conf" and served
    assert "location ^~ /lab.1/dvic/ {" in place.read_text()
    assert r"rewrite ^/lab\.1/dvic(/.*)$ $1 break;" in place.read_text()
    assert "server unix:/run/x.sock" in (tmp_path / "conf.d" / "dvic-hub.conf").read_text()
    assert "include snippets/dvic-hub.conf;" in site.advice(wanted, served)
    assert "@" not in re.sub(r"@[^A-Z]", "", place.read_text())
    place.write_text(place.read_text() + "# mine\n")
    with pytest.raises(Conflict, match="changed by hand"):
        site.write(wanted, tmp_path)


def test_a_certificate_is_the_business_of_the_site_in_which_the_hub_has_a_place(tmp_path):
    with pytest.raises(HubError, match="certificate"):
        site.site_for("https://www.test/dvic", "unix:/run/x.sock", *certificate(tmp_path))


@pytest.mark.parametrize("url", ["https://hub.test;include /etc/passwd", "https://hub.test/dv(ic", "https://h{x}",
                                 "https://hub.test\n", "https://hub test", "https://hub.test/a/../b",
                                 "https://hub.test/a//b", "https://hub.test/[x]", "https://hub.test/@URL@"])
def test_what_nginx_would_misread_is_refused(url):
    with pytest.raises(HubError):
        site.site_for(url, "unix:/run/x.sock")


# ---- in front of a hub

@pytest.fixture
def place(tmp_path: Path) -> Iterator[Front]:
    """A hub below a path of somebody's site."""
    yield from fronted(tmp_path, "/lab/dvic")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    yield from fronted(tmp_path, "")


def fronted(tmp_path: Path, path: str) -> Iterator[Front]:
    assert NGINX, "Debian's nginx is needed: apt-get install nginx"
    port = free_port()
    authority = PrivateAuthority(tmp_path)
    authority.issue("localhost", tmp_path / "hub.pem", tmp_path / "hub.key")
    settings = f'ca_file = "{authority.ca}"\ntrusted_proxies = ["127.0.0.1"]\n'
    with Rig(tmp_path, url=f"https://localhost:{port}{path}", settings=settings) as rig:
        rig.start_hub()
        running = Front(tmp_path, rig, port, authority, path=path)
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


def test_a_hub_below_a_path_serves_agents_hubctl_the_install_script_and_apt(place):
    through(place, "login", place.url, "--user", "admin", "--password-file", str(place.folder / "password"),
            "--ca", str(place.authority.ca))
    _agent(place)
    assert "hello" in through(place, "run", "ada", "--", "echo", "hello")
    through(place, "release", "add", str(make_deb(place.folder, "dvic-agent", "9.9+x")))
    made = json.loads(through(place, "token", "create", "-o", "json"))
    token = made[0] if isinstance(made, list) else made
    assert f"{place.url}/install/{token['token']}" in token["install_command"]
    status, script = place.ask(f"/install/{token['token']}")
    assert status == 200 and f"URL={place.url}\n" in script
    assert "Filename: pool/dvic-agent_9.9+x_all.deb" in place.ask("/apt/Packages")[1]
    for name in ("dvic-agent_9.9+x_all.deb", "dvic-agent_9.9%2bx_all.deb"):  # apt writes + so
        assert place.ask_bytes(f"/apt/pool/{name}")[:7] == b"!<arch>"
    assert place.ask("/")[1].count('<base href="/lab/dvic/">') == 1
    assert place.ask("/../../")[1] == "<title>somebody else</title>"
    assert token["token"][6:60] not in until(lambda: "/install/(token)" in place.log() and place.log(), "it is logged")


def test_nobody_reaches_the_hub_beside_its_path(place):
    front = replace(place, path="")
    for path in ("/api/v1/hub-key", "/healthz", "/lab/dvicx/healthz", "/lab/healthz"):
        assert front.ask(path)[1] == "<title>somebody else</title>"
    assert front.ask("/lab/dvic")[0] == 200  # led to /lab/dvic/
    assert json.loads(front.ask("/lab/dvic//healthz")[1])["status"] == "ok"


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
    request = urllib.request.Request(front.url + "/api/v1/login", body,
                                     {"X-Forwarded-For": "203.0.113.9", "Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request, context=context, timeout=10)
