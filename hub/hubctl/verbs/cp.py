"""hubctl cp"""

import posixpath
from pathlib import Path
from typing import NamedTuple

import click

from dvic_wire.errors import WireError
from dvic_wire.selectors import parse
from hubctl.errors import OK, SOME_FAILED, Usage
from hubctl.options import Desk, Span, output_option
from hubctl.output import TABLE, say, show_value, warn


class Remote(NamedTuple):
    """A place on machines."""

    selector: str
    path: str


def place(text: str) -> Remote | Path:
    """NODES:PATH when there is a colon before the first slash, as with scp; a file here otherwise. Raises Usage."""
    cut = text.find(":/")
    if cut < 0:
        cut = text.rfind(":", 0, text.find("/") if "/" in text else len(text))
    if cut < 0 or "/" in text[:cut]:
        return Path(text).expanduser()
    selector, path = text[:cut], text[cut + 1:]
    path = "." if path in ("", "~") else path.removeprefix("~/")
    try:
        parse(selector)
    except WireError as error:
        raise Usage(f"{selector}: {error}", "write NODE:PATH, 'SELECTOR:PATH', or ./FILE for a file here") from None
    return Remote(selector, path or ".")


@click.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--as", "user", metavar="USER", default="", help="As which user; else as the machine's policy says.")
@click.option("--keep/--no-keep", default=True, show_default=True,
              help="Keep mode and owner, where the user may and they exist there.")
@click.option("--batch", metavar="N|P%", default="", help="So many nodes at a time [all].")
@click.option("--queue", type=Span(), metavar="SPAN", default=0, help="Wait so long for nodes that are offline.")
@click.option("--timeout", type=Span(), metavar="SPAN", default="6h", show_default=True,
              help="For each node, from its start.")
@click.option("--reason", metavar="TEXT", default="", help="For the audit log.")
@output_option("table", "json", "yaml")
@click.pass_obj
def command(desk: Desk, source: str, target: str, form: str, **given: object) -> int:
    """Copy a file to nodes, or from one.

    One of SOURCE and TARGET is a file here, the other NODE:PATH; as a target also 'SELECTOR:PATH', for many nodes. A
    path that is not absolute counts from the user's home; a target that is a folder gets the file under its own name.
    The file appears under its name when all of it has come and its SHA-256 is right, or not at all. What is lost on
    the way goes on by itself where it stood. Ctrl-C cancels the copy.

    \b
    Examples:
      hubctl cp site.tgz web-1:/tmp/
      hubctl cp nginx.conf 'tag:room=lab:/etc/nginx/nginx.conf' --batch 25%
      hubctl cp notes.txt web-1:notes.txt --as ada
      hubctl cp web-1:/var/log/dpkg.log .

    \b
    Exit codes: 0 all well, 1 some node failed, 2 usage, 3 hub not reachable, 4 refused.
    """
    from_place, to_place = place(source), place(target)
    client = desk.client()
    if isinstance(from_place, Path) and isinstance(to_place, Remote):
        copy = _to_nodes(client, from_place, to_place, given)
    elif isinstance(from_place, Remote) and isinstance(to_place, Path):
        copy = _from_node(client, from_place, to_place, given)
    else:
        raise Usage("one of the two must be a file here and one a file on a node", "write the latter as NODE:PATH")
    from hubctl.copy_session import failures  # noqa: PLC0415 (see below)

    bad = failures(copy)
    for line in bad:
        warn(line)
    if form != TABLE:
        show_value(copy, form)
    elif len(copy["nodes"]) > 1:
        say(f"Copied to {len(copy['nodes']) - len(bad)} of {len(copy['nodes'])} nodes: hubctl runs show {copy['id']}")
    return SOME_FAILED if bad else OK


def _to_nodes(client, source: Path, target: Remote, given: dict) -> dict:
    from hubctl.copy_session import bar, follow, forget, ordered  # noqa: PLC0415 (what other verbs don't need)
    from hubctl.file_parts import bring, hash_of, rights_of  # noqa: PLC0415 (the same)

    size, _ = hash_of(source)
    with bar() as shown:
        shown.begin("to the hub", size)
        kept = bring(client, source, shown.at)
        try:
            rights = rights_of(source) if given["keep"] else {}
            with ordered(client, {**_order(target, given), **rights, "file": kept["id"]}) as copy:
                return follow(client, copy, shown, f"to {target.selector}")
        finally:
            forget(client, kept["id"])


def _from_node(client, source: Remote, target: Path, given: dict) -> dict:
    from hubctl.copy_session import bar, failures, follow, forget, ordered  # noqa: PLC0415 (what other verbs don't need)
    from hubctl.file_parts import fetch  # noqa: PLC0415 (the same)

    name = posixpath.basename(source.path)
    if name in ("", ".", ".."):
        raise Usage(f"{source.path} is no file", "give a file's path; pack a folder first: tar -czf FILE.tgz FOLDER")
    target = target / name if target.is_dir() else target
    with bar() as shown:
        with ordered(client, _order(source, given)) as copy:
            try:
                copy = follow(client, copy, shown, f"from {source.selector}")
                if not failures(copy):
                    shown.begin("from the hub", copy["size"])
                    fetch(client, client.get("files", copy["file"]), target, bool(given["keep"]), shown.at)
            finally:
                forget(client, copy["file"])
    return copy


def _order(where: Remote, given: dict) -> dict:
    return {"selector": where.selector, "path": where.path,
            **{name: given[name] for name in ("user", "batch", "queue", "timeout", "reason")}}
