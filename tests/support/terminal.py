"""A program in a terminal of its own, as a person starts it: reads what it prints, types, closes the window."""

import os
import pty
import re
import select
import signal
import time
from pathlib import Path


class Terminal:
    """Starts `argv` on a new pseudo-terminal that is its controlling one."""

    def __init__(self, argv: list[str], environ: dict[str, str], folder: Path):
        self.text = ""
        self.code: int | None = None
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(folder)
                os.execvpe(argv[0], argv, environ)
            finally:
                os._exit(127)

    def wait_for(self, wanted: str, seconds: float, after: int = 0) -> int:
        """Read until `wanted` was printed behind place `after` and return the place behind it; else AssertionError."""
        deadline = time.monotonic() + seconds
        while wanted not in self.text[after:]:
            assert self._read(deadline), f"{wanted!r} was not printed; this was:\n{self.text}"
        return self.text.index(wanted, after) + len(wanted)

    def wait_for_match(self, pattern: str, seconds: float, after: int = 0) -> re.Match:
        """The same for a regular expression; returns what matched."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text[after:])):
            assert self._read(deadline), f"{pattern!r} was not printed; this was:\n{self.text}"
        return found

    def type(self, text: str) -> None:
        os.write(self._handle, text.encode())

    def close_window(self) -> None:
        """Take the terminal away: the kernel hangs its session up."""
        os.close(self._handle)
        self._handle = -1

    def ended(self, seconds: float) -> int:
        """Read to the end; returns the exit code, or minus the signal. AssertionError when it goes on."""
        deadline = time.monotonic() + seconds
        while self.code is None:
            if self._handle >= 0:
                self._read(min(deadline, time.monotonic() + 0.1))
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            assert self.code is not None or time.monotonic() < deadline, f"it goes on; this was:\n{self.text}"
            if self._handle < 0:
                time.sleep(0.05)
        while self._handle >= 0 and self._read(time.monotonic() + 0.1):
            pass
        return self.code

    def kill(self) -> None:
        """End it whatever it does, if it has not ended."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.code = -signal.SIGKILL

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._handle], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._handle, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            return False
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)
