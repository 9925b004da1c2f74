"""dvic_log for C: what its compiled programs write is what the agent reads, and nothing harms them. Under the address,
undefined-behaviour and thread sanitizers."""

import json
import os
import pwd
import stat
import subprocess
import time
from collections import Counter

import pytest
from c_programs import ADDRESS, THREAD, C, Programs, run

from dvic_agent.sources import log_lines
from dvic_wire.limits import MAX_FIELD_TEXT, MAX_FIELDS

pytestmark = pytest.mark.hub
TRIAL = "tests/libraries/c_programs/trial.c"
CHECKED = pytest.mark.parametrize("options", [ADDRESS, THREAD], ids=["address", "thread"])


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def trial(programs, logs):
    """Runs one trial, and returns the records that its files hold, as the agent makes them of their lines."""

    def tried(word, options=ADDRESS, **environ):
        run(programs.c(TRIAL, options), word, environ={"DVIC_LOG_DIR": str(logs.path), **environ})
        return records(logs)

    return tried


def records(logs):
    found = []
    for file in logs.files():
        for line in file.read_bytes().splitlines():
            if log_lines.header_of(line) is None:
                found.append(log_lines.record_of(line, time.time_ns() // 1000))
    return found


def said(found):
    return [record["message"] for record in found]


@CHECKED
def test_a_text_of_any_bytes_is_one_line_of_strict_json_and_read_by_the_agent(trial, logs, options):
    escapes, bad, long, odd, fields, many, zero, wide = trial("texts", options)
    assert escapes["message"] == 'two\nlines "quoted" \\ \t \x01 \x7f end' and escapes["level"] == "info"
    assert bad["message"] == "bad \\xff \\xc0\\xaf \\xed\\xa0\\x80 \\xe2\\x82 good € 😀"
    assert long["message"] == "y" * 262144 + "... (37856 characters cut)" and long["level"] == "error"
    assert odd["level"] == "info"
    assert many["fields"]["fields_cut"] == 70 - MAX_FIELDS
    assert "zero" in zero["message"] and "inside" in zero["message"]
    assert wide["message"].startswith("0" * 262144 + "... (1737856 characters")
    assert fields["fields"]["least"] == -2**63 and fields["fields"]["most"] == str(2**64 - 1)
    for file in logs.files():
        for line in file.read_bytes().splitlines():
            json.loads(line.decode("utf-8"), parse_constant=pytest.fail)


def test_fields_keep_their_types(trial, logs):
    trial("texts")
    [given] = [record["f"] for record in logs.records() if record["m"] == "fields"]
    long = given.pop("long")
    assert given == {"text": 'a"b', "none": "", "": "no key", "least": -2**63, "most": str(2**64 - 1),
                     "pi": 3.141592653589793, "whole": 3.0, "tiny": 5e-324, "nan": "nan", "inf": "inf", "yes": True,
                     "zero": "a\0b"}
    assert type(given["whole"]) is float
    assert long == "y" * MAX_FIELD_TEXT + f"... ({300000 - MAX_FIELD_TEXT} characters cut)"


def test_the_header_says_who_writes_and_the_file_is_safe_and_readable_by_all(trial, logs):
    trial("errno")
    [file] = logs.files()
    header = log_lines.header_of(file.read_bytes().splitlines()[0])
    assert header["name"] == "trial-c" and header["executable"].endswith(header["name"])
    assert header["user"] == pwd.getpwuid(os.geteuid()).pw_name and header["library"] == "c 0.1.0"
    assert file.name.startswith("dvic_log_trial-c-") and stat.S_IMODE(file.stat().st_mode) == 0o644


def test_errno_is_kept_and_shown(trial):
    assert said(trial("errno")) == ["No such file or directory"]


@CHECKED
def test_threads_write_whole_lines_while_the_program_forks(trial, logs, options):
    told = Counter(text.split("x")[0] for text in said(trial("threads", options)))
    assert told == Counter({**{f"{name}:{number}": 1 for name in "abcd" for number in range(100)}, "child": 30})
    assert len({logs.header(file)["pid"] for file in logs.files()}) == len(logs.files()) == 31


@CHECKED
def test_a_full_disk_ends_no_program_and_the_loss_is_told_when_there_is_room(trial, logs, options):
    trial("full", options)
    [file] = logs.files()
    _, fits, torn, told, again = file.read_bytes().splitlines()
    assert b"fits" in fits and not torn.endswith(b"}") and b"room again" in again
    assert b'"lost":2' in told and b"2 lines could not be written: File too large" in told


@CHECKED
def test_a_missing_directory_costs_nothing_and_is_tried_again(trial, logs, options):
    logs.path.rmdir()
    told, three = trial("later", options)
    assert three["message"] == "three" and told["fields"]["lost"] == 2
    assert told["message"] == "2 lines could not be written: No such file or directory"


def test_a_directory_that_can_not_be_written_to_costs_nothing(programs, tmp_path):
    (tmp_path / "file").touch()
    run(programs.c(TRIAL, ADDRESS), "texts", environ={"DVIC_LOG_DIR": str(tmp_path / "file")})


def test_a_full_file_is_renamed_and_a_new_one_begins(trial, logs):
    found = trial("rotate")
    new, old = logs.files()
    assert old.name == new.name + ".1" and new.name.startswith("dvic_log_daq-")
    assert all(file.stat().st_size <= 2000 and "dvic_log" in logs.header(file) for file in (new, old))
    assert sorted(said(found))[-1].startswith("039")


def test_a_deleted_file_is_replaced(trial):
    assert said(trial("deleted")) == ["two"]


def test_a_descriptor_that_the_program_closed_and_used_again_is_left_alone(trial):
    assert sorted(said(trial("stolen"))) == ["one", "two"]


def test_what_is_printed_to_closed_streams_does_not_end_in_the_log(trial):
    assert said(trial("streams")) == ["logged"]


@CHECKED
def test_a_signal_handler_that_logs_hangs_nobody_and_mixes_no_lines(trial, options):
    told = Counter(said(trial("signals", options)))
    assert told["main"] and told["handler"]
    assert all("lines could not be written" in text for text in set(told) - {"main", "handler"})


@CHECKED
def test_a_thread_that_is_cancelled_does_not_keep_the_lock(trial, options):
    assert said(trial("cancel", options))[-1] == "the lock is free"


@CHECKED
def test_what_is_below_the_level_set_at_the_hub_is_left_out_and_steps_are_written(trial, tmp_path, options):
    levels = tmp_path / "log_levels"
    levels.write_text(json.dumps({"meteor": "warning", "meteor/décode": "debug", "other": "debug"}))
    found = trial("levels", options, DVIC_LOG_LEVELS=str(levels))
    assert said(found) == ["started", "above", "of the other component", "of none", "done"]
    names = ("service", "component", "cycle", "source", "step", "logger")
    places = [{name: record.get("fields", {}).get(name) for name in names} for record in found]
    of_connect = {"service": "meteor", "component": "connect", "cycle": "c-1", "source": "s", "logger": "x"}
    assert places[0] == {**of_connect, "step": "start"} and places[1] == {**of_connect, "step": None}
    assert places[4] == {**of_connect, "step": "done"}
    assert places[2] == {**of_connect, "component": "décode", "cycle": None, "source": None, "step": None}


@pytest.mark.parametrize("content", [
    "", "[]", "[" * 9999, '{"meteor": ["error"]}', '{"meteor": "loud"}', '{"meteor": "error"', '{"meteor": "error"} x',
    '{"meteor": "error", "x": "\\ud8"}', None])
def test_a_file_of_levels_that_makes_no_sense_leaves_nothing_out(trial, tmp_path, content):
    levels = tmp_path / "log_levels"
    levels.mkdir() if content is None else levels.write_text(content)
    assert "below" in said(trial("levels", DVIC_LOG_LEVELS=str(levels), ALL="1"))


def test_the_environment_gives_the_cycle(trial):
    cycles = {record["message"]: record.get("fields", {}).get("cycle")
              for record in trial("levels", ALL="1", DVIC_CYCLE="c-9")}
    assert cycles["of the other component"] == "c-9"
    assert cycles["above"] == "c-1" and cycles["of none"] is None


def test_a_number_has_a_point_in_every_locale(programs, logs, tmp_path):
    (tmp_path / "source").write_text(
        'LC_NUMERIC\ndecimal_point "<U002C>"\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n')
    argv = ["localedef", "-c", "-i", tmp_path / "source", "-f", "ANSI_X3.4-1968", tmp_path / "xx_XX"]
    made = subprocess.run(argv, capture_output=True, text=True)  # warns of what is not in the source
    assert (tmp_path / "xx_XX/LC_NUMERIC").exists(), f"{made.stderr} (apt-get install locales)"
    run(programs.c("tests/libraries/c_programs/once.c"), "locale",
        environ={"DVIC_LOG_DIR": str(logs.path), "LOCPATH": str(tmp_path), "LC_NUMERIC": "xx_XX"})
    assert logs.records()[-1]["f"] == {"shown": "0,5", "number": 0.5}


def test_a_log_call_allocates_nothing(programs, logs):
    run(programs.c("tests/libraries/c_programs/once.c"), "allocations", environ={"DVIC_LOG_DIR": str(logs.path)})
    assert len(logs.records()) == 6


@pytest.mark.parametrize("call", [
    'dvic_info("%d", "text")', 'dvic_log_with(0, DVIC_INFO, 0, "%s", 5)', 'dvic_fail(0, "%s")'])
def test_the_compiler_refuses_arguments_that_do_not_fit(programs, call):
    assert "format" in programs.refusal("c", f"#include <dvic_log.h>\nint main(void) {{ {call}; }}\n")


def test_the_example_of_the_page_runs(programs, logs):
    run(programs.c("libraries/c/examples/steps.c"), environ={"DVIC_LOG_DIR": str(logs.path)})
    assert said(records(logs)) == ["run 17 started", "started", "noisy", "412 events"]
    assert (C / "examples/steps.c").read_text() in (C / "README.md").read_text()
