"""hubctl node show | tag | untag | behind | rename | revoke | remove | add; enrolling by ssh is in node_enroll.py"""

import json
import os
import re
from pathlib import Path

import click

from hubctl.errors import Usage
from hubctl.options import Desk, NodeName, Pair, confirm, output_option, yes_option
from hubctl.output import JSON, JSONL, TABLE, YAML, Listing, say, show_details, show_list, show_value, tags_text
from hubctl.plots import size
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span

from .node_enroll import enroll, forget_host_key, host_keys
from .nodes import silenced_text, state_text

_RAW_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z")

node_argument = click.argument("node", type=NodeName())


@click.group("node")
def command() -> None:
    """Look at, tag, rename, revoke, remove, add or enrol one node (by its name or id).

    \b
    Examples:
      hubctl node show web-1
      hubctl node enroll root@10.0.0.7 --via web-1 --ask-password
      hubctl node tag web-1 room=lab owner=anna
      hubctl node rename web-1 web-2
    """


for each in (enroll, host_keys, forget_host_key):
    command.add_command(each)


@command.command()
@node_argument
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def show(desk: Desk, node: str, form: str) -> None:
    """Everything that is known of a node.

    \b
    Examples:
      hubctl node show web-1
      hubctl node show web-1 -o json
    """
    client = desk.client()
    found = client.get("nodes", node)
    if form != TABLE:
        show_value(found, form)
        return
    now = client.hub_now()
    facts = found.get("facts") or {}
    seen = moment_of(found.get("last_seen"))
    show_details([
        ("name", found["name"]), ("id", found["id"]), ("state", state_text(found)),
        ("last seen", f"{clock(seen)} ({ago(seen, now)})" if seen else "never"),
        ("connected", "yes" if found.get("connected") else "no"), ("status", found.get("status")),
        ("conflict", found.get("conflict")), ("silenced", silenced_text(found)), ("tags", tags_text(found)),
        ("address", found.get("address")),
        ("agent", found.get("agent_version")), ("enrolled", clock(moment_of(found.get("enrolled")))),
        ("keepalive", f"every {span(found['period'])}" if found.get("period") else ""),
        ("os", found.get("os")), *sorted((key, value) for key, value in facts.items() if key != "os"),
    ])
    if demos := list(client.items("nodes", found["id"], "demos")):
        click.echo()
        show_list(demos, demo_listing(now), TABLE)
    if containers := list(client.items("nodes", found["id"], "containers")):
        click.echo()
        show_list(containers, container_listing(now), TABLE)
    if files := [one for one in client.items("nodes", found["id"], "streams") if one.get("path")]:
        click.echo()
        show_list(files, FILES, TABLE)


FILES = Listing(columns=(
    Column("LOG FILE", lambda one: one["path"], least=16),
    Column("OWNER", lambda one: one.get("owner")),
    Column("CLAIMS TO BE", lambda one: claim_text(one.get("claims") or {}), least=16),
), name=lambda one: one["path"])


def claim_text(claims: dict) -> str:
    """What a log file's first line says of the program that writes it."""
    said = [str(claims[key]) for key in ("name", "executable") if claims.get(key)]
    return " ".join([*dict.fromkeys(said), *([f"pid {claims['pid']}"] if claims.get("pid") else [])])


def demo_listing(now: float) -> Listing:
    return Listing(columns=(
        Column("PROCESS", lambda demo: demo["name"], least=12),
        Column("STATE", lambda demo: demo["state"], style=lambda demo: "green" if demo["state"] == "alive" else "dim"),
        Column("PID", lambda demo: demo.get("pid"), right=True),
        Column("SINCE", lambda demo: ago(moment_of(demo.get("since")), now) if demo.get("since") else ""),
        Column("CPU", lambda demo: f"{demo['cpu']:.1f}%" if demo.get("cpu") is not None else "", right=True),
        Column("MEMORY", lambda demo: size(demo["memory"]) if demo.get("memory") is not None else "", right=True),
        Column("LOG FILE", lambda demo: demo.get("file"), least=16),
    ), name=lambda demo: demo["name"])


