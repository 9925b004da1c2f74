"""hubctl node enroll against a real hub, a real source node, ssh and sshd. What sshd starts plays the new machine: it
takes the installer, joins with the token that is in it, and changes nothing else of this machine."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from joining_machine import JoiningMachine
from rig import BIN, Rig, until
from ssh_server import PASSPHRASE, SshServer, needs_sshd

from hubctl.push_session import is_loopback

pytestmark = [needs_sshd, pytest.mark.hub]


@dataclass
class Place:
    """A hub, the node ada, and the machine eva that nobody has enrolled yet."""

    rig: Rig
    server: SshServer
    folder: Path

    def enroll(self, *options: str, key: str = "key", yes: bool = True, via: str = "ada", given: str = "",
               check: bool = True) -> subprocess.CompletedProcess:
        argv = [BIN / "hubctl", "node", "enroll", str(self.server.target), *(["--via", via] if via else []),
                "--key", self.folder / "sshd" / key, *(["--yes"] if yes else []), *options]
        done = subprocess.run(argv, text=True, capture_output=True, timeout=120, env=self.rig.environ, input=given)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def place(tmp_path):
    machine = JoiningMachine(tmp_path)
    with Rig(tmp_path) as rig, SshServer(tmp_path / "sshd", machine.command) as server:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        machine.start(rig)
        yield Place(rig, server, tmp_path)


def test_a_machine_is_enrolled_from_a_node_and_what_happens_is_shown(place):
    done = place.enroll("--tag", "room=lab")
    assert "shows its host key for the first time" in done.stderr and "Accepted without asking" in done.stderr
    assert "enrolled at http" in done.stderr
    assert done.stderr.splitlines()[-1] == f"{place.server.target} is online as eva."
    assert place.rig.node("eva")["tags"] == {"room": "lab"}
    [token] = [one for one in json.loads(place.rig.hubctl("token", "ls", "-o", "json")) if one["note"]]
    assert (token["uses"], token["note"]) == (0, f"push to {place.server.target}")


def test_the_hub_itself_can_open_ssh(place):
    done = place.enroll("-o", "json", via="")
    assert json.loads(done.stdout)["node"] == "eva"


def test_a_host_key_is_asked_for_once_remembered_and_refused_when_it_has_changed(place):
    done = place.enroll(yes=False, check=False)
    fingerprint = place.server.host_key.fingerprint
    assert done.returncode == 2 and f"--host-key {fingerprint}" in done.stderr
    done = place.enroll("--host-key", "SHA256:" + "A" * 43, yes=False, check=False)
    assert done.returncode == 4 and "does not show the host key" in done.stderr
    place.enroll("--host-key", fingerprint, yes=False)
    done = place.enroll(yes=False)
    assert f"the known one ({fingerprint})" in done.stderr
    [known] = json.loads(place.rig.hubctl("node", "host-keys", "-o", "json"))
    assert (known["fingerprint"], known["via"], known["port"]) == (fingerprint, "ada", place.server.port)

    place.server.new_host_key()
    for options in ((), ("--host-key", place.server.host_key.fingerprint)):
        done = place.enroll(*options, check=False)
        assert done.returncode == 4 and "HAS CHANGED" in done.stderr
        assert fingerprint in done.stderr and place.server.host_key.fingerprint in done.stderr
    [line] = {line.partition("hubctl ")[2] for line in done.stderr.splitlines() if "next:" in line}
    place.rig.hubctl(*line.split())
    assert "for the first time" in place.enroll().stderr


def test_what_fails_is_said_with_the_line_that_repeats_it(place):
    done = place.enroll(key="foreign", check=False)
    assert done.returncode == 4 and "Permission denied" in done.stderr
    assert f"hubctl node enroll {place.server.target} --via ada" in done.stderr
    (place.folder / "fault").write_text("dvic: the disk is full; then run the same line again\n")
    done = place.enroll(check=False)
    assert "the installer failed there: dvic: the disk is full" in done.stderr
    tokens = [one for one in json.loads(place.rig.hubctl("token", "ls", "-o", "json")) if one["note"]]
    assert tokens and all(one["revoked"] for one in tokens)


def test_a_passphrase_is_asked_for_or_read_from_a_file(place):
    done = place.enroll(key="locked", check=False)
    assert done.returncode == 2 and "--passphrase-file" in done.stderr
    (place.folder / "phrase").write_text(PASSPHRASE + "\n")
    place.enroll("--passphrase-file", str(place.folder / "phrase"), key="locked")


def test_a_source_that_is_not_there_or_whose_owner_refuses_says_so(place):
    assert "there is no node bob" in place.enroll(via="bob", check=False).stderr
    policy = place.folder / "ada/etc/policy.toml"
    policy.write_text('kinds = ["run"]\n')
    done = place.enroll(check=False)
    assert done.returncode == 4 and "policy does not allow it to enrol other machines" in done.stderr
    place.rig.agents["ada"].agent.stop()
    until(lambda: not place.rig.node("ada")["connected"], "ada is away")
    assert "ada is not connected" in place.enroll(check=False).stderr


def test_neither_secret_nor_token_nor_installer_is_kept_anywhere(place):
    word = "Correct-Horse-Battery-9"
    (place.folder / "word").write_text(word + "\n")
    place.enroll("--password-file", str(place.folder / "word"))
    place.rig.hub.stop()
    inner = place.server.key.splitlines()[2]
    script = (place.folder / "installer").read_text()
    assert script.startswith("DVIC_TELL=1\n")
    token = re.search(r"dvic1\.[\w.-]+", script).group()
    (place.folder / "installer").unlink()
    shutil.rmtree(place.folder / "sshd")
    (place.folder / "word").unlink()
    files = [file for file in place.folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any(file.name == "dvic.db" for file in files) and any("ada/var" in str(file) for file in files)
    for file in files:
        data = file.read_bytes()
        assert not [secret for secret in (word, inner, token[:60], token[-60:]) if secret.encode() in data], file


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: whoever looks sees other processes")
def test_a_push_that_nobody_answers_ends_when_hubctl_is_ended(place):
    argv = [BIN / "hubctl", "node", "enroll", str(place.server.target), "--via", "ada", "--key",
            place.folder / "sshd/key"]
    done = subprocess.run(["script", "-qec", " ".join(map(str, argv)), "/dev/null"], input="n\n", text=True,
                          capture_output=True, timeout=60, env=place.rig.environ)
    assert "nothing was changed" in done.stdout
    [run] = place.rig.request("GET", "/api/v1/runs?kind=enroll")[1]["items"]
    until(lambda: place.rig.request("GET", f"/api/v1/runs/{run['id']}")[1]["counts"] == {"cancelled": 1}, "it is ended")


def test_a_hub_that_is_started_again_meanwhile_says_that_it_knows_nothing_of_it(place):
    argv = [BIN / "hubctl", "node", "enroll", str(place.server.target), "--via", "ada", "--yes", "--key",
            place.folder / "sshd/key"]
    (place.folder / "hold").touch()
    log = place.folder / "enroll.log"
    with log.open("w") as out, subprocess.Popen(argv, stdout=out, stderr=out, env=place.rig.environ) as process:
        until(lambda: "Signing in and installing" in log.read_text(), "the answer is given")
        place.rig.hub.kill()
        place.rig.start_hub()
        until(lambda: process.poll() is not None, "hubctl ends")
    assert process.returncode == 4 and "the hub was started again meanwhile" in log.read_text(), log.read_text()
    (place.folder / "hold").unlink()


def test_what_counts_as_a_connection_that_nobody_else_can_change():
    assert all(is_loopback(host) for host in ("127.0.0.1", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("10.0.0.1", "hub.example", "127.example", ""))
