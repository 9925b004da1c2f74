"""The contexts file: private, whole, several hubs; and `hubctl context`."""

import json
import os
import stat
import tomllib

import pytest

from hubctl import context as contexts
from hubctl.context import Context, Contexts
from hubctl.errors import NotSignedIn, Usage

LAB = Context("lab", "https://hub.lab", "dvic_a_b", "anna", "operator", "2026-12-01T00:00:00.000000Z", "/etc/ca.pem")
ODD = Context("odd", "http://h", 'q"u\\o\x7f\x01\nt', "ü")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_saved_is_loaded_again(tmp_path):
    path = tmp_path / "a" / "b" / "hubctl.toml"
    known = Contexts().with_context(LAB).with_context(ODD)
    contexts.save(path, known)
    assert contexts.load(path) == known
    assert known.current == "odd"


def test_the_file_and_its_folder_are_private_whatever_the_umask(tmp_path):
    path = tmp_path / "new" / "hubctl.toml"
    before = os.umask(0)
    try:
        contexts.save(path, Contexts().with_context(LAB))
    finally:
        os.umask(before)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_a_file_that_others_could_read_is_private_after_saving(tmp_path):
    path = tmp_path / "hubctl.toml"
    path.write_text("")
    path.chmod(0o644)
    assert not contexts.is_private(path)
    contexts.save(path, Contexts().with_context(LAB))
    assert contexts.is_private(path)
    assert [file.name for file in tmp_path.iterdir()] == ["hubctl.toml"]


def test_a_link_to_the_file_stays_a_link(tmp_path):
    (tmp_path / "real.toml").touch()
    (tmp_path / "hubctl.toml").symlink_to("real.toml")
    contexts.save(tmp_path / "hubctl.toml", Contexts().with_context(LAB))
    assert (tmp_path / "hubctl.toml").is_symlink()
    assert contexts.load(tmp_path / "real.toml").current == "lab"


@pytest.mark.parametrize("text", [
    "not toml", "current = 5", 'contexts = "x"', "[contexts.a]\nurl = 5", "[contexts.a]\ntoken = 'x'",
    "[contexts]\na = 1", "\x00",
])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "hubctl.toml"
    path.write_text(text)
    with pytest.raises(Usage, match="hubctl.toml"):
        contexts.load(path)


def test_a_file_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Usage, match="can't be written") as caught:
        contexts.save(tmp_path / "file" / "hubctl.toml", Contexts())
    assert "DVIC_CONFIG" in caught.value.next_step


def test_no_context_says_how_to_get_one():
    with pytest.raises(NotSignedIn) as caught:
        Contexts().choose()
    assert caught.value.next_step == "hubctl login URL"
    with pytest.raises(NotSignedIn, match="there are: lab"):
        Contexts().with_context(LAB).choose("museum")


def test_where_the_file_lies(tmp_path):
    assert contexts.config_path({"DVIC_CONFIG": "/x/y.toml"}).as_posix() == "/x/y.toml"
    assert contexts.config_path({"XDG_CONFIG_HOME": "/x"}).as_posix() == "/x/dvic/hubctl.toml"
    assert contexts.config_path({}).as_posix().endswith("/.config/dvic/hubctl.toml")


def test_a_token_is_in_no_repr():
    assert "dvic_a_b" not in repr(Contexts().with_context(LAB))


def two_contexts(hubctl, hub):
    contexts.save(hubctl.config, Contexts().with_context(Context("museum", hub.url, "dvic_test_token", "anna"))
                  .with_context(Context("lab", hub.url, "dvic_test_token", "admin")))
    return hubctl


def test_ls_marks_the_current_one(stranger, hub):
    hubctl = two_contexts(stranger, hub)
    assert [line.split()[:2] for line in hubctl("context").stdout.splitlines()] == \
        [["NAME", "HUB"], ["museum", hub.url], ["*", "lab"]]
    assert "dvic_test_token" not in hubctl("context", "-o", "json").stdout


def test_use_changes_the_current_one(stranger, hub):
    hubctl = two_contexts(stranger, hub)
    assert hubctl("context", "use", "museum").returncode == 0
    assert tomllib.loads(hubctl.config.read_text())["current"] == "museum"
    done = hubctl("context", "use", "nowhere")
    assert done.returncode == 4
    assert "museum" in done.stderr


def test_one_command_can_use_another_context(stranger, hub):
    hubctl = two_contexts(stranger, hub)
    hub.valid["dvic_other"] = ("anna", "viewer")
    text = hubctl.config.read_text().replace("dvic_test_token", "dvic_other", 1)
    hubctl.config.write_text(text)
    assert json.loads(hubctl("--context", "museum", "status", "-o", "json").stdout)["me"]["user"] == "anna"
    assert json.loads(hubctl("status", "-o", "json", DVIC_CONTEXT="museum").stdout)["me"]["user"] == "anna"
    assert json.loads(hubctl("status", "-o", "json").stdout)["me"]["user"] == "admin"


def test_rm_signs_out_at_the_hub_and_forgets(stranger, hub):
    hubctl = two_contexts(stranger, hub)
    done = hubctl("context", "rm", "lab")
    assert done.returncode == 0
    assert hub.asked("POST", "/logout") == [{}]
    assert hubctl("nodes").returncode == 4
    assert hubctl("context", "ls", "-o", "name").stdout == "museum\n"


def test_rm_forgets_also_when_the_hub_is_gone(stranger, hub):
    hubctl = two_contexts(stranger, hub)
    hub.close()
    done = hubctl("context", "rm", "lab")
    assert done.returncode == 0
    assert "could not be told" in done.stderr
    hub.listen()


def test_rm_of_an_api_token_leaves_the_token_alone(stranger, hub):
    contexts.save(stranger.config, Contexts().with_context(Context("ci", hub.url, "dvic_test_token", kind="token")))
    assert stranger("context", "rm", "ci").returncode == 0
    assert hub.asked("POST", "/logout") == []


def test_a_file_that_others_can_read_is_warned_of(hubctl, hub):
    hubctl.config.chmod(0o644)
    done = hubctl("nodes")
    assert done.returncode == 0
    assert f"chmod 600 {hubctl.config}" in done.stderr
