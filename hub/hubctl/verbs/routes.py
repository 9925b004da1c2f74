"""hubctl routes ls | set | rm"""

import click

from hubctl.options import Desk, ListingGroup, NodeSelector, Span, confirm, output_option, yes_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import span

FIELDS = ("severity", "selector", "services", "rules", "channels", "repeat", "recovery", "on")


def listing() -> Listing:
    return Listing(
        columns=(
            Column("ROUTE", lambda route: route["name"]),
            Column("ON", lambda route: "yes" if route["on"] else "no"),
            Column("FROM", lambda route: route["severity"]),
            Column("NODES", lambda route: route["selector"], least=6),
            Column("SERVICES", lambda route: " ".join(route["services"]) or "any", least=6),
            Column("RULES", lambda route: " ".join(route["rules"]) or "any", least=6),
            Column("CHANNELS", lambda route: " ".join(route["channels"]) or "all", least=8),
            Column("AGAIN", lambda route: span(route["repeat"]) if route["repeat"] else "never", right=True),
            Column("RECOVERY", lambda route: "yes" if route["recovery"] else "no", wide=True),
        ),
        name=lambda route: route["name"],
        empty="No alarm goes anywhere. To change that: hubctl routes set everything --severity warning")


@click.group("routes", cls=ListingGroup)
def command() -> None:
    """Which alarms go to which channels.

    An alarm goes to the channels of all routes that match it, to each once.

    \b
    Examples:
      hubctl routes
      hubctl routes set night --severity critical --channel phone --repeat 30m
      hubctl routes set lab --selector 'tag:room=lab' --channel labmail
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_routes(desk: Desk, form: str) -> None:
    """List the routes.

    \b
    Examples:
      hubctl routes ls
      hubctl routes ls -o json
    """
    show_list(list(desk.client().items("routes")), listing(), form)


@command.command("set")
@click.argument("name")
@click.option("--severity", type=click.Choice(("info", "warning", "critical")), help="From which severity on.")
@click.option("--selector", type=NodeSelector(), help="Only alarms of these nodes.")
@click.option("--service", "services", multiple=True, metavar="GLOB", help="Only alarms of these services.")
@click.option("--rule", "rules", multiple=True, metavar="GLOB", help="Only alarms of these rules.")
@click.option("--channel", "channels", multiple=True, metavar="NAME", help="To these channels instead of all.")
@click.option("--repeat", type=Span(), metavar="SPAN", help="Tell again after so long, until somebody acknowledges.")
@click.option("--no-repeat", is_flag=True, help="Tell once.")
@click.option("--recovery/--no-recovery", default=None, help="Whether the end of an alarm is told.")
@click.option("--on/--off", default=None, help="Whether the route counts.")
@click.pass_obj
def change(desk: Desk, name: str, repeat: int | None, no_repeat: bool, **given: object) -> None:
    """Make a route, or change the one of this name. What is not named stays as it is.

    \b
    Examples:
      hubctl routes set night --severity critical --channel phone --repeat 30m
      hubctl routes set critical --repeat 1h
      hubctl routes set everything --off
    """
    client = desk.client()
    known = next((route for route in client.items("routes") if route["name"] == name), {})
    body = {field: known[field] for field in FIELDS if field in known}
    body |= {field: list(value) if isinstance(value, tuple) else value
             for field, value in given.items() if value not in (None, ())}
    if no_repeat or repeat is not None:
        body["repeat"] = 0 if no_repeat else repeat
    client.put("routes", name, body=body)
    say(f"{name} is {'changed' if known else 'there'}. Look at all: hubctl routes")


@command.command("rm")
@click.argument("name")
@yes_option
@click.pass_obj
def remove(desk: Desk, name: str, yes: bool) -> None:
    """Remove a route.

    \b
    Examples:
      hubctl routes rm night
    """
    confirm(f"Remove the route {name}?", yes)
    desk.client().delete("routes", name)
    say(f"{name} is removed.")