STATE_STYLES = {"running": "green", "restarting": "yellow", "paused": "yellow"}


def container_listing(now: float) -> Listing:
    return Listing(columns=(
        Column("CONTAINER", lambda one: one.get("name") or one["id"][:12], least=12),
        Column("STATE", container_state, style=lambda one: STATE_STYLES.get(one["state"], "dim")),
        Column("SINCE", lambda one: ago(moment_of(one.get("since")), now) if one.get("since") else ""),
        Column("ENGINE", lambda one: one["engine"]),
        Column("IMAGE", lambda one: one.get("image"), least=12),
        Column("UNIT", lambda one: one.get("unit"), least=16),
    ), name=lambda one: one.get("name") or one["id"][:12])


def container_state(one: dict) -> str:
    """With the code that it ended with, where that is known."""
    return one["state"] if one.get("exit_code") is None else f"{one['state']} ({one['exit_code']})"


@command.command()
@node_argument
@click.argument("tags", nargs=-1, required=True, type=Pair(), metavar="KEY=VALUE...")
@click.pass_obj
def tag(desk: Desk, node: str, tags: tuple[tuple[str, str], ...]) -> None:
    """Put tags on a node; a tag that is there gets the new value.

    \b
    Examples:
      hubctl node tag web-1 room=lab
      hubctl node tag web-1 room=lab owner=anna
    """
    found = desk.client().patch("nodes", node, body={"tags": dict(tags)})
    say(f"{found['name']}: {tags_text(found)}")


@command.command()
@node_argument
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.pass_obj
def untag(desk: Desk, node: str, keys: tuple[str, ...]) -> None:
    """Take tags off a node.

    \b
    Examples:
      hubctl node untag web-1 room
    """
    found = desk.client().patch("nodes", node, body={"tags": dict.fromkeys(keys)})
    say(f"{found['name']}: {tags_text(found) or 'no tags'}")


@command.command()
@node_argument
@click.argument("gateway", type=NodeName(), required=False)
@click.option("--nothing", is_flag=True, help="It is reached directly.")
@click.pass_obj
def behind(desk: Desk, node: str, gateway: str | None, nothing: bool) -> None:
    """Say what a node is reached through. While GATEWAY is silent, the node raises no alarm for being silent.

    It is the tag `behind`: hubctl nodes 'tag:behind=gw-3' shows what is behind gw-3. Chains are allowed.

    \b
    Examples:
      hubctl node behind web-1 gw-3
      hubctl node behind web-1 --nothing
    """
    if bool(gateway) == nothing:
        raise Usage("what is it behind?", "name the node that it is reached through, or say --nothing")
    client = desk.client()
    above = client.get("nodes", gateway)["name"] if gateway else None
    found = client.patch("nodes", node, body={"tags": {"behind": above}})
    say(f"{found['name']} is behind {above}." if above else f"{found['name']} is behind nothing.")


@command.command()
@node_argument
@click.argument("name")
@click.pass_obj
def rename(desk: Desk, node: str, name: str) -> None:
    """Give a node another name. Its id, history and tags stay.

    \b
    Examples:
      hubctl node rename web-1 web-old
    """
    found = desk.client().patch("nodes", node, body={"name": name})
    say(f"{node} is now {found['name']}.")


@command.command()
@node_argument
@yes_option
@click.pass_obj
def revoke(desk: Desk, node: str, yes: bool) -> None:
    """Bar a node's key for ever. The node stays in the list, with its history; its machine is told, and keeps the hub.

    \b
    Examples:
      hubctl node revoke web-1
      hubctl node revoke web-1 --yes
    """
    client = desk.client()
    found = client.get("nodes", node)
    confirm(f"Bar the key of {found['name']} ({found['id']}) for ever?", yes)
    client.post("nodes", found["id"], "revoke")
    say(f"Revoked {found['name']}: its key can't connect any more.")


