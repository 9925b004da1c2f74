"""Recordings on the disk: whole after a crash, never larger than allowed."""

import json
import os

import pytest

from dvic_hub.errors import NotFound
from dvic_hub.services.recordings import Recording, RecordingFailed, Recordings
from dvic_wire.asciicast import CastHeader

HEADER = CastHeader(80, 24, 1763632800, "ada")
ID = "0123456789abcdef"


@pytest.fixture
def recordings(tmp_path):
    return Recordings(tmp_path, 10_000)


def test_a_recording_is_for_nobody_else_and_has_its_header_at_once(recordings, tmp_path):
    recording = recordings.begin(ID, HEADER)

    assert json.loads(recordings.path(ID).read_text())["width"] == 80
    assert recordings.path(ID).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "recordings").stat().st_mode & 0o777 == 0o700
    recording.close()


def test_after_a_crash_it_goes_on_where_the_row_says(recordings):
    recording = recordings.begin(ID, HEADER)
    recording.output(1, b"safe")
    recording.write(recording.take())
    length = recording.length
    recording.output(2, b"written, but not in the row")
    recording.write(recording.take())
    recording.close()

    again = recordings.go_on(ID, length)
    again.output(3, b"again")
    again.write(again.take())
    again.close()

    lines = recordings.path(ID).read_text().splitlines()[1:]
    assert [json.loads(line)[2] for line in lines] == ["safe", "again"]


def test_one_that_would_grow_too_large_fails_and_stays_as_it_was(recordings):
    recording = recordings.begin(ID, HEADER)
    before = recordings.path(ID).read_bytes()
    recording.output(1, b"x" * 20_000)

    with pytest.raises(RecordingFailed, match="larger"):
        recording.write(recording.take())
    assert recordings.path(ID).read_bytes() == before
    recording.close()


def test_a_disk_without_room_fails_and_says_so():
    recording = Recording(os.open("/dev/full", os.O_WRONLY), 0, 10_000)
    recording.output(1, b"x")
    with pytest.raises(RecordingFailed, match="No space"):
        recording.write(recording.take())
    recording.close()


def test_one_that_is_there_already_or_gone_fails(recordings):
    recordings.begin(ID, HEADER).close()
    with pytest.raises(RecordingFailed):
        recordings.begin(ID, HEADER)
    recordings.remove(ID)
    with pytest.raises(RecordingFailed):
        recordings.go_on(ID, 5)
    with pytest.raises(NotFound):
        recordings.check(ID)
