"""Man pages and completions, as the packages get them: complete, and accepted by those who read them."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dvic_agent.__main__ import VERBS
from hubctl.__main__ import hubctl

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("pages")
    subprocess.run([sys.executable, TOP / "packaging/debian/pages.py", out, "dvic-agent", "dvic-executor", "dvic-hub",
                    "hubctl"], check=True)
    return out


def page(made, name):
    return gzip.decompress(next(made.glob(f"usr/share/man/man*/{name}.*")).read_bytes()).decode()


def test_the_agents_page_has_every_verb(made):
    assert [verb for verb in VERBS if f".SS dvic\\-agent {verb}" not in page(made, "dvic-agent")] == []


def test_hubctls_page_has_every_verb(made):
    ctx = click.Context(hubctl)
    text = page(made, "hubctl").replace("\\-", "-")
    assert [verb for verb in hubctl.list_commands(ctx) if f".SS hubctl {verb}" not in text] == []


def test_no_line_of_text_is_taken_for_a_request(made):
    known = (".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi")
    for name in ("dvic-agent", "dvic-executor", "dvic-hub", "hubctl"):
        lines = page(made, name).splitlines()
        assert [line for line in lines if line.startswith((".", "'")) and not line.startswith(known)] == []


def test_bash_understands_its_completions(made):
    files = sorted(made.glob("usr/share/bash-completion/completions/*"))
    assert {file.name for file in files} >= {"dvic-agent", "dvic-hub", "hubctl"}
    for file in files:
        subprocess.run([shutil.which("bash"), "-n", file], check=True)
