"""How a run ended, decided in one place from what is known: pure.

The recorder notes how the command ended (an Outcome) but writes no end: it may be killed at any moment. The end record
is written by whoever outlives it: ExecStopPost of the unit, the supervisor, or a later sweep. All of them ask `decide`.

    the command ended by itself                          finished (exit code 0) | failed
    the time limit was passed                            timed-out
    somebody cancelled it                                cancelled
    the memory limit was passed                          failed
    the recorder was killed, the unit was stopped        failed
    nothing is known (power cut, everything killed)      lost
"""

import signal
from dataclasses import asdict, dataclass

from dvic_wire.runs import CANCELLED, FAILED, FINISHED, LOST, TIMED_OUT

TIMEOUT = "timeout"
OUT_OF_MEMORY = "oom-kill"
UNKNOWN = "unknown"
"""Results, in the words of systemd's $SERVICE_RESULT; `unknown` is our own: nobody was there."""


@dataclass(frozen=True)
class Outcome:
    """What the recorder saw. `error`: the command could not be started. `signal`: number of the signal that ended it,
    0 when it exited. `stopped`: the recorder had been told to stop by then. `seconds` since the recorder began.
    `cut`: bytes of output left out."""

    error: str = ""
    exit_code: int = -1
    signal: int = 0
    stopped: bool = False
    seconds: float = 0.0
    cut: int = 0

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "Outcome | None":
        """None for {} or anything that a crash left incomplete."""
        try:
            return cls(**value) if value else None
        except TypeError:
            return None


@dataclass(frozen=True)
class Ending:
    """The content of an end record."""

    state: str
    exit_code: int = -1
    reason: str = ""
    cut: int = 0


def decide(outcome: Outcome | None, result: str, cancelled: str | None, timeout: int, memory: int = 0) -> Ending:
    """The one end of a run. `result`: $SERVICE_RESULT or what the supervisor knows in the same words.
    `cancelled`: the reason noted before the run was stopped, None when nobody did. `timeout` s, `memory` bytes."""
    cut = outcome.cut if outcome else 0
    if outcome and outcome.error:
        return Ending(FAILED, reason=outcome.error, cut=cut)
    if outcome and not _was_stopped(outcome, result, cancelled, timeout):
        if result == OUT_OF_MEMORY and outcome.exit_code != 0:
            return Ending(FAILED, outcome.exit_code, f"the memory limit of {memory} bytes was passed", cut)
        return _by_itself(outcome)
    if cancelled is not None:
        return Ending(CANCELLED, reason=cancelled, cut=cut)
    if result == TIMEOUT and (outcome is None or _time_was_over(outcome, timeout)):
        return Ending(TIMED_OUT, reason=f"the time limit of {timeout} s was passed", cut=cut)
    if result == OUT_OF_MEMORY:
        return Ending(FAILED, reason=f"the memory limit of {memory} bytes was passed", cut=cut)
    if outcome:
        return Ending(FAILED, reason="it was stopped on the machine itself", cut=cut)
    if result == UNKNOWN:
        return Ending(LOST, reason="the machine or the run's keepers stopped before its end was seen", cut=cut)
    return Ending(FAILED, reason=f"its recorder was ended from outside ({result})", cut=cut)


def _was_stopped(outcome: Outcome, result: str, cancelled: str | None, timeout: int) -> bool:
    """A signal that goes to the whole tree at once may end the command before the recorder has got its own."""
    by_signal = outcome.signal in (signal.SIGTERM, signal.SIGKILL)
    return (outcome.stopped or cancelled is not None and by_signal
            or result == TIMEOUT and _time_was_over(outcome, timeout))


def _time_was_over(outcome: Outcome, timeout: int) -> bool:
    """systemd's result is `timeout` as well when a stopped or ended unit had a process that ignored SIGTERM."""
    return outcome.seconds > timeout - 0.5


def _by_itself(outcome: Outcome) -> Ending:
    if outcome.signal:
        try:
            name = signal.Signals(outcome.signal).name
        except ValueError:
            name = f"number {outcome.signal}"
        return Ending(FAILED, reason=f"ended by signal {name}", cut=outcome.cut)
    if outcome.exit_code:
        return Ending(FAILED, outcome.exit_code, f"exit code {outcome.exit_code}", outcome.cut)
    return Ending(FINISHED, 0, cut=outcome.cut)
