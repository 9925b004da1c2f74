"""dvic_log for C++: formats, streams, steps and packages, under the address and undefined-behaviour sanitizers."""

import json

import pytest
from c_programs import ADDRESS, CPP, Programs, run

from dvic_wire.packages import read_file

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def trial(programs, logs):
    """Runs one trial; returns what it printed."""

    def tried(word, **environ):
        program = programs.cpp("tests/libraries/c_programs/trial.cpp", ADDRESS)
        return run(program, word, environ={"DVIC_LOG_DIR": str(logs.path), **environ})

    return tried


def test_formats_and_streams_lose_nothing_and_a_hostile_value_harms_nobody(trial, logs):
    trial("formats")
    assert logs.messages() == [
        "3 of x 1,2", "{} true", "no place 1 two", "too 1 many {}", "{", "fields 1", "hostile {}", "stream ff    1\n",
        "hostile and on", "by name"]
    assert [record["l"] for record in logs.records()][5:] == ["warning", "error", "notice", "critical", "warning"]
    assert logs.records()[5]["f"] == {
        "whole": 17, "most": str(2**64 - 1), "float": 0.5, "yes": True, "letter": "x", "text": "a\0b", "view": "v",
        "null": "", "point": "3,4", "hostile": "<a value that can't be shown>"}
    assert logs.records()[8]["f"] == {"point": "5,6"}


def test_a_step_lasts_as_long_as_its_block_and_an_exception_fails_it(trial, logs):
    assert trial("steps") == "no beam7"
    told = [(record.get("e", ""), record["l"], record["m"]) for record in logs.records()]
    started = ("start", "info", "started")
    assert told == [started, ("", "info", "within"), ("done", "info", "done"), started, ("done", "info", "412 events"),
                    started, ("fail", "error", "an exception ended it"), started, ("fail", "error", "no beam"), started,
                    ("done", "info", "done"), ("skip", "info", "skipped")]
    assert {(record["s"], record["c"], record["i"], record["y"]) for record in logs.records()} == {
        ("night-run", "adc", "src", "c-1")}


def test_what_is_below_the_level_set_at_the_hub_is_left_out(trial, logs, tmp_path):
    (tmp_path / "log_levels").write_text(json.dumps({"meteor/decode": "warning"}))
    assert trial("levels", DVIC_LOG_LEVELS=str(tmp_path / "log_levels")) == "01"
    assert logs.messages() == ["above"]


def test_packages_are_published_and_arrays_of_the_wrong_length_are_left_out(trial, logs):
    assert trial("packages") == "10"
    [path] = logs.path.glob("dvic_package_cpp-*")
    found = read_file(path.read_bytes())
    assert found.head.serial == 2 and found.head.objects == ["one"] and found.head.layout == "<package/>"
    assert logs.messages() == ["wrong of package cpp is left out: it has no values",
                               "uneven of package cpp is left out: a graph has x and y"]


@pytest.mark.parametrize("name", ["steps", "histograms"])
def test_the_examples_of_the_page_run(programs, logs, name):
    run(programs.cpp(f"libraries/cpp/examples/{name}.cpp"), environ={"DVIC_LOG_DIR": str(logs.path)})
    if name == "steps":
        assert logs.messages() == ["run 17 started", "started", "channel 3 is noisy", "done"]
    else:
        [path] = logs.path.glob("dvic_package_*")
        lines = read_file(path.read_bytes()).lines
        assert [json.loads(line).get("title") for line in lines] == [None, None]
    wanted = (CPP / f"examples/{name}.cpp").read_text()
    if name == "histograms":  # the page has what is in its main()
        wanted = "".join(line[4:] for line in wanted.splitlines(True) if line.startswith("    "))
    assert wanted in (CPP / "README.md").read_text()
