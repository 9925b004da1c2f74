"""Looks at everything that can be wrong on the agent's side, and says of each what to do about it.

Each check is a function from the config to findings; a later one runs also when an earlier one failed, where it can.
"""

import asyncio
import grp
import os
import pwd
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.errors import MalformedMessage
from dvic_wire.signing import CLOCK_LEEWAY, PublicKey

from . import config as configs
from .config import AgentConfig
from .errors import AgentError, ExecutorError, IdentityError, NetworkError
from .executor_client import ExecutorClient
from .http import ask
from .identity import PinnedHub, load_hub, load_key
from .sources.engine_answers import TROUBLE
from .status import ask_status

OK, WARNING, PROBLEM = "ok", "warning", "problem"

LOW_DISK = 64 * 1024 * 1024
"""Free bytes under which the agent's samples may get lost."""

JOURNAL_GROUPS = ("systemd-journal", "adm")
JOURNAL_FOLDERS = (Path("/var/log/journal"), Path("/run/log/journal"))


@dataclass(frozen=True)
class Finding:
    """One check's outcome. `remedy` says what to do; "" when all is well."""

    check: str
    state: str
    text: str
    remedy: str = ""


def examine(config_dir: Path, state_dir: Path) -> list[Finding]:
    """All checks, in the order in which one would look."""
    try:
        config = configs.load(config_dir, state_dir)
        findings = [Finding("config", OK, f"{config_dir / 'agent.toml'} is good"
                            if (config_dir / "agent.toml").exists() else "no agent.toml: the defaults are used")]
    except AgentError as error:
        findings = [Finding("config", PROBLEM, str(error), "correct that line; docs/settings.md lists every key")]
        config = AgentConfig(config_dir=config_dir, state_dir=state_dir)
    findings.append(check_key(config))
    pinned, hub = check_pin(config)
    findings.append(pinned)
    if hub is not None:
        findings += asyncio.run(check_hub(config, hub))
    findings += [*check_journal(config), *check_log_folders(config), check_disk(config),
                 asyncio.run(check_executor(config)), *asyncio.run(check_update(config)), *check_engines(config),
                 check_running(config)]
    return findings


def exit_code(findings: list[Finding]) -> int:
    """1 when there is a problem; warnings alone are 0."""
    return int(any(finding.state == PROBLEM for finding in findings))


def check_key(config: AgentConfig) -> Finding:
    try:
        key = load_key(config.private_dir)
    except IdentityError as error:
        return Finding("key", PROBLEM, str(error), "see above" if "chmod" in str(error) else
                       "run this as root or as the agent's user; without a key: dvic-agent enroll")
    path = config.private_dir / "node.key"
    if path.stat().st_uid != config.private_dir.stat().st_uid:
        return Finding("key", PROBLEM, f"{path} belongs to another user than its folder",
                       f"chown --reference={config.private_dir} {path}")
    return Finding("key", OK, f"this node is {key.public.node_id}")


def check_pin(config: AgentConfig) -> tuple[Finding, PinnedHub | None]:
    try:
        hub = load_hub(config.config_dir)
    except IdentityError as error:
        return Finding("hub.json", PROBLEM, str(error), "dvic-agent enroll --token-file FILE"), None
    return Finding("hub.json", OK, f"enrolled at {hub.url} as {hub.name}, hub key {hub.fingerprint}"), hub


async def check_hub(config: AgentConfig, hub: PinnedHub) -> list[Finding]:
    """Whether the hub is there, whether it is the pinned one, and how far apart the clocks are."""
    url = f"{hub.url.rstrip('/')}/api/v1/hub-key"
    try:
        answer = await ask("GET", url, ca_file=config.ca_file)
    except (NetworkError, AgentError) as error:
        return [Finding("hub", PROBLEM, str(error), "is the hub running, and is no firewall or wrong address in "
                                                    "between? Try: curl -v " + url)]
    return [Finding("hub", OK, f"{hub.url} answers"), _compare_keys(answer.body, hub),
            compare_clocks(answer.time, time.time())]


def _compare_keys(body: dict, hub: PinnedHub) -> Finding:
    try:
        shown = PublicKey.from_jwk(body.get("jwk")).fingerprint
    except MalformedMessage:
        return Finding("fingerprint", PROBLEM, f"what answers at {hub.url} shows no hub key",
                       "is another server at this address, or a proxy that does not pass /api/v1/ on?")
    if shown != hub.fingerprint:
        return Finding("fingerprint", PROBLEM, f"the hub shows the key {shown}, but {hub.fingerprint} was pinned",
                       "was the hub set up anew? Then enroll again with a new token and --replace. If not, someone "
                       "stands in between: the agent will not talk to it")
    return Finding("fingerprint", OK, "the hub shows the pinned key")


def compare_clocks(theirs: float | None, ours: float) -> Finding:
    """The hub's time as HTTP tells it, against ours, both in Unix seconds."""
    if theirs is None:
        return Finding("clock", WARNING, "the hub did not tell its time", "compare the clocks yourself: date -u")
    ahead = ours - theirs
    if abs(ahead) > CLOCK_LEEWAY:
        where = "ahead of" if ahead > 0 else "behind"
        return Finding("clock", PROBLEM, f"this machine's clock is {abs(ahead):.0f} s {where} the hub's: commands are "
                                         "refused and log times are wrong",
                       "timedatectl set-ntp true (on the machine that is wrong)")
    return Finding("clock", OK, "the clocks agree within a minute")


