"""Terminals from end to end: hubctl, a real hub, a real agent and its executor, real programs in real terminals."""

import json
import shutil
import subprocess

import pytest
from joined_terminal import JoinedTerminal, events, open_session, shown_in
from rig import BIN, Rig, until
from terminal import Terminal

WAIT = 30


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("rig")) as rig:
        rig.start_hub()
        rig.new_agent("ada").start().online()
        yield rig


@pytest.fixture
def shell(rig, tmp_path):
    """hubctl shell with these arguments, on a terminal of its own."""
    started = []

    def start(*arguments):
        started.append(Terminal([str(BIN / "hubctl"), "shell", "ada", *arguments], rig.environ, tmp_path))
        return started[-1]

    yield start
    for terminal in started:
        terminal.kill()


def newest(rig):
    return json.loads(rig.hubctl("sessions", "-o", "json"))[0]


def user_token(rig, name, role):
    """A token of a new user's."""
    status, made = rig.request("POST", "/api/v1/users", {"name": name, "role": role, "password": "quite a good one"})
    assert status == 201, made
    body = {"user": name, "password": "quite a good one", "new_password": "quite another one"}
    status, login = rig.request("POST", "/api/v1/login", body, signed_in=False)
    assert status == 200, login
    return login["token"]


def ask(rig, token, method, path, body=None):
    """As the owner of another token."""
    mine = (rig.folder / "hubctl.toml").read_text()
    try:
        (rig.folder / "hubctl.toml").write_text(f'token = "{token}"\n')
        return rig.request(method, path, body)
    finally:
        (rig.folder / "hubctl.toml").write_text(mine)


def test_a_shell_takes_keys_and_its_exit_code_is_ours(rig, shell):
    terminal = shell("--", "/bin/sh")
    terminal.wait_for("# ", WAIT)

    terminal.type("echo $((6*7)) $TERM\n")
    terminal.wait_for("42 xterm-256color", WAIT)
    terminal.type("exit 5\n")

    assert terminal.ended(WAIT) == 5
    assert newest(rig)["exit_code"] == 5


def test_a_login_shell_without_a_command(shell):
    terminal = shell()
    terminal.type("echo \"it is $0\"\n")
    terminal.wait_for("it is -", WAIT)
    terminal.type("exit\n")
    assert terminal.ended(WAIT) == 0


@pytest.mark.skipif(not shutil.which("vi"), reason="there is no vi here")
def test_vi_works(shell, tmp_path):
    terminal = shell("--", "vi", "-u", "NONE", str(tmp_path / "letter"))
    terminal.wait_for("~", WAIT)

    terminal.type("idear anna\x1b")
    terminal.wait_for("dear anna", WAIT)
    terminal.type(":wq\r")

    assert terminal.ended(WAIT) == 0
    assert (tmp_path / "letter").read_text() == "dear anna\n"


def test_the_escapes_leave_and_end_it(rig, shell):
    terminal = shell("--", "/bin/sh")
    terminal.wait_for("# ", WAIT)
    terminal.type("\n~?")
    terminal.wait_for("~.  leave", WAIT)

    terminal.type("~.")

    assert terminal.ended(WAIT) == 0
    until(lambda: newest(rig)["state"] == "cancelled", "it is ended")
    assert newest(rig)["why"] == "ended by admin"


def test_two_share_a_session_and_one_only_looks(rig):
    id = open_session(rig, "ada", "/bin/sh")
    with JoinedTerminal(rig, id, size=(100, 30)) as anna:
        anna.type("echo an''na\n")
        anna.sees("anna\r\n")
        with JoinedTerminal(rig, id, size=(60, 20)) as bert, JoinedTerminal(rig, id, read_only=True) as carl:
            bert.sees("anna\r\n")
            carl.sees("anna\r\n")
            until(lambda: len(people(anna)) == 3, "anna sees who is in it")
            assert sorted(person["read_only"] for person in people(anna)) == [False, False, True]
            anna.hears("size", [60, 20])

            carl.type("echo ca''rl\n")
            bert.type("stty size; echo be''rt\n")
            for person in (anna, bert, carl):
                person.sees("20 60\r\n")
                person.sees("bert\r\n")
                assert b"carl\r\n" not in person.output
        anna.hears("size", [100, 30])
        until(lambda: len(people(anna)) == 1, "the others have left")
        anna.type("exit\n")
        assert anna.ends().exit_code == 0


def people(joined):
    return [item for item in joined.said if isinstance(item, dict) and "people" in item][-1]["people"]


@pytest.mark.skipif(not shutil.which("vi"), reason="there is no vi here")
def test_who_joins_a_full_screen_program_late_sees_its_screen(rig, tmp_path):
    (tmp_path / "letter").write_text("dear bert\n")
    id = open_session(rig, "ada", "/bin/sh", "-c", f"cd '{tmp_path}' && exec vi -u NONE letter")
    with JoinedTerminal(rig, id, size=(80, 24)) as anna:
        anna.sees("dear bert")
        with JoinedTerminal(rig, id, read_only=True) as bert:
            bert.sees("dear bert")
        anna.type(":q!\r")
        anna.ends()


