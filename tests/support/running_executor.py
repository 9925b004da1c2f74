"""A real dvic-executor on a real socket, with a hub's key of our own to sign orders with.

Used by the executor's tests, in this machine (children backend) and inside booted ones (systemd).
"""

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey, Purpose, sign

WAIT_SECONDS = 60
"""Bound of every wait; nothing that works comes near it."""

NODE = "n-anna"


def new_run_id() -> str:
    return secrets.token_hex(8)


class Hub:
    """A hub's identity and what it signs."""

    def __init__(self, node: str = NODE):
        self.key = PrivateKey.generate()
        self.node = node

    def pin(self, config_dir: Path) -> None:
        """Write hub.json, as enrolling does."""
        config_dir.mkdir(mode=0o755, exist_ok=True)
        file = config_dir / "hub.json"
        file.write_text(json.dumps({"url": "http://hub", "hub": self.key.fingerprint, "jwk": self.key.public.jwk(),
                                    "node": self.node, "name": "anna"}))
        file.chmod(0o644)

    def order(self, run: str, spec: RunSpec | dict, *, purpose: Purpose = Purpose.RUN, now: float | None = None,
              **claims: object) -> str:
        """A signed run request; keyword arguments replace or add claims."""
        plain = spec.to_json() if isinstance(spec, RunSpec) else spec
        content = {"iss": self.key.fingerprint, "aud": self.node, "jti": run, "spec": plain, "by": "olga", **claims}
        return sign(self.key, purpose, content, now=time.time() if now is None else now, ttl=120)

    def cancel(self, run: str, **claims: object) -> str:
        content = {"iss": self.key.fingerprint, "aud": self.node, "jti": run, "by": "olga", **claims}
        return sign(self.key, Purpose.CANCEL, content, now=time.time(), ttl=120)


class RunningExecutor:
    """`dvic-executor --listen` under `folder` (etc, var, socket). `clients`: a group that may connect.
    `backend`: how it carries runs."""

    def __init__(self, folder: Path, hub: Hub, clients: str = "", backend: str = "auto"):
        self.folder = folder
        self.hub = hub
        self.config_dir = folder / "etc"
        self.state_dir = folder / "var"
        self.socket = folder / "executor.sock"
        self._options = ["--config-dir", self.config_dir, "--state-dir", self.state_dir, "--backend", backend,
                         *(["--group", clients] if clients else [])]
        hub.pin(self.config_dir)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dvic_agent.executor", *self._options, "--listen", self.socket, "--end-runs"],
            stdin=subprocess.DEVNULL)
        self.until(self.socket.exists)

    def stop(self) -> int:
        """SIGTERM; ends every run as well."""
        self.process.terminate()
        return self.process.wait(WAIT_SECONDS)

    def __enter__(self) -> "RunningExecutor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it and every run, whatever happened."""
        if self.process.poll() is None:
            assert self.stop() == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.socket.unlink()

    def verb(self, *arguments: str) -> int:
        """Call dvic-executor with these arguments and our folders."""
        return subprocess.run([sys.executable, "-m", "dvic_agent.executor", *self._options, *arguments],
                              timeout=WAIT_SECONDS, check=False).returncode

    def policy(self, text: str) -> None:
        file = self.config_dir / "policy.toml"
        file.write_text(text)
        file.chmod(0o644)

    def ask(self, request: dict | bytes) -> dict:
        """One request, one answer."""
        line = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(WAIT_SECONDS)
            connection.connect(str(self.socket))
            try:
                connection.sendall(line)
            except BrokenPipeError:
                pass  # it has answered before it read all
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())

    def request(self, run: str, *, jws: str = "", **spec: object) -> dict:
        """Ask for a run; keyword arguments are those of RunSpec."""
        return self.ask({"request": "run", "run": run, "jws": jws or self.hub.order(run, RunSpec(**spec))})

    def cancel(self, run: str) -> dict:
        return self.ask({"request": "cancel", "run": run, "jws": self.hub.cancel(run)})

    def connect(self, run: str, name: str) -> socket.socket:
        """As the agent, to the socket of that name in a run's directory."""
        folder = self.state_dir / "runs" / run
        self.until(lambda: (folder / name).exists())
        handle = os.open(folder, os.O_RDONLY)  # a path of any length would not fit into an address
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(WAIT_SECONDS)
        connection.connect(f"/proc/self/fd/{handle}/{name}")
        os.close(handle)
        return connection

    def execute(self, **spec: object) -> list[dict]:
        """Run something and wait for its end; returns all its records."""
        run = new_run_id()
        answer = self.request(run, **spec)
        assert answer == {"state": "running"}, answer
        self.ended(run)
        return self.records(run)

    def output_file(self, run: str) -> Path:
        return self.state_dir / "runs" / run / "output.jsonl"

    def records(self, run: str) -> list[dict]:
        """The whole lines that are there now."""
        data = self.output_file(run).read_bytes()
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].split(b"\n")[:-1]]

    def ended(self, run: str) -> dict:
        """Wait for the end record; returns its content."""
        self.until(lambda: any("end" in record for record in self.records(run)[-1:]))
        return self.records(run)[-1]["end"]

    def shown(self, run: str, text: str) -> None:
        """Wait until the run has written `text`."""
        self.until(lambda: text in text_of(self.records(run), "out"))

    def until(self, done: object) -> None:
        """Wait, bounded, until `done()` is true."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not done():
            assert time.monotonic() < deadline, "waited in vain"
            assert self.process is None or self.process.poll() is None, "the executor has ended"
            time.sleep(0.02)


def text_of(records: list[dict], stream: str) -> str:
    return "".join(record.get(stream, "") for record in records)


def gone(pid: int) -> bool:
    """Wait, bounded, until a process has ended (a zombie has)."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], WAIT_SECONDS)[0])
    finally:
        os.close(handle)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