def check_journal(config: AgentConfig, folders: tuple[Path, ...] = JOURNAL_FOLDERS) -> list[Finding]:
    if not config.journal:
        return []
    if config.journal_folder is not None:
        readable = os.access(config.journal_folder, os.R_OK | os.X_OK)
        return [Finding("journal", OK if readable else PROBLEM, f"journal files in {config.journal_folder}",
                        "" if readable else "the agent must be able to read that folder")]
    if not any(any(folder.glob("*/*.journal")) for folder in folders):
        return [Finding("journal", WARNING, "there is no journal on this machine",
                        "nothing to do where systemd-journald does not run; journal.enabled = false silences this")]
    uid = _agent_uid(config)
    if uid == 0 or _groups(uid) & set(JOURNAL_GROUPS):
        return [Finding("journal", OK, "the agent may read the journal")]
    user = _user(uid)
    return [Finding("journal", PROBLEM, f"the agent's user {user} may not read the system's journal",
                    f"usermod -aG {JOURNAL_GROUPS[0]} {user} && systemctl restart dvic-agent")]


def check_log_folders(config: AgentConfig) -> list[Finding]:
    if not config.log_files:
        return []
    missing = [folder for folder in config.log_folders if not os.access(folder, os.R_OK | os.X_OK)]
    if missing:
        return [Finding("log files", PROBLEM, f"can't look into {', '.join(map(str, missing))}",
                        "create the folder, or correct log_files.folders in agent.toml")]
    return [Finding("log files", OK, f"{config.log_pattern} in {', '.join(map(str, config.log_folders))}")]


def check_disk(config: AgentConfig) -> Finding:
    try:
        free = shutil.disk_usage(config.private_dir).free
        writable = os.geteuid() == 0 or os.access(config.private_dir, os.W_OK)
    except OSError as error:
        return Finding("disk", PROBLEM, f"{config.private_dir} can't be used: {error.strerror}",
                       "dvic-agent enroll makes it; run the doctor as root or as the agent's user")
    if not writable:
        return Finding("disk", PROBLEM, f"{config.private_dir} is not writable", "it must belong to the agent's user")
    if free < LOW_DISK:
        return Finding("disk", PROBLEM, f"only {free // 1024**2} MiB are free for {config.private_dir}",
                       "make room: without it samples get lost while the hub is away")
    return Finding("disk", OK, f"{free // 1024**2} MiB are free for {config.private_dir}")


async def check_executor(config: AgentConfig) -> Finding:
    try:
        answer = await ExecutorClient(config.executor_socket, answer_seconds=5).ping()
    except ExecutorError as error:
        return Finding("executor", WARNING, str(error),
                       "systemctl enable --now dvic-executor.socket; without it this machine only reports, "
                       "and runs no commands")
    return Finding("executor", OK, f"the executor answers (backend {answer.get('backend', '?')})")


async def check_update(config: AgentConfig) -> list[Finding]:
    """Whether an update of this machine is under way, and whether somebody is at work on it."""
    update = await ExecutorClient(config.executor_socket, answer_seconds=5).update_under_way()
    if update is None:
        return []
    run, begun = update.get("run"), time.strftime("%Y-%m-%d %H:%M", time.localtime(update.get("begun", 0)))
    text = f"from {update.get('previous')} to {update.get('version')}, begun {begun}, {update.get('phase')}"
    if update.get("carried"):
        return [Finding("update", OK, f"an update is under way: {text}")]
    return [Finding("update", PROBLEM, f"an update is stuck, nobody is at work on it: {text}",
                    f"systemctl start dvic-update-resume; journalctl -u dvic-run-{run} says why it stopped")]


def check_engines(config: AgentConfig) -> list[Finding]:
    """Whether the engines' sockets can be asked: by the running agent's word, as a drop-in may give it a group that its
    user has not."""
    if not config.container_sockets:
        return []
    try:
        notes = ask_status(config.private_dir).get("notes", [])
    except AgentError as error:
        return [Finding("engines", WARNING, f"nobody can say whether containers' engines can be asked: {error}",
                        "start the agent, then run the doctor again")]
    troubles = [str(note) for note in notes if str(note).startswith(TROUBLE)]
    if not troubles:
        return [Finding("engines", OK, f"asked at {', '.join(map(str, config.container_sockets))}")]
    return [Finding("engines", PROBLEM, "; ".join(troubles),
                    "correct containers.sockets in agent.toml; where it is permission: systemctl edit dvic-agent, "
                    "below [Service]: SupplementaryGroups=docker, then systemctl restart dvic-agent")]


def check_running(config: AgentConfig) -> Finding:
    try:
        connection = ask_status(config.private_dir)["connection"]
        state, reason = connection["state"], connection["reason"]
    except (AgentError, KeyError, TypeError) as error:
        return Finding("agent", WARNING, str(error), "systemctl status dvic-agent says why")
    if state == "connected":
        return Finding("agent", OK, f"running, connected to {reason}")
    return Finding("agent", PROBLEM, f"running, {state}: {reason}", "what stands above usually says why")


def _agent_uid(config: AgentConfig) -> int:
    """Whoever owns the private folder is who the agent runs as."""
    try:
        return config.private_dir.stat().st_uid
    except OSError:
        return os.geteuid()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _groups(uid: int) -> set[str]:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return set()
    return {_group_name(gid) for gid in os.getgrouplist(entry.pw_name, entry.pw_gid)}


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
