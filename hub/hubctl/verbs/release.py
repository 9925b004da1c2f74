"""hubctl release add | ls | rm"""

import time
from pathlib import Path

import click

from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import ago, moment_of


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("PACKAGE", lambda release: release["package"], least=10),
            Column("VERSION", lambda release: release["version"], least=8),
            Column("ARCHITECTURE", lambda release: release["architecture"]),
            Column("KIB", lambda release: -(-release["size"] // 1024), right=True),
            Column("ADDED", lambda release: ago(moment_of(release.get("added")), now)),
            Column("FILE", lambda release: release["name"], least=10),
            Column("SHA256", lambda release: release["sha256"], wide=True),
        ),
        name=lambda release: release["name"],
        empty="The hub serves no packages. To add one: hubctl release add FILE.deb",
    )


@click.group("release", cls=ListingGroup)
def command() -> None:
    """Add, list and remove the packages that the hub serves to machines.

    It serves them as an apt repository that it signs itself; the install script adds that to each machine.

    \b
    Examples:
      hubctl release add dvic-agent_1.2.0_all.deb
      hubctl release ls
    """


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.deb...",
                type=click.Path(path_type=Path))
@click.pass_obj
def add(desk: Desk, files: tuple[Path, ...]) -> None:
    """Serve Debian packages to machines (admins only: they are installed as root).

    \b
    Examples:
      hubctl release add dvic-agent_1.2.0_all.deb
      hubctl release add build/*.deb
    """
    client = desk.client()
    for file in files:
        release = client.upload(file, "releases")
        say(f"{release['name']} is served: version {release['version']}, sha256 {release['sha256']}")


@command.command("ls")
@output_option()
@click.pass_obj
def list_releases(desk: Desk, form: str) -> None:
    """List the packages.

    \b
    Examples:
      hubctl release ls
      hubctl release ls -o json
    """
    show_list(list(desk.client().items("releases")), listing(time.time()), form)


@command.command("rm")
@click.argument("name")
@yes_option
@click.pass_obj
def remove(desk: Desk, name: str, yes: bool) -> None:
    """Serve a package no longer. Machines that have it keep it.

    NAME is the file's, as `hubctl release ls` shows it.

    \b
    Examples:
      hubctl release rm dvic-agent_1.1.0_all.deb
      hubctl release rm dvic-agent_1.1.0_all.deb --yes
    """
    confirm(f"Serve {name} no longer?", yes)
    desk.client().delete("releases", name)
    say(f"{name} is served no longer. Machines that have it keep it.")
