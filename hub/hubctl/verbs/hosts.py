"""hubctl hosts ls | forget"""

import click

from hubctl.options import Desk, ListingGroup, output_option
from hubctl.output import Listing, say, show_list, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ADDRESS", lambda host: host["address"], least=15, style=lambda host: "bold"),
            Column("STATE", lambda host: f"{host['state']}, unverified", style=lambda host: state_style(host["state"])),
            Column("LAST HEARD", lambda host: ago(moment_of(host["last_heard"]), now)),
            Column("SINCE", lambda host: clock(moment_of(host["first_heard"]))),
            Column("BEATS", lambda host: host["beats"], right=True),
        ),
        name=lambda host: host["address"],
        empty="No host was heard. The hub's settings heartbeat_listen and heartbeat_networks say where it listens and "
              "to whom.",
    )


@click.group("hosts", cls=ListingGroup)
def command() -> None:
    """List hosts that send unsigned heartbeats. Nothing proves who they are; machines and devices are: hubctl nodes

    \b
    Examples:
      hubctl hosts
      hubctl hosts ls -o json
      hubctl hosts forget 10.0.0.7
    """


@command.command("ls")
@output_option()
@click.pass_obj
def ls(desk: Desk, form: str) -> None:
    """List them by address.

    \b
    Examples:
      hubctl hosts ls
      hubctl hosts ls -o json
    """
    client = desk.client()
    hosts = list(client.items("hosts"))
    show_list(hosts, listing(client.hub_now()), form)


@command.command()
@click.argument("address")
@click.pass_obj
def forget(desk: Desk, address: str) -> None:
    """Take a host off the list. One that goes on sending comes back.

    \b
    Examples:
      hubctl hosts forget 10.0.0.7
    """
    desk.client().delete("hosts", address)
    say(f"Forgot {address}.")
