"""hubctl release keys ls | add | rm | new"""

import re
import time
from pathlib import Path

import click

from hubctl.errors import Refused, Usage
from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import ago, moment_of

PUBLIC_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z")
"""Of Ed25519, in base64url."""


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("ID", lambda key: key["id"][:12]),
            Column("WHO SIGNS", lambda key: "this hub" if key["own"] else "", least=8),
            Column("NOTE", lambda key: key["note"], least=10),
            Column("PACKAGES", lambda key: key["packages"], right=True),
            Column("ADDED", lambda key: ago(moment_of(key["added"]), now)),
            Column("BY", lambda key: key["added_by"], least=8),
            Column("KEY", lambda key: key["x"], wide=True),
            Column("FINGERPRINT", lambda key: key["id"], wide=True),
        ),
        name=lambda key: key["id"],
        empty="No key signs packages yet. The hub makes one with the first agent: hubctl release add FILE.deb",
    )


@click.group("keys", cls=ListingGroup)
def command() -> None:
    """The keys whose signed packages machines install.

    The hub has one of its own, made when it is first needed. Others may lie on machines that are connected to nothing.

    \b
    Examples:
      hubctl release keys
      hubctl release keys new
      hubctl release keys add signing.pub --note 'in the safe'
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_keys(desk: Desk, form: str) -> None:
    """List the keys.

    \b
    Examples:
      hubctl release keys ls
      hubctl release keys ls -o json
    """
    show_list(list(desk.client().items("release-keys")), listing(time.time()), form)


@command.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("public", metavar="KEY")
@click.option("--note", default="", metavar="TEXT", help="Whose it is, and where it lies.")
@click.pass_obj
def add(desk: Desk, public: str, note: str) -> None:
    """Let packages that are signed with another key count too (admins only).

    KEY is the public key that `hubctl release keygen` printed, or a file that holds it.

    \b
    Examples:
      hubctl release keys add signing.pub --note 'in the safe'
      hubctl release keys add 7Qw0cDsv2uSgXhV9yCqFh5bTzK3rM1nE8aYpJ4dLw6I
    """
    key = desk.client().post("release-keys", body={"x": _public(public), "note": note})
    say(f"Packages that {key['id']} has signed count from now on.")


@command.command("rm", context_settings={"ignore_unknown_options": True})
@click.argument("id")
@yes_option
@click.pass_obj
def remove(desk: Desk, id: str, yes: bool) -> None:
    """Let packages that a key has signed count no longer (admins only). The last key stays.

    ID is what `hubctl release keys ls` shows, or enough of its beginning.

    \b
    Examples:
      hubctl release keys rm Wm3x0pQ
      hubctl release keys rm Wm3x0pQ --yes
    """
    client = desk.client()
    found = [key for key in client.items("release-keys") if key["id"].startswith(id)]
    if len(found) != 1:
        raise Refused(f"{len(found) or 'no'} keys begin with {id}", "look: hubctl release keys ls -o wide")
    key = found[0]
    warning = " This hub signs with it: then it signs nothing any more." if key["own"] else ""
    signed = f" {key['packages']} packages are signed with it." if key["packages"] else ""
    confirm(f"Let what {key['id']} has signed count no longer?{signed}{warning}", yes)
    client.delete("release-keys", key["id"])
    say("Removed. Machines refuse it from the next update on.")


@command.command("new")
@yes_option
@click.pass_obj
def new(desk: Desk, yes: bool) -> None:
    """Replace the hub's own key by a new one (admins only). The one before counts until it is removed.

    What the hub had signed is signed anew. Also to be done after the hub was put back from a backup.

    \b
    Examples:
      hubctl release keys new
      hubctl release keys new --yes
    """
    confirm("Make a new key that this hub signs packages with?", yes)
    key = desk.client().post("release-keys", body={"generate": True})
    say(f"The hub signs with {key['id']} now. Remove the one before: hubctl release keys")


def _public(text: str) -> str:
    """The key, or what the file of this name holds; raises Usage."""
    found = text
    try:
        if Path(text).is_file():
            found = Path(text).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise Usage(f"{text} can't be read: {error}", "") from None
    if not PUBLIC_KEY.match(found):
        raise Usage(f"{text} is no public key", "hubctl release keygen FILE prints one, 43 letters long")
    return found
