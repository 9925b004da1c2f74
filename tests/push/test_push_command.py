"""The command lines of a push: nothing secret in them, nothing left to chance, nothing that a name could change."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from dvic_push.command import (
    NO_SUDO,
    READY,
    SUDO_ASKS,
    SignIn,
    environment,
    known_hosts,
    remote_line,
    scan_argv,
    ssh_argv,
)
from dvic_wire.pushing import HostKey, Target

TARGET = Target("pi", "lab-8", 2222)
KEY = HostKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjoiSSJBmSZqAKbhtlmbLTuxfUSJTx4Q1zS0WWpwmtu")


def options_of(argv: list[str]) -> dict[str, str]:
    return dict(part[2:].split("=", 1) for part in argv if part.startswith("-o"))


def test_only_the_accepted_host_key_is_taken():
    argv = ssh_argv(TARGET, Path("/x/known_hosts"), SignIn(), ())
    options = options_of(argv)
    assert (options["StrictHostKeyChecking"], options["UserKnownHostsFile"]) == ("yes", "/x/known_hosts")
    assert (options["GlobalKnownHostsFile"], options["UpdateHostKeys"]) == ("none", "no")
    assert known_hosts(KEY) == f"{options['HostKeyAlias']} {KEY}\n"


def test_no_settings_no_keys_and_no_agent_of_the_machine_count_and_nothing_is_forwarded():
    for how in (SignIn(), SignIn("/proc/1/fd/3"), SignIn("/proc/1/fd/3", asks=False)):
        argv = ssh_argv(TARGET, Path("/x/known_hosts"), how, ())
        options = options_of(argv)
        assert argv[:4] == ["ssh", "-F", "none", "-T"]
        assert options["IdentityFile"] == (how.key or "none") and options["IdentityAgent"] == "none"
        assert (options["ForwardAgent"], options["ClearAllForwardings"]) == ("no", "yes")
        assert options["ControlPath"] == "none"
        assert options["BatchMode"] == ("no" if how.asks else "yes")
        assert options["NumberOfPasswordPrompts"] == "1"


def test_a_key_signs_in_as_a_key_and_a_password_as_a_password():
    assert options_of(ssh_argv(TARGET, Path("x"), SignIn("k"), ()))["PreferredAuthentications"] == "publickey"
    options = options_of(ssh_argv(TARGET, Path("x"), SignIn(), ()))
    assert options["PreferredAuthentications"] == "password,keyboard-interactive"
    assert options["PubkeyAuthentication"] == "no"


def test_the_target_stands_where_ssh_can_take_it_for_nothing_else():
    argv = ssh_argv(TARGET, Path("x"), SignIn(), ("--name", "eva"))
    assert argv[argv.index("-p") + 1] == "2222" and argv[argv.index("-l") + 1] == "pi"
    assert argv[-3:-1] == ["--", "lab-8"] and len(argv) == argv.index("--") + 3
    assert scan_argv(TARGET)[-2:] == ["--", "lab-8"]


def test_what_ssh_finds_in_its_environment_is_ours():
    assert set(environment(Path("/x"))) == {"PATH", "LANG", "HOME", "SSH_ASKPASS_REQUIRE"}


def test_the_line_for_the_shell_there_has_one_pair_of_quotes_that_every_shell_reads_alike():
    line = remote_line(())
    assert line.count("'") == 2 and "!" not in line and "\n" not in line


class There:
    """The shell of a machine, with programs of our own in the place of id and sudo."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "bin").mkdir()

    def program(self, name: str, text: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def run(self, script: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess:
        path = f"{self.folder}/bin:{self.folder}/tools"
        return subprocess.run(["/bin/sh", "-c", remote_line(arguments)], input=given + script, text=True,
                              capture_output=True, timeout=30, env={"PATH": path})


@pytest.fixture
def there(tmp_path):
    place = There(tmp_path)
    (tmp_path / "tools").mkdir()
    os.symlink("/bin/sh", tmp_path / "tools" / "sh")
    return place


def test_root_goes_on_at_once(there):
    there.program("id", "echo 0")
    done = there.run('echo "got $*"\n', "--name", "a b'c")
    assert done.stdout.splitlines() == [READY.decode(), "got --name a b'c"]


def test_whoever_may_do_so_becomes_root_without_a_password(there):
    there.program("id", "echo 1000")
    there.program("sudo", '[ "$1" = -n ] || exit 9; shift; [ "$1" = true ] || echo "sudo: $1" >&2; '
                          '[ "$1" = true ] || exec "$@"')
    done = there.run('echo "got $*"\n', "--name", "eva")
    assert done.stdout.splitlines() == [READY.decode(), "got --name eva"]
    assert done.stderr == "sudo: sh\n"


def test_sudo_reads_the_password_as_the_first_line_and_leaves_the_rest(there):
    there.program("id", "echo 1000")
    there.program("sudo", '[ "$1" = -S ] || exit 1; shift; printf %s "$2" >&2; shift 2; IFS= read -r line; '
                          'echo "password <$line>" >&2; exec "$@"')
    done = there.run('echo "got $*"\n', "x", given=" pass word\\\n")
    assert done.stderr == f"{SUDO_ASKS.decode()}password < pass word\\>\n"
    assert done.stdout.splitlines() == [READY.decode(), "got x"]


def test_a_machine_without_sudo_says_so(there):
    there.program("id", "echo 1000")
    assert there.run("echo got\n").stdout.splitlines() == [NO_SUDO.decode()]


def test_arguments_can_add_no_command():
    words = ("--name", "a; reboot", "$(id)", "'")
    assert shlex.split(remote_line(words))[-4:] == list(words)
