"""The parts of a trial: where their files lie, and how each is made ready and started."""

import json
import os
import socket
import subprocess
import sys
import tomllib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
JOURNALD = "/run/systemd/journal/socket"
JOURNAL_FOLDERS = (Path("/run/log/journal"), Path("/var/log/journal"))
MAX_SOCKET_PATH = 100
"""Characters of a unix socket's path that the kernel takes (sun_path), less a few."""


class TrialError(Exception):
    """The trial can't go on; str is for the person, `help` says what to do."""

    def __init__(self, what: str, help: str = ""):
        super().__init__(what)
        self.help = help


@dataclass(frozen=True)
class Trial:
    """One trial: everything that it keeps is under `state`, the hub listens on 127.0.0.1:`port`."""

    state: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def hub_config(self) -> Path:
        return self.state / "hub" / "hub.toml"

    @property
    def agent_config(self) -> Path:
        return self.state / "agent" / "etc"

    @property
    def agent_state(self) -> Path:
        return self.state / "agent" / "var"

    @property
    def contexts(self) -> Path:
        return self.state / "hubctl.toml"

    @property
    def password(self) -> Path:
        return self.state / "admin-password"

    @property
    def executor_socket(self) -> Path:
        path = self.state / "agent" / "executor.sock"
        if len(str(path)) > MAX_SOCKET_PATH:
            raise TrialError(f"{path} is too long for a unix socket", "put the checkout under a shorter path")
        return path

    @property
    def environ(self) -> dict[str, str]:
        """What every part gets: no hub of the person's own is used by accident."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("DVIC_")}
        return {**ours, "DVIC_CONFIG": str(self.contexts), "PYTHONUNBUFFERED": "1"}

    def program(self, name: str) -> str:
        """A console script of the virtual environment that runs us."""
        return str(Path(sys.executable).parent / name)

    def agent_folders(self) -> list[str]:
        return ["--config-dir", str(self.agent_config), "--state-dir", str(self.agent_state)]


def check_port(port: int) -> None:
    """Raises TrialError when something listens there already."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise TrialError(f"port {port} on 127.0.0.1 can't be used: {error.strerror}",
                             "choose another with --port N") from None


def what_hides_the_journal() -> str:
    """Why the agent will find no journal here, "" when it will."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(JOURNALD)
        except OSError:
            return "no journald is running here"
    files = [file for folder in JOURNAL_FOLDERS for file in folder.glob("*/system.journal")]
    if files and not any(os.access(file, os.R_OK) for file in files):
        return "the system's journal may be read by root and the groups systemd-journal and adm only"
    return ""


def write_settings(trial: Trial) -> None:
    """hub.toml and agent.toml. A person's own changes to them stay: only what depends on the port is put right."""
    for folder in (trial.logs, trial.hub_config.parent, trial.agent_config, trial.agent_state):
        folder.mkdir(parents=True, exist_ok=True)
    if _read_toml(trial.hub_config).get("listen") != f"127.0.0.1:{trial.port}":
        trial.hub_config.write_text(
            f'listen = "127.0.0.1:{trial.port}"\nstate_dir = "var"\n'
            f"libraries_dir = {json.dumps(str(trial.hub_config.parent / 'libraries'))}\n", "utf-8")
    agent = trial.agent_config / "agent.toml"
    if not agent.exists():
        agent.write_text(f"executor_socket = {json.dumps(str(trial.executor_socket))}\n\n"
                         '# "start" sends all that the journal keeps, from every boot\n[journal]\nfrom = "now"\n',
                         "utf-8")
    point_agent_to_port(trial)


def point_agent_to_port(trial: Trial) -> None:
    """An agent that was enrolled at this hub under another port finds it under this one; whom it trusts stays."""
    path = trial.agent_config / "hub.json"
    if not path.exists():
        return
    pinned = json.loads(path.read_text("utf-8"))
    if pinned.get("url") != trial.url:
        path.write_text(json.dumps({**pinned, "url": trial.url}), "utf-8")


def is_enrolled(trial: Trial) -> bool:
    return (trial.agent_config / "hub.json").exists()


def own_id(trial: Trial) -> str:
    """The id of the trial's own node."""
    return json.loads((trial.agent_config / "hub.json").read_text("utf-8"))["node"]


def is_signed_in(trial: Trial) -> bool:
    return get(trial, "me") is not None


def get(trial: Trial, what: str) -> dict | None:
    """The hub's answer to GET /api/v1/`what`, None when it gives none or knows us not (any more)."""
    contexts = _read_toml(trial.contexts).get("contexts", {}).values()
    token = next((context.get("token", "") for context in contexts if context.get("url") == trial.url), "")
    request = urllib.request.Request(f"{trial.url}/api/v1/{what}",  # noqa: S310 (the hub that we started)
                                     headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return json.load(answer)
    except OSError:
        return None


def ask(trial: Trial, *argv: str, given: str | None = None) -> str:
    """Run a program to its end and return what it printed; raises TrialError with what it complained of."""
    done = subprocess.run(argv, env=trial.environ, text=True, input=given or "", capture_output=True)
    if done.returncode != 0:
        raise TrialError(f"{Path(argv[0]).name} {argv[1]} failed: {(done.stderr or done.stdout).strip()}",
                         f"look into {trial.logs}, or remove {trial.state} to begin anew")
    return done.stdout


def _read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
