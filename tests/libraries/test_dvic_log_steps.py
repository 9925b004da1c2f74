"""The steps of a monitoring service, as programs tell them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme_code import blocks

from dvic_log import LogFile, Logger, lines, new_cycle

PAGE = Path(__file__).resolve().parents[2] / "libraries/python/README.md"


@pytest.fixture
def logger(logs):
    return Logger(LogFile("decoder"), "decoder", "meteor", "decode", "c-1", "msu-mr")


def told(logs):
    """(step, level, message) of each record."""
    return [(record.get("e", ""), record["l"], record["m"].splitlines()[0]) for record in logs.records()]


def test_each_word_of_a_step_is_written_with_its_place(logs, logger):
    logger.start()
    logger.done("%d frames", 17, lost=2)
    logger.skip()
    logger.fail("no carrier")
    logger.info("from within")
    assert told(logs) == [("start", "info", "started"), ("done", "info", "17 frames"), ("skip", "info", "skipped"),
                          ("fail", "error", "no carrier"), ("", "info", "from within")]
    for record in logs.records():
        assert (record["s"], record["c"], record["y"], record["i"]) == ("meteor", "decode", "c-1", "msu-mr")
    assert {record["e"] for record in logs.records() if "e" in record} == set(lines.STEPS)


def test_with_starts_the_step_and_ends_it(logs, logger):
    with logger as same:
        same.warning("weak signal")
    assert same is logger
    assert told(logs) == [("start", "info", "started"), ("", "warning", "weak signal"), ("done", "info", "done")]


def test_an_exception_becomes_an_error_with_its_traceback_and_goes_on(logs, logger):
    with pytest.raises(ZeroDivisionError), logger:
        1 / 0  # noqa: B018 (the point of it)
    assert told(logs)[1:] == [("fail", "error", "ZeroDivisionError: division by zero")]
    assert "Traceback" in logs.records()[1]["m"]


@pytest.mark.parametrize(("ending", "step"), [("sys.exit()", "done"), ("sys.exit(0)", "done"), ("sys.exit(3)", "fail"),
                                              ("sys.exit('no')", "fail"), ("raise KeyboardInterrupt", "fail")])
def test_a_program_that_ends_within_ends_its_step(logs, ending, step):
    program = f"import dvic_log, sys\nwith dvic_log.get_logger('a', service='s', component='c'):\n    {ending}\n"
    subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert [record["e"] for record in logs.records()] == ["start", step]


def test_an_exception_that_can_not_be_shown_is_raised_as_it_is(logs, logger):
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    with pytest.raises(Hostile), logger:
        raise Hostile
    assert [step for step, _, _ in told(logs)] == ["start", "fail"]


def test_a_step_that_can_not_be_written_harms_nobody(tmp_path):
    logger = Logger(LogFile("x", directory=str(tmp_path / "nowhere")), "x", "s", "c", object(), b"\xff")
    with logger:
        pass
    with pytest.raises(KeyError), logger:
        raise KeyError("the program's own")
    logger.start(object(), 1, field=object())
    logger.step(object(), object()).done("%d", "x")


def test_another_step_of_the_cycle_is_told_by_the_same_program(logs, logger):
    logger.step("extract").start()
    [record] = logs.records()
    assert (record["s"], record["c"], record["y"], record["f"]["logger"]) == ("meteor", "extract", "c-1", "decoder")
    assert "i" not in record


def test_the_cycle_comes_from_the_environment_where_none_is_given(logs, monkeypatch):
    monkeypatch.setenv("DVIC_CYCLE", "c-9")
    file = LogFile("x")
    assert Logger(file, "x", "s", "c").cycle == "c-9"
    assert Logger(file, "x", "s", "c", "mine").cycle == "mine" and Logger(file, "x", "s", "c", "").cycle == ""
    assert Logger(file, "x").cycle == ""
    monkeypatch.delenv("DVIC_CYCLE")
    Logger(file, "x", "s", "c").start()
    assert "y" not in logs.records()[0]


def test_cycles_that_are_made_differ_and_sort_by_time():
    made = {new_cycle() for _ in range(100)}
    assert len(made) == 100 and all(re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{6}", name) for name in made)


@pytest.mark.parametrize("number, messages", [
    (0, [("", "info", "run 17 started"), ("", "warning", "channel 3 is noisy"), ("start", "info", "started"),
         ("", "debug", "frame 17"), ("done", "info", "done"), ("", "error", "read-out failed")]),
    (1, []),
    (2, [("start", "info", "started"), ("", "info", "frame 17"), ("done", "info", "done"), ("start", "info", "started"),
         ("", "info", "17 frames"), ("done", "info", "done")])])
def test_the_examples_of_its_page_run(logs, tmp_path, number, messages):
    program = tmp_path / "program.py"
    program.write_text(("" if number == 0 else "import logging, dvic_log\n") + blocks(PAGE, "python")[number])
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert told(logs) == messages
