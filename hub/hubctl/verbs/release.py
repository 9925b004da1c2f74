"""hubctl release add | ls | rm, and those of release_keys.py and release_signing.py"""

import time
from pathlib import Path

import click

from hubctl.errors import Usage
from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import Listing, say, show_list
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of
from hubctl.verbs import release_keys, release_signing

MANIFEST_LETTERS = 4096
"""Letters of a manifest's file that are read."""


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("PACKAGE", lambda release: release["package"], least=10),
            Column("VERSION", lambda release: release["version"], least=8),
            Column("ARCHITECTURE", lambda release: release["architecture"]),
            Column("KIB", lambda release: -(-release["size"] // 1024), right=True),
            Column("ADDED", lambda release: ago(moment_of(release.get("added")), now)),
            Column("SIGNED BY", lambda release: release.get("signed_by", "")[:12], least=8),
            Column("FILE", lambda release: release["name"], least=10),
            Column("VALID UNTIL", lambda release: clock(moment_of(release["signed_until"]))
                   if release.get("signed_until") else "", wide=True),
            Column("MINIMUM HUB", lambda release: release.get("minimum_hub"), wide=True),
            Column("SHA256", lambda release: release["sha256"], wide=True),
        ),
        name=lambda release: release["name"],
        empty="The hub serves no packages. To add one: hubctl release add FILE.deb",
    )


@click.group("release", cls=ListingGroup)
def command() -> None:
    """Add, list, sign and remove the packages that the hub serves to machines.

    It serves them as an apt repository that it signs itself; the install script adds that to each machine. An agent's
    package is signed once more, for `hubctl update`: by the hub's own key, or elsewhere (hubctl release sign).

    \b
    Examples:
      hubctl release add dvic-agent_1.2.0_all.deb
      hubctl release ls
      hubctl release keys
    """


command.add_command(release_keys.command)
command.add_command(release_signing.keygen)
command.add_command(release_signing.sign)


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.deb...",
                type=click.Path(path_type=Path))
@click.option("--manifest", metavar="FILE", type=click.Path(path_type=Path),
              help="Its signed manifest, as hubctl release sign wrote it; else the hub signs.")
@click.option("--minimum-hub", metavar="VERSION", default="", help="The oldest hub that this agent can talk to.")
@click.pass_obj
def add(desk: Desk, files: tuple[Path, ...], manifest: Path | None, minimum_hub: str) -> None:
    """Serve Debian packages to machines (admins only: they are installed as root).

    Adding a file again changes nothing, but signs it anew where its manifest counts no longer.

    \b
    Examples:
      hubctl release add dvic-agent_1.2.0_all.deb
      hubctl release add dvic-agent_1.2.0_all.deb --manifest dvic-agent_1.2.0_all.deb.manifest
      hubctl release add build/*.deb
    """
    if manifest is not None and (len(files) > 1 or minimum_hub):
        raise Usage("a manifest is of one package, and says itself which hubs it needs", "add them one by one")
    text = _manifest(manifest) if manifest is not None else ""
    client = desk.client()
    for file in files:
        release = client.upload(file, "releases", manifest=text, minimum_hub=minimum_hub)
        signed = f", signed by {release['signed_by']}" if release.get("signed_by") else ""
        say(f"{release['name']} is served: version {release['version']}, sha256 {release['sha256']}{signed}")


def _manifest(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            text = file.read(MANIFEST_LETTERS).strip()
    except (OSError, ValueError) as error:
        raise Usage(f"{path} can't be read: {error}", "give a file that hubctl release sign wrote") from None
    if text.count(".") != 2:
        raise Usage(f"{path} holds no manifest", "give a file that hubctl release sign wrote")
    return text


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
