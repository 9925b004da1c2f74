"""One more node on this machine, from the checkout alone: `install/try.sh --join TOKEN`, as the page's Enrol shows it.

It keeps what it is in .dvic/joined/, one folder a token, so that the same line goes on with the same node.
"""

import hashlib
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from family import Family
from parts import MAX_SOCKET_PATH, TrialError

ONLINE_SECONDS = 30.0
"""How long the hub may take to let the node in."""

NO_TOKEN = "make one in the hub's page (Enrol) or with hubctl token create, and copy the whole line"


@dataclass(frozen=True)
class Joined:
    """The node's files under `folder`; `programs` and `environ` as the trial has them."""

    folder: Path
    programs: Path
    environ: dict[str, str]

    @property
    def socket(self) -> Path:
        return self.folder / "executor.sock"

    @property
    def where(self) -> list[str]:
        return ["--config-dir", str(self.folder / "etc"), "--state-dir", str(self.folder / "var")]

    def program(self, name: str) -> str:
        return str(self.programs / name)


def folder_of(state: Path, token: str) -> Path:
    """The folder of the node that joined, or will join, with this token."""
    return state / "joined" / hashlib.sha256(token.encode()).hexdigest()[:8]


def join(node: Joined, token: str, family: Family) -> str:
    """Enrol the node unless it is, start it, wait for the hub; returns what to tell. Raises TrialError."""
    for part in (node.folder / "etc", node.folder / "var"):
        part.mkdir(parents=True, exist_ok=True)
    if len(str(node.socket)) > MAX_SOCKET_PATH:
        raise TrialError(f"{node.socket} is too long for a unix socket", "put the checkout under a shorter path")
    (node.folder / "etc" / "agent.toml").write_text(
        f'executor_socket = {json.dumps(str(node.socket))}\n\n[journal]\nfrom = "now"\n', "utf-8")
    if not (node.folder / "etc" / "hub.json").exists():
        _enrol(node, token)
    # The trial's own node may run on this machine too, and systemd's units are named by the run alone.
    family.start("executor", [node.program("dvic-executor"), *node.where, "--end-runs", "--backend", "children",
                              "--listen", str(node.socket)], node.environ)
    family.start("agent", [node.program("dvic-agent"), "run", *node.where], node.environ)
    deadline = time.monotonic() + ONLINE_SECONDS
    while not _connected(node):
        if ended := family.ended():
            raise TrialError(f"the part {ended!r} did not start", f"look into {family.log(ended)}")
        if time.monotonic() > deadline:
            raise TrialError(f"the hub did not answer in {ONLINE_SECONDS:.0f} s", f"look into {family.log('agent')}")
        time.sleep(0.1)
    pinned = json.loads((node.folder / "etc" / "hub.json").read_text("utf-8"))
    return f"{pinned['name']} is online at {pinned['url']}"


def _enrol(node: Joined, token: str) -> None:
    done = subprocess.run([node.program("dvic-agent"), "enroll", *node.where, "-"], input=token + "\n", text=True,
                          capture_output=True, env=node.environ)
    if done.returncode != 0:
        raise TrialError((done.stderr or done.stdout).strip().removeprefix("dvic-agent: "), NO_TOKEN)


def _connected(node: Joined) -> bool:
    done = subprocess.run([node.program("dvic-agent"), "status", "--json", *node.where], text=True,
                          capture_output=True, env=node.environ)
    return '"connection": {"state": "connected"' in done.stdout
