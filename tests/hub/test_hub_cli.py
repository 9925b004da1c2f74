"""dvic-hub as people and systemd start it: real processes, real folders, real signals."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from rig import free_port, until

from dvic_hub import signing_key
from dvic_wire.signing import PrivateKey

HUB = [str(Path(sys.executable).parent / "dvic-hub")]


class Place:
    """A folder with a hub.toml, and the hubs that were started in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = folder / "hub.toml"
        self.state = folder / "var"
        self.file.write_text(f'listen = "127.0.0.1:{self.port}"\nurl = "{self.url}"\nstate_dir = "var"\n')
        self.started: list[subprocess.Popen] = []

    def run(self, *arguments: str, code: int = 0, **options: object) -> str:
        """A command to its end; its output, both streams."""
        if arguments[0] == "setup" and "--nginx" not in arguments:
            arguments += ("--no-nginx",)  # this machine's own is not ours to change
        done = subprocess.run([*HUB, *arguments], text=True, capture_output=True, timeout=60, cwd=self.folder,
                              **options)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, **environ: str) -> subprocess.Popen:
        """A serving hub that answers."""
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen([*HUB, "serve", "--config", str(self.file)], stdout=log, stderr=log, cwd=self.folder,
                                   env={**os.environ, **environ})
        self.started.append(process)
        until(lambda: self.answers(process), "the hub answers")
        return process

    def answers(self, process: subprocess.Popen) -> bool:
        assert process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.load(answer)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self, process: subprocess.Popen) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(30)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    for process in place.started:
        if process.poll() is None:
            process.kill()
            process.wait()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_first_start_makes_key_database_and_an_admin_whose_password_is_shown_once(place):
    process = place.start()
    password = re.search(r"password\s+(\S+)", place.log())
    assert password and len(password[1]) >= 20 and "admin" in place.log()
    assert mode(place.state) == 0o700 and mode(place.state / "hub.key") == mode(place.state / "dvic.db") == 0o600
    fingerprint = place.get("/api/v1/hub-key")["fingerprint"]
    assert place.stop(process) == 0
    (place.folder / "log").write_text("")
    place.start()
    assert "password" not in place.log()
    assert place.get("/api/v1/hub-key")["fingerprint"] == fingerprint


def test_the_one_time_password_is_not_kept_anywhere(place):
    process = place.start()
    password = re.search(r"password\s+(\S+)", place.log())[1]
    place.stop(process)
    assert not any(password.encode() in path.read_bytes() for path in place.state.iterdir())


def test_a_hub_that_was_killed_starts_again(place):
    process = place.start()
    process.kill()
    process.wait()
    again = place.start()
    assert place.stop(again) == 0


def test_a_second_hub_on_the_same_database_is_refused(place):
    place.start()
    said = place.run("serve", "--config", str(place.file), code=1)
    assert "another process uses the database" in said and "Traceback" not in said


def test_an_address_that_is_taken_is_named(place):
    with socket.create_server(("127.0.0.1", place.port)):
        said = place.run("serve", "--config", str(place.file), code=1)
    assert f"127.0.0.1:{place.port}" in said and "Traceback" not in said


