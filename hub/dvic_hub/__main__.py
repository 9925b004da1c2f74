"""dvic-hub: serve, set up, back up, restore, check."""

import datetime as dt
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from urllib.parse import urlsplit

import click

from dvic_hub import authority, serving, site, upkeep
from dvic_hub import config as configuration
from dvic_hub.config import HubConfig
from dvic_hub.errors import Conflict, HubError
from dvic_hub.store import sqlite_files

FAULT = 1
"""Exit code when the hub can't do it."""

WRONG_USE = 2
"""Exit code of wrong usage (click's own) and wrong settings: trying again would not help, and systemd does not."""

_config_option = click.option(
    "--config", "file", type=click.Path(path_type=Path, dir_okay=False), envvar="DVIC_HUB_CONFIG", metavar="FILE",
    help=f"Settings; without it {configuration.DEFAULT_FILE}, if there is one.")


def told(command: Callable) -> Callable:
    """Say in one line what went wrong, and end with FAULT."""

    @wraps(command)
    def wrapped(*args: object, **kwargs: object) -> None:
        os.umask(0o077)
        try:
            command(*args, **kwargs)
        except HubError as error:
            click.echo(f"dvic-hub: {error}", err=True)
            sys.exit(WRONG_USE if isinstance(error, configuration.ConfigError) else FAULT)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dvic", prog_name="dvic-hub")
def main() -> None:
    """Keep, show and command the machines of one place.

    \b
    Examples:
      dvic-hub setup --url https://hub.example   once, on a new machine
      dvic-hub serve                             what the service runs
      dvic-hub backup /srv/backup/monday         while it serves
    """


@main.command(short_help="Run the hub.")
@_config_option
@told
def serve(file: Path | None) -> None:
    """Serve agents, people and programs until SIGTERM.

    The first start makes the hub's key, its database and a user admin, whose one-time password is printed once.

    \b
    Examples:
      dvic-hub serve
      dvic-hub serve --config ./hub.toml
    """
    serving.log_to_stderr()
    serving.run(serving.serve(configuration.load(file)))


