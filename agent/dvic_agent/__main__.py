"""dvic-agent: the command line. Verbs: run, enroll, discover, status, doctor."""

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from pathlib import Path

from . import config as configs
from .config import CONFIG_DIR, STATE_DIR, AgentConfig
from .errors import AgentError, ConfigError
from .version import VERSION

EXAMPLES = {
    "run": """examples:
  dvic-agent run                                  what dvic-agent.service starts
  dvic-agent run --config-dir .dvic/agent/etc --state-dir .dvic/agent/var
SIGTERM stops it, SIGHUP makes it read agent.toml again.""",
    "enroll": """examples:
  dvic-agent enroll --token-file /root/token      the token stays out of the list of processes
  hubctl token create -o json | jq -r .token | ssh machine sudo dvic-agent enroll -
  dvic-agent enroll dvic1.eyJ...                  other users of this machine can see it while it runs
  dvic-agent enroll --wait --name lab-7 - <token  keeps trying until the hub is reachable
  dvic-agent enroll --discover - <token           at the address that the token's hub announces on this network""",
    "discover": """examples:
  dvic-agent discover                             hubs that announce themselves on the local network
  dvic-agent discover --seconds 10 --json""",
    "status": """examples:
  sudo dvic-agent status                          connection, node, hub, streams
  sudo dvic-agent status --json | jq .connection""",
    "doctor": """examples:
  sudo dvic-agent doctor                          looks at everything that can be wrong, says what to do
  sudo dvic-agent doctor --json
Exit code: 0 all well (or warnings only), 1 something needs to be done.""",
}


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0, 1, or the error's (see errors.py)."""
    arguments = parser().parse_args(argv)
    config_dir = Path(getattr(arguments, "config_dir", CONFIG_DIR))  # absent unless given, before or behind the verb
    state_dir = Path(getattr(arguments, "state_dir", STATE_DIR))
    try:
        return VERBS[arguments.verb](arguments, config_dir.absolute(), state_dir.absolute())
    except AgentError as error:
        print(f"dvic-agent: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    folders = argparse.ArgumentParser(add_help=False)
    folders.add_argument("--config-dir", metavar="DIR", default=argparse.SUPPRESS,
                         help=f"folder of agent.toml and hub.json (default {CONFIG_DIR})")
    folders.add_argument("--state-dir", metavar="DIR", default=argparse.SUPPRESS,
                         help=f"folder of key, rings and runs (default {STATE_DIR})")
    top = argparse.ArgumentParser(prog="dvic-agent", parents=[folders],
                                  description="Reports what this machine does to a DVIC hub.")
    top.add_argument("--version", action="version", version=f"dvic-agent {VERSION}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, parents=[folders], help=help, description=help, epilog=EXAMPLES[name],
                                formatter_class=argparse.RawDescriptionHelpFormatter)

    run = verb("run", "read the sources and report to the hub, until stopped")
    run.add_argument("--verbose", action="store_true", help="log more")
    enroll = verb("enroll", "join a hub with a token that was made there")
    enroll.add_argument("token", nargs="?", help="the token, or - to read it from standard input")
    enroll.add_argument("--token-file", metavar="FILE", help="read the token from a file")
    enroll.add_argument("--name", default="", help="name to ask for (default: this machine's host name)")
    enroll.add_argument("--wait", action="store_true", help="keep trying until the hub is reachable")
    enroll.add_argument("--replace", action="store_true", help="leave the hub that this machine belongs to")
    enroll.add_argument("--new-key", action="store_true",
                        help="join as a new node: after this machine's disk was copied, or its key was revoked")
    enroll.add_argument("--discover", action="store_true",
                        help="look on the local network for the hub that the token names, and no other")
    discover = verb("discover", "list the hubs that announce themselves on the local network")
    for each in (enroll, discover):
        each.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long to listen (default 3)")
    for each in (discover, verb("status", "what the running agent does"),
                 verb("doctor", "check everything that can be wrong and say what to do")):
        each.add_argument("--json", action="store_true", help="for programs")
    return top


def _run(arguments: argparse.Namespace, config_dir: Path, state_dir: Path) -> int:
    from .app import make_sources, serve
    from .machine import machine_facts

    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.INFO, stream=sys.stderr,
                        format="%(levelname)s %(name)s: %(message)s")
    config = configs.load(config_dir, state_dir)
    asyncio.run(serve(config, make_sources, machine_facts))
    return 0


