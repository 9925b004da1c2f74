"""What an update tells: records into its run's output.jsonl, and the output of the tools that it calls.

An update that goes on after a power cut goes on in the same file: behind its last whole line, never back in time, and
without telling a step twice.
"""

import fcntl
import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from dvic_wire.records import run_output, run_start, run_step

from .. import tree
from ..pieces import Pieces
from ..recorder import Output
from ..rundir import RunDir

OUTPUT_BYTES = 1024 * 1024
"""Bytes of the tools' output that are told; the rest is left out."""

LAST_LINES = 6
LAST_CHARACTERS = 700
"""What is quoted of a tool that failed."""

_POLL = 0.2


@dataclass(frozen=True)
class Done:
    """How a tool ended; `said` quotes its last words. `code` 127: it could not be started, 124: it took too long."""

    code: int
    said: str


class Teller:
    """Nobody is told where `run` has ended, or is None: its directory is gone."""

    def __init__(self, run: RunDir | None):
        self._output: Output | None = None
        self._pieces = Pieces(OUTPUT_BYTES)
        self._step = ""
        self.cut = 0
        self.resumed = False
        """Somebody has told of this update before."""
        if run is not None and run.end() is None:
            run.mend()
            since, self._step = _told(run)
            self._output = Output(run, since)
            self.resumed = since > 0
            if not self.resumed:
                self._tell(run_start(self._output.now(), os.getpid(), "root"))

    def step(self, name: str, text: str) -> None:
        """Tell a step, unless it was the last one told."""
        if self._output is not None and name != self._step:
            self._tell(run_step(self._output.now(), name, text))
        self._step = name

    def say(self, text: str) -> None:
        """One line of our own."""
        self._write("out", f"{text}\n".encode())

    def call(self, argv: list[str], seconds: float, environ: Mapping[str, str]) -> Done:
        """Run a tool to its end, telling what it prints; after `seconds` all that came of it is killed."""
        said = {"out": b"", "err": b""}
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=dict(environ), cwd="/")
        except OSError as error:
            return Done(127, f"{argv[0]}: {error.strerror}")
        with process, selectors.DefaultSelector() as selector:
            for name, pipe in (("out", process.stdout), ("err", process.stderr)):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, name)
            deadline, code = time.monotonic() + seconds, None
            while code is None:
                if time.monotonic() > deadline:
                    tree.kill_all(lambda: tree.descendants(os.getpid()))
                    code = 124
                for key, _ in selector.select(_POLL):
                    if not self._pass_on(key.fd, key.data, said):
                        selector.unregister(key.fileobj)
                if self._pieces.due(time.monotonic()) == 0:
                    self._keep(self._pieces.flush())
                code = process.poll() if code is None else code
            for key in list(selector.get_map().values()):  # what the pipes still hold; a daemon may keep them open
                for _ in range(fcntl.fcntl(key.fd, fcntl.F_GETPIPE_SZ) // 4096):
                    if not self._pass_on(key.fd, key.data, said):
                        break
            self._keep(self._pieces.flush())
        if code == 124:
            return Done(code, f"{argv[0]} did not end within {seconds:g} s")
        return Done(code, quote(said["err"]) or quote(said["out"]) or f"{argv[0]}: exit code {code}")

    def _pass_on(self, handle: int, name: str, said: dict[str, bytes]) -> bool:
        """Take what a pipe holds; False when it holds nothing more."""
        try:
            data = os.read(handle, 65536)
        except BlockingIOError:
            return False
        said[name] = (said[name] + data)[-8192:]
        self._keep(self._pieces.feed(name, data, time.monotonic()))
        return bool(data)

    def _keep(self, pieces: Iterable[tuple[str, bytes]]) -> None:
        for name, data in pieces:
            self._write(name, data)

    def _write(self, name: str, data: bytes) -> None:
        if self._output is not None and not self._output.write(run_output(self._output.now(), name, data)):
            self.cut += len(data)

    def _tell(self, record: dict) -> None:
        self._output.write(record)
        self._output.sync()


def quote(said: bytes) -> str:
    """The last lines, as one."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return "; ".join(lines[-LAST_LINES:])[-LAST_CHARACTERS:]


def _told(run: RunDir) -> tuple[int, str]:
    """The time of the last record, and the last step; 0 and "" where there is none."""
    since, step = 0, ""
    with os.fdopen(run.open("output.jsonl", os.O_RDONLY), "rb") as file:
        for line in file:
            with suppress(ValueError, TypeError, KeyError):
                record = json.loads(line)
                since = max(since, int(record["time"]))
                step = record["step"]["name"]
    return since, step
