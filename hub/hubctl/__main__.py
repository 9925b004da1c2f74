"""hubctl: see, follow and command the machines of a hub from a terminal."""

import os
import sys

import click

from .context import config_path
from .errors import INTERRUPTED, OK, USAGE, HubctlError, PipeClosed
from .harmless import escape
from .options import Desk, LazyGroup
from .output import Screen

VERBS = {
    "login": ("hubctl.verbs.login", "Sign in to a hub and remember it."),
    "context": ("hubctl.verbs.context", "Choose between hubs that you are signed in to."),
    "status": ("hubctl.verbs.status", "Show how the hub is, and who you are there."),
    "nodes": ("hubctl.verbs.nodes", "List machines and devices."),
    "hosts": ("hubctl.verbs.hosts", "List hosts that send unsigned heartbeats."),
    "node": ("hubctl.verbs.node", "Look at, tag, rename, revoke, remove, add or enrol one node (by its name or id)."),
    "alarms": ("hubctl.verbs.alarms", "Show what is wrong, and say that you take care of it."),
    "rules": ("hubctl.verbs.rules", "Show and change the rules that raise alarms."),
    "channels": ("hubctl.verbs.channels", "By what people are told of alarms: mail, Telegram, webhooks."),
    "routes": ("hubctl.verbs.routes", "Which alarms go to which channels."),
    "windows": ("hubctl.verbs.windows", "Plan maintenance: times in which nobody is to be troubled about nodes."),
    "silences": ("hubctl.verbs.silences", "Let nobody be troubled about nodes for a time."),
    "token": ("hubctl.verbs.token", "Make, list and revoke enrolment tokens: what lets a machine join the hub."),
    "logs": ("hubctl.verbs.logs", "Read logs, or follow them as they are written."),
    "metrics": ("hubctl.verbs.metrics", "Show measurements of machines: the newest, or how they went."),
    "run": ("hubctl.verbs.run", "Run a command on nodes, show what it says, wait for its end."),
    "runs": ("hubctl.verbs.runs", "List, look at and cancel runs."),
    "cp": ("hubctl.verbs.cp", "Copy a file to nodes, or from one."),
    "shell": ("hubctl.verbs.shell", "Open a terminal on a node."),
    "sessions": ("hubctl.verbs.sessions", "List, join, end, replay and export terminals."),
    "service": ("hubctl.verbs.service", "Make, look at, switch and remove monitoring services."),
    "packages": ("hubctl.verbs.packages", "Look at histogram packages, follow, export and remove them."),
    "update": ("hubctl.verbs.update", "Update the agents of nodes, a few at a time, and watch how it goes."),
    "updates": ("hubctl.verbs.updates", "List, look at, halt, resume and cancel updates of agents."),
    "release": ("hubctl.verbs.release", "Add, list, sign and remove the packages that the hub serves to machines."),
    "discover": ("hubctl.verbs.discover", "List the hubs that announce themselves on the local network."),
    "users": ("hubctl.verbs.users", "List, add, change and remove people (admins only)."),
    "api-token": ("hubctl.verbs.api_token", "Make, list and revoke tokens for programs."),
    "audit": ("hubctl.verbs.audit", "Show who did what (admins only), newest first."),
    "completion": ("hubctl.verbs.completion", "Print the completion for a shell."),
}


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 (20 ms that only this option needs)

    click.echo(f"hubctl {version('dvic')}")
    ctx.exit()


@click.command(cls=LazyGroup, verbs=VERBS, context_settings={"max_content_width": 100},
               epilog="Exit codes: 0 all well, 1 some run or update failed, 2 usage, 3 hub not reachable, 4 refused.")
@click.option("--context", "wanted", metavar="NAME", envvar="DVIC_CONTEXT", default="",
              help="Use this context (hubctl context ls) instead of the current one.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Show the version and exit.")
@click.pass_context
def hubctl(ctx: click.Context, wanted: str) -> None:
    """See, follow and command the machines of a hub.

    \b
    Examples:
      hubctl login https://hub.example
      hubctl nodes
      hubctl logs 'tag:room=lab' -f --level warning
      hubctl run all -- uname -a
    """
    ctx.obj = Desk(config_path(os.environ), wanted)


def run(arguments: list[str]) -> int:
    """Carry out one command line; returns the exit code."""
    try:
        code = hubctl.main(arguments, prog_name="hubctl", standalone_mode=False)
        return code if isinstance(code, int) else OK
    except PipeClosed as error:
        # Python must not try to flush what is left into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error.exit_code
    except HubctlError as error:
        _complain(str(error), error.next_step)
        return error.exit_code
    except click.ClickException as error:
        _show_usage(error)
        return USAGE
    except (click.Abort, KeyboardInterrupt) as abort:
        if abort.__cause__ is None:  # otherwise click has ended the line already
            print(file=sys.stderr)
        return INTERRUPTED


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _show_usage(error: click.ClickException) -> None:
    ctx = getattr(error, "ctx", None)
    if ctx is not None:
        print(ctx.get_usage(), file=sys.stderr)
    _complain(error.format_message(), f"{ctx.command_path} --help" if ctx is not None else "")


def _complain(what: str, next_step: str) -> None:
    screen = Screen.of(sys.stderr)
    sys.stdout.flush()
    screen.line(f"{screen.paint('hubctl:', 'bold red')} {escape(what)}")
    if next_step:
        screen.line(f"  {screen.paint('next:', 'bold')} {escape(next_step)}")
    screen.file.flush()


if __name__ == "__main__":
    main()
