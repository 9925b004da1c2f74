"""Files copied to a machine and from it: by real processes with the user's own rights. Here the executor's children
carry them (or units, where systemd is pid 1); tests/machines/test_executor_units.py runs this very file in booted
machines."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess

import pytest
from held_copy import HeldCopy, incoming, outgoing
from running_executor import Hub, RunningExecutor

from dvic_agent.executor.tree import with_variable
from dvic_wire.copies import COPY_WINDOW

LETTER = b"dear anna, " * 20_000
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def executor(tmp_path):
    with RunningExecutor(tmp_path, Hub()) as running:
        yield running


@pytest.fixture
def box(tmp_path):
    """A folder to copy to, which anybody may enter."""
    folder = tmp_path / "box"
    folder.mkdir()
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and str(parent) not in ("/", "/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder


def put(executor, path, content=LETTER, **more):
    """Copy to the machine; returns how it ended."""
    copy = HeldCopy(executor, incoming(path, content, **more))
    assert copy.answer == {"state": "running"}, copy.answer
    if content:
        copy.connect().give(content)
    return copy.end


def refused(executor, path, **more):
    """What the end of a copy says that can't even begin."""
    copy = HeldCopy(executor, incoming(path, LETTER, **more))
    assert copy.answer == {"state": "running"}, copy.answer
    assert copy.end["state"] == "failed"
    return copy.end["reason"]


def left(box):
    return sorted(path.name for path in box.iterdir())


def test_a_file_arrives_whole_with_its_mode_and_nothing_beside_it(executor, box):
    assert put(executor, box / "letter", mode=0o640)["state"] == "finished"

    assert (box / "letter").read_bytes() == LETTER
    assert stat.S_IMODE((box / "letter").stat().st_mode) == 0o640
    assert left(box) == ["letter"]


def test_an_empty_file_arrives_too(executor, box):
    assert put(executor, box / "letter", b"")["state"] == "finished"
    assert (box / "letter").read_bytes() == b""


def test_into_a_folder_it_goes_under_its_own_name(executor, box):
    put(executor, box)
    put(executor, f"{box}/", name="other")
    assert left(box) == ["letter.txt", "other"]


def test_a_file_that_is_replaced_is_the_old_one_until_the_new_one_is_whole_and_gives_it_its_mode(executor, box):
    (box / "letter").write_text("old")
    (box / "letter").chmod(0o604)
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.give(LETTER, end=100_000)
    assert (box / "letter").read_text() == "old"

    copy.give(LETTER, start=100_000)

    assert copy.end["state"] == "finished"
    assert (box / "letter").read_bytes() == LETTER
    assert stat.S_IMODE((box / "letter").stat().st_mode) == 0o604


