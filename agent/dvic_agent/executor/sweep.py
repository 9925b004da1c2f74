"""Ends what nobody else can end: runs whose keepers died with the machine, or were killed together.

Asked before every run (cheap: one look at each run's directory) and at boot (`dvic-executor sweep`). Only inside
StateDir.deciding, so that no run is between its making and its start. An update is not ended but goes on.
"""

import sys
import time
from contextlib import suppress

from .backend import Backend, write_end
from .errors import StartFailed
from .replay import KEEP_SECONDS, ReplayList
from .rundir import RunDir, StateDir
from .update.folder import goes_on


def sweep(state: StateDir, backend: Backend, keep: float) -> int:
    """End runs without keepers, drop ended ones older than `keep` seconds; returns how many runs are under way."""
    state.clear_half_made()
    under_way = 0
    for run in state.runs():
        with suppress(OSError):  # one damaged directory must not stand in the way of the others
            with state.opened(run) as found:
                ended = found is None or found.end() is not None
                if not ended and (backend.alive(found) or _resumed(state, backend, found)):
                    under_way += 1
                elif not ended:
                    backend.clear(found)
                    write_end(found)
            if ended and state.age(run) > keep:
                state.forget(run)
    return under_way


def _resumed(state: StateDir, backend: Backend, run: RunDir) -> bool:
    """Whether it is an update that was cut off; then it goes on."""
    if not goes_on(state.path, run.run):
        return False
    try:
        backend.start_update(run)
    except StartFailed as error:
        print(f"dvic-executor: the update {run.run} does not go on: {error}", file=sys.stderr)
    return True


def drop_old_ids(state: StateDir, now: float) -> int:
    """Shorten the replay list (see replay.py); returns how many ids were dropped."""
    return ReplayList(state.seen).drop_before(int(now) - KEEP_SECONDS)


def wait_until_idle(state: StateDir, backend: Backend, seconds: float) -> bool:
    """Whether every run has ended within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with state.deciding():
            if sweep(state, backend, keep=float("inf")) == 0:
                return True
        time.sleep(0.05)
    return False