@command.command()
@node_argument
@click.option("--reason", metavar="TEXT", default="", help="Told to the machine, and kept in the audit log.")
@yes_option
@click.pass_obj
def remove(desk: Desk, node: str, reason: str, yes: bool) -> None:
    """Bar a node's key and forget the node. Its machine is told to forget the hub, at once or when it next connects.

    \b
    Examples:
      hubctl node remove web-1
      hubctl node remove web-1 --reason 'went to the museum' --yes
    """
    client = desk.client()
    found = client.get("nodes", node)
    confirm(f"Remove {found['name']} ({found['id']}, {found['state']}) and bar its key?", yes)
    client.delete("nodes", found["id"], reason=reason)
    say(f"Removed {found['name']}; its machine was told." if found.get("connected") else
        f"Removed {found['name']}; its machine is told if it connects again.")


@command.command()
@click.argument("name")
@click.option("--generate-key", "generate", type=click.Choice(["ed25519", "hmac"]), is_flag=False, flag_value="ed25519",
              help="Let the hub make the key, ed25519 if nothing is said; it is shown this once.")
@click.option("--public-key", metavar="FILE", help="The device's public key: a JWK, or its x in base64url.")
@click.option("--key-file", metavar="FILE", help="Write the generated private key there (a new file, 0600) instead.")
@click.option("--tag", "tags", type=Pair(), multiple=True, metavar="KEY=VALUE", help="Tag it; repeat for more.")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def add(desk: Desk, name: str, generate: str | None, public_key: str | None, key_file: str | None,
        tags: tuple[tuple[str, str], ...], form: str) -> None:
    """Add a device that can't enrol by itself. (Machines enrol with a token: hubctl token create.)

    \b
    Examples:
      hubctl node add scale-3 --generate-key ed25519
      hubctl node add esp-1 --generate-key hmac
      hubctl node add scale-3 --generate-key --key-file scale-3.pem --tag room=lab
      hubctl node add scale-3 --public-key scale-3.jwk
    """
    if bool(generate) == bool(public_key):
        raise Usage("a device needs one key", "say --generate-key, or --public-key FILE")
    if key_file and not generate:
        raise Usage("--key-file goes with --generate-key", "")
    if key_file and os.path.lexists(key_file):
        raise Usage(f"{key_file} exists", "name a file that does not exist yet")
    body: dict = {"name": name, "tags": dict(tags), "generate": generate}
    if public_key:
        body = {"name": name, "tags": dict(tags), "jwk": read_public_key(Path(public_key))}
    answer = desk.client().post("nodes", body=body)
    made = "shared_key" if answer.get("shared_key") else "private_key"
    key, kind = answer.get(made, ""), made.replace("_", " ")
    if key and key_file:
        write_private(Path(key_file), key)
        answer = {**answer, made: ""}
    if form != TABLE:
        show_value(answer, form)
        return
    say(f"Added {answer['node']['name']} ({answer['node']['id']}).")
    if key and key_file:
        say(f"Its {kind} is in {key_file}.")
    elif key:
        say(f"Its {kind}, shown this once" + (" and kept nowhere:" if made == "private_key" else ":"))
        click.echo(key.rstrip("\n"))


def read_public_key(path: Path) -> dict:
    """A public key as a JWK; raises Usage where the file holds something else. The hub checks the rest."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Usage(f"{path} can't be read: {error}", "") from None
    if _RAW_KEY.match(text):
        return {"kty": "OKP", "crv": "Ed25519", "x": text}
    try:
        value = json.loads(text)
        if "d" in value:
            raise Usage(f"{path} holds a private key", "give its public part only: kty, crv and x")
        return {part: str(value[part]) for part in ("kty", "crv", "x")}
    except (ValueError, KeyError, TypeError):
        raise Usage(f"{path} holds no public key", "give a JWK (kty OKP, crv Ed25519), or its x in base64url") from None


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner can read, from its first moment. Shows the text where it can't be written: it is
    not to be had again."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        click.echo(text)
        raise Usage(f"{path} can't be written ({error.strerror})", "the key stands above, this once: keep it") from None
