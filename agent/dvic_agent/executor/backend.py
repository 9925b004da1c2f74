"""What a backend promises: to start a run, to end it with its whole process tree, to say whether it still lives.

Both backends end a started run by exactly one end record, decided by ending.py:

    systemd    units.py     a transient unit; ExecStopPost writes the end
    children   children.py  a supervisor process; it writes the end
"""

from typing import Protocol

from .ending import UNKNOWN, Outcome, decide
from .rundir import RunDir


class Backend(Protocol):
    name: str

    def start(self, run: RunDir) -> None:
        """Start the run whose lock the caller holds; raises StartFailed (nothing runs then)."""

    def start_update(self, run: RunDir) -> None:
        """Start or go on with the update of this run; harmless when it is being carried. Raises StartFailed."""

    def stop(self, run: RunDir) -> None:
        """Begin to end the run: SIGTERM to the whole tree, SIGKILL after tree.KILL_GRACE. Returns at once."""

    def alive(self, run: RunDir) -> bool:
        """Whether somebody will still write this run's end."""

    def clear(self, run: RunDir) -> None:
        """End whatever a run left behind whose keepers are dead."""


def write_end(run: RunDir, result: str = UNKNOWN, note: str = "") -> None:
    """Write the run's end if it has none. `result` as in ending.decide; `note` is added to its reason."""
    spec = run.request().get("spec", {})
    ending = decide(Outcome.from_json(run.read_json("outcome.json")), result, run.cancelled(),
                    spec.get("timeout", 300), spec.get("memory", 0))
    reason = "; ".join(filter(None, (ending.reason, note)))
    run.finish(ending.state, ending.exit_code, reason, ending.cut)