def test_a_recording_holds_what_was_shown_and_nothing_that_was_typed(rig):
    id = open_session(rig, "ada", "/bin/sh")
    with JoinedTerminal(rig, id, size=(90, 25)) as anna:
        anna.sees("#")  # else her words are echoed before the shell is there
        anna.type("stty -echo; printf 'gr\\303\\274\\303\\237e\\n'\n")
        anna.sees("grüße\r\n")
        anna.resize(70, 25)
        anna.type(": hidden''word\n")
        anna.type("echo do''ne; exit\n")
        anna.ends()
        shown = anna.output.decode()

    cast = rig.hubctl("sessions", "export", id, "-")
    # what was shown before she came in she saw as a screen
    assert shown_in(cast).partition("grüße")[1:] == shown.partition("grüße")[1:]
    assert shown_in(cast).startswith("# ")
    assert [data for _, kind, data in events(cast) if kind == "r"] == ["90x25", "70x25"]
    times = [at for at, _, _ in events(cast)]
    assert times == sorted(times)
    assert "hiddenword" not in cast and "hidden''word" not in cast
    assert (rig.state / "recordings" / f"{id}.cast").stat().st_mode & 0o777 == 0o600
    assert "grüße" in rig.hubctl("sessions", "replay", id, "--speed", "1000")
    assert "hidden''word" not in rig.hub.said() + rig.agents["ada"].agent.said()


def test_asciinemas_own_player_plays_what_is_exported(rig, tmp_path):
    if shutil.which("asciinema") is None:
        pytest.skip("needs asciinema (apt-get install)")
    id = open_session(rig, "ada", "printf", "\\033[1mgr\\303\\274\\303\\237e\\033[0m and fare\\167ell\\n")
    until(lambda: rig.request("GET", f"/api/v1/sessions/{id}")[1]["ended"], "it ends")
    rig.hubctl("sessions", "export", id, str(tmp_path / "word.cast"))
    player = Terminal(["asciinema", "play", "--speed", "1000", str(tmp_path / "word.cast")], rig.environ, tmp_path)
    player.wait_for("grüße", WAIT)
    player.wait_for("and farewell", WAIT)
    assert player.ended(WAIT) == 0


def test_a_session_that_is_not_to_be_recorded_is_not(rig):
    id = open_session(rig, "ada", "echo", "secret", record=False)
    until(lambda: rig.request("GET", f"/api/v1/sessions/{id}")[1]["ended"], "it ends")
    assert rig.request("GET", f"/api/v1/sessions/{id}/recording")[0] == 404


def test_a_viewer_can_neither_open_nor_join_nor_end_and_another_operator_can_t_end(rig):
    viewer, operator = user_token(rig, "vera", "viewer"), user_token(rig, "otto", "operator")
    id = open_session(rig, "ada", "/bin/sh")
    with JoinedTerminal(rig, id) as anna:
        assert ask(rig, viewer, "POST", "/api/v1/sessions", {"node": "ada"})[0] == 403
        assert ask(rig, viewer, "POST", f"/api/v1/sessions/{id}/end", {})[0] == 403
        assert ask(rig, viewer, "GET", f"/api/v1/sessions/{id}/recording")[0] == 403
        with JoinedTerminal(rig, id, token=viewer, read_only=True) as vera:
            with pytest.raises(AssertionError, match="403"):
                vera.sees("#")
        assert ask(rig, operator, "POST", f"/api/v1/sessions/{id}/end", {})[0] == 403
        assert ask(rig, operator, "POST", f"/api/v1/runs/{id}/cancel", {})[0] == 409
        with JoinedTerminal(rig, id, token=operator) as otto:
            otto.type("echo ot''to\n")
            anna.sees("otto\r\n")
        rig.hubctl("sessions", "end", id, "--yes")
        assert anna.ends().state == "cancelled"
    actions = [entry["action"] for entry in rig.request("GET", "/api/v1/audit?limit=50")[1]["items"]]
    assert {"terminal.create", "session.join", "run.cancel"} <= set(actions)


def test_the_list_is_narrowed_by_node_starter_and_state(rig):
    id = open_session(rig, "ada", "/bin/sh", title="to be found")
    with JoinedTerminal(rig, id) as anna:
        anna.sees("#")

        def listed(*narrowed):
            return [item["id"] for item in json.loads(rig.hubctl("sessions", "ls", *narrowed, "-o", "json"))]

        assert listed("--node", "ada", "--by", "admin", "--state", "open") == [id]
        assert id not in listed("--state", "ended")
        assert listed("--by", "nobody") == listed("--node", "nowhere") == []
        anna.type("exit\n")
        anna.ends()
    assert listed("--state", "ended", "-n", "1") == [id]


def test_a_machine_s_owner_can_refuse_terminals(rig):
    policy = rig.agents["ada"].folder / "etc" / "policy.toml"
    policy.write_text('kinds = ["run"]\n')
    policy.chmod(0o644)
    try:
        id = open_session(rig, "ada", "/bin/sh")
        with JoinedTerminal(rig, id) as anna:
            ended = anna.ends()
        assert ended.state == "refused" and "does not allow the kind terminal" in ended.reason
    finally:
        policy.unlink()


def test_a_node_that_is_not_there_is_refused_at_once(rig):
    rig.new_agent("bob")
    status, problem = rig.request("POST", "/api/v1/sessions", {"node": "bob"})
    assert (status, problem["code"]) == (409, "not-connected")


def test_what_is_typed_through_a_pipe_ends_with_it(rig):
    done = subprocess.run([str(BIN / "hubctl"), "shell", "ada", "--", "/bin/sh"], input="echo pi''ped\n", text=True,
                          capture_output=True, env=rig.environ, timeout=60)
    assert "piped" in done.stdout and done.returncode == 0
