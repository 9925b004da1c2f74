"""hubctl's tests: a hub in memory, and hubctl as a program of its own beside it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_rest_hub import FakeRestHub
from terminal import Terminal

PROGRAM = [sys.executable, "-m", "hubctl"]


class Hubctl:
    """Starts hubctl with a contexts file of its own. `signed_in` writes that file for the hub given."""

    program = PROGRAM

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "hubctl.toml"
        self._started: list = []
        self._terminals: list[Terminal] = []

    def environ(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("DVIC_", "COV")) and key not in ("NO_COLOR", "COLUMNS", "LINES", "TERM")}
        return {**kept, "DVIC_CONFIG": str(self.config), "TERM": "xterm-256color", "TZ": "UTC", "LC_ALL": "C.UTF-8",
                **more}

    def signed_in(self, url: str, token: str = "dvic_test_token") -> "Hubctl":
        self.config.touch(mode=0o600)
        self.config.write_text(f'current = "lab"\n[contexts.lab]\nurl = "{url}"\nuser = "admin"\ntoken = "{token}"\n')
        return self

    def __call__(self, *arguments: str, stdin: str | None = None, **environ: str) -> subprocess.CompletedProcess:
        """Run to the end, without a terminal."""
        return subprocess.run([*PROGRAM, *arguments], env=self.environ(**environ), cwd=self.folder, capture_output=True,
                              text=True, timeout=30, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start it; its output is read by the test, and it is ended with the test."""
        return self.start_program(*PROGRAM, *arguments)

    def start_program(self, *argv: str) -> subprocess.Popen:
        process = subprocess.Popen(argv, env=self.environ(PYTHONUNBUFFERED="1"), cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        self._started.append(process)
        return process

    def on_a_terminal(self, *arguments: str, columns: int = 100, **environ: str) -> Terminal:
        environ = self.environ(COLUMNS=str(columns), LINES="40", **environ)
        terminal = Terminal([*PROGRAM, *arguments], environ, self.folder)
        self._terminals.append(terminal)
        return terminal

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        for terminal in self._terminals:
            terminal.kill()


@pytest.fixture
def hub():
    with FakeRestHub() as hub:
        yield hub


@pytest.fixture
def stranger(tmp_path):
    """hubctl of someone who has not signed in anywhere."""
    hubctl = Hubctl(tmp_path)
    yield hubctl
    hubctl.close()


@pytest.fixture
def hubctl(stranger, hub):
    """hubctl of someone who is signed in to `hub`."""
    return stranger.signed_in(hub.url)
