"""hubctl api-token create | ls | revoke"""

import time

import click

from hubctl.options import Desk, ListingGroup, Span, confirm, output_option, yes_option
from hubctl.output import JSON, JSONL, NAME, TABLE, YAML, Listing, say, show_list, show_value
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of

from .users import ROLES


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda token: token["id"]),
            Column("NOTE", lambda token: token.get("note"), least=10),
            Column("USER", lambda token: token.get("user"), least=10),
            Column("ROLE", lambda token: token.get("role")),
            Column("KIND", lambda token: f"{token.get('kind')}{' (this one)' if token.get('current') else ''}"),
            Column("LAST USED", lambda token: ago(moment_of(token.get("last_used")), now)),
            Column("EXPIRES", lambda token: clock(moment_of(token.get("expires")))),
            Column("CREATED", lambda token: clock(moment_of(token.get("created"))), wide=True),
        ),
        name=lambda token: token["id"],
        empty="There are no tokens. To make one: hubctl api-token create NOTE",
    )


@click.group("api-token", cls=ListingGroup)
def command() -> None:
    """Make, list and revoke tokens for programs.

    \b
    Examples:
      hubctl api-token create "nightly report" --role viewer --ttl 365d
      hubctl api-token ls
    """


@command.command()
@click.argument("note")
@click.option("--role", type=click.Choice(ROLES), help="At most your own, which it is where this is missing.")
@click.option("--ttl", type=Span(), default=0, help="How long it lasts; until it is revoked where this is missing.")
@output_option(TABLE, JSON, JSONL, YAML, NAME)
@click.pass_obj
def create(desk: Desk, note: str, role: str | None, ttl: int, form: str) -> None:
    """Make a token; NOTE says what it is for. It is shown this once.

    \b
    Examples:
      hubctl api-token create "nightly report" --role viewer --ttl 365d
      hubctl api-token create grafana -o json
    """
    answer = desk.client().post("api-tokens", body={"note": note, "role": role or "", "ttl": ttl})
    if form == NAME:
        click.echo(answer["token"])
    elif form != TABLE:
        show_value(answer, form)
    else:
        until = moment_of(answer.get("expires"))
        lasts = f"until {clock(until)}" if until else "until it is revoked"
        say(f"Token {answer['id']} ({answer.get('role')}), {lasts}. "
            "Shown this once; send it as `Authorization: Bearer`, or set DVIC_TOKEN:")
        click.echo(answer["token"])


@command.command("ls")
@output_option()
@click.pass_obj
def list_tokens(desk: Desk, form: str) -> None:
    """List tokens and sign-ins (never their secrets).

    \b
    Examples:
      hubctl api-token ls
    """
    show_list(desk.client().get("api-tokens").get("items", []), listing(time.time()), form)


@command.command()
@click.argument("id")
@yes_option
@click.pass_obj
def revoke(desk: Desk, id: str, yes: bool) -> None:
    """Make a token useless at once.

    \b
    Examples:
      hubctl api-token revoke k3x5a7b2m4q6
    """
    confirm(f"Revoke the token {id}?", yes)
    desk.client().delete("api-tokens", id)
    say("Revoked.")
