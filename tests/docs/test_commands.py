"""Commands in the documents exist: each `hubctl` verb and option that a page names is one of hubctl's."""

import re
from pathlib import Path

import click
import pytest

from dvic_agent.__main__ import parser
from hubctl.__main__ import hubctl

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", TOP / "libraries" / "python" / "README.md", TOP / "examples" / "README.md",
         *sorted((TOP / "docs").glob("*.md"))]


def commands(page: Path, program: str) -> list[list[str]]:
    """Each use of a program, in words, from code blocks and inline code."""
    text = page.read_text()
    blocks = re.findall(r"```sh\n(.+?)```", text, re.S)
    lines = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
    found = [code for code in [*lines, *re.findall(r"`([^`\n]+)`", text)] if code.startswith(program + " ")]
    return [re.findall(r"'[^']*'|\S+", code)[1:] for code in found]


def problem(words: list[str]) -> str:
    """What is wrong with a use of hubctl, "" when nothing is."""
    command, ctx = hubctl, click.Context(hubctl)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        for word in words[0].split("|"):
            if command.get_command(ctx, word) is None:
                return f"there is no verb {word}"
        command, words = command.get_command(ctx, words[0].split("|")[0]), words[1:]
    words = words[:words.index("--")] if "--" in words else words
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if re.match(r"-[a-z-]", word) and word not in known]
    return f"{command.name} has no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_use_of_hubctl_is_one(page):
    wrong = {" ".join(words): problem(words) for words in commands(page, "hubctl") if problem(words)}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_verb_of_dvic_agent_is_one(page):
    verbs = next(action.choices for action in parser()._actions if action.choices)
    assert {words[0] for words in commands(page, "dvic-agent") if not words[0].startswith("-")} <= set(verbs)


def test_pages_link_to_files_that_exist():
    for page in [*PAGES, *sorted((TOP / "docs" / "decisions").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
