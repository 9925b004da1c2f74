"""hubctl users ls | add | role | password | disable | enable | rm"""

import click

from hubctl.options import Desk, ListingGroup, confirm, output_option, secret_from, yes_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import clock, moment_of

ROLES = ("viewer", "operator", "admin")

LISTING = Listing(
    columns=(
        Column("NAME", lambda user: user["name"], least=10, style=lambda user: "bold"),
        Column("ROLE", lambda user: user["role"]),
        Column("STATE", lambda user: "disabled" if user.get("disabled") else
               "must change password" if user.get("must_change") else "active",
               style=lambda user: "dim" if user.get("disabled") else ""),
        Column("CREATED", lambda user: clock(moment_of(user.get("created")))),
    ),
    name=lambda user: user["name"],
    empty="There are no users.",
)

name_argument = click.argument("name")
password_option = click.option("--password-file", metavar="FILE", help="Use this file's first line as the password "
                               "(-: standard input) instead of a one-time one.")


@click.group("users", cls=ListingGroup)
def command() -> None:
    """List, add, change and remove people (admins only).

    \b
    Roles, each including the one before:
      viewer     looks
      operator   runs and cancels commands, tags nodes, makes enrolment tokens
      admin      people, revoking and removing nodes, the audit log

    \b
    Examples:
      hubctl users
      hubctl users add anna --role operator
      hubctl users password anna
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_users(desk: Desk, form: str) -> None:
    """List people.

    \b
    Examples:
      hubctl users ls
      hubctl users ls -o json
    """
    show_list(desk.client().get("users").get("items", []), LISTING, form)


@command.command()
@name_argument
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What they may do.")
@password_option
@click.pass_obj
def add(desk: Desk, name: str, role: str, password_file: str | None) -> None:
    """Add a person. Without --password-file a one-time password is made and shown.

    \b
    Examples:
      hubctl users add anna --role operator
      hubctl users add ci --role viewer --password-file /run/secrets/ci
    """
    body = {"name": name, "role": role}
    if password_file:
        body["password"] = secret_from(password_file, "password")
    answer = desk.client().post("users", body=body)
    say(f"Added {name} ({role}).")
    _show_password(answer, name)


@command.command()
@name_argument
@click.argument("role", type=click.Choice(ROLES))
@click.pass_obj
def role(desk: Desk, name: str, role: str) -> None:
    """Change what a person may do.

    \b
    Examples:
      hubctl users role anna admin
    """
    desk.client().patch("users", name, body={"role": role})
    say(f"{name} is now {role}.")


@command.command()
@name_argument
@password_option
@click.pass_obj
def password(desk: Desk, name: str, password_file: str | None) -> None:
    """Give a person a new password; it ends their sign-ins. Without --password-file a one-time one is made and shown.

    \b
    Examples:
      hubctl users password anna
      hubctl users password anna --password-file -
    """
    new = secret_from(password_file, "password") if password_file else ""
    answer = desk.client().patch("users", name, body={"password": new})
    say(f"{name} has a new password and is signed out everywhere.")
    _show_password(answer, name)


@command.command()
@name_argument
@yes_option
@click.pass_obj
def disable(desk: Desk, name: str, yes: bool) -> None:
    """Lock a person out; `enable` lets them in again.

    \b
    Examples:
      hubctl users disable anna
    """
    confirm(f"Lock {name} out and end their sign-ins?", yes)
    desk.client().patch("users", name, body={"disabled": True})
    say(f"{name} is locked out.")


@command.command()
@name_argument
@click.pass_obj
def enable(desk: Desk, name: str) -> None:
    """Let a person in again.

    \b
    Examples:
      hubctl users enable anna
    """
    desk.client().patch("users", name, body={"disabled": False})
    say(f"{name} can sign in again.")


@command.command()
@name_argument
@yes_option
@click.pass_obj
def rm(desk: Desk, name: str, yes: bool) -> None:
    """Remove a person, their sign-ins and their tokens.

    \b
    Examples:
      hubctl users rm anna
    """
    confirm(f"Remove {name}, with all sign-ins and tokens?", yes)
    desk.client().delete("users", name)
    say(f"Removed {name}.")


def _show_password(answer: dict, name: str) -> None:
    if answer.get("password"):
        say(f"The password of {name}, shown this once and good for one sign-in:")
        click.echo(answer["password"])
