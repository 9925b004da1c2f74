"""hubctl packages layout get | set | check | reset"""

from pathlib import Path

import click

from hubctl.errors import OK, SOME_FAILED, Usage
from hubctl.harmless import escape
from hubctl.options import Desk
from hubctl.output import say

MAX_FILE = 1024 * 1024
"""Bytes of a layout's file that are read; the hub takes fewer."""


@click.group("layout")
def layout() -> None:
    """Look at, set and check how a package is laid out in the page.

    \b
    Examples:
      hubctl packages layout get readout
      hubctl packages layout set readout layout.xml
    """


@layout.command("get")
@click.argument("package")
@click.pass_obj
def get(desk: Desk, package: str) -> None:
    """Print the layout that is in force; nothing where the page makes one by itself.

    \b
    Examples:
      hubctl packages layout get readout
      hubctl packages layout get readout > layout.xml
    """
    found = desk.client().get("packages", package, "layout")
    if found["problem"]:
        say(f"The program publishes a newer one that can't be used: line {found['line']}: {found['problem']}")
    if not found["text"]:
        say(f"{package} has no layout; the page makes one by itself.")
    click.echo(escape(found["text"]), nl=False)


@layout.command("set")
@click.argument("package")
@click.argument("file", metavar="FILE.xml", type=click.Path(path_type=Path))
@click.pass_obj
def put(desk: Desk, package: str, file: Path) -> None:
    """Make a file the layout, in the place of the one that the program publishes.

    \b
    Examples:
      hubctl packages layout set readout layout.xml
    """
    desk.client().put("packages", package, "layout", body={"text": _text(file)})
    say(f"{package} is laid out by {file}. To go back: hubctl packages layout reset {package}")


@layout.command("check")
@click.argument("package")
@click.argument("file", metavar="FILE.xml", type=click.Path(path_type=Path))
@click.pass_obj
def check(desk: Desk, package: str, file: Path) -> int:
    """Say what is wrong with a layout; nothing changes.

    \b
    Examples:
      hubctl packages layout check readout layout.xml
    """
    found = desk.client().post("packages", package, "layout", "check", body={"text": _text(file)})
    for problem in found["problems"]:
        click.echo(escape(f"{file}:{problem['line']}:{problem['column']}: {problem['reason']}"))
    if found["ok"]:
        say(f"{file} can be used.")
    return OK if found["ok"] else SOME_FAILED


@layout.command("reset")
@click.argument("package")
@click.pass_obj
def reset(desk: Desk, package: str) -> None:
    """Go back to the layout that the program publishes, if it does.

    \b
    Examples:
      hubctl packages layout reset readout
    """
    desk.client().delete("packages", package, "layout")
    say(f"{package} is laid out as its program says.")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise Usage(f"{file} has more than {MAX_FILE} bytes", "a layout is a small file")
        return data.decode("utf-8")
    except OSError as error:
        raise Usage(f"{file} can't be read: {error.strerror}", "give another file") from None
    except UnicodeDecodeError:
        raise Usage(f"{file} is not UTF-8", "save it as UTF-8") from None
