"""hubctl context ls | use | rm"""

import click

from hubctl.client import Client
from hubctl.context import Context, Contexts, save
from hubctl.errors import HubctlError
from hubctl.options import Desk, ListingGroup, output_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column

LOGOUT_SECONDS = 5.0
"""How long to wait for the hub to end a sign-in that is forgotten here anyway."""

LISTING = Listing(
    columns=(Column("", lambda item: "*" if item["current"] else ""),
             Column("NAME", lambda item: item["name"], style=lambda item: "bold" if item["current"] else ""),
             Column("HUB", lambda item: item["url"], least=10),
             Column("USER", lambda item: item["user"]),
             Column("ROLE", lambda item: item["role"]),
             Column("EXPIRES", lambda item: item["expires"] or "never", wide=True)),
    name=lambda item: item["name"],
    fields=("name", "url", "user", "role", "expires", "current"),
    empty="You are not signed in to any hub. Next: hubctl login URL",
)


class ContextName(click.ParamType):
    name = "context"

    def shell_complete(self, ctx, param, incomplete):
        desk = ctx.find_object(Desk)
        names = desk.known().all if desk else {}
        return [click.shell_completion.CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.group("context", cls=ListingGroup)
def command() -> None:
    """Choose between hubs that you are signed in to.

    \b
    Examples:
      hubctl context
      hubctl context use museum
      hubctl --context museum nodes
      hubctl context rm museum
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_contexts(desk: Desk, form: str) -> None:
    """List them; * marks the current one.

    \b
    Examples:
      hubctl context ls
      hubctl context ls -o name
    """
    known = desk.known()
    show_list((_item(known, context) for context in known.all.values()), LISTING, form)


@command.command("use")
@click.argument("name", type=ContextName())
@click.pass_obj
def use_context(desk: Desk, name: str) -> None:
    """Make it the current one.

    \b
    Examples:
      hubctl context use museum
    """
    known = desk.known().using(name)
    save(desk.path, known)
    say(f"Now talking to {known.all[name].url} as {known.all[name].user}.")


@command.command("rm")
@click.argument("name", type=ContextName())
@click.pass_obj
def remove_context(desk: Desk, name: str) -> None:
    """Sign out there and forget it.

    \b
    Examples:
      hubctl context rm museum
    """
    known = desk.known()
    context = known.choose(name)
    if context.kind == "login":
        try:
            Client(context, timeout=LOGOUT_SECONDS).post("logout")
        except HubctlError as error:
            say(f"The hub could not be told ({error}); the sign-in ends there by itself.")
    save(desk.path, known.without(name))
    say(f"Forgot {name}." + (" Next: hubctl context use NAME" if known.current == name and len(known.all) > 1 else ""))


def _item(known: Contexts, context: Context) -> dict:
    return {"name": context.name, "url": context.url, "user": context.user, "role": context.role,
            "expires": context.expires, "current": context.name == known.current}
