"""One end for every run, from whatever is known of it."""

import signal

import pytest

from dvic_agent.executor.ending import Ending, Outcome, decide

WELL = Outcome(exit_code=0, seconds=3)
TERMINATED = Outcome(signal=signal.SIGTERM, seconds=3)
STOPPED = Outcome(stopped=True, signal=signal.SIGTERM, seconds=3)
LATE = Outcome(stopped=True, exit_code=0, seconds=10)


@pytest.mark.parametrize("outcome, result, cancelled, state", [
    (WELL, "success", None, "finished"),
    (Outcome(exit_code=1), "success", None, "failed"),
    (Outcome(exit_code=255), "success", None, "failed"),
    (Outcome(signal=signal.SIGSEGV), "success", None, "failed"),
    (Outcome(signal=61), "success", None, "failed"),
    (Outcome(error="x can't be executed"), "success", None, "failed"),
    # by itself, just as somebody asked for its end
    (WELL, "success", "cancelled by olga", "finished"),
    # stopped
    (STOPPED, "success", "cancelled by olga", "cancelled"),
    (TERMINATED, "success", "cancelled by olga", "cancelled"),
    (STOPPED, "timeout", "cancelled by olga", "cancelled"),
    (None, "timeout", "cancelled by olga", "cancelled"),
    (None, "signal KILL", "cancelled by olga", "cancelled"),
    (LATE, "timeout", None, "timed-out"),
    (None, "timeout", None, "timed-out"),
    (Outcome(signal=signal.SIGTERM, seconds=10), "timeout", None, "timed-out"),
    # systemd says timeout too when a process that stayed behind had to be killed
    (WELL, "timeout", None, "finished"),
    (STOPPED, "timeout", None, "failed"),
    (STOPPED, "success", None, "failed"),
    # memory
    (Outcome(signal=signal.SIGKILL), "oom-kill", None, "failed"),
    (None, "oom-kill", None, "failed"),
    (WELL, "oom-kill", None, "finished"),
    # nobody was there
    (None, "signal KILL", None, "failed"),
    (None, "unknown", None, "lost"),
    (WELL, "unknown", None, "finished"),
])
def test_a_run_ends_in_the_state_that_fits(outcome, result, cancelled, state):
    assert decide(outcome, result, cancelled, timeout=10, memory=1).state == state


def test_only_an_exit_has_an_exit_code():
    assert decide(Outcome(exit_code=3), "success", None, 10) == Ending("failed", 3, "exit code 3")
    assert decide(Outcome(signal=11), "success", None, 10).exit_code == -1
    assert decide(LATE, "timeout", None, 10).exit_code == -1


def test_the_memory_limit_is_named():
    assert "4096 bytes" in decide(None, "oom-kill", None, 10, memory=4096).reason


def test_what_was_cut_is_told_in_every_end():
    for result in ("success", "timeout", "oom-kill", "unknown"):
        assert decide(Outcome(exit_code=0, stopped=True, seconds=10, cut=5), result, None, 10).cut == 5


def test_an_outcome_survives_its_file():
    outcome = Outcome("", 3, 0, True, 1.5, 7)

    assert Outcome.from_json(outcome.to_json()) == outcome
    assert Outcome.from_json({}) is None
    assert Outcome.from_json({"exit": 3}) is None
