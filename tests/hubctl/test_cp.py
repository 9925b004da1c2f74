"""How hubctl cp reads its two places, and what it says of a copy that went wrong."""

from pathlib import Path

import pytest

from hubctl.copy_session import failures
from hubctl.errors import NotReachable, Refused, Usage
from hubctl.file_parts import hash_of, patiently
from hubctl.verbs.cp import Remote, place


@pytest.mark.parametrize("text, wanted", [
    ("web-1:/tmp/", Remote("web-1", "/tmp/")),
    ("web-1:notes.txt", Remote("web-1", "notes.txt")),
    ("web-1:", Remote("web-1", ".")), ("web-1:~", Remote("web-1", ".")), ("web-1:~/a/b", Remote("web-1", "a/b")),
    ("tag:room=lab:/etc/x:y", Remote("tag:room=lab", "/etc/x:y")),
    ("tag:room=lab:x", Remote("tag:room=lab", "x")),
    ("tag:a and not web-*:/srv", Remote("tag:a and not web-*", "/srv")),
    ("web-1:a/b:c", Remote("web-1", "a/b:c")),
    ("./a:b", Path("a:b")), ("/srv/a:b", Path("/srv/a:b")), ("letter", Path("letter")), ("a/b", Path("a/b"))])
def test_a_colon_before_the_first_slash_means_nodes(text, wanted):
    assert place(text) == wanted


def test_what_is_no_selector_is_said_so():
    for text in ("tag:(:/x", ":/x", "a and:/x"):
        with pytest.raises(Usage):
            place(text)


def test_a_hub_that_is_away_is_asked_again_and_one_that_says_no_is_not():
    answers = [NotReachable("away"), NotReachable("away"), "here"]

    def work():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(work, give_up=5, pause=0.01) == "here"
    answers[:] = [Refused("no"), "here"]
    with pytest.raises(Refused):
        patiently(work, give_up=5, pause=0.01)
    answers[:] = [NotReachable("away")] * 1000
    with pytest.raises(NotReachable):
        patiently(work, give_up=0.05, pause=0.01)


def test_each_node_that_did_not_end_well_is_named_with_its_reason():
    copy = {"nodes": [{"node": "ada", "state": "finished", "reason": ""},
                      {"node": "bob", "state": "refused", "reason": "the policy"},
                      {"node": "carl", "state": "lost", "reason": ""}]}
    assert failures(copy) == ["bob: refused: the policy", "carl: lost"]


def test_only_plain_files_are_sent(tmp_path):
    (tmp_path / "letter").write_bytes(b"dear anna")
    assert hash_of(tmp_path / "letter")[0] == 9
    for path in (tmp_path, tmp_path / "none", Path("/dev/null")):
        with pytest.raises(Usage):
            hash_of(path)
