"""hubctl run"""

import asyncio
import math
import re
import secrets
import sys
import time
from pathlib import Path

import click

from dvic_wire.errors import WireError
from dvic_wire.limits import MAX_SIGNED_BYTES
from dvic_wire.runs import RunSpec
from hubctl.client import Client
from hubctl.errors import OK, Refused, Usage
from hubctl.options import Desk, NodeSelector, Pair, Size, Span, output_option
from hubctl.output import JSON, JSONL, TABLE, YAML, say, show_value

BATCH = re.compile(r"[1-9]\d*\Z|([1-9]\d?|100)%\Z")
SIGNATURE_TTL = 3600
"""Seconds that an operator's signature is good for, at least; longer where the run may wait for nodes."""


@click.command()
@click.argument("selector", type=NodeSelector())
@click.argument("argv", nargs=-1, metavar="[-- COMMAND [ARGUMENT]...]")
@click.option("--shell", metavar="TEXT", help="Run this by /bin/sh -c.")
@click.option("--script", metavar="FILE", help="Run this file, by its #! line; the command is its arguments.")
@click.option("--timeout", type=Span(), default="5m", show_default=True, help="End it after this long.")
@click.option("--as", "user", metavar="USER", default="", help="As which user; else as the machine's policy says.")
@click.option("--cwd", metavar="DIR", default="", help="In which directory.")
@click.option("--env", type=Pair(), multiple=True, metavar="KEY=VALUE", help="Set in its environment.")
@click.option("--stdin-file", metavar="FILE", help="Give it this text as standard input (-: ours).")
@click.option("--memory", type=Size(), default=0, metavar="SIZE", help="At most this memory: 512M, 2G.")
@click.option("--cpu", type=click.IntRange(1), default=None, metavar="PERCENT", help="At most so much of a core.")
@click.option("--max-output", type=Size(), default="10M", show_default=True, metavar="SIZE", help="Keep so much of it.")
@click.option("--batch", metavar="N|P%", default="", help="So many nodes at a time; each end admits the next.")
@click.option("--max-failures", type=click.IntRange(0), metavar="N", help="Start no more once more than N ended badly.")
@click.option("--queue", type=Span(), default=0, metavar="SPAN", help="Wait this long for nodes that are offline.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the audit log.")
@click.option("--sign-with", metavar="KEYFILE", help="Sign with your own key too, for machines that ask for it.")
@click.option("--detach", is_flag=True, help="Don't wait: print the run's id.")
@click.option("--bare", is_flag=True, help="Output without nodes' names; unchanged if not to a terminal.")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def command(desk: Desk, selector: str, argv: tuple[str, ...], form: str, detach: bool, bare: bool,
            sign_with: str | None, **given) -> int:
    """Run a command on nodes, show what it says, wait for its end.

    The command is started as it is, without a shell; --shell is for pipes and the like. Ctrl-C cancels it everywhere.

    \b
    Examples:
      hubctl run web-1 -- systemctl status nginx
      hubctl run all --batch 25% --max-failures 2 -- apt-get -y upgrade
      hubctl run 'tag:room=lab' --shell 'df -h / | tail -1'
      hubctl run 'os:debian*' --script check.sh --as nobody -- --verbose
      hubctl run all --queue 24h --detach -- reboot

    \b
    Exit codes: 0 all well, 1 some run failed, 2 usage, 3 hub not reachable, 4 refused.
    """
    spec = make_spec(argv, **{key: given[key] for key in (
        "shell", "script", "user", "cwd", "env", "stdin_file", "timeout", "memory", "cpu", "max_output")})
    if given["batch"] and not BATCH.match(given["batch"]):
        raise Usage(f"--batch {given['batch']}: is no number of nodes", "write --batch 10 or --batch 25%")
    client = desk.client()
    order = {"selector": selector, **spec.to_json(), "batch": given["batch"], "queue": given["queue"],
             "reason": given["reason"]}
    if given["max_failures"] is not None:
        order["max_failures"] = given["max_failures"]
    if sign_with:
        order["operator"] = sign(spec, client, selector, Path(sign_with), given["queue"])
    if detach:
        run = client.post("runs", body=order)
        if form == TABLE:
            number = len(run.get("nodes") or [])
            say(f"Started on {number} node{'s' * (number != 1)}. Next: hubctl runs show {run['id']}")
            click.echo(run["id"])
        else:
            show_value(run, form)
        return OK
    from hubctl.run_session import carry_out  # noqa: PLC0415 (aiohttp takes 180 ms)

    return asyncio.run(carry_out(client, order, form, bare))


def make_spec(argv: tuple[str, ...], *, shell: str | None, script: str | None, user: str, cwd: str, env: tuple,
              stdin_file: str | None, timeout: int, memory: int, cpu: int | None, max_output: int) -> RunSpec:
    """What is to be run, checked; raises Usage."""
    if shell is not None and (argv or script):
        raise Usage("--shell goes without a command and without --script", "put everything into --shell 'TEXT'")
    if not (argv or shell or script):
        raise Usage("there is nothing to run", "put the command behind --, or say --shell 'TEXT' or --script FILE")
    try:
        text = _text_of(script) if script else ""
        stdin = _text_of(stdin_file) if stdin_file else ""
        spec = RunSpec(argv=("/bin/sh", "-c", shell) if shell is not None else argv, script=text, user=user, cwd=cwd,
                       env=env, stdin=stdin, timeout=timeout, memory=memory, cpu=cpu or 0, output=max_output)
        RunSpec.from_json(spec.to_json())
    except WireError as error:
        raise Usage(str(error), "see hubctl run --help") from None
    size = len(str(spec.to_json()).encode("utf-8", "replace"))
    if size * 4 / 3 > MAX_SIGNED_BYTES * 0.95:
        raise Usage(f"command, script and standard input have {size} bytes together; a run can carry about "
                    f"{MAX_SIGNED_BYTES * 7 // 10}", "let the command fetch what is large by itself")
    return spec


def _text_of(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        text = data.decode()
    except OSError as error:
        raise Usage(f"{path} can't be read: {error.strerror}", "") from None
    except UnicodeDecodeError:
        raise Usage(f"{path} is not UTF-8 text", "a run carries only text") from None
    if not text:
        raise Usage(f"{path} is empty", "")
    return text


def sign(spec: RunSpec, client: Client, selector: str, key_file: Path, queue: int) -> str:
    """The operator's own signature, for exactly these nodes and this spec; raises Usage or Refused."""
    from dvic_wire import signing  # noqa: PLC0415 (cryptography takes 60 ms)

    try:
        key = signing.PrivateKey.load(key_file)
    except (OSError, WireError) as error:
        raise Usage(f"the key {key_file} can't be used: {error}", "give an unencrypted Ed25519 key in PEM") from None
    nodes = [node["id"] for node in client.items("nodes", selector=selector)]
    if not nodes:
        raise Refused(f"no node is {selector}", "look what there is: hubctl nodes")
    claims = {"aud": nodes, "spec_sha256": spec.digest(), "jti": secrets.token_urlsafe(16)}
    return signing.sign(key, signing.Purpose.OPERATOR, claims, now=math.floor(time.time()),
                        ttl=max(SIGNATURE_TTL, queue + spec.timeout))