def _enroll(arguments: argparse.Namespace, config_dir: Path, state_dir: Path) -> int:
    from dvic_wire.announcing import candidates
    from dvic_wire.errors import InvalidToken
    from dvic_wire.tokens import EnrolmentToken

    from .enrol import enrol, enrol_found
    from .machine import machine_facts

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="dvic-agent: %(message)s")
    config: AgentConfig = configs.load(config_dir, state_dir)
    try:
        token = EnrolmentToken.decode(_token_text(arguments))
    except InvalidToken as error:
        raise ConfigError(str(error)) from None
    options = {"name": arguments.name or socket.gethostname(), "facts": machine_facts(), "replace": arguments.replace,
               "new_key": arguments.new_key}
    if arguments.discover:
        if arguments.wait:
            raise ConfigError("--wait needs one address to wait for: leave --discover out")
        found = candidates(_found_hubs(arguments.seconds), token.hub, token.url)
        hub = asyncio.run(enrol_found(config, token, found, **options))
    else:
        hub = asyncio.run(enrol(config, token, wait=arguments.wait, **options))
    print(f"enrolled at {hub.url} as {hub.name} ({hub.node})")
    return 0


def _token_text(arguments: argparse.Namespace) -> str:
    if arguments.token_file and arguments.token:
        raise ConfigError("give the token once: by --token-file or as an argument")
    if arguments.token_file:
        try:
            return Path(arguments.token_file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the token can't be read: {error}") from None
    if arguments.token == "-":  # the name for standard input
        return sys.stdin.readline()
    if arguments.token:
        print("dvic-agent: a token given as an argument is visible to other users of this machine; better --token-file "
              "FILE, or - for standard input", file=sys.stderr)
        return arguments.token
    raise ConfigError("a token is needed: --token-file FILE, or - to read it from standard input; make one with: "
                      "hubctl token create")


def _found_hubs(seconds: float) -> list:
    from .discovery import discover

    try:
        return discover(seconds)
    except OSError as error:
        raise AgentError(f"the network can't be searched: {error}") from None
    except ImportError:
        raise AgentError("searching the network needs python3-zeroconf: apt-get install python3-zeroconf") from None


def _discover(arguments: argparse.Namespace, config_dir: Path, state_dir: Path) -> int:
    hubs = _found_hubs(arguments.seconds)
    if arguments.json:
        print(json.dumps([{"name": hub.name, "url": hub.url, "fingerprint": hub.fingerprint} for hub in hubs]))
        return 0
    for hub in hubs:
        print(f"{hub.name}  {hub.url}  {hub.fingerprint}")
    if not hubs:
        print("no hub announces itself here; a hub on another network is joined by its token all the same",
              file=sys.stderr)
    return 0


def _status(arguments: argparse.Namespace, config_dir: Path, state_dir: Path) -> int:
    from .executor_client import ExecutorClient
    from .status import ask_status, show

    config = configs.load(config_dir, state_dir)
    said = ask_status(config.private_dir)
    update = asyncio.run(ExecutorClient(config.executor_socket, answer_seconds=5).update_under_way())
    said |= {"update": update} if update else {}
    print(json.dumps(said) if arguments.json else show(said))
    return 0


def _doctor(arguments: argparse.Namespace, config_dir: Path, state_dir: Path) -> int:
    from .doctor import examine, exit_code

    findings = examine(config_dir, state_dir)
    if arguments.json:
        print(json.dumps([vars(finding) for finding in findings]))
        return exit_code(findings)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for finding in findings:
        mark = {"ok": "32", "warning": "33", "problem": "31"}[finding.state]
        state = f"\x1b[{mark}m{finding.state:8}\x1b[0m" if colour else f"{finding.state:8}"
        print(f"{state} {finding.check}: {finding.text}")
        if finding.remedy:
            print(f"{'':8} -> {finding.remedy}")
    return exit_code(findings)


VERBS = {"run": _run, "enroll": _enroll, "discover": _discover, "status": _status, "doctor": _doctor}

if __name__ == "__main__":
    sys.exit(main())
