"""hubctl silences ls | add | end"""

import click

from hubctl.errors import Refused
from hubctl.options import Desk, ListingGroup, NodeSelector, Span, output_option
from hubctl.output import JSON, JSONL, NAME, TABLE, YAML, Listing, say, show_list, show_value
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span
from hubctl.update_view import nodes


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda silence: silence["id"]),
            Column("ON", on_text, least=10),
            Column("NODES", lambda silence: silence["nodes"], right=True),
            Column("UNTIL", lambda silence: clock(moment_of(silence["until"]))),
            Column("LEFT", lambda silence: left(silence, now), right=True),
            Column("BY", lambda silence: silence["created_by"], least=10),
            Column("REASON", lambda silence: silence["reason"], least=10),
            Column("CREATED", lambda silence: ago(moment_of(silence["created"]), now), wide=True),
        ),
        name=lambda silence: silence["id"],
        empty="Nothing is silenced. To silence nodes: hubctl silences add 'tag:room=lab' --for 2h",
    )


def on_text(silence: dict) -> str:
    return f"{silence['selector']} (the nodes of then)" if silence["fixed"] else silence["selector"]


def left(silence: dict, now: float) -> str:
    return span(max(0, int(moment_of(silence["until"]) / 1e6 - now)))


@click.group("silences", cls=ListingGroup)
def command() -> None:
    """Let nobody be troubled about nodes for a time.

    They are shown as silenced, with until when and by whom, and not as trouble.

    \b
    Examples:
      hubctl silences
      hubctl silences add 'tag:room=lab' --for 2h --reason "they move the racks"
      hubctl silences end 0mb3
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_silences(desk: Desk, form: str) -> None:
    """List the silences that are on.

    \b
    Examples:
      hubctl silences ls
      hubctl silences ls -o json
    """
    client = desk.client()
    show_list(list(client.items("silences")), listing(client.hub_now()), form)


@command.command()
@click.argument("selector", type=NodeSelector())
@click.option("--for", "seconds", type=Span(), required=True, metavar="SPAN",
              help="How long: 90s, 30m, 2h, 3d. It ends by itself.")
@click.option("--now", "fixed", is_flag=True,
              help="Only the nodes that SELECTOR names now, none that it comes to name later.")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown with the nodes, and kept in the audit log.")
@output_option(TABLE, JSON, JSONL, YAML, NAME)
@click.pass_obj
def add(desk: Desk, selector: str, seconds: int, fixed: bool, reason: str, form: str) -> None:
    """Silence nodes for a time. What they report, and what they are, is shown as ever.

    A selector that looks at states needs --now: what fails later must not be hidden by it.

    \b
    Examples:
      hubctl silences add 'tag:room=lab' --for 2h --reason "they move the racks"
      hubctl silences add state:silent --now --for 3d
      hubctl silences add web-1 --for 30m -o name
    """
    silence = desk.client().post("silences", body={"selector": selector, "seconds": seconds, "fixed": fixed,
                                                   "reason": reason})
    if form == NAME:
        click.echo(silence["id"])
    elif form != TABLE:
        show_value(silence, form)
    else:
        say(f"Silenced: {nodes(silence['nodes'])}, until {clock(moment_of(silence['until']))}. "
            f"To end it before: hubctl silences end {silence['id']}")


@command.command()
@click.argument("id")
@click.pass_obj
def end(desk: Desk, id: str) -> None:
    """End a silence before its time. ID is what `hubctl silences ls` shows, or enough of its beginning.

    \b
    Examples:
      hubctl silences end 0mb3
    """
    client = desk.client()
    if id.startswith("window:"):
        raise Refused("a maintenance window makes this silence", f"remove it: hubctl windows rm {id[7:]}")
    found = [silence["id"] for silence in client.items("silences") if silence["id"].startswith(id)]
    if len(found) != 1:
        raise Refused(f"{len(found) or 'no'} silences begin with {id}", "look: hubctl silences ls")
    client.delete("silences", found[0])
    say("Ended.")
