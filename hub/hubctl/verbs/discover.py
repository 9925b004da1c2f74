"""hubctl discover"""

import click

from hubctl.discovery import discover
from hubctl.errors import NotReachable
from hubctl.options import output_option
from hubctl.output import Listing, show_list
from hubctl.tables import Column

LISTING = Listing(
    columns=(
        Column("NAME", lambda hub: hub["name"], least=10),
        Column("URL", lambda hub: hub["url"], least=20),
        Column("KEY", lambda hub: hub["fingerprint"], least=10),
    ),
    name=lambda hub: hub["url"],
    empty="No hub announces itself here (a hub does so with announce = true in its hub.toml).",
)


@click.command("discover")
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=3.0, show_default=True, help="How long to listen.")
@output_option()
def command(seconds: float, form: str) -> None:
    """List the hubs that announce themselves on the local network.

    Anybody can announce anything: compare the key with the one that `dvic-hub setup` shows on the hub's machine.

    \b
    Examples:
      hubctl discover
      hubctl discover --seconds 10 -o json
    """
    try:
        hubs = discover(seconds)
    except OSError as error:
        raise NotReachable(f"the network can't be searched: {error}", "is there a network?") from None
    show_list([{"name": hub.name, "url": hub.url, "fingerprint": hub.fingerprint} for hub in hubs], LISTING, form)
