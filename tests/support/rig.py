"""A real hub and real agents as processes on loopback, in one folder: for tests and benchmarks of the whole.

    with Rig(tmp_path) as rig:
        rig.start_hub()
        ada = rig.new_agent("ada")
        ada.start()
        rig.hubctl("nodes", "-o", "json")
"""

import http.client
import json
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent
PATIENCE = 30.0
"""Seconds to wait for what should take a moment."""


def until(reached: Callable[[], object], what: str, patience: float = PATIENCE) -> object:
    """Wait until `reached()` is true and return it; AssertionError that names `what` when time is up."""
    deadline = time.monotonic() + patience
    while not (value := reached()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(0.05)
    return value


def free_port() -> int:
    """A TCP port of 127.0.0.1 below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    for port in random.sample(range(20000, 32768), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


@dataclass
class Process:
    """A started program. Its output is in `log`."""

    argv: list[str]
    log: Path
    environ: dict[str, str]
    core: int | None = None
    popen: subprocess.Popen | None = None

    def start(self) -> None:
        argv = ["taskset", "-c", str(self.core), *self.argv] if self.core is not None else self.argv
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=self.environ, start_new_session=True)

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def kill(self) -> None:
        """SIGKILL, at once."""
        if self.running():
            self.popen.kill()
            self.popen.wait()

    def stop(self, patience: float = PATIENCE) -> int:
        """SIGTERM, and its exit code; SIGKILL when it does not end."""
        if self.running():
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.argv[0]} did not end on SIGTERM:\n{self.said()}") from None
        return self.popen.returncode if self.popen else 0

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


@dataclass
class RigAgent:
    """One agent with folders of its own; `logs` is where its dvic_log_* files live."""

    rig: "Rig"
    name: str
    folder: Path
    settings: str = ""
    core: int | None = None
    agent: Process = field(init=False)
    executor: Process = field(init=False)

    def __post_init__(self) -> None:
        for part in ("etc", "var", "logs"):
            (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o755)
        self.logs = self.folder / "logs"
        socket_path = self.folder / "x.sock"
        (self.folder / "etc" / "agent.toml").write_text(
            f'executor_socket = "{socket_path}"\nlog_levels_file = "{self.folder / "log_levels"}"\n'
            f'{self.settings}\n[log_files]\nfolders = ["{self.logs}"]\n')
        where = ["--config-dir", str(self.folder / "etc"), "--state-dir", str(self.folder / "var")]
        self.where = where
        self.agent = self.rig.process([str(BIN / "dvic-agent"), "run", *where], f"{self.name}-agent", self.core)
        # one machine carries several nodes here, and systemd's units are named by the run alone
        argv = [str(BIN / "dvic-executor"), "--backend", "children", "--listen", str(socket_path), *where]
        self.executor = self.rig.process(argv, f"{self.name}-executor")

    def enrol(self, token: str) -> None:
        argv = [str(BIN / "dvic-agent"), "enroll", *self.where, "--name", self.name, "-"]
        done = subprocess.run(argv, input=token + "\n", text=True, capture_output=True, timeout=60,
                              env=self.rig.environ)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, executor: bool = True) -> "RigAgent":
        if executor and not self.executor.running():
            self.executor.start()
        self.agent.start()
        return self

    def online(self) -> "RigAgent":
        """Wait until the hub says so, and the node has promised the period that the hub asks for.

        Its very first keepalive promises the agent's own: one that is killed right after it is silent much later.
        """
        def there() -> bool:
            node = self.rig.node(self.name)
            return node.get("state") == "online" and node["period"] == self.rig.keepalive_period()
        until(there, f"{self.name} is online")
        return self


class Rig:
    """The hub, its folder, and everything that was started; the end of the `with` ends all of it."""

    def __init__(self, folder: Path, *, port: int = 0, settings: str = "", core: int | None = None,
                 url: str = "", listen: str = "127.0.0.1"):
        """`listen` is an address; `url` what is told to machines, with {port} in it."""
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.public_url = url.format(port=self.port) or self.url
        self.state = folder / "hub"
        self.config = folder / "hub.toml"
        self.config.write_text(f'listen = "{listen}:{self.port}"\nurl = "{self.public_url}"\n'
                               f'state_dir = "{self.state}"\n{settings}\n')
        self.environ = {**os.environ, "DVIC_CONFIG": str(folder / "hubctl.toml"), "NO_COLOR": "1"}
        self._processes: list[Process] = []
        self.hub = self.process([str(BIN / "dvic-hub"), "serve", "--config", str(self.config)], "hub", core)
        self.agents: dict[str, RigAgent] = {}

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()

    def process(self, argv: Sequence[str], name: str, core: int | None = None) -> Process:
        """A program of this rig, not started yet."""
        process = Process(list(argv), self.folder / f"{name}.log", self.environ, core)
        self._processes.append(process)
        return process

    def start_hub(self) -> "Rig":
        """Start the hub; on the first start also sign in as admin."""
        self.hub.start()
        until(self.healthy, f"the hub answers\n{self.hub.said()[-2000:]}")
        if not (self.folder / "hubctl.toml").exists():
            self._sign_in()
        return self

    def healthy(self) -> bool:
        assert self.hub.running(), self.hub.said()
        try:
            return self.request("GET", "/healthz", signed_in=False)[0] == 200
        except OSError:
            return False

    def _sign_in(self) -> None:
        found = re.search(r"password:?\s+(\S+)", self.hub.said())
        assert found, f"no one-time password in:\n{self.hub.said()}"
        once, password = self.folder / "once", self.folder / "password"
        once.write_text(found.group(1) + "\n")
        password.write_text(secrets.token_urlsafe(12) + "\n")
        self.hubctl("login", self.url, "--user", "admin", "--password-file", str(once),
                    "--new-password-file", str(password))

    def hubctl(self, *arguments: str, code: int = 0, timeout: float = 120) -> str:
        """Run hubctl to its end and return its stdout; AssertionError on another exit code."""
        done = subprocess.run([str(BIN / "hubctl"), *arguments], text=True, capture_output=True, timeout=timeout,
                              env=self.environ)
        assert done.returncode == code, f"hubctl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def token(self, *arguments: str) -> str:
        """A new enrolment token's text."""
        made = json.loads(self.hubctl("token", "create", *arguments, "-o", "json"))
        return (made[0] if isinstance(made, list) else made)["token"]

    def keepalive_period(self) -> int:
        """Seconds in which the hub asks its nodes for a keepalive."""
        return tomllib.loads(self.config.read_text("utf-8")).get("keepalive_period", 10)

    def new_agent(self, name: str, settings: str = "", core: int | None = None) -> RigAgent:
        """An enrolled agent, not started yet."""
        agent = RigAgent(self, name, self.folder / name, settings, core)
        agent.enrol(self.token())
        self.agents[name] = agent
        return agent

    @property
    def api_token(self) -> str:
        found = re.search(r'token\s*=\s*"([^"]+)"', (self.folder / "hubctl.toml").read_text())
        assert found
        return found.group(1)

    def request(self, method: str, path: str, body: object = None, signed_in: bool = True) -> tuple[int, dict | str]:
        """One HTTP request: status and the JSON (or text) of the answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.api_token}"} if signed_in else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            text = answer.read().decode()
        finally:
            link.close()
        return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def node(self, name: str) -> dict:
        status, value = self.request("GET", f"/api/v1/nodes/{name}")
        return value if status == 200 else {}

    def logs(self, query: str = "") -> list[dict]:
        """All matching log items, newest first, through all pages."""
        items, cursor = [], ""
        while True:
            status, page = self.request("GET", f"/api/v1/logs?limit=1000{query}{'&cursor=' + cursor if cursor else ''}")
            assert status == 200, page
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items
