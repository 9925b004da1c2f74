"""hubctl logs: history, following, and never a line twice or lost."""

import json
import signal
import sys
import threading
import time

import pytest

SECONDS = 15
PROGRAM = [sys.executable, "-m", "hubctl"]


@pytest.fixture
def fleet(hub):
    hub.add_node("web-1", tags={"room": "lab"})
    hub.add_node("web-2")
    return hub


class Reader:
    """Reads a program's lines in a thread, so that a test can wait for one with a bound."""

    def __init__(self, stream):
        self.lines = []
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            with self._came:
                self.lines.append(line.rstrip("\n"))
                self._came.notify_all()

    def wait_for(self, text):
        with self._came:
            found = self._came.wait_for(lambda: any(text in line for line in self.lines), SECONDS)
        assert found, f"{text!r} did not come; this did: {self.lines}"

    def messages(self):
        return [json.loads(line)["message"] for line in self.lines]


class Follower:
    """A running `hubctl logs -f -o jsonl`."""

    def __init__(self, hubctl, hub, *arguments):
        self.process = hubctl.start("logs", *arguments, "-f", "-o", "jsonl")
        self.out, self.notes = Reader(self.process.stdout), Reader(self.process.stderr)
        assert hub.subscribed.acquire(timeout=SECONDS)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


# ---- history


def test_jsonl_holds_exactly_the_promised_fields_in_their_order(hubctl, fleet):
    fleet.log("web-1", "hello", level="warning", unit="ssh.service", pid=812, fields={"beam": 1}, boot="b", uid=0)
    fleet.log("web-1", "from a file", source="dvic_log_x")
    first, second = map(json.loads, hubctl("logs", "-o", "jsonl").stdout.splitlines())
    assert list(first) == list(second) == ["time", "node", "source", "level", "unit", "pid", "uid", "message",
                                          "fields"]
    assert {**first, "time": ""} == {"time": "", "node": "web-1", "source": "journal", "level": "warning",
                                     "unit": "ssh.service", "pid": 812, "uid": 0, "message": "hello",
                                     "fields": {"beam": 1}}
    assert (second["unit"], second["pid"], second["uid"], second["fields"]) == ("", None, None, {})
    assert first["time"].endswith("Z") and len(first["time"]) == 27


def test_the_oldest_line_comes_first_and_n_counts_from_the_end(hubctl, fleet):
    for number in range(150):
        fleet.log("web-1", f"line {number}", live=False)
    lines = hubctl("logs").stdout.splitlines()
    assert len(lines) == 100
    assert lines[-1].endswith("line 149")
    assert [line[-8:] for line in hubctl("logs", "-n", "2").stdout.splitlines()] == ["line 148", "line 149"]
    assert hubctl("logs", "-n", "0").stdout == ""


def test_lines_of_one_microsecond_keep_their_order(hubctl, fleet):
    now = fleet.now()
    for number in range(10):
        fleet.log("web-1", f"line {number}", live=False, time=now)
    assert [line[-1] for line in hubctl("logs", "-n", "3").stdout.splitlines()] == ["7", "8", "9"]


def test_since_means_all_lines_from_then_on(hubctl, fleet):
    for number in range(150):
        fleet.log("web-1", f"line {number}", live=False)
    fleet.log("web-1", "old", time=1_700_000_000_000_000, live=False)
    assert len(hubctl("logs", "--since", "1h").stdout.splitlines()) == 150
    assert len(hubctl("logs", "--since", "2020-01-01").stdout.splitlines()) == 151
    assert hubctl("logs", "--until", "2024-01-01T00:00:00Z").stdout.splitlines()[0].endswith("old")


@pytest.mark.parametrize("arguments, found", [
    (["web-2"], ["two"]), (["tag:room=lab", "--level", "warning"], ["three"]), (["--unit", "nginx*"], ["three"]),
    (["--source", "dvic_log_*"], ["two"]), (["--grep", "TWO"], ["two"]),
])
def test_filters(hubctl, fleet, arguments, found):
    fleet.log("web-1", "one", unit="ssh.service")
    fleet.log("web-2", "two", source="dvic_log_x")
    fleet.log("web-1", "three", level="error", unit="nginx.service")
    out = hubctl("logs", *arguments, "-o", "jsonl").stdout
    assert [json.loads(line)["message"] for line in out.splitlines()] == found


