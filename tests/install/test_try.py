"""install/try.sh, as a new user starts it: in a terminal, from a fresh copy of the checkout."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from checkout import copy_checkout
from rig import until
from terminal import Terminal

pytestmark = pytest.mark.install

FIRST_START = 600.0
"""Seconds that the first start may take: it builds the virtual environment."""
SOON = 60.0


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a new user has after `git clone`."""
    copy = tmp_path_factory.mktemp("new-user") / "dvic"
    copy_checkout(copy)
    return copy


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def terminals():
    opened = []
    yield opened
    for terminal in opened:
        terminal.kill()


@pytest.fixture
def start(checkout, terminals):
    def begin(port: int) -> Terminal:
        environ = {**os.environ, "CI": "true", "TERM": "dumb"}
        terminals.append(Terminal([str(checkout / "install" / "try.sh"), "--port", str(port)], environ, checkout))
        return terminals[-1]
    return begin


@pytest.fixture
def detector(checkout, terminals):
    def tidy() -> None:
        for package in Path("/tmp").glob("dvic_package_*"):
            if re.match(rf"dvic_package_(readout|modules)-[0-9a-f]{{8}}-{os.geteuid()}", package.name):
                package.unlink()

    def begin(port: int) -> Terminal:
        environ = {**os.environ, "CI": "true", "TERM": "dumb"}
        command = [str(checkout / "examples" / "detector" / "run.sh"), "--port", str(port)]
        terminals.append(Terminal(command, environ, checkout))
        return terminals[-1]

    tidy()  # of a run before this one: its packages would be shown first, with higher serials
    yield begin
    tidy()


@pytest.fixture
def join(checkout, terminals):
    def begin(token: str) -> Terminal:
        environ = {**os.environ, "CI": "true", "TERM": "dumb"}
        terminals.append(Terminal([str(checkout / "install" / "try.sh"), "--join", token], environ, checkout))
        return terminals[-1]
    return begin


