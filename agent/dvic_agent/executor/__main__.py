"""dvic-executor: the root side of DVIC on one machine.

    dvic-executor                    answer one request on file descriptor 0 (systemd: Accept=yes)
    dvic-executor --listen PATH      answer requests on a Unix socket until SIGTERM (machines without systemd)
    dvic-executor sweep              at boot: end runs that the machine's last stop left open, drop old ones
    dvic-executor leave              forget the hub without asking it, end its runs (dvic-agent leave --force)
    dvic-executor record-end ID      what ExecStopPost of a run's unit calls
    dvic-executor record ID          what a run's unit executes

An update of this machine's own package is a run as well. What carries it is a copy of this program in
/var/lib/dvic-agent/executor/update, which goes on after a power cut (dvic-update-resume.service).
"""

import argparse
import grp
import os
import socket
import sys
import time
from pathlib import Path

from .backend import Backend, write_end
from .children import ChildrenBackend
from .ending import OUT_OF_MEMORY, TIMEOUT, UNKNOWN
from .errors import ExecutorError
from .recording import record
from .rundir import StateDir, check_run_id
from .tree import in_own_cgroup, memory_is_limited
from .units import UnitsBackend, systemd_is_here, unit_name
from .update.folder import goes_on

CONFIG_DIR = "/etc/dvic-agent"
STATE_DIR = "/var/lib/dvic-agent"
GROUP = "dvic-agent"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dvic-executor", formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description=__doc__)
    top.add_argument("--config-dir", type=Path, default=Path(CONFIG_DIR), help=f"hub.json, policy.toml [{CONFIG_DIR}]")
    top.add_argument("--state-dir", type=Path, default=Path(STATE_DIR), help=f"runs, replay list [{STATE_DIR}]")
    top.add_argument("--group", default="", help=f"who may read output and connect [{GROUP}, or our own group]")
    top.add_argument("--backend", choices=("auto", "systemd", "children"), default="auto",
                     help="how runs are carried [auto: systemd where it is pid 1 and we are root]")
    top.add_argument("--listen", type=Path, metavar="PATH", help="serve requests on this Unix socket")
    top.add_argument("--end-runs", action="store_true", help="with --listen: at SIGTERM end every run as well")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    verbs.add_parser("sweep", help="end runs that nobody carries, drop old ones")
    leaving = verbs.add_parser("leave", help="forget the hub, end what it started")
    leaving.add_argument("--by", default="root on this machine", help="who says so, for the note that is kept")
    leaving.add_argument("--reason", default="", help="why, for the same note")
    for name, purpose in (("record", "carry a run (inside its unit)"), ("record-end", "write a run's end")):
        verbs.add_parser(name, help=purpose).add_argument("run", metavar="ID")
    return top


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    os.umask(0o077)
    try:
        # Inside a run's unit, who may read is as the executor left it: -1 changes nothing.
        group = -1 if arguments.verb in ("record", "record-end") else find_group(arguments.group)
        state = StateDir(arguments.state_dir.absolute(), group)
        backend = find_backend(arguments.backend, state.path)
        if arguments.verb == "record":
            return carry(state, arguments.run)
        if arguments.verb == "record-end":
            return record_end(state, arguments.run)
        from .leaving import forget  # noqa: PLC0415 (cryptography, which the verbs above lack)
        from .listen import Listener, answer_one, sweep_all  # noqa: PLC0415 (it needs cryptography too)

        if arguments.verb == "leave":
            forget(arguments.config_dir, state, backend, arguments.by, arguments.reason, time.time())
            return 0
        if arguments.verb == "sweep":
            return sweep_all(state, backend, arguments.config_dir)
        if arguments.listen:
            return Listener(arguments.listen, arguments.config_dir, state, backend).run(arguments.end_runs)
        with socket.socket(fileno=0) as connection:
            answer_one(connection, arguments.config_dir, state, backend)
    except (ExecutorError, OSError) as error:
        print(f"dvic-executor: {error}", file=sys.stderr)
        return 1
    return 0


def find_group(name: str) -> int:
    """The gid that may read output and connect; raises ExecutorError when `name` was given and does not exist."""
    try:
        return grp.getgrnam(name or GROUP).gr_gid if name or os.geteuid() == 0 else os.getegid()
    except KeyError:
        if name:
            raise ExecutorError(f"there is no group {name} on this machine") from None
        return os.getegid()


def find_backend(name: str, state: Path) -> Backend:
    if name == "systemd" or name == "auto" and systemd_is_here():
        return UnitsBackend(state)
    return ChildrenBackend()


def carry(state: StateDir, run: str) -> int:
    """`record`: the main process of a run's unit."""
    with state.opened(check_run_id(run)) as found:
        if found is None:
            raise ExecutorError(f"there is no run {run}")
        found.hold()
        # A kernel without the memory controller (the default on many small boards) ignores a unit's MemoryMax.
        record(found, limit_memory=not memory_is_limited(), others=lambda: in_own_cgroup(unit_name(run)))
    return 0


def record_end(state: StateDir, run: str) -> int:
    """`record-end`: systemd tells in the environment how the unit ended (systemd.exec(5), $SERVICE_RESULT)."""
    result = os.environ.get("SERVICE_RESULT", UNKNOWN)
    if result not in (TIMEOUT, OUT_OF_MEMORY, UNKNOWN):
        result = f"{result} {os.environ.get('EXIT_STATUS', '')}".strip()
    with state.opened(check_run_id(run)) as found:
        if found is not None and not goes_on(state.path, run):
            write_end(found, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