def test_systemd_hears_ready_watchdog_status_and_stopping(place):
    path = place.folder / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notify:
        notify.bind(str(path))
        notify.settimeout(30)
        process = place.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000")
        heard = ""
        while not all(word in heard for word in ("READY=1", "WATCHDOG=1", "STATUS=")):
            heard += notify.recv(1000).decode() + "\n"
        assert heard.index("READY=1") < heard.index("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in heard:
            heard += notify.recv(1000).decode() + "\n"
        assert process.wait(30) == 0


def test_it_listens_on_a_unix_socket_for_nginx(place):
    path = place.folder / "hub.sock"
    place.file.write_text(f'listen = "unix:{path}"\nurl = "https://hub.example"\nstate_dir = "var"\n')
    log = (place.folder / "log").open("ab")
    process = subprocess.Popen([*HUB, "serve", "--config", str(place.file)], stdout=log, stderr=log, cwd=place.folder)
    place.started.append(process)
    until(lambda: "serves https://hub.example" in place.log(), "the hub serves")
    with closing(socket.socket(socket.AF_UNIX)) as link:
        link.connect(str(path))
        link.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200 OK" in link.recv(1000)
    assert mode(path) == 0o660
    assert place.stop(process) == 0


def test_setup_writes_settings_key_database_and_admin(place):
    place.file.unlink()
    said = place.run("setup", "--config", str(place.file), "--url", "https://hub.example/", "--state-dir",
                     str(place.state), "--listen", f"127.0.0.1:{place.port}", "--non-interactive")
    assert re.search(r"password\s+\S+", said) and "fingerprint" in said
    assert 'url = "https://hub.example"' in place.file.read_text()
    again = place.run("setup", "--config", str(place.file), "--non-interactive")
    assert "kept" in again and not re.search(r"password\s+\S+", again)
    assert "change it there" in place.run("setup", "--config", str(place.file), "--url", "https://other", code=2)
    place.start()
    assert "password" not in place.log()


def test_a_lost_password_is_replaced_while_the_hub_is_stopped(place):
    process = place.start()
    first = re.search(r"password\s+(\S+)", place.log())[1]
    assert "uses the database" in place.run("setup", "--config", str(place.file), "--reset-password", "admin", code=1)
    place.stop(process)
    said = place.run("setup", "--config", str(place.file), "--reset-password", "admin")
    assert re.search(r"password\s+(\S+)", said)[1] != first
    said = place.run("setup", "--config", str(place.file), "--reset-password", "nobody", code=1)
    assert "nobody" in said and "Traceback" not in said


def test_setup_without_a_terminal_asks_nothing(place):
    place.file.unlink()
    place.run("setup", "--config", str(place.file), "--state-dir", str(place.state), stdin=subprocess.DEVNULL)
    assert 'url = "http://127.0.0.1:8420"' in place.file.read_text()


def test_a_backup_is_made_while_serving_and_put_back(place):
    process = place.start()
    fingerprint = place.get("/api/v1/hub-key")["fingerprint"]
    backup = place.folder / "monday"
    place.run("backup", "--config", str(place.file), str(backup))
    assert mode(backup) == 0o700 and all(mode(path) == 0o600 for path in backup.iterdir())
    assert {path.name for path in backup.iterdir()} == {"dvic.db", "hub.key", "hub.toml"}
    assert "replaces nothing" in place.run("backup", "--config", str(place.file), str(backup), code=1)
    assert "uses the database" in place.run("restore", "--config", str(place.file), "--replace", str(backup), code=1)
    place.stop(process)
    assert "--replace" in place.run("restore", "--config", str(place.file), str(backup), code=1)
    moved = place.run("restore", "--config", str(place.file), "--replace", str(backup))
    assert "before-restore" in moved
    elsewhere = place.folder / "elsewhere.toml"
    elsewhere.write_text(place.file.read_text().replace('"var"', '"other"'))
    place.run("restore", "--config", str(elsewhere), str(backup))
    place.file.write_text(elsewhere.read_text())
    (place.folder / "log").write_text("")
    place.start()
    assert place.get("/api/v1/hub-key")["fingerprint"] == fingerprint and "password" not in place.log()


def test_what_is_no_backup_is_not_restored(place):
    (place.folder / "nothing").mkdir()
    said = place.run("restore", "--config", str(place.file), str(place.folder / "nothing"), code=1)
    assert "hub.key" in said and "Traceback" not in said


def test_check_finds_nothing_wrong_with_a_hub_that_serves(place):
    place.start()
    said = place.run("check", "--config", str(place.file))
    assert "BAD" not in said and "fingerprint" in said and "no fault found" in said


def test_check_names_each_fault_and_what_to_do(place):
    assert "run dvic-hub setup" in place.run("check", "--config", str(place.file), code=1)
    place.stop(place.start())
    (place.state / "hub.key").chmod(0o644)
    assert "chmod 600" in place.run("check", "--config", str(place.file), code=1)
    (place.state / "hub.key").chmod(0o600)
    with (place.state / "dvic.db").open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)
    said = place.run("check", "--config", str(place.file), code=1)
    assert "BAD" in said and "backup" in said and "Traceback" not in said


