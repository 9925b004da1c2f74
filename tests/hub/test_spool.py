"""Files on their way at the hub's disk: in order, within their bounds, and there again after a crash."""

import hashlib
import json

import pytest

from dvic_hub.errors import BadRequest, Conflict, NotFound, TooLarge
from dvic_hub.services.spool import Spool

LETTER = b"dear anna"
DIGEST = hashlib.sha256(LETTER).hexdigest()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path, 1000, 2000)


def test_parts_in_order_become_a_whole_file_with_its_hash(spool):
    kept = spool.begin("letter", 9, "olga", 1.0)
    assert not spool.write(kept.id, 0, LETTER[:4], 2.0).whole
    kept = spool.write(kept.id, 4, LETTER[4:], 3.0)
    assert (kept.sha256, kept.received, kept.used) == (DIGEST, 9, 3.0)
    assert spool.path(kept.id).read_bytes() == LETTER
    assert spool.path(kept.id).stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_whole_at_once(spool):
    assert spool.begin("letter", 0, "olga", 1.0).whole


def test_a_part_that_does_not_go_on_is_refused_and_says_where_to_go_on(spool):
    kept = spool.begin("letter", 9, "olga", 1.0)
    spool.write(kept.id, 0, LETTER[:4], 1.0)
    for offset in (0, 3, 5):
        with pytest.raises(Conflict) as raised:
            spool.write(kept.id, offset, b"x", 1.0)
        assert (raised.value.code, raised.value.limit) == ("offset", 4)
    with pytest.raises(TooLarge):
        spool.write(kept.id, 4, b"x" * 6, 1.0)


def test_what_is_not_what_was_announced_is_not_kept(spool):
    kept = spool.begin("letter", 9, "olga", 1.0, expected=DIGEST)
    with pytest.raises(BadRequest) as raised:
        spool.write(kept.id, 0, b"dear bert", 1.0)
    assert raised.value.code == "checksum"
    with pytest.raises(NotFound):
        spool.get(kept.id)


def test_the_same_person_goes_on_with_the_same_file_and_nobody_else_does(spool):
    kept = spool.begin("letter", 9, "olga", 1.0, expected=DIGEST)
    spool.write(kept.id, 0, LETTER[:4], 1.0)
    assert spool.begin("letter", 9, "olga", 2.0, expected=DIGEST).received == 4
    others = [spool.begin("letter", 9, "bert", 2.0, expected=DIGEST), spool.begin("other", 9, "olga", 2.0,
              expected=DIGEST), spool.begin("letter", 9, "olga", 2.0)]
    assert len({kept.id, *(other.id for other in others)}) == 4


def test_one_file_and_all_together_are_bounded_by_what_was_announced(spool):
    with pytest.raises(TooLarge):
        spool.begin("letter", 1001, "olga", 1.0)
    first = spool.begin("letter", 1000, "olga", 1.0)
    spool.begin("letter", 1000, "olga", 1.0)
    with pytest.raises(Conflict) as raised:
        spool.begin("letter", 1, "olga", 1.0)
    assert raised.value.code == "spool-full"
    spool.remove(first.id)
    spool.begin("letter", 1, "olga", 1.0)


def test_after_a_crash_it_goes_on_from_what_was_told_and_what_is_half_made_is_gone(spool, tmp_path):
    kept = spool.begin("letter", 9, "olga", 1.0)
    spool.write(kept.id, 0, LETTER[:4], 1.0)
    with spool.path(kept.id).open("ab") as file:
        file.write(b"never told")
    damaged = spool.begin("damaged", 9, "olga", 1.0)
    spool.write(damaged.id, 0, LETTER[:4], 1.0)
    spool.path(damaged.id).write_bytes(b"d")
    (tmp_path / "copies" / "stray.data").write_bytes(b"x")
    (tmp_path / "copies" / "bad.json").write_text("{")
    (tmp_path / "copies" / ".new.json").write_text("{")

    again = Spool(tmp_path, 1000, 2000)
    again.load()

    assert [kept.name for kept in again.all()] == ["letter"]
    assert again.write(kept.id, 4, LETTER[4:], 2.0).sha256 == DIGEST
    assert {path.name for path in (tmp_path / "copies").iterdir()} == {f"{kept.id}.data", f"{kept.id}.json"}


def test_a_file_that_was_whole_when_the_hub_was_killed_gets_its_hash_at_the_next_start(spool, tmp_path):
    good, bad = (spool.begin(name, 9, "olga", 1.0, expected=DIGEST) for name in ("good", "bad"))
    for kept, content in ((good, LETTER), (bad, b"dear bert")):
        spool.path(kept.id).write_bytes(content)
        place = tmp_path / "copies" / f"{kept.id}.json"
        place.write_text(json.dumps({**json.loads(place.read_text()), "received": 9}))

    again = Spool(tmp_path, 1000, 2000)
    again.load()

    assert [(kept.name, kept.sha256) for kept in again.all()] == [("good", DIGEST)]


def test_an_id_is_no_path(spool):
    spool.begin("letter", 9, "olga", 1.0)
    for id in ("../dvic.db", "..", ""):
        with pytest.raises(NotFound):
            spool.path(id)