def test_a_line_for_people(hubctl, fleet):
    fleet.log("web-1", "Failed password", level="error", unit="ssh.service", pid=812, time=1795168800_123456)
    fleet.log("web-1", "two\nlines\n", source="dvic_log_x", time=1795168801_000000, fields={"beam": 1}, pid=42,
              uid=1000)
    assert hubctl("logs").stdout == (
        "11-20 10:00:00.123 web-1    error    ssh[812]: Failed password\n"
        "11-20 10:00:01.000 web-1    info     dvic_log_x[42]: two\n"
        "    lines\n")
    wide = hubctl("logs", "-o", "wide").stdout
    assert "2026-11-20 10:00:00.123456 web-1    error    journal/ssh.service[812]: " in wide
    assert "dvic_log_x[42, uid 1000]: two\n    lines\n    beam=1\n" in wide


def test_a_line_from_a_container_begins_with_its_name(hubctl, fleet):
    whose = {"container": "daq", "image": "tiny"}
    fleet.log("web-1", "inside", source="dvic_log_x", unit="docker-1.scope", fields=whose)
    fleet.log("web-1", "claimed", source="journal", unit="ssh.service", fields={"container": "daq"})
    inside, claimed = hubctl("logs", "all").stdout.splitlines()
    assert inside.endswith(" info     daq: inside") and claimed.endswith(" info     ssh: claimed")
    wide = hubctl("logs", "all", "-o", "wide").stdout
    assert "dvic_log_x/docker-1.scope: inside" in wide and "container=daq image=tiny" in wide


def test_hostile_lines_do_nothing_to_the_terminal(hubctl, fleet):
    fleet.log("web-1", "\x1b[2Jgone \x9b2J \u202eevil\rover\x07", source="dvic_log_\x1b[0m", unit="\x1b[31m")
    for arguments in (["logs"], ["logs", "-o", "wide"], ["logs", "-o", "jsonl"], ["logs", "-o", "json"]):
        screen = hubctl.on_a_terminal(*arguments, NO_COLOR="1")
        assert screen.ended(SECONDS) == 0
        assert not set(screen.text) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}
        assert "evil" in screen.text


@pytest.mark.parametrize("arguments", [["-f", "--until", "1h"], ["-f", "-o", "json"], ["-f", "-o", "yaml"],
                                       ["--level", "loud"], ["-n", "-1"]])
def test_what_makes_no_sense_is_refused(hubctl, fleet, arguments):
    assert hubctl("logs", *arguments).returncode == 2
    assert fleet.requests == []


# ---- following


def test_following_shows_the_last_lines_and_then_each_new_one(hubctl, fleet):
    for number in range(30):
        fleet.log("web-1", f"old {number}", live=False)
    follower = Follower(hubctl, fleet)
    follower.out.wait_for("old 29")
    fleet.log("web-2", "new")
    follower.out.wait_for("new")
    assert follower.out.messages() == [f"old {number}" for number in range(20, 30)] + ["new"]
    assert follower.stop() == 130
    assert "".join(follower.notes.lines) == ""


def test_lines_that_come_while_history_is_fetched_come_once_and_in_order(hubctl, fleet):
    fleet.log("web-1", "before", live=False)
    fleet.hold_logs.clear()
    follower = Follower(hubctl, fleet)
    assert fleet.logs_asked.wait(SECONDS)
    # the answer was made already: this one comes by the stream only
    fleet.log("web-1", "during")
    entry = fleet.logs[0]
    # and this one comes both ways, as one that was stored a moment before the subscription
    fleet.tell({"kind": "log", **entry})
    fleet.hold_logs.set()
    follower.out.wait_for("during")
    fleet.log("web-1", "after")
    follower.out.wait_for("after")
    assert follower.out.messages() == ["before", "during", "after"]


def test_equal_lines_are_each_shown(hubctl, fleet):
    for _ in range(3):
        fleet.log("web-1", "tick", time=1795168800_000000, live=False)
    follower = Follower(hubctl, fleet)
    follower.out.wait_for("tick")
    # the mark behind the history: from here on an equal line is another one
    assert fleet.subscribed.acquire(timeout=SECONDS)
    fleet.log("web-1", "tick", time=1795168800_000000)
    fleet.log("web-1", "end")
    follower.out.wait_for("end")
    assert follower.out.messages() == ["tick"] * 4 + ["end"]


