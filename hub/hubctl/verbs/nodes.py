"""hubctl nodes"""

import click

from hubctl.options import Desk, NodeSelector, output_option
from hubctl.output import Listing, show_list, state_style, tags_text
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of


def listing(now: float) -> Listing:
    """How nodes are listed; `now` (Unix seconds, the hub's) for how long ago each was seen."""
    return Listing(
        columns=(
            Column("NAME", lambda node: node["name"], least=20, style=lambda node: "bold"),
            Column("STATE", state_text,
                   style=lambda node: "red" if node.get("conflict") else state_style(node["state"])),
            Column("LAST SEEN", lambda node: ago(moment_of(node["last_seen"]), now)),
            Column("OS", lambda node: node["os"].replace(" GNU/Linux", ""), least=10),
            Column("TAGS", tags_text, least=10),
            Column("STATUS", lambda node: node.get("conflict") or silenced_text(node) or node.get("status"), least=10),
            Column("ADDRESS", lambda node: node["address"], wide=True),
            Column("AGENT", lambda node: node["agent_version"], wide=True),
            Column("ENROLLED", lambda node: clock(moment_of(node.get("enrolled"))), wide=True),
            Column("ID", lambda node: node["id"], wide=True),
        ),
        name=lambda node: node["name"],
        fields=("id", "name", "state", "last_seen", "tags", "os", "agent_version", "address"),
        empty="No node is there. To enrol one: hubctl token create",
    )


def state_text(node: dict) -> str:
    """The state, and a mark where two agents use one key."""
    return f"{node['state']}, conflict" if node.get("conflict") else node["state"]


def silenced_text(node: dict) -> str:
    """Until when nobody is to be troubled about it, and who said so; empty where nobody did."""
    silence = node.get("silenced")
    return f"silenced until {clock(moment_of(silence['until']))} by {silence['by']}" if silence else ""


@click.command()
@click.argument("selector", type=NodeSelector(), default="all")
@output_option()
@click.pass_obj
def command(desk: Desk, selector: str, form: str) -> None:
    """List machines and devices.

    \b
    SELECTOR names them (all where it is missing):
      all   web-1   'web-*'   id:n-abc...   tag:room=lab   os:'debian*'   state:silent
      not X   X and Y   X or Y   ( X )

    \b
    Examples:
      hubctl nodes
      hubctl nodes 'tag:room=lab and not state:online'
      hubctl nodes state:silent -o name
      hubctl nodes -o json
    """
    client = desk.client()
    nodes = list(client.items("nodes", selector=selector))
    found = listing(client.hub_now())
    if not nodes and selector != "all":
        found = Listing(found.columns, found.name, found.fields, f"No node is {selector}. All of them: hubctl nodes")
    show_list(nodes, found, form)
