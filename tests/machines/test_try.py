"""The README's first command on machines that nobody has prepared, typed in a terminal, looked at from a second one."""

import json
import re
import secrets
import socket
import time

import pytest
from checkout import copy_checkout
from machine import SUITES, Machine

pytestmark = pytest.mark.machines

FIRST_START = 600.0
"""Seconds that the first start may take: it installs packages and builds the virtual environment."""
SOON = 60.0


class Person:
    """Somebody with an account and a checkout on a machine."""

    def __init__(self, machine: Machine, user: str = "root"):
        self.machine = machine
        self.user = user
        self.password = secrets.token_hex(8)
        if user != "root":
            machine.run("useradd", "--create-home", "--groups", "sudo", "--shell", "/bin/bash", user)
            machine.run("sh", "-c", f"echo {user}:{self.password} | chpasswd")
        self.checkout = "/root/dvic" if user == "root" else f"/home/{user}/my lab/dvic"
        copy_checkout(machine.root / self.checkout[1:])
        machine.run("chown", "-R", f"{user}:", self.checkout)
        with socket.socket() as free:  # the host's network is shared, so the usual port may be taken
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.preparation = ""

    def types(self, *argv):
        return self.machine.terminal(*argv, user=self.user, folder=self.checkout)

    def shell(self, text):
        """What a line of shell prints, typed after what the trial says that one types in another terminal."""
        done = self.machine.run("runuser", "-u", self.user, "--", "sh", "-c", f"{self.preparation}\n{text}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def left(self):
        """What still runs of the trial, and of what was started through it."""
        return [line for line in self.machine.processes() if self.checkout in line or "sleep 86399" in line]


@pytest.fixture
def try_it():
    """Starts a trial and returns its terminal, when it has shown everything and the logs are coming in."""
    opened = []

    def begin(person, *options, answers=()):
        trial = person.types("install/try.sh", "--port", str(person.port), *options)
        opened.append(trial)
        place = 0
        for question, answer in answers:
            place = trial.wait_for(question, SOON, place)
            trial.type(answer)
        place = trial.wait_for("== hubctl nodes", FIRST_START)
        place = trial.wait_for("online", SOON, place)
        place = trial.wait_for("== hubctl run all -- uname -a", SOON, place)
        place = trial.wait_for("Linux", SOON, place)
        place = trial.wait_for("finished", SOON, place)
        place = trial.wait_for("== In a browser", SOON, place)
        place = trial.wait_for(f"http://127.0.0.1:{person.port}   (user: admin", SOON, place)
        place = trial.wait_for("== hubctl logs all -f", SOON, place)
        trial.wait_for("reading", SOON, place)
        person.preparation = re.search(r"another terminal.*\n(cd .*\nexport .*)\n", trial.text)[1]
        return trial

    yield begin
    for trial in opened:
        trial.kill()


def second_terminal(person):
    """A shell in which what the trial says for it has been typed."""
    second = person.types("bash", "--norc")
    second.wait_for("bash-", SOON)  # what is typed before a prompt may be lost
    second.type(f"{person.preparation}\n")
    return second


def leave(terminal):
    terminal.type("\x03")
    terminal.type("exit 0\n")
    terminal.ended(SOON)


def everything_works(person, sources):
    """From a second terminal: lines from everywhere come in, and commands run. Leaves one running."""
    lines = {
        "echo": "echo {} >> /tmp/dvic_log_x",
        "library": "python -c 'import dvic_log; dvic_log.info(\"{}\")'",
        "journal": "logger {}",
    }
    second = second_terminal(person)
    try:
        second.type("hubctl logs all -f\n")
        second.wait_for("reading", SOON)  # the demo program
        for source in sources:
            word = f"{source}-{secrets.token_hex(6)}"
            person.shell(lines[source].format(word))
            second.wait_for(word, SOON)
        leave(second)
    finally:
        second.kill()
    page = f"http://127.0.0.1:{person.port}/"
    ask = f"import urllib.request as u; print(u.urlopen('{page}').read().decode())"
    assert "assets/app-" in person.shell(f'python -c "{ask}"')  # built here, with npm's packages
    assert "Linux" in person.shell("hubctl run all -- uname -a")
    assert [node["state"] for node in json.loads(person.shell("hubctl nodes -o json"))] == ["online"]
    cgroups = person.shell("hubctl run all -- cat /proc/self/cgroup")
    person.shell("hubctl run all --detach -- sleep 86399")
    deadline = time.monotonic() + SOON
    while "sleep 86399" not in person.machine.processes():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return cgroups


def end(person, trial):
    assert person.left()
    trial.type("\x03")
    assert trial.ended(SOON) == 0, trial.text
    assert "Nothing of it is running any more" in trial.text
    assert person.left() == []


@pytest.fixture(scope="module", params=SUITES)
def root(request):
    """Root on a fresh machine of each suite."""
    with Machine(request.param, fresh=True, online=True) as machine:
        yield Person(machine)


def test_one_command_shows_a_fresh_machine_and_ctrl_c_ends_every_process(root, try_it):
    trial = try_it(root, "--yes")
    assert "journal  " not in trial.text  # nothing hides it

    cgroups = everything_works(root, ("echo", "library", "journal"))
    assert "/dvic.slice/dvic-run-" in cgroups
    units = ("systemctl", "list-units", "--no-legend", "dvic-run-*")
    assert root.machine.run(*units).stdout.count(".service") == 1

    end(root, trial)
    assert root.machine.run(*units).stdout == ""


def test_one_may_sign_in_as_the_trial_prints_it_and_a_second_start_goes_on(root, try_it):
    end(root, try_it(root, "--yes"))  # so that it is a second start also when this test runs alone
    trial = try_it(root, "--yes")
    assert "Building" not in trial.text and "Installing" not in trial.text

    line, password = re.search(r"or sign in as yourself: (hubctl login .*?) +\(password: (.*)\)", trial.text).groups()
    second = second_terminal(root)
    second.type(f"unset DVIC_CONFIG\n{line}\n")
    second.wait_for("Password of admin", SOON)
    second.type(f"{password}\n")
    place = second.wait_for("Signed in", SOON)
    second.type("hubctl nodes\n")
    second.wait_for("online", SOON, place)
    leave(second)

    end(root, trial)


def test_the_same_machine_started_without_systemd_goes_on(root, try_it):
    root.machine.cut_power()
    root.machine.start_without_systemd()
    try:
        trial = try_it(root, "--yes")
        assert "no journald is running here; everything else works" in trial.text
        cgroups = everything_works(root, ("echo", "library"))
        assert "dvic-run-" not in cgroups
        end(root, trial)
    finally:
        root.machine.cut_power()
        root.machine.boot()


@pytest.mark.parametrize(("suite", "systemd"), [("bookworm", False), ("trixie", True)])
def test_an_ordinary_user_is_asked_and_uses_sudo(suite, systemd, try_it):
    with Machine(suite, fresh=True, online=True, systemd=systemd) as machine:
        anna = Person(machine, "anna")
        trial = try_it(anna, answers=(("Install with apt-get", "\n"), ("password for anna", f"{anna.password}\n")))
        assert ("may be read by root" if systemd else "no journald is running here") in trial.text
        assert "dvic-run-" not in everything_works(anna, ("echo", "library"))
        end(anna, trial)
        owners = machine.run("find", anna.checkout, "!", "-user", "anna").stdout
        assert owners == ""  # nothing that only root could remove