def test_after_a_cut_connection_what_was_missed_is_fetched_and_said(hubctl, fleet):
    follower = Follower(hubctl, fleet, "-n", "0")
    fleet.log("web-1", "one")
    follower.out.wait_for("one")
    fleet.cut_streams()
    fleet.log("web-1", "two")
    follower.notes.wait_for("Connected again")
    fleet.log("web-1", "three")
    follower.out.wait_for("three")
    assert follower.out.messages() == ["one", "two", "three"]
    assert "connection to the hub is lost" in follower.notes.lines[0]


def test_a_hub_that_is_started_again_is_followed_on(hubctl, fleet):
    follower = Follower(hubctl, fleet)
    fleet.log("web-1", "one")
    follower.out.wait_for("one")
    fleet.close()
    fleet.logs.append({**fleet.logs[0], "message": "two", "time": fleet.now()})
    follower.notes.wait_for("Trying again")
    fleet.listen()
    follower.out.wait_for("two")
    fleet.log("web-1", "three")
    follower.out.wait_for("three")
    assert follower.out.messages() == ["one", "two", "three"]


def test_lines_that_the_hub_dropped_are_fetched(hubctl, fleet):
    follower = Follower(hubctl, fleet)
    fleet.log("web-1", "one")
    follower.out.wait_for("one")
    fleet.log("web-1", "two", live=False)
    fleet.tell({"kind": "gap", "missed": 1})
    follower.out.wait_for("two")
    fleet.log("web-1", "three")
    follower.out.wait_for("three")
    assert follower.out.messages() == ["one", "two", "three"]


def test_a_record_can_not_pass_for_another_nodes(hubctl, fleet):
    follower = Follower(hubctl, fleet)
    follower_line = '{"kind":"log","node":"web-1","node_id":"n-1","source":"journal","time":1795168800000000,' \
                    '"level":"info","message":"forged","node":"web-2","source":"other"}'
    fleet.tell_text(follower_line)
    follower.out.wait_for("forged")
    found = json.loads(follower.out.lines[0])
    assert (found["node"], found["source"]) == ("web-1", "journal")


def test_what_is_no_event_is_passed_over(hubctl, fleet):
    follower = Follower(hubctl, fleet)
    fleet.tell_text('not json\n[]\n{"kind":"something new"}\n' + "[" * 100_000)
    fleet.log("web-1", "still here")
    follower.out.wait_for("still here")
    assert follower.out.messages() == ["still here"]


def test_an_ended_sign_in_ends_the_following(hubctl, fleet):
    follower = Follower(hubctl, fleet)
    fleet.valid.clear()
    fleet.cut_streams()
    assert follower.process.wait(SECONDS) == 4
    follower.notes.wait_for("next: sign in")


def test_a_filter_that_the_hub_refuses_is_said(hubctl, fleet):
    done = hubctl("logs", "-f", "--grep", "refuse me")
    assert done.returncode == 2
    assert "no filter" in done.stderr


def test_following_a_hub_that_is_not_there(hubctl, fleet):
    fleet.close()
    done = hubctl("logs", "-f")
    assert done.returncode == 3
    assert "nothing listens" in done.stderr
    fleet.listen()


def test_following_into_a_closed_pipe_ends(hubctl, fleet):
    fleet.log("web-1", "one")
    process = hubctl.start_program("bash", "-c", 'set -o pipefail; "$@" | head -n 1', "bash", *PROGRAM, "logs", "-f")
    assert process.stdout.readline().endswith("one\n")
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        fleet.log("web-1", "more")
    assert process.returncode == 141
    assert process.stderr.read() == ""


def test_colours_on_a_terminal_and_none_in_a_pipe(hubctl, fleet):
    fleet.log("web-1", "bad", level="error")
    screen = hubctl.on_a_terminal("logs", "-f")
    screen.wait_for("bad", SECONDS)
    assert "\x1b[31m" in screen.text
    screen.type("\x03")
    assert screen.ended(SECONDS) == 130
    assert "Traceback" not in screen.text
    assert "\x1b" not in hubctl("logs").stdout
