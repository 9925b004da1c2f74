"""hubctl token create | ls | revoke"""

import time

import click

from hubctl.errors import Refused
from hubctl.options import Desk, ListingGroup, Pair, Span, confirm, output_option, yes_option
from hubctl.output import JSON, JSONL, NAME, TABLE, YAML, Listing, say, show_list, show_value, tags_text
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span

CREATED_FIELDS = ("token", "install_command", "expires")


def state_of(token: dict, now: float) -> str:
    if token.get("revoked"):
        return "revoked"
    if moment_of(token.get("expires")) and moment_of(token["expires"]) <= now * 1e6:
        return "expired"
    return "used up" if token.get("uses") == 0 else "valid"


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda token: token["id"], least=10),
            Column("STATE", lambda token: state_of(token, now),
                   style=lambda token: "green" if state_of(token, now) == "valid" else "dim"),
            Column("USES LEFT", lambda token: "any" if token["uses"] < 0 else token["uses"], right=True),
            Column("EXPIRES", lambda token: clock(moment_of(token["expires"]))),
            Column("BY", lambda token: token.get("created_by"), least=10),
            Column("TAGS", tags_text, least=10),
            Column("NOTE", lambda token: token.get("note"), least=10),
            Column("CREATED", lambda token: ago(moment_of(token.get("created")), now), wide=True),
        ),
        name=lambda token: token["id"],
        empty="There are no enrolment tokens. To make one: hubctl token create",
    )


@click.group("token", cls=ListingGroup)
def command() -> None:
    """Make, list and revoke enrolment tokens: what lets a machine join the hub.

    \b
    Examples:
      hubctl token create
      hubctl token create --ttl 2d --uses 30 --tag room=lab
      hubctl token ls
    """


@command.command()
@click.option("--ttl", type=Span(), default="1h", show_default=True, help="How long it can be used.")
@click.option("--uses", type=click.IntRange(-1), default=1, show_default=True,
              help="How many machines (-1: any number).")
@click.option("--tag", "tags", type=Pair(), multiple=True, metavar="KEY=VALUE",
              help="Put a tag on the machines that use it; repeat for more.")
@click.option("--note", default="", help="What it is for.")
@output_option(TABLE, JSON, JSONL, YAML, NAME)
@click.pass_obj
def create(desk: Desk, ttl: int, uses: int, tags: tuple[tuple[str, str], ...], note: str, form: str) -> None:
    """Make an enrolment token. It is shown this once.

    \b
    Examples:
      hubctl token create
      hubctl token create --ttl 2d --uses 30 --tag room=lab --note "the lab's new PCs"
      hubctl token create -o json
    """
    answer = desk.client().post("tokens", body={"ttl": ttl, "uses": uses, "tags": dict(tags), "note": note})
    if form == NAME:
        click.echo(answer["token"])
    elif form != TABLE:
        show_value({key: answer.get(key) for key in CREATED_FIELDS}, form)
    else:
        machines = "any number of machines" if uses < 0 else "one machine" if uses == 1 else f"{uses} machines"
        say(f"For {machines}, within {span(ttl)} (until {clock(moment_of(answer['expires']))}). Run there, as root:")
        click.echo(answer["install_command"])


@command.command("ls")
@output_option()
@click.pass_obj
def list_tokens(desk: Desk, form: str) -> None:
    """List enrolment tokens (never their secrets).

    \b
    Examples:
      hubctl token ls
      hubctl token ls -o json
    """
    tokens = desk.client().get("tokens").get("items", [])
    show_list(tokens, listing(time.time()), form)


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("id")
@yes_option
@click.pass_obj
def revoke(desk: Desk, id: str, yes: bool) -> None:
    """Make an enrolment token useless. Machines that have used it stay enrolled.

    ID is what `hubctl token ls` shows, or enough of its beginning.

    \b
    Examples:
      hubctl token revoke Wm3x0p
      hubctl token revoke Wm3x0p --yes
    """
    client = desk.client()
    found = [token["id"] for token in client.get("tokens").get("items", []) if token["id"].startswith(id)]
    if len(found) != 1:
        raise Refused(f"{len(found) or 'no'} enrolment tokens begin with {id}", "look: hubctl token ls -o wide")
    confirm(f"Revoke the enrolment token {found[0]}?", yes)
    client.delete("tokens", found[0])
    say("Revoked. Machines that have used it stay enrolled.")
