"""What the verbs' command lines share: kinds of values, common options, groups, and how a verb gets at its hub."""

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from dvic_wire.errors import WireError
from dvic_wire.selectors import parse

from . import context as contexts
from .errors import HubctlError, PipeClosed, Refused, Usage
from .output import FORMS, TABLE, warn
from .times import parse_moment, parse_span

if TYPE_CHECKING:
    from .client import Client

COMPLETION_SECONDS = 2.0
"""How long the shell waits for names from the hub while someone presses Tab."""

_SIZE = re.compile(r"(\d+)([KMGT]?)(i?B)?\Z", re.IGNORECASE)
_NODE_NAME = re.compile(r"[\w.@-]+\Z")


@dataclass(frozen=True)
class Desk:
    """What every verb is handed: which contexts file, and which context was asked for on the command line."""

    path: Path
    wanted: str = ""

    def known(self) -> contexts.Contexts:
        if not contexts.is_private(self.path):
            warn(f"others can read {self.path}, which holds your sign-in: chmod 600 {self.path}")
        return contexts.load(self.path)

    def context(self) -> contexts.Context:
        """The context to use: --context, DVIC_HUB with DVIC_TOKEN, the current one. Raises NotSignedIn, Usage."""
        given = None if self.wanted else contexts.from_environment(os.environ)
        return given or self.known().choose(self.wanted)

    def client(self, **arguments: float) -> "Client":
        from .client import Client  # noqa: PLC0415 (with TLS 40 ms, which help and version need not wait for)

        return Client(self.context(), **arguments)


class Span(click.ParamType):
    """A span of time on the command line, in whole seconds."""

    name = "span"

    def convert(self, value, param, ctx) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_span(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType):
    """A point in time on the command line, as the hub reads it."""

    name = "time"

    def convert(self, value, param, ctx) -> str:
        try:
            return parse_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType):
    """An amount of memory on the command line, in bytes; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value, param, ctx) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.match(value.strip())
        if not found:
            self.fail(f"{value!r} is no size: write 512M or 2G", param, ctx)
        return int(found.group(1)) << 10 * " KMGT".index(found.group(2).upper() or " ")


class Pair(click.ParamType):
    """KEY=VALUE."""

    name = "key=value"

    def convert(self, value, param, ctx) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        return key, text


class NodeSelector(click.ParamType):
    """A selector, checked before anything is sent; Tab completes nodes' names."""

    name = "selector"

    def convert(self, value, param, ctx) -> str:
        try:
            parse(value)
        except WireError as error:
            self.fail(f"{error} (examples, in quotes: all, 'web-*', 'tag:room=lab and not state:silent')", param, ctx)
        return value

    def shell_complete(self, ctx, param, incomplete) -> list[CompletionItem]:
        return [CompletionItem(name) for name in ["all", *_names(ctx)] if name.startswith(incomplete)]


class NodeName(click.ParamType):
    """One node by its name or id; Tab completes nodes' names."""

    name = "node"

    def shell_complete(self, ctx, param, incomplete) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _names(ctx) if name.startswith(incomplete)]


def _names(ctx: click.Context) -> Iterable[str]:
    """Names that can go on a command line unquoted; a shell must never be handed anything else from the network."""
    desk = ctx.find_object(Desk) or Desk(contexts.config_path(os.environ))
    try:
        nodes = desk.client(timeout=COMPLETION_SECONDS).items("nodes")
        return [str(node.get("name")) for node in nodes if _NODE_NAME.match(str(node.get("name")))]
    except HubctlError:
        return []


def output_option(*forms: str) -> Callable:
    """-o, with the forms that make sense for this verb."""
    return click.option("-o", "--output", "form", type=click.Choice(forms or FORMS), default=TABLE,
                        show_default=True, help="How to show it.")


yes_option = click.option("--yes", is_flag=True, help="Don't ask.")


def confirm(question: str, yes: bool) -> None:
    """Go on only with a yes, from --yes or from the person. Raises Usage where nobody can be asked, Refused on no."""
    if yes:
        return
    if not click.get_text_stream("stdin").isatty():
        raise Usage(f"{question} Nobody is there to answer", "say --yes")
    if not click.confirm(question, err=True):
        raise Refused("nothing was changed")


def secret_from(path: str, what: str) -> str:
    """The first line of a file ("-": standard input); raises Usage where there is none."""
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text = file.readline(10_000).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise Usage(f"the {what} can't be read from {path}: {error}", "") from None
    if not text:
        raise Usage(f"{path} holds no {what}", f"put the {what} on its first line")
    return text


def ask_secret(prompt: str, flag: str, twice: bool = False) -> str:
    """Ask at the terminal without showing it; raises Usage where nobody is there."""
    if not click.get_text_stream("stdin").isatty():
        raise Usage(f"nobody is there to be asked: {prompt}", f"say {flag} FILE (- for standard input)")
    return click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)


class ListingGroup(click.Group):
    """A group that lists when it is told nothing else: `hubctl runs` is `hubctl runs ls`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["ls", *args]
        return super().parse_args(ctx, args)


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are used. `verbs`: name to (module, one line of help)."""

    def __init__(self, *args, verbs: dict[str, tuple[str, str]], **options):
        super().__init__(*args, **options)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.verbs:
            return None
        return import_module(self.verbs[name][0]).command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """A mistyped verb is told with the one that was probably meant."""
        if args and args[0] not in self.verbs and not args[0].startswith("-"):
            close = get_close_matches(args[0], self.verbs, 2)
            ctx.fail(f"there is no verb {args[0]!r}" + (f": did you mean {' or '.join(close)}?" if close else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """As always, but click's own way with a closed pipe (exit code 1, "some run failed" here) is not taken."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            raise PipeClosed("the output's reader is gone") from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])