def processes_of(checkout: Path) -> list[str]:
    """Command lines of whatever runs from this copy, or was started by it."""
    mark = str(checkout).encode()
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                words = process.joinpath("cmdline").read_bytes()
                if mark in words or mark in process.joinpath("environ").read_bytes():
                    found.append(words.replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue
    return found


def hubctl(checkout: Path, *arguments: str) -> str:
    environ = {**os.environ, "DVIC_CONFIG": str(checkout / ".dvic" / "hubctl.toml")}
    return subprocess.run([checkout / ".dvic" / "venv" / "bin" / "hubctl", *arguments], env=environ, text=True,
                          timeout=60, check=True, stdout=subprocess.PIPE).stdout


def test_a_new_user_sees_the_node_a_run_and_the_logs_and_ctrl_c_ends_all_of_it(checkout, start, port):
    trial = start(port)
    place = trial.wait_for("== hubctl nodes", FIRST_START)
    place = trial.wait_for("online", SOON, place)
    place = trial.wait_for("== hubctl run all -- uname -a", SOON, place)
    place = trial.wait_for("Linux", SOON, place)
    place = trial.wait_for("== In a browser", SOON, place)
    place = trial.wait_for("hubctl login", SOON, place)
    place = trial.wait_for("== hubctl logs all -f", SOON, place)
    assert f"http://127.0.0.1:{port}   (user: admin" in trial.text
    trial.wait_for("reading", SOON, place)  # the demo program, through dvic_log

    word = f"hello-{secrets.token_hex(6)}"
    file = Path("/tmp") / f"dvic_log_{word}"
    try:
        file.write_text(f"{word} from echo\n")
        trial.wait_for(f"{word} from echo", SOON, place)
    finally:
        file.unlink()

    assert [node["state"] for node in json.loads(hubctl(checkout, "nodes", "-o", "json"))] == ["online"]
    hubctl(checkout, "run", "all", "--detach", "--", "sleep", "86399")

    trial.type("\x03")
    assert trial.ended(SOON) == 0
    assert "Nothing of it is running any more" in trial.text
    assert processes_of(checkout) == []
    assert subprocess.run(["pgrep", "-f", "^sleep 86399"], stdout=subprocess.DEVNULL).returncode == 1


def test_a_second_start_goes_on_where_the_first_one_ended(checkout, start, port):
    trial = start(port)
    place = trial.wait_for("== hubctl logs all -f", FIRST_START)
    assert "Building" not in trial.text
    trial.wait_for("reading", SOON, place)
    assert len(json.loads(hubctl(checkout, "nodes", "-o", "json"))) == 1

    os.kill(trial.pid, signal.SIGTERM)
    assert trial.ended(SOON) == 0
    assert processes_of(checkout) == []


def test_the_page_is_served_and_one_signs_in_with_what_is_printed(checkout, start, port):
    trial = start(port)
    trial.wait_for("== hubctl logs all -f", FIRST_START)
    url, password = re.search(r"(http\S+)   \(user: admin   password: (\S+)\)", trial.text).groups()
    with urllib.request.urlopen(url, timeout=10) as answer:
        page = answer.read().decode()
    for asset in re.findall(r'(?:href|src)="(assets/[^"]+)"', page):
        with urllib.request.urlopen(f"{url}/{asset}", timeout=10) as answer:
            assert answer.read() == (checkout / "hub" / "dvic_hub" / "web" / "static" / asset).read_bytes()
    asked = urllib.request.Request(f"{url}/api/v1/session", headers={"Origin": url},
                                   data=json.dumps({"user": "admin", "password": password}).encode())
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert json.load(answer)["role"] == "admin" and "HttpOnly" in answer.headers["Set-Cookie"]


def test_a_second_node_joins_from_the_same_checkout_and_goes_by_itself(checkout, start, join, port):
    trial = start(port)
    trial.wait_for("== hubctl logs all -f", FIRST_START)
    made = json.loads(hubctl(checkout, "token", "create", "-o", "json"))
    token = (made[0] if isinstance(made, list) else made)["token"]
    second = join(token)
    second.wait_for(f"is online at http://127.0.0.1:{port}", FIRST_START)
    assert [node["state"] for node in json.loads(hubctl(checkout, "nodes", "-o", "json"))] == ["online"] * 2
    assert hubctl(checkout, "run", "all", "--", "echo", "hello").count("hello") >= 2
    again = join(token)
    assert again.ended(SOON) == 1 and "this node is already running" in again.text
    second.type("\x03")
    assert second.ended(SOON) == 0 and "Nothing of it is running any more" in second.text
    back = join(token)  # the same line goes on with the same node
    back.wait_for("is online at", SOON)
    assert len(json.loads(hubctl(checkout, "nodes", "-o", "json"))) == 2
    os.kill(back.pid, signal.SIGTERM)
    assert back.ended(SOON) == 0
    wrong = join("dvic1.nonsense")
    assert wrong.ended(SOON) == 1 and "hubctl token create" in wrong.text
    trial.type("\x03")
    assert trial.ended(SOON) == 0
    trial = start(port)  # and waits for no node that is away
    place = trial.wait_for("uname -a", FIRST_START)
    place = trial.wait_for("Linux", SOON, place)
    trial.wait_for("== hubctl logs all -f", 20, place)


def test_the_detector_shows_plots_that_move_and_ctrl_c_ends_all_of_it(checkout, detector, port):
    def packages() -> dict[str, dict]:
        found = json.loads(hubctl(checkout, "packages", "ls", "-o", "json"))
        return {each["name"]: each for each in found if each["state"] == "live"}

    trial = detector(port)
    trial.wait_for("== hubctl logs all -f", FIRST_START)
    assert f"http://127.0.0.1:{port}/histograms   (user: admin" in trial.text
    until(lambda: {"readout", "modules"} <= set(packages()), "both packages are there")
    first = packages()
    until(lambda: all(packages()[name]["serial"] > first[name]["serial"] for name in ("readout", "modules")),
          "both of them move")
    for name in ("readout", "modules"):
        laid_out = checkout / "examples" / "detector" / f"{name}.xml"
        assert hubctl(checkout, "packages", "layout", "get", name) == laid_out.read_text()
        assert packages()[name]["problem"] == ""

    trial.type("\x03")
    assert trial.ended(SOON) == 0
    assert "Nothing of it is running any more" in trial.text
    assert processes_of(checkout) == []


def test_a_closed_window_ends_all_of_it(checkout, start, port):
    trial = start(port)
    trial.wait_for("== hubctl logs all -f", FIRST_START)
    trial.close_window()
    trial.ended(SOON)
    assert processes_of(checkout) == []


def test_a_port_that_is_taken_is_named(checkout, start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        trial = start(taken.getsockname()[1])
        assert trial.ended(FIRST_START) == 1
        assert f"port {taken.getsockname()[1]} on 127.0.0.1 can't be used" in trial.text and "--port" in trial.text
        assert "Ending what was started" not in trial.text  # nothing was
    assert processes_of(checkout) == []


def test_a_second_trial_of_the_same_checkout_is_refused(checkout, start, port):
    first = start(port)
    place = first.wait_for("== hubctl logs all -f", FIRST_START)
    second = start(port + 1)
    assert second.ended(SOON) == 1
    assert "already running" in second.text
    first.wait_for("reading", SOON, place)
    first.type("\x03")
    assert first.ended(SOON) == 0
