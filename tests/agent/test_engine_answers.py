"""What engines answer, to what is kept of it: real answers of Docker and Podman, and what Mallory would answer."""

import json

import pytest
from container_engine import StandInEngine
from hypothesis import given
from hypothesis import strategies as st

from dvic_agent.sources.engine import Lines
from dvic_agent.sources.engine_answers import (
    ENDED,
    MAX_IMAGE,
    PAUSED,
    RESTARTING,
    RUNNING,
    engine_of,
    event_of,
    inspected,
    listed,
    named,
)
from dvic_agent.sources.namespaces import MAX_LABEL

ID = "0123456789abcdef" * 4


def told(engine: str) -> dict:
    """Of a real engine, by the container's name: state, exit code, and whether the time of it is known."""
    real = StandInEngine(engine)
    found = {name: inspected(json.dumps(real.containers[id]).encode(), engine) for name, id in real.ids.items()}
    return {name: (one.state, one.exit_code, one.since > 0) if one else None for name, one in found.items()}


def test_docker_tells_what_runs_what_has_ended_with_which_code_and_what_is_started_again():
    assert told("docker") == {"web": (RUNNING, None, True), "still": (PAUSED, None, True), "job": (ENDED, 5, True),
                              "never": None, "again": (RESTARTING, 7, True)}


def test_podman_tells_it_in_the_same_words():
    assert told("podman") == {"web": (RUNNING, None, True), "job": (ENDED, 5, True), "never": None}


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_an_engine_is_known_by_its_version_and_lists_what_runs_first(engine):
    real = StandInEngine(engine)
    told = json.loads(json.dumps(list(real._list.values())))

    assert engine_of(json.dumps(real.version).encode()) == engine
    assert set(listed(json.dumps(told).encode(), 10)) == set(real.ids.values())
    still_there = [real.ids[name] for name in ("web", "again", "still") if name in real.ids]
    assert set(listed(json.dumps(told).encode(), len(still_there))) == set(still_there)
    assert listed(json.dumps(told).encode(), 10)[real.ids["job"]] == ENDED


@pytest.mark.parametrize(("engine", "image"), [("docker", "tiny"), ("podman", "localhost/tiny:latest")])
def test_what_was_removed_at_once_is_known_by_its_events(engine, image):
    events = [event_of(json.dumps(event).encode()) for event in StandInEngine(engine).recorded_events]
    brief = {event.action: event for event in events if event.name == "brief"}

    assert {"create", "start", "die"} < brief.keys()
    assert (brief["create"].image, brief["die"].exit_code) == (image, 3)
    assert brief["create"].time < brief["die"].time and len(brief["die"].id) == 64


def test_times_are_read_with_as_many_digits_as_come_and_those_that_are_none_are_not_known():
    def since(text: object) -> int:
        state = {"Status": "running", "StartedAt": text}
        return inspected(json.dumps({"Id": ID, "State": state}).encode(), "docker").since

    assert since("2026-11-27T09:17:40.270349529Z") == 1795771060270349
    assert since("2026-11-27T09:17:40.5Z") == since("2026-11-27T10:17:40.5+01:00") == 1795771060500000
    assert since("2026-11-27T09:17:40Z") == 1795771060000000
    for none in ("0001-01-01T00:00:00Z", "2026-13-27T09:17:40Z", "yesterday", 5, None, "9" * 1000):
        assert since(none) == 0


def test_mallorys_texts_are_cut_and_harmless_and_her_ids_are_no_paths():
    bad = {"Id": ID, "Name": "/\x1b[31m" + "n" * 9999, "Config": {"Image": "\n" * 999},
           "State": {"Status": "exited", "ExitCode": 2**70, "FinishedAt": []}}
    found = inspected(json.dumps(bad).encode(), "docker")

    assert len(found.name) <= MAX_LABEL and len(found.image) <= MAX_IMAGE and (found.name + found.image).isprintable()
    assert (found.exit_code, found.since) == (None, 0)
    for id in ("../../x", ID[1:], ID + "0", ID.upper(), 5, None):
        assert inspected(json.dumps(bad | {"Id": id}).encode(), "docker") is None
        assert named(json.dumps(bad | {"Id": id}).encode()) is None
        assert listed(json.dumps([{"Id": id}]).encode(), 9) == {}
        assert event_of(json.dumps({"Type": "container", "Action": "die", "Actor": {"ID": id}}).encode()) is None


@pytest.mark.parametrize("answer", [
    b"", b"null", b"[]", b"{}", b"5", b'"x"', b"\xff", b"[" * 100_000, b'{"State":5,"Id":6}', b"[[],5,null]",
    b'{"State":{"Status":["running"]}}', b'{"Type":"container","Actor":[],"Action":{}}', b'{"ApiVersion":1}'])
def test_what_is_no_answer_is_passed_over(answer):
    assert engine_of(answer) is inspected(answer, "docker") is named(answer) is event_of(answer) is None
    assert listed(answer, 9) in ({}, None)


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), lambda inner:
                        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
                            ["Id", "State", "Status", "Name", "Config", "Image", "Actor", "Attributes", "exitCode",
                             "timeNano", "Type", "Action", "StartedAt", "Components", "ApiVersion"]), inner),
                        max_leaves=12)


@given(anything)
def test_whatever_comes_nothing_is_raised(value):
    answer = json.dumps(value).encode()
    for read in (engine_of, lambda data: listed(data, 3), lambda data: inspected(data, "docker"), named, event_of):
        read(answer)


@given(st.binary(max_size=200), st.integers(1, 20), st.integers(1, 30))
def test_lines_come_whole_however_they_are_cut_and_a_long_one_is_one_none(data, most, step):
    lines = Lines(most)
    found = [line for at in range(0, len(data), step) for line in lines.feed(data[at:at + step])]

    *whole, rest = data.split(b"\n")
    wanted = [line if len(line) <= most else None for line in whole]
    assert found == wanted + [None] * (len(rest) > most)