@main.command(short_help="Prepare a new hub.")
@_config_option
@click.option("--url", metavar="URL", help="The address by which machines and people reach the hub.")
@click.option("--listen", metavar="ADDRESS", help="Where it listens: address:port, or unix:/path.")
@click.option("--state-dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Where it keeps its key and its database.")
@click.option("--certificate", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The certificate (PEM, with its chain) that nginx shows; default: where certbot keeps it.")
@click.option("--certificate-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Its private key.")
@click.option("--ca-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The certificate (PEM) of the authority of your own that signed it; machines get it.")
@click.option("--private-authority", is_flag=True,
              help="Make such an authority, for this hub alone, and let it sign a certificate.")
@click.option("--nginx", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", default=site.NGINX,
              show_default=True, help="nginx's folder of settings: where there is one, an https URL gets a site.")
@click.option("--no-nginx", is_flag=True, help="Write no site.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing; what is not given has its default.")
@click.option("--reset-password", metavar="USER", help="Give this user a new one-time password (the hub is stopped).")
@told
def setup(file: Path | None, url: str | None, listen: str | None, state_dir: Path | None, certificate: Path | None,
          certificate_key: Path | None, ca_file: Path | None, private_authority: bool, nginx: Path, no_nginx: bool,
          non_interactive: bool, reset_password: str | None) -> None:
    """Write hub.toml, make the key, the database and the first admin. What is there already is left alone.

    With an https address it also writes a site for nginx and says what to do for a certificate; run it again when the
    certificate is there.

    \b
    Examples:
      dvic-hub setup
      dvic-hub setup --url https://hub.example --private-authority
      dvic-hub setup --config ./hub.toml --state-dir ./var --url http://10.0.0.5:8420 --listen 0.0.0.0:8420
      dvic-hub setup --reset-password admin
    """
    if private_authority and (certificate or certificate_key or ca_file):
        raise click.UsageError("--private-authority makes certificate, key and authority itself")
    if (certificate is None) != (certificate_key is None):
        raise click.UsageError("--certificate and --certificate-key go together")
    target = file or configuration.DEFAULT_FILE
    held = configuration.load(target) if target.exists() else None
    if held is not None:
        _must_agree(target, held, url, listen, state_dir)
    config = held or _asked(url, listen, state_dir, non_interactive or not sys.stdin.isatty(),
                            behind_nginx=not no_nginx and nginx.is_dir())
    if private_authority:
        made = _private_authority(config, target.parent / "tls")
        certificate, certificate_key, ca_file = made.certificate, made.key, made.ca
    config = _settle(target, config, held, ca_file)
    next_step = ""
    if not no_nginx and config.url.startswith("https://") and nginx.is_dir():
        next_step = _write_site(config, certificate, certificate_key, nginx)
    serving.log_to_stderr()
    upkeep.work_as_owner(config.state_dir)
    serving.run(_prepare(config, reset_password))
    click.echo(next_step)


def _private_authority(config: HubConfig, folder: Path) -> authority.Files:
    if not config.url.startswith("https://"):
        raise click.UsageError("--private-authority is for an https address: say --url https://...")
    made = authority.prepare(folder.absolute(), urlsplit(config.url).hostname or "", dt.datetime.now(dt.UTC))
    click.echo(f"{made.certificate} and {made.key} are signed by {made.ca}.")
    return made


def _settle(target: Path, config: HubConfig, held: HubConfig | None, ca_file: Path | None) -> HubConfig:
    """Write hub.toml where there is none, or the authority into it where it names none; returns what holds now."""
    wanted = str(ca_file.absolute()) if ca_file else config.ca_file
    if held is not None and held.ca_file and wanted != held.ca_file:
        raise click.UsageError(f"{target} says ca_file = {held.ca_file}, not {wanted}: change it there")
    settled = replace(config, ca_file=wanted)
    settled.ca_text()  # refused now rather than by every machine later
    try:
        if held is None:
            upkeep.write_config(target, settled)
            click.echo(f"{target} is written.")
        elif wanted != held.ca_file:
            upkeep.add_ca_file(target, wanted)
            click.echo(f"{target} is there already; ca_file is added to it.")
        else:
            click.echo(f"{target} is there already and is kept.")
    except OSError as error:
        raise HubError(f"{target} can't be written: {error.strerror}") from error
    return settled


def _write_site(config: HubConfig, certificate: Path | None, key: Path | None, nginx: Path) -> str:
    """Write nginx's site, as root; returns what there is to do then."""
    if certificate is None:
        certificate, key = site.in_use(nginx) or (None, None)
    wanted = site.site_for(config.url, config.listen, certificate and certificate.absolute(), key and key.absolute())
    group = site.let_nginx_in(wanted, config.state_dir)
    if group:
        click.echo(f"{site.NGINX_USER} is now in the group {group}, which lets it reach {wanted.listen}, nothing more.")
    if not config.listen.startswith("unix:") and not config.trusted_proxies:
        click.echo('The hub listens on TCP: in hub.toml say trusted_proxies = ["127.0.0.1"], '
                   "or audit and rate limits see nginx's address for everyone's.")
    try:
        place, with_tls = site.write(wanted, nginx)
    except Conflict as error:
        return f"{error}."
    click.echo(f"{place} is written{'' if with_tls else ', without TLS'}.")
    return site.advice(wanted, with_tls)


def _asked(url: str | None, listen: str | None, state_dir: Path | None, quiet: bool, behind_nginx: bool) -> HubConfig:
    """A first configuration from options, and from a person where one is there."""
    default = HubConfig()
    if url and url.startswith("https://") and behind_nginx:
        listen = listen or f"unix:{site.SOCKET}"
    listen = listen or (default.listen if quiet else click.prompt("Where shall the hub listen", default.listen))
    state_dir = state_dir or default.state_dir
    suggested = HubConfig(listen=listen).url
    url = url or (suggested if quiet else click.prompt("By which address do machines and people reach it", suggested))
    return HubConfig(listen=listen, url=url, state_dir=state_dir)


def _must_agree(file: Path, config: HubConfig, url: str | None, listen: str | None, state_dir: Path | None) -> None:
    for name, given, held in (("url", url and url.rstrip("/"), config.url), ("listen", listen, config.listen),
                              ("state_dir", state_dir and state_dir.absolute(), config.state_dir.absolute())):
        if given is not None and given != held:
            raise click.UsageError(f"{file} says {name} = {held}, not {given}: change it there")


async def _prepare(config: HubConfig, reset_password: str | None) -> None:
    try:
        async with serving.started(config) as (hub, _):
            click.echo(f"The hub's key has the fingerprint {hub.doors.identity.fingerprint}.")
            if await serving.show_first_admin(hub):
                return
            if reset_password:
                await serving.show_new_password(hub, reset_password)
            else:
                click.echo("There are users already; none was made.")
    except Conflict as error:
        if error.code != sqlite_files.IN_USE or reset_password:
            raise
        click.echo("The hub is serving: its key and its users are as they were.")


@main.command(short_help="Copy the hub while it serves.")
@_config_option
@click.argument("target", type=click.Path(path_type=Path))
@told
def backup(file: Path | None, target: Path) -> None:
    """Copy key, database and settings into the new folder TARGET. The hub may serve meanwhile.

    \b
    Examples:
      dvic-hub backup /srv/backup/$(date +%F)
    """
    config = configuration.load(file)
    shows = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if shows:
            click.echo(f"\r{100 * done // max(1, total)} %", nl=False, err=True)

    upkeep.backup(config, file or configuration.DEFAULT_FILE, target, progress)
    if shows:
        click.echo("\r", nl=False, err=True)
    click.echo(f"{target} holds the hub. It holds its key too: keep it as safe as the hub.")


@main.command(short_help="Put a backup in place.")
@_config_option
@click.option("--replace", is_flag=True, help="Move aside what is in the state folder.")
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@told
def restore(file: Path | None, replace: bool, source: Path) -> None:
    """Put the backup SOURCE into the state folder. The hub must be stopped.

    \b
    Examples:
      dvic-hub restore /srv/backup/monday
      dvic-hub restore --replace /srv/backup/monday
    """
    config = configuration.load(file)
    for moved in upkeep.restore(config, source, replace):
        click.echo(f"What was there is now {moved}.")
    click.echo(f"{config.state_dir} holds the hub of {source}: start it with dvic-hub serve.")


@main.command(short_help="Look for what is wrong.")
@_config_option
@click.option("--quick", is_flag=True, help="Do not read every stored block.")
@told
def check(file: Path | None, quick: bool) -> None:
    """Check settings, key, database and disk, and say what to do about each fault. Exit code 1: something is wrong.

    \b
    Examples:
      dvic-hub check
      dvic-hub check --quick --config ./hub.toml
    """
    bad = False
    for finding in upkeep.check(configuration.load(file), not quick):
        bad = bad or finding.good is False
        word = {True: "ok", None: "look", False: "BAD"}[finding.good]
        click.echo(f"{word:5}{finding.what}: {finding.said}" + (f" -> {finding.advice}" if finding.advice else ""))
    if bad:
        sys.exit(FAULT)


@main.command("push-ssh", hidden=True, add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def push_ssh(arguments: tuple[str, ...]) -> None:
    """What the hub starts of itself to enrol a machine by ssh (see dvic_push)."""
    from dvic_push.__main__ import main as push  # noqa: PLC0415 (the hub itself has no use for it)

    sys.exit(push(list(arguments)))


if __name__ == "__main__":
    main()