def test_it_goes_on_from_what_was_taken_when_the_agent_comes_back(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.give(LETTER, end=98_304)
    copy.disconnect()

    copy.connect()
    assert copy.hear() == {"taken": 98_304}
    copy.give(LETTER, start=98_304)

    assert copy.end["state"] == "finished"
    assert (box / "letter").read_bytes() == LETTER


def test_pieces_that_do_not_fit_count_for_nothing(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.hear()
    for message in ({"offset": 5, "data": "AAAA"}, {"offset": 0, "data": "no base64"}, {"offset": "0", "data": "AAAA"},
                    {"data": "AAAA"}, {"taken": 7}, {"nonsense": []}):
        copy.say(message)
        assert copy.hear() == {"taken": 0}
    copy.give(LETTER, start=0)
    assert (copy.end["state"], (box / "letter").read_bytes()) == ("finished", LETTER)


def test_what_an_agent_changed_on_the_way_never_gets_a_name(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.give(LETTER.replace(b"anna", b"bert"))

    assert copy.end["state"] == "failed"
    assert "is not the file that the hub signed for" in copy.end["reason"]
    assert left(box) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_copy_that_is_killed_leaves_nothing(executor, box, number):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.give(LETTER, end=98_304)
    for process in with_variable("DVIC_RUN", copy.run):
        os.kill(process.pid, number)

    assert copy.end["state"] == "failed"
    assert left(box) == []


def test_a_copy_that_is_cancelled_ends_so_and_leaves_nothing(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER)).connect()
    copy.give(LETTER, end=98_304)
    executor.cancel(copy.run)
    assert (copy.end["state"], left(box)) == ("cancelled", [])


def test_a_copy_that_nobody_carries_on_ends(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER, keep=5)).connect()
    copy.disconnect()
    assert copy.end["reason"] == "nobody carried it on within 5 s"


def test_a_copy_that_takes_too_long_ends(executor, box):
    copy = HeldCopy(executor, incoming(box / "letter", LETTER, timeout=10)).connect()
    assert (copy.end["state"], left(box)) == ("timed-out", [])


def test_where_there_is_no_folder_or_no_plain_file_it_says_so(executor, box):
    (box / "sub" / "letter.txt").mkdir(parents=True)
    os.mkfifo(box / "pipe")
    (box / "file").write_text("")
    (box / "loop").symlink_to("loop")

    assert refused(executor, box / "none" / "letter").endswith("there is no folder none on the way")
    assert refused(executor, f"{box}/new/").endswith("there is no folder new on the way")
    assert refused(executor, box / "file" / "letter").endswith("file is no folder")
    assert refused(executor, box / "sub").endswith("there is a folder letter.txt in it")
    assert refused(executor, box / "pipe").endswith("pipe is no plain file")
    assert refused(executor, box / "loop").endswith("more than 40 symlinks")


def test_symlinks_of_our_own_are_followed_and_stay(executor, box):
    (box / "sub").mkdir()
    (box / "there").symlink_to("sub")
    (box / "sub" / "last").symlink_to("../real")

    assert put(executor, box / "there" / "last")["state"] == "finished"

    assert (box / "real").read_bytes() == LETTER
    assert (box / "sub" / "last").is_symlink()


@pytest.mark.skipif(not AS_ROOT, reason="only root can plant what belongs to others")
def test_symlinks_that_others_planted_lead_nowhere(executor, box):
    (box / "secret").mkdir()
    (box / "open").mkdir(mode=0o777)
    for name, target in (("folder", "../secret"), ("letter", "../secret/letter")):
        (box / "open" / name).symlink_to(target)
        os.chown(box / "open" / name, 65534, 65534, follow_symlinks=False)
    (box / "secret" / "letter").write_text("old")

    for path in (box / "open" / "letter", box / "open" / "folder" / "letter"):
        assert "is a symlink of another user" in refused(executor, path)
        assert "is a symlink of another user" in HeldCopy(executor, outgoing(path)).end["reason"]
    assert (box / "secret" / "letter").read_text() == "old"


@pytest.mark.skipif(not AS_ROOT, reason="only root can become others")
def test_it_has_the_user_s_own_rights_and_no_more(executor, box):
    (box / "theirs").mkdir()
    os.chown(box / "theirs", 65534, -1)
    (box / "private").write_text("secret")
    (box / "private").chmod(0o600)
    (box / "theirs" / "fixed").write_text("as it is")

    assert "Permission denied" in refused(executor, box / "letter", user="nobody")
    assert "Permission denied" in HeldCopy(executor, outgoing(box / "private", user="nobody")).end["reason"]
    assert refused(executor, box / "theirs" / "fixed", user="nobody").endswith("fixed may not be written")
    assert put(executor, box / "theirs" / "letter", user="nobody", mode=0o644, owner="root", group="root")[
        "state"] == "finished"
    assert (box / "theirs" / "letter").stat().st_uid == 65534


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_root_keeps_the_owner_where_there_is_one_of_that_name(executor, box):
    put(executor, box / "known", mode=0o600, owner="nobody", group="daemon")
    put(executor, box / "unknown", mode=0o600, owner="no-such-user", group="no-such-group")
    assert (box / "known").owner() == "nobody" and (box / "known").group() == "daemon"
    assert (box / "unknown").owner() == pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.skipif(not AS_ROOT, reason="only root mounts")
def test_a_disk_without_room_is_named_before_and_while_it_fills(executor, box):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs", box], check=True)
    try:
        assert "no room: the file has 220000 bytes" in refused(executor, box / "letter")
        copy = HeldCopy(executor, incoming(box / "letter", LETTER[:100_000])).connect()
        copy.give(LETTER[:100_000], end=32_768)
        (box / "other").write_bytes(b"x" * 90_000)
        copy.say({"offset": 32_768, "data": "QUFB" * 10_000})
        assert copy.end["reason"].endswith("No space left on device")
        assert left(box) == ["other"]
    finally:
        subprocess.run(["umount", "-l", box], check=True)


def test_a_file_goes_out_with_what_it_is(executor, box):
    (box / "letter").write_bytes(LETTER)
    (box / "letter").chmod(0o640)
    copy = HeldCopy(executor, outgoing(box / "letter")).connect()

    assert copy.get() == LETTER

    assert copy.end["state"] == "finished"
    assert copy.about["sha256"] == hashlib.sha256(LETTER).hexdigest()
    assert (copy.about["name"], copy.about["size"], copy.about["mode"]) == ("letter", len(LETTER), 0o640)
    assert copy.about["owner"] == pwd.getpwuid(os.geteuid()).pw_name


def test_an_empty_file_goes_out_too(executor, box):
    (box / "letter").touch()
    copy = HeldCopy(executor, outgoing(box / "letter")).connect()
    assert (copy.get(), copy.end["state"]) == (b"", "finished")


def test_it_waits_for_whoever_does_not_confirm(executor, box):
    (box / "letter").write_bytes(LETTER * 4)
    copy = HeldCopy(executor, outgoing(box / "letter")).connect()
    copy.get(until=COPY_WINDOW, confirm=False)
    copy._connection.settimeout(0.5)
    with pytest.raises(TimeoutError):
        copy.hear()


def test_it_goes_on_from_what_is_safe_when_the_agent_comes_back(executor, box):
    (box / "letter").write_bytes(LETTER)
    copy = HeldCopy(executor, outgoing(box / "letter")).connect()
    copy.get(until=131_072)
    copy.data = copy.data[:65_536]

    assert copy.connect(65_536).get() == LETTER

    assert copy.end["state"] == "finished"
    assert copy.about["sha256"] == hashlib.sha256(LETTER).hexdigest()


def test_what_is_no_plain_file_or_too_large_or_not_there_does_not_go_out(executor, box):
    os.mkfifo(box / "pipe")
    (box / "letter").write_bytes(LETTER)

    def reason(path, **more):
        return HeldCopy(executor, outgoing(path, **more)).end["reason"]

    assert reason(box / "pipe").endswith("it is no plain file")
    assert reason(box).endswith("it is no plain file")
    assert reason("/dev/zero").endswith("it is no plain file")
    assert reason(box / "none").endswith("No such file or directory")
    assert reason(box / "letter", size=1000).endswith("it has 220000 bytes, at most 1000 are copied")


def test_a_file_that_shrinks_meanwhile_is_said_to_have_shrunk(executor, box):
    (box / "letter").write_bytes(LETTER * 4)
    copy = HeldCopy(executor, outgoing(box / "letter")).connect()
    copy.get(until=100_000)
    (box / "letter").write_bytes(b"short")
    copy.get()
    assert copy.end["reason"].endswith("it became shorter while it was copied")


def test_the_machine_s_policy_has_the_last_word(executor, box):
    for policy, reason in (
            ('kinds = ["run"]', "does not allow the kind copy"),
            ('argv = [["uptime"]]', "narrows what may be executed"),
            ('users = ["www-*"]', "does not allow the user"),
            ('operator_keys = ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]', "only what an operator has signed"),
            ("[limits]\ncopy = 1000", "the file has 220000 bytes, this machine's policy allows 1000")):
        executor.policy(policy)
        copy = HeldCopy(executor, incoming(box / "letter", LETTER))
        assert copy.answer["state"] == "refused" and reason in copy.answer["reason"]
    (box / "letter").write_bytes(LETTER)
    assert HeldCopy(executor, outgoing(box / "letter")).end["reason"].endswith("at most 1000 are copied")


@pytest.mark.parametrize("changed", [
    {"path": ""}, {"path": "a\0b"}, {"direction": "over"}, {"name": "../letter"}, {"name": ".."}, {"size": -1},
    {"sha256": "abc"}, {"mode": 0o4755}, {"keep": 1}, {"timeout": 10**9}, {"owner": 7}, {"extra": 1}])
def test_an_order_that_is_none_is_refused(executor, box, changed):
    order = {**incoming(box / "letter", LETTER).to_json(), **changed}
    copy = HeldCopy(executor, incoming(box / "letter", LETTER), copy=order)
    assert (copy.answer["state"], copy.answer["code"]) == ("refused", "malformed")


def test_an_unknown_user_is_refused(executor, box):
    assert HeldCopy(executor, incoming(box / "letter", LETTER, user="no-such-user")).answer["code"] == "user"


def test_names_of_any_letters_are_only_names(executor, box):
    name = "$(touch x); `id` \x1b[31m\n'ü"
    assert put(executor, box / name)["state"] == "finished"
    assert left(box) == [name]
    copy = HeldCopy(executor, outgoing(box / name)).connect()
    assert (copy.get(), copy.about["name"]) == (LETTER, name)
    shutil.rmtree(box)
