"""hubctl as a whole: exit codes, what is loaded, and how it ends."""

import json
import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "rich.console", "yaml", "cryptography", "importlib.metadata")


def modules_of(hubctl, *arguments):
    """Names of the modules that a command line loads."""
    code = ("import sys; from hubctl.__main__ import run; code = run(sys.argv[1:]); "
            "print(' '.join(sys.modules), file=sys.stderr); sys.exit(code)")
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=hubctl.environ(), capture_output=True,
                          text=True, timeout=30, cwd=hubctl.folder)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_a_list_loads_nothing_that_is_slow_to_load(hubctl, hub):
    hub.add_node("web-1")
    loaded = modules_of(hubctl, "nodes")
    assert not [name for name in HEAVY if name in loaded]


def test_the_list_of_verbs_loads_no_verb_and_nothing_for_a_hub(hubctl):
    loaded = modules_of(hubctl, "--help")
    assert not [name for name in loaded if name.startswith("hubctl.verbs.") or name in ("ssl", "http.client")]


def test_the_version_needs_no_hub(stranger):
    assert stranger("--version").stdout.startswith("hubctl 0.")


@pytest.mark.parametrize("arguments, code", [
    (["nodes"], 0),
    (["run", "web-2", "--", "false"], 1),
    (["nodes", "no-such-option", "--colour"], 2),
    (["nodes", "web-1 and"], 2),
    (["no-such-verb"], 2),
    (["logs", "--since", "soon"], 2),
    (["run", "web-9", "--", "true"], 2),
    (["node", "show", "web-9"], 4),
    (["--context", "elsewhere", "nodes"], 4),
])
def test_exit_codes(hubctl, hub, arguments, code):
    hub.add_node("web-1")
    hub.add_node("web-2")
    hub.behave("web-2", [("end", "failed", 1)])
    done = hubctl(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_hub_is_exit_code_3_and_says_what_to_look_at(hubctl, hub):
    hub.close()
    done = hubctl("nodes")
    assert done.returncode == 3
    assert f"hubctl: nothing listens at {hub.url}" in done.stderr
    assert "next: is the hub running?" in done.stderr
    assert done.stdout == ""
    hub.listen()


def test_an_expired_token_is_exit_code_4_and_says_how_to_sign_in(hubctl, hub):
    hub.valid.clear()
    done = hubctl("nodes")
    assert done.returncode == 4
    assert "the token has expired" in done.stderr
    assert f"next: sign in: hubctl login {hub.url}" in done.stderr


def test_a_refusal_shows_the_hubs_own_words(hubctl, hub):
    hub.refuse["GET", "/users"] = 403, "forbidden", "this needs the role admin, you have viewer"
    done = hubctl("users")
    assert (done.returncode, done.stdout) == (4, "")
    assert "hubctl: this needs the role admin, you have viewer\n  next: ask an admin" in done.stderr


def test_who_is_not_signed_in_is_told_how(stranger):
    done = stranger("nodes")
    assert done.returncode == 4
    assert "not signed in" in done.stderr
    assert "next: hubctl login URL" in done.stderr


def test_a_wrong_option_shows_the_usage_of_its_verb(hubctl):
    done = hubctl("logs", "--folow")
    assert done.returncode == 2
    assert "Usage: hubctl logs" in done.stderr
    assert "--follow" in done.stderr


def test_a_mistyped_verb_is_told_with_the_one_that_was_meant(hubctl):
    done = hubctl("nodse")
    assert done.returncode == 2
    assert "there is no verb 'nodse': did you mean node or nodes?" in done.stderr


def test_words_of_the_hub_are_harmless(hubctl, hub):
    hub.refuse["GET", "/users"] = 403, "forbidden", "\x1b[2Jno\u202e"
    stderr = hubctl("users").stderr
    assert "\\x1b[2Jno\\u202e" in stderr
    assert "\x1b" not in stderr


def test_output_into_a_closed_pipe_ends_quietly(hubctl, hub):
    for number in range(3000):
        hub.add_node(f"node-{number:04d}")
    process = hubctl.start("nodes", "-o", "jsonl")
    assert json.loads(process.stdout.readline())["name"] == "node-0000"
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 141
    assert stderr == ""


def test_the_environment_alone_can_name_the_hub(stranger, hub):
    hub.add_node("web-1")
    done = stranger("nodes", "-o", "name", DVIC_HUB=hub.url, DVIC_TOKEN="dvic_test_token")
    assert (done.returncode, done.stdout) == (0, "web-1\n")
    half = stranger("nodes", DVIC_HUB=hub.url)
    assert half.returncode == 2
    assert "go together" in half.stderr
