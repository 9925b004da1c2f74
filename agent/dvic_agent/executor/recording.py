"""What a run's own process does, once: find out who carries the command, and note how it ended.

A terminal has a carrier of its own (terminal.py), which needs cryptography, and so has a file (copy_carrier.py). Any
other run is carried by a Recorder, in a process that stays as small as that.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dvic_wire.runs import RunSpec

from . import tree
from .copy_carrier import CopyCarrier
from .ending import Outcome
from .recorder import Recorder, note_outcome
from .rundir import RunDir


def record(run: RunDir, *, limit_memory: bool, keeper: int = -1,
           others: Callable[[], list[tree.Process]] | None = None) -> bool:
    """Carry the run of this directory to its outcome, once. True when its supervisor was lost on the way.

    `limit_memory`: no cgroup limits the memory, so setrlimit has to, for each process alone. `keeper`, `others`: see
    Recorder; with `others` what the command leaves in the background is ended here.
    """
    try:
        os.close(run.open("started", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    if run.end() is not None:
        return False
    with suppress(OSError):  # what uses the memory is the command, so that is what should go
        Path("/proc/self/oom_score_adj").write_text("-1000")
    orphaned = False
    try:
        request = run.request()
        spec = RunSpec.from_json(request.get("spec"))
        recorder = _carrier(run, spec, request, keeper, others)
        outcome = recorder.run(spec, limit_memory)
        orphaned = recorder.orphaned
    except Exception as error:  # whatever it is, people must learn it from the run's end
        outcome = Outcome(error=f"the recorder failed: {error!r}")
    note_outcome(run, outcome)
    if others:
        tree.end_all(others)
    return orphaned


def _carrier(run: RunDir, spec: RunSpec, request: dict, keeper: int,
             others: Callable[[], list[tree.Process]] | None) -> Recorder:
    if "copy" in request:
        return CopyCarrier(run, spec, keeper, others)
    if "terminal" not in request:
        return Recorder(run, spec, keeper, others)
    from dvic_wire.terminals import TerminalSpec  # noqa: PLC0415 (cryptography, which other runs don't need)

    from .terminal import TerminalCarrier  # noqa: PLC0415 (it needs cryptography too)

    return TerminalCarrier(run, spec, TerminalSpec.from_json(request["terminal"]), keeper, others)
