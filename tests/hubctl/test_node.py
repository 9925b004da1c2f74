"""hubctl node show | tag | untag | rename | revoke | remove | add."""

import json
import stat

import pytest


@pytest.fixture(autouse=True)
def web_1(hub):
    return hub.add_node("web-1", tags={"room": "lab"}, facts={"kernel": "6.1.0", "model": "PC\x1b[2J"})


def test_show_tells_everything_and_harmlessly(hubctl):
    out = hubctl("node", "show", "web-1").stdout
    assert "kernel     6.1.0" in out
    assert "PC\\x1b[2J" in out
    assert json.loads(hubctl("node", "show", "web-1", "-o", "json").stdout)["facts"]["kernel"] == "6.1.0"


def test_show_takes_an_id_as_well(hubctl, web_1):
    assert "web-1" in hubctl("node", "show", web_1["id"]).stdout


def test_show_tells_of_containers_how_each_does_and_harmlessly(hubctl, hub):
    web = {"id": "3" * 64, "engine": "docker", "name": "web", "image": "tiny\x1b[2J", "state": "running"}
    job = {"id": "4" * 64, "engine": "docker", "state": "ended", "exit_code": 3, "unit": "docker-4.scope"}
    hub.containers = [web, job]
    lines = hubctl("node", "show", "web-1").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("CONTAINER"))
    assert lines[at].split() == ["CONTAINER", "STATE", "SINCE", "ENGINE", "IMAGE", "UNIT"]
    assert lines[at + 1].split() == ["web", "running", "docker", "tiny\\x1b[2J"]
    assert lines[at + 2].split() == ["4" * 12, "ended", "(3)", "docker", "docker-4.scope"]


def test_tags_come_and_go(hubctl, hub):
    assert hubctl("node", "tag", "web-1", "owner=anna", "room=cellar", "empty=").returncode == 0
    assert hub.nodes[0]["tags"] == {"room": "cellar", "owner": "anna", "empty": ""}
    assert hubctl("node", "untag", "web-1", "owner", "empty").stderr == "web-1: room=cellar\n"
    assert hub.nodes[0]["tags"] == {"room": "cellar"}


@pytest.mark.parametrize("tag", ["room", "=lab", ""])
def test_a_tag_has_a_key_and_a_value(hubctl, tag):
    assert hubctl("node", "tag", "web-1", tag).returncode == 2


def test_a_node_is_behind_another_one_that_there_is(hubctl, hub):
    hub.add_node("gw-3")
    assert hubctl("node", "behind", "web-1", "gw-3").stderr == "web-1 is behind gw-3.\n"
    assert hub.nodes[0]["tags"] == {"room": "lab", "behind": "gw-3"}
    assert hubctl("node", "behind", "web-1", "nobody").returncode != 0
    for wrong in ((), ("gw-3", "--nothing")):
        assert hubctl("node", "behind", "web-1", *wrong).returncode == 2
    assert hubctl("node", "behind", "web-1", "--nothing").stderr == "web-1 is behind nothing.\n"
    assert hub.nodes[0]["tags"] == {"room": "lab"}


def test_rename(hubctl, hub):
    assert hubctl("node", "rename", "web-1", "web-9").returncode == 0
    assert hub.nodes[0]["name"] == "web-9"


@pytest.mark.parametrize("verb", ["remove", "revoke"])
def test_what_can_not_be_undone_is_asked_first(hubctl, hub, verb):
    done = hubctl("node", verb, "web-1")
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    screen = hubctl.on_a_terminal("node", verb, "web-1")
    screen.wait_for("[y/N]", 10)
    screen.type("n\n")
    assert screen.ended(10) == 4
    assert "nothing was changed" in screen.text
    assert [node["state"] for node in hub.nodes] == ["online"]


def test_a_yes_is_enough(hubctl, hub):
    screen = hubctl.on_a_terminal("node", "revoke", "web-1")
    screen.wait_for("[y/N]", 10)
    screen.type("y\n")
    assert screen.ended(10) == 0
    assert hub.nodes[0]["state"] == "revoked"
    assert hubctl("node", "remove", "web-1", "--yes").returncode == 0
    assert hub.nodes == []


def test_why_a_node_is_removed_is_told_and_whether_its_machine_has_heard(hubctl, hub):
    hub.add_node("web-2", connected=False)
    done = hubctl("node", "remove", "web-1", "--reason", "lent & gone", "--yes")
    assert "its machine was told" in done.stderr
    assert "told if it connects again" in hubctl("node", "remove", "web-2", "--yes").stderr
    assert hub.removed == ["lent & gone", ""]


@pytest.mark.parametrize("generate", [["--generate-key"], ["--generate-key", "ed25519"]])
def test_a_generated_key_is_shown_once_on_stdout(hubctl, hub, generate):
    done = hubctl("node", "add", "scale", *generate, "--tag", "room=lab")
    assert done.stdout == "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"
    assert "shown this once" in done.stderr
    assert hub.asked("POST", "/nodes") == [{"name": "scale", "tags": {"room": "lab"}, "generate": "ed25519"}]


def test_a_shared_key_is_shown_once_and_not_said_to_be_kept_nowhere(hubctl, hub):
    done = hubctl("node", "add", "scale", "--generate-key", "hmac")
    assert done.stdout == "A" * 43 + "\n"
    assert "shared key, shown this once" in done.stderr and "kept nowhere" not in done.stderr
    assert hub.asked("POST", "/nodes")[0]["generate"] == "hmac"


def test_a_generated_key_can_go_into_a_private_file(hubctl):
    done = hubctl("node", "add", "scale", "--generate-key", "--key-file", "scale.pem")
    path = hubctl.folder / "scale.pem"
    assert "PRIVATE" not in done.stdout + done.stderr
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_exists_stops_it_before_a_key_is_made(hubctl, hub):
    (hubctl.folder / "scale.pem").touch()
    assert hubctl("node", "add", "scale", "--generate-key", "--key-file", "scale.pem").returncode == 2
    assert hub.asked("POST", "/nodes") == []


def test_a_key_that_can_not_be_written_is_not_lost(hubctl):
    done = hubctl("node", "add", "scale", "--generate-key", "--key-file", "no/such/folder.pem")
    assert done.returncode == 2
    assert "-----BEGIN PRIVATE KEY-----" in done.stdout
    assert "keep it" in done.stderr


X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


@pytest.mark.parametrize("text", [X, json.dumps({"kty": "OKP", "crv": "Ed25519", "x": X})])
def test_a_devices_own_public_key_is_sent(hubctl, hub, text):
    (hubctl.folder / "key").write_text(text + "\n")
    assert hubctl("node", "add", "scale", "--public-key", "key").returncode == 0
    assert hub.asked("POST", "/nodes")[0]["jwk"] == {"kty": "OKP", "crv": "Ed25519", "x": X}


@pytest.mark.parametrize("text, said", [("nonsense", "no public key"), ("[1]", "no public key"), ("", "no public key"),
                                        ('{"kty": "OKP", "d": "secret"}', "private key")])
def test_what_is_no_public_key_is_not_sent(hubctl, hub, text, said):
    (hubctl.folder / "key").write_text(text)
    done = hubctl("node", "add", "scale", "--public-key", "key")
    assert done.returncode == 2
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert hub.asked("POST", "/nodes") == []


@pytest.mark.parametrize("arguments", [[], ["--generate-key", "--public-key", "x"],
                                       ["--public-key", "x", "--key-file", "y"]])
def test_exactly_one_key_is_wanted(hubctl, arguments):
    assert hubctl("node", "add", "scale", *arguments).returncode == 2
