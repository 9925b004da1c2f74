"""hubctl shell"""

import asyncio

import click

from hubctl.errors import OK
from hubctl.options import Desk, NodeName


@click.command()
@click.argument("node", type=NodeName())
@click.argument("argv", nargs=-1, metavar="[-- COMMAND [ARGUMENT]...]")
@click.option("--as", "user", metavar="USER", default="", help="As which user; else as the machine's policy says.")
@click.option("--title", metavar="TEXT", default="", help="What others see it as: hubctl sessions.")
@click.option("--record/--no-record", default=None, help="Record it, or not; else as the hub is set.")
@click.option("--detach", is_flag=True, help="Don't go in: print the session's id.")
@click.pass_obj
def command(desk: Desk, node: str, argv: tuple[str, ...], user: str, title: str, record: bool | None,
            detach: bool) -> int:
    """Open a terminal on a node.

    It is the user's login shell, or a command in a terminal. Keys go to the node, all but these at the beginning of a
    line: ~. leaves and ends it, ~d leaves it as it is (others may be in it; you have a minute to come back), ~? lists
    them, ~~ is one ~. A lost connection is made again by itself. Others come in with hubctl sessions join. What is
    shown is recorded unless the hub is set otherwise; what is typed never is.

    The exit code is the command's.

    \b
    Examples:
      hubctl shell web-1
      hubctl shell web-1 --as www-data -- psql shop
      hubctl shell web-1 -- top
      hubctl shell web-1 --title 'Why is it slow?' --detach
    """
    from hubctl.terminal_window import live_in, window_size  # noqa: PLC0415 (aiohttp takes 180 ms)

    client = desk.client()
    cols, rows = window_size() or (80, 24)
    order = {"node": node, "user": user, "argv": list(argv), "cols": cols, "rows": rows, "title": title}
    session = client.post("sessions", body=order if record is None else {**order, "record": record})
    if detach:
        click.echo(session["id"])
        return OK
    return asyncio.run(live_in(client, session["id"], ours=True))
