"""hubctl node enroll | host-keys | forget-host-key"""

import shlex
from pathlib import Path

import click

from dvic_wire.errors import WireError
from hubctl.errors import OK, Refused, Usage
from hubctl.harmless import one_line
from hubctl.options import Desk, NodeName, Pair, ask_secret, output_option, secret_from
from hubctl.output import JSON, JSONL, TABLE, YAML, Listing, Screen, say, show_list, show_value
from hubctl.tables import Column
from hubctl.times import clock, moment_of

via_option = click.option("--via", type=NodeName(), default="", metavar="NODE",
                          help="The node that opens ssh; without it the hub does.")


@click.command("enroll")
@click.argument("target", metavar="USER@HOST[:PORT]")
@via_option
@click.option("--password-file", metavar="FILE", help="The password, in the first line of a file (-: standard input).")
@click.option("--ask-password", is_flag=True, help="Ask for the password.")
@click.option("--key", "key_file", type=click.Path(dir_okay=False), metavar="FILE",
              help="Sign in with this private key; a password is then sudo's.")
@click.option("--passphrase-file", metavar="FILE", help="The key's passphrase, in the first line of a file.")
@click.option("--name", default="", metavar="NAME", help="What the new node is called; else as its host.")
@click.option("--tag", "tags", type=Pair(), multiple=True, metavar="KEY=VALUE", help="Tag it; repeat for more.")
@click.option("--host-key", default="", metavar="SHA256:...", help="The host key that it must show; then don't ask.")
@click.option("--yes", is_flag=True, help="Don't ask: accept the host key that it shows at the first time.")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def enroll(desk: Desk, target: str, via: str, password_file: str | None, ask_password: bool, key_file: str | None,
           passphrase_file: str | None, name: str, tags: tuple[tuple[str, str], ...], host_key: str, yes: bool,
           form: str) -> int:
    """Enrol another machine by ssh: install the agent there, join the hub, wait until it is online.

    A node that is enrolled already (or the hub) signs in there, as root or as a user who may use sudo. The first time
    the machine's host key is shown; later it must be the same. The password or key is sealed on its way to where ssh is
    opened, and neither stored nor logged anywhere.

    \b
    Examples:
      hubctl node enroll root@10.0.0.7 --ask-password
      hubctl node enroll admin@lab-7 --via lab-1 --key ~/.ssh/id_ed25519
      hubctl node enroll pi@lab-8:2222 --via lab-1 --password-file pass --name lab-8 --tag room=lab
      hubctl node enroll root@lab-9 --key id --host-key SHA256:Zr0...
    """
    from dvic_wire.pushing import Target  # noqa: PLC0415 (cryptography takes 60 ms)
    from hubctl.push_session import PushSession, Wish, check_connection  # noqa: PLC0415

    try:
        where = Target.parse(target)
    except WireError as error:
        raise Usage(f"{target}: {error}", "write USER@HOST or USER@HOST:PORT") from None
    if not (password_file or ask_password or key_file):
        raise Usage("nothing to sign in with", "say --ask-password, --password-file FILE or --key FILE")
    client = desk.client()
    check_connection(client.context.url)
    secret = read_secret(where, password_file, ask_password, key_file, passphrase_file)
    wish = Wish(host_key, yes, command_line(target, via, password_file, ask_password, key_file, passphrase_file, name,
                                            tags))
    push = PushSession(client, where, via, wish, show_line).carry_out(secret, name, dict(tags))
    if form != TABLE:
        show_value({"node": push["node"], "target": push["target"], "via": push["via"], "state": push["state"]}, form)
    else:
        say(f"{where} is online as {push['node']}.")
    return OK


def read_secret(target, password_file: str | None, ask: bool, key_file: str | None, passphrase_file: str | None):
    """The Secret that signs in, from files or from the person; raises Usage."""
    from dvic_wire.pushing import Secret, is_encrypted  # noqa: PLC0415

    if password_file and ask:
        raise Usage("give the password once", "say --password-file FILE or --ask-password")
    if passphrase_file and not key_file:
        raise Usage("--passphrase-file goes with --key", "")
    key = passphrase = ""
    try:
        if key_file:
            key = Path(key_file).expanduser().read_text("ascii")
            if is_encrypted(key):
                passphrase = secret_from(passphrase_file, "passphrase") if passphrase_file else \
                    ask_secret(f"Passphrase of {key_file}", "--passphrase-file")
        password = secret_from(password_file, "password") if password_file else ""
        if ask:
            password = ask_secret(f"Password {'for sudo on' if key else 'of'} {target}", "--password-file")
        secret = Secret(password, key, passphrase)
        secret.encode()
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"the key {key_file} can't be read: {error}", "give a key as ssh-keygen writes it") from None
    except WireError as error:
        raise Usage(f"{error}", "see hubctl node enroll --help") from None
    return secret


def command_line(target: str, via: str, password_file: str | None, ask: bool, key_file: str | None,
                 passphrase_file: str | None, name: str, tags: tuple[tuple[str, str], ...]) -> str:
    """How to begin anew."""
    words = ["hubctl", "node", "enroll", target]
    for option, value in (("--via", via), ("--password-file", password_file), ("--key", key_file),
                          ("--passphrase-file", passphrase_file), ("--name", name)):
        words += [option, value] if value else []
    words += ["--ask-password"] if ask else []
    for key, value in tags:
        words += ["--tag", f"{key}={value}"]
    return shlex.join(words)


def show_line(stream: str, line: str) -> None:
    """A line of what is said there, on stderr: stdout holds the result."""
    screen = Screen.of(click.get_text_stream("stderr"))
    mark = screen.paint("!", "red") if stream == "err" else screen.paint("|", "dim")
    screen.line(f"  {mark} {line}")
    screen.file.flush()


@click.command("host-keys")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def host_keys(desk: Desk, form: str) -> None:
    """List the host keys that were accepted when machines were enrolled by ssh.

    \b
    Examples:
      hubctl node host-keys
    """
    show_list(list(desk.client().items("host-keys")), KEYS, form)


KEYS = Listing(columns=(
    Column("PLACE", lambda one: place_of(one), least=12),
    Column("SEEN FROM", lambda one: one["via"] or "the hub"),
    Column("KIND", lambda one: one["kind"]),
    Column("FINGERPRINT", lambda one: one["fingerprint"], least=50),
    Column("SINCE", lambda one: clock(moment_of(one["since"]))),
    Column("BY", lambda one: one["by"]),
), name=lambda one: place_of(one))


def place_of(one: dict) -> str:
    host = one_line(one["host"])
    host = f"[{host}]" if ":" in host and one["port"] != 22 else host
    return host if one["port"] == 22 else f"{host}:{one['port']}"


@click.command("forget-host-key")
@click.argument("place", metavar="HOST[:PORT]")
@via_option
@click.pass_obj
def forget_host_key(desk: Desk, place: str, via: str) -> None:
    """Forget the host key of a machine, after it was installed anew: the next enrolment there shows it and asks.

    \b
    Examples:
      hubctl node forget-host-key 10.0.0.7
      hubctl node forget-host-key lab-8:2222 --via lab-1
    """
    client = desk.client()
    name = client.get("nodes", via)["name"] if via else ""
    found = [one for one in client.items("host-keys") if place_of(one).lower() == place.lower() and one["via"] == name]
    if not found:
        raise Refused(f"no host key of {place} is remembered as seen from {name or 'the hub'}",
                      "look what there is: hubctl node host-keys")
    client.delete("host-keys", found[0]["id"])
    say(f"Forgot {found[0]['fingerprint']} of {place}.")
