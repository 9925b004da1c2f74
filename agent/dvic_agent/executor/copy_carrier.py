"""Carries the run of a copy: as any other run (see recorder.py), but its command listens to the agent, and the last
line that it says of what went wrong is why the run failed.

The socket is made here, as root, where only the agent's group can reach it, and handed to the command, which becomes
the user before it does anything with it.
"""

from collections.abc import Iterable
from dataclasses import replace

from dvic_wire.runs import RunSpec

from .command import Account, Started, start
from .ending import Outcome
from .recorder import Recorder
from .run_client import COPY_SOCKET, listen

KEPT_BYTES = 4096
"""Of what the command says on standard error, to find its last line in."""


class CopyCarrier(Recorder):
    """See Recorder."""

    _complaint = b""

    def _begin(self, spec: RunSpec, account: Account, limit_memory: bool) -> Started:
        server = listen(self._run, COPY_SOCKET)
        return start(self._run.run, spec, replace(account, switch=False), limit_memory, server.detach())

    def _keep(self, pieces: Iterable[tuple[str, bytes]]) -> None:
        kept = list(pieces)
        self._complaint = (self._complaint + b"".join(data for stream, data in kept if stream == "err"))[-KEPT_BYTES:]
        super()._keep(kept)

    def _outcome(self) -> Outcome:
        outcome = super()._outcome()
        lines = self._complaint.decode("utf-8", "replace").strip().splitlines()
        if outcome.exit_code > 0 and not outcome.stopped and lines:
            return replace(outcome, error=lines[-1])
        return outcome
