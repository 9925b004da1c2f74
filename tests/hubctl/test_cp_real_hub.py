"""hubctl cp from end to end: a real hub, real agents and their executors, real files."""

import hashlib
import json
import os
import stat
import subprocess

import pytest
from rig import BIN, Rig
from terminal import Terminal

WAIT = 60
LETTER = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    with Rig(tmp_path_factory.mktemp("rig"), settings="copy_mib = 8\ncopy_spool_mib = 16") as rig:
        rig.start_hub()
        for name in ("ada", "bob", "carl"):
            rig.new_agent(name).start().online()
        yield rig


def cp(rig, *arguments, code=0):
    """Returns what hubctl says on stderr."""
    done = subprocess.run([str(BIN / "hubctl"), "cp", *map(str, arguments)], text=True, capture_output=True,
                          timeout=WAIT, env=rig.environ)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr


def kept(rig):
    return rig.request("GET", "/api/v1/files")[1]["items"]


def test_a_file_goes_to_a_node_and_comes_back_with_its_mode_and_nothing_stays_at_the_hub(rig, tmp_path):
    (tmp_path / "letter").write_bytes(LETTER)
    (tmp_path / "letter").chmod(0o640)

    cp(rig, tmp_path / "letter", f"ada:{tmp_path}/there")
    cp(rig, f"ada:{tmp_path}/there", tmp_path / "back")

    assert (tmp_path / "there").read_bytes() == (tmp_path / "back").read_bytes() == LETTER
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("there", "back")} == {0o640}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "letter", "there"]
    assert kept(rig) == []


def test_into_folders_under_their_own_names(rig, tmp_path):
    (tmp_path / "letter").write_bytes(b"dear anna")
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()

    cp(rig, tmp_path / "letter", f"ada:{tmp_path}/there/")
    cp(rig, f"ada:{tmp_path}/there/letter", tmp_path / "here")

    assert (tmp_path / "here" / "letter").read_text() == "dear anna"


def test_many_nodes_get_it_and_who_did_not_is_named(rig, tmp_path):
    (tmp_path / "letter").write_bytes(LETTER)
    said = cp(rig, tmp_path / "letter", f"all:{tmp_path}/there")
    assert (tmp_path / "there").read_bytes() == LETTER
    assert "Copied to 3 of 3 nodes" in said

    (rig.agents["bob"].folder / "etc" / "policy.toml").write_text('kinds = ["run"]')
    said = cp(rig, tmp_path / "letter", f"all:{tmp_path}/there", code=1)
    (rig.agents["bob"].folder / "etc" / "policy.toml").unlink()
    assert "bob: refused: this machine's policy does not allow the kind copy" in said
    assert "Copied to 2 of 3 nodes" in said


def test_a_copy_is_a_run_of_its_kind_and_in_the_audit_log_before_it_is_carried_out(rig, tmp_path):
    (tmp_path / "letter").write_bytes(b"dear anna")
    cp(rig, tmp_path / "letter", f"ada:{tmp_path}/there", "--reason", "for a test")

    run = json.loads(rig.hubctl("runs", "--kind", "copy", "-n", "1", "-o", "json"))[0]
    digest = hashlib.sha256(b"dear anna").hexdigest()
    assert run["argv"] == ["(copy to)", f"{tmp_path}/there", "letter", f"sha256:{digest}"]
    assert (run["kind"], run["reason"], run["counts"]) == ("copy", "for a test", {"finished": 1})
    actions = [entry["action"] for entry in json.loads(rig.hubctl("audit", "-n", "10", "-o", "json"))]
    assert actions.index("copy.create") < actions.index("file.add")
    assert "bytes written to" in rig.hubctl("runs", "output", run["id"])


def test_what_goes_wrong_is_said_in_words(rig, tmp_path):
    (tmp_path / "letter").write_bytes(b"dear anna")
    assert "there is no folder none on the way" in cp(rig, tmp_path / "letter", f"ada:{tmp_path}/none/there", code=1)
    assert "No such file" in cp(rig, f"ada:{tmp_path}/none", tmp_path, code=1)
    assert "it is no plain file" in cp(rig, "ada:/dev/zero", tmp_path, code=1)
    assert "is a folder" in cp(rig, tmp_path, f"ada:{tmp_path}", code=2)
    assert "can't be read" in cp(rig, tmp_path / "none", f"ada:{tmp_path}", code=2)
    assert "one of the two" in cp(rig, tmp_path / "letter", tmp_path / "there", code=2)
    assert "one of the two" in cp(rig, "ada:/etc/hostname", "bob:/tmp/", code=2)
    assert "one node at a time" in cp(rig, "all:/etc/hostname", tmp_path, code=2)
    assert "names no node" in cp(rig, "none-*:/etc/hostname", tmp_path, code=2)
    assert kept(rig) == []


def test_what_is_too_large_is_refused_on_either_way(rig, tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(8 * 1024 * 1024 + 1)
    assert "a file may have 8388608 bytes" in cp(rig, tmp_path / "large", f"ada:{tmp_path}/there", code=4)
    said = cp(rig, f"ada:{tmp_path}/large", tmp_path / "back", code=1)
    assert "it has 8388609 bytes, at most 8388608 are copied" in said


def test_the_owner_s_rights_decide(rig, tmp_path):
    assert "there is no user no-such-user" in cp(rig, "ada:/etc/hostname", tmp_path, "--as", "no-such-user", code=1)


def test_without_keeping_it_gets_usual_rights(rig, tmp_path):
    (tmp_path / "letter").write_bytes(b"dear anna")
    (tmp_path / "letter").chmod(0o600)
    cp(rig, tmp_path / "letter", f"ada:{tmp_path}/there", "--no-keep")
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o644


def test_on_a_terminal_it_shows_how_far_it_is(rig, tmp_path):
    (tmp_path / "letter").write_bytes(LETTER)
    terminal = Terminal([str(BIN / "hubctl"), "cp", str(tmp_path / "letter"), f"all:{tmp_path}/there"], rig.environ,
                        tmp_path)
    terminal.wait_for("to the hub", WAIT)
    terminal.wait_for("3/3 nodes", WAIT)
    assert terminal.ended(WAIT) == 0


def test_hostile_names_are_shown_as_text(rig, tmp_path):
    name = "\x1b[31m\x07$(reboot)\n'.txt"
    (tmp_path / name).write_bytes(b"dear anna")
    (tmp_path / "there").mkdir()
    cp(rig, tmp_path / name, f"ada:{tmp_path}/there/")
    assert (tmp_path / "there" / name).read_bytes() == b"dear anna"

    said = cp(rig, f"ada:{tmp_path}/none/{name}", tmp_path / "back", code=1)
    shown = rig.hubctl("runs", "--kind", "copy", "-n", "5") + rig.hubctl("audit", "-n", "10")
    assert "\x1b[31m" not in said + shown and "\x07" not in said + shown
