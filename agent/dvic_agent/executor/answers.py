"""What a run is told while it goes on: through a FIFO in its directory that is its standard input.

So nothing of it is ever in a file, and nobody but root can read or write it.
"""

import json
import os
import select
import time

from .errors import Refusal
from .rundir import RunDir

ANSWER = "answer"
"""The FIFO in the run's directory."""

ANSWER_SECONDS = 10.0
"""How long the command may take to read its answer, seconds."""

ANSWER_PARTS = ("host_key", "secret", "script", "arguments")
"""The claims of the order that are passed on."""


def expect_answer(run: RunDir) -> None:
    """Make the FIFO, before the run is started."""
    os.mkfifo(ANSWER, 0o600, dir_fd=run.handle)


def answer_input(run: RunDir) -> int:
    """The command's standard input: the FIFO, open for writing too so that it has no end; -1: this run asks nothing."""
    try:
        return run.open(ANSWER, os.O_RDWR)
    except FileNotFoundError:
        return -1


def hand_over(run: RunDir, claims: dict) -> None:
    """Give the run its answer; raises Refusal when nobody waits for it."""
    data = json.dumps({name: claims.get(name) for name in ANSWER_PARTS}).encode() + b"\n"
    try:
        handle = run.open(ANSWER, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # ENOENT: it asks nothing; ENXIO: it has ended
        raise Refusal("not-waiting", "the run does not wait for an answer") from None
    try:
        deadline = time.monotonic() + ANSWER_SECONDS
        while data:
            if not select.select([], [handle], [], max(0.0, deadline - time.monotonic()))[1]:
                raise Refusal("not-waiting", "the run does not read its answer")
            data = data[os.write(handle, data[:select.PIPE_BUF]):]
    except BrokenPipeError:
        raise Refusal("not-waiting", "the run has ended") from None
    finally:
        os.close(handle)
