"""The file that a copy writes, where the file system knows no files without a name; the rest is in test_copying.py."""

import os
import stat

import pytest
from held_copy import incoming

from dvic_agent.executor.copy_files import Incoming
from dvic_agent.executor.copy_paths import CopyFailed, walk

LETTER = b"dear anna"
RUN = "0123456789abcdef"


def begun(path, content=LETTER, **more):
    return Incoming(incoming(path, content, **more), RUN, nameless=False)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_is_not_whole_is_hidden_and_only_its_user_s(tmp_path):
    file = begun(tmp_path / "letter", mode=0o666)
    file.write(0, LETTER[:4])
    (hidden,) = names(tmp_path)
    assert hidden == f".letter.{RUN}"
    assert stat.S_IMODE((tmp_path / hidden).stat().st_mode) == 0o600


def test_it_gets_its_name_and_rights_at_once_when_it_is_whole(tmp_path):
    file = begun(tmp_path / "letter", mode=0o644)
    file.write(0, LETTER)
    file.settle()
    file.discard()
    assert names(tmp_path) == ["letter"]
    assert (tmp_path / "letter").read_bytes() == LETTER


def test_what_is_given_up_leaves_nothing(tmp_path):
    file = begun(tmp_path / "letter")
    file.write(0, b"dear bert")
    with pytest.raises(CopyFailed, match="is not the file that the hub signed for"):
        file.settle()
    file.discard()
    assert names(tmp_path) == []


def test_nobody_s_file_in_its_way_is_written_into(tmp_path):
    (tmp_path / "other").write_text("as it was")
    (tmp_path / f".letter.{RUN}").symlink_to("other")
    with pytest.raises(CopyFailed, match="File exists"):
        begun(tmp_path / "letter")
    assert (tmp_path / "other").read_text() == "as it was"


def test_a_name_of_any_length_is_possible(tmp_path):
    file = begun(tmp_path / ("x" * 255))
    file.write(0, LETTER)
    file.settle()
    assert names(tmp_path) == ["x" * 255]


def test_a_path_is_walked_from_folder_to_folder(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b/../b")
    for path, name in (("a/b/new", "new"), ("link/new", "new"), ("a/b/", "."), ("link", "."), ("a/../a/b/./x", "x"),
                       ("dangling", "dangling")):
        handle, found = walk(f"{tmp_path}/{path}")
        assert found == name
        os.close(handle)
    (tmp_path / "dangling").symlink_to("a/new")
    handle, found = walk(f"{tmp_path}/dangling")
    assert (found, os.readlink(f"/proc/self/fd/{handle}")) == ("new", str(tmp_path / "a"))
    os.close(handle)
