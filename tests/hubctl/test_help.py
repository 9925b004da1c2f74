"""--help of every command: says what it does, has examples, and each example is one that hubctl takes."""

import itertools
import shlex
from importlib import import_module

import click
import pytest

from hubctl.__main__ import VERBS, hubctl


def commands(command=hubctl, path=()):
    """Every command with its path."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name="hubctl")
        for name in command.list_commands(ctx):
            yield from commands(command.get_command(ctx, name), (*path, name))


ALL = list(commands())


def help_of(path):
    try:
        hubctl.make_context("hubctl", [*path, "--help"])
    except click.exceptions.Exit:
        pass
    command = dict(ALL)[path]
    return command.get_help(click.Context(command, info_name=" ".join(("hubctl", *path))))


def examples(text):
    return [line.strip() for line in text.splitlines() if line.startswith("    hubctl ")]


def parse(words):
    """Read a command line as far as hubctl would before it does anything; raises click.UsageError."""
    command, ctx = hubctl, hubctl.make_context("hubctl", list(words))
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        ctx = command.make_context(command.name, rest, parent=ctx)


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_help_has_examples_that_hubctl_takes(path):
    found = examples(help_of(path))
    assert found, f"hubctl {' '.join(path)} --help has no example"
    for example in found:
        words = list(itertools.takewhile(lambda word: word not in ("|", ">"), shlex.split(example)))
        assert words[0] == "hubctl"
        parse(words[1:])


@pytest.mark.parametrize("path", [path for path, command in ALL if not isinstance(command, click.Group)], ids=" ".join)
def test_the_first_example_is_of_this_command(path):
    assert examples(help_of(path))[0].startswith(" ".join(("hubctl", *path)))


@pytest.mark.parametrize("name", VERBS)
def test_the_list_of_verbs_says_what_each_verb_says_of_itself(name):
    module, line = VERBS[name]
    assert import_module(module).command.get_short_help_str(200) == line


def test_every_command_says_what_each_option_is_for():
    for path, command in ALL:
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{' '.join(path)} {option.opts}"


def test_no_command_takes_a_secret_on_its_command_line():
    for path, command in ALL:
        for option in command.params:
            secret = {"--password", "--token", "--secret", "--key"} & set(option.opts)
            assert not secret or isinstance(option.type, click.Path), path  # the name of a file is none