def test_a_database_of_another_program_is_left_alone(place):
    place.state.mkdir()
    with closing(sqlite3.connect(place.state / "dvic.db")) as other:
        other.execute("CREATE TABLE mine (x)")
        other.commit()
    said = place.run("serve", "--config", str(place.file), code=1)
    assert "no DVIC database" in said and "Traceback" not in said


@pytest.mark.parametrize(("text", "said"), [("retention_dayz = 3", "did you mean retention_days"),
                                            ("listen = 3", "text")])
def test_a_wrong_setting_ends_it_with_one_line(place, text, said):
    place.file.write_text(text)
    output = place.run("serve", "--config", str(place.file), code=2)  # by which systemd knows not to try again
    assert said in output and len(output.strip().splitlines()) == 1


@pytest.mark.parametrize("verb", ["", "serve", "setup", "backup", "restore", "check"])
def test_every_command_has_help_with_examples(place, verb):
    said = place.run(*filter(None, [verb, "--help"]))
    assert "Examples:" in said and "dvic-hub" in said


def test_setup_with_an_https_address_writes_the_site_and_says_what_to_do_for_a_certificate(tmp_path):
    place, nginx = Place(tmp_path), tmp_path / "nginx"
    place.file.unlink()
    for name in ("sites-available", "sites-enabled"):
        (nginx / name).mkdir(parents=True)
    arguments = ["setup", "--config", str(place.file), "--url", "https://hub.test", "--state-dir", str(place.state),
                 "--nginx", str(nginx), "--non-interactive"]
    said = place.run(*arguments)
    assert 'listen = "unix:/run/dvic-hub/hub.sock"' in place.file.read_text()
    assert "certbot certonly" in said and "proxy_pass" not in (nginx / "sites-enabled" / "dvic-hub").read_text()
    for name in ("hub.pem", "hub.key"):
        (tmp_path / name).write_text("x")
    said = place.run(*arguments, "--certificate", str(tmp_path / "hub.pem"), "--certificate-key",
                     str(tmp_path / "hub.key"))
    assert "systemctl reload nginx" in said and "proxy_pass" in (nginx / "sites-enabled" / "dvic-hub").read_text()
    assert "trusted_proxies" not in said
    (nginx / "sites-available" / "dvic-hub").write_text("mine")
    assert "changed by hand" in place.run(*arguments)
    assert (nginx / "sites-available" / "dvic-hub").read_text() == "mine"


def test_the_key_that_signs_packages_is_in_the_backup_and_comes_back(place):
    process = place.start()
    with urllib.request.urlopen(f"{place.url}/apt/key.asc", timeout=10) as answer:
        public = answer.read()
    place.stop(process)
    backup = place.folder / "monday"
    place.run("backup", "--config", str(place.file), str(backup))
    assert mode(backup / "releases.key") == 0o600
    (place.state / "releases.key").unlink()
    place.run("restore", "--config", str(place.file), "--replace", str(backup))
    assert mode(place.state / "releases.key") == 0o600
    place.start()
    with urllib.request.urlopen(f"{place.url}/apt/key.asc", timeout=10) as answer:
        assert answer.read() == public


def test_the_key_that_signs_manifests_is_in_the_backup_and_comes_back(place):
    place.stop(place.start())
    key = PrivateKey.generate()
    signing_key.save(place.state, key)
    backup = place.folder / "monday"
    place.run("backup", "--config", str(place.file), str(backup))
    assert mode(backup / "signing.key") == 0o600
    signing_key.save(place.state, PrivateKey.generate())
    assert "signing.key.before-restore" in place.run("restore", "--config", str(place.file), "--replace", str(backup))
    assert signing_key.load(place.state).fingerprint == key.fingerprint and mode(place.state / "signing.key") == 0o600


def test_setup_behind_nginx_on_tcp_says_that_the_proxy_must_be_named(tmp_path):
    place, nginx = Place(tmp_path), tmp_path / "nginx"
    for name in ("sites-available", "sites-enabled"):
        (nginx / name).mkdir(parents=True)
    place.file.write_text(place.file.read_text().replace(f'url = "{place.url}"', 'url = "https://hub.test"'))
    said = place.run("setup", "--config", str(place.file), "--nginx", str(nginx), "--non-interactive")
    assert 'trusted_proxies = ["127.0.0.1"]' in said
