"""One script through every language's library, a real agent and a real hub: `hubctl logs` must say the same of all.

A conformance program reads actions from stdin, one a line, fields parted by tabs; \\t, \\n and \\\\ within a field
stand for a tab, a newline and a backslash:

    log LEVEL TEXT [KEY=VALUE]...                       a record; VALUE is an integer, a decimal, true, false, or text
    logger NAME SERVICE COMPONENT CYCLE SOURCE          the logger of the lines that follow; empty: none
    start|done|fail|skip [TEXT]                         what becomes of its step
    many COUNT LEVEL TEXT                               the record so many times
    say TEXT                                            TEXT on stdout, when all above is logged

What they do and what must come of it is in tests/vectors/logging.json; the trials of their files are in trials.py.
docs/libraries.md has the table of what is compared: python tests/libraries/test_conformance.py writes it anew.
"""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/support/conformance")]

from languages import ALL, PRESENT  # noqa: E402
from rig import Rig, until  # noqa: E402
from trials import TRIALS, Trial, line  # noqa: E402

pytestmark = pytest.mark.hub

NAMES = [language.name for language in PRESENT]
DOCUMENT = TOP / "docs/libraries.md"
VECTOR = json.loads((TOP / "tests/vectors/logging.json").read_text())
"""What a program does, and the records (level, message, fields) that must come of it, in order, by what they show."""

HEADED = "owner, process and program"
"""What else is compared: the header's pid is the program's, it names an executable and user, and the file is theirs."""


def run(argv, logs, levels):
    """Runs the program as another program would; returns its pid."""
    script = "".join(map(line, VECTOR["actions"]))
    started = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "DVIC_LOG_DIR": str(logs), "DVIC_LOG_LEVELS": str(levels)})
    said = started.communicate(script.encode(), timeout=120)
    assert (started.returncode, *said) == (0, b"", b""), f"{argv}: {said}"
    return started.pid


def header_of(file):
    with file.open("rb") as lines:
        return json.loads(lines.readline())


def told_by(programs, folder):
    """Runs the script in every language; returns of each the header, owner, and items of `hubctl logs -o jsonl`."""
    with Rig(folder) as rig:
        rig.start_hub()
        agent = rig.new_agent("ada").start().online()
        for service in ("conform", "conform-quiet"):
            (folder / "service.yaml").write_text(
                f"name: {service}\ncomponents: [{{name: decode, sources: [msu-mr]}}, {{name: loud}}]\n")
            rig.hubctl("service", "create", str(folder / "service.yaml"))
        for name, level in VECTOR["levels"].items():
            service, _, component = name.partition("/")
            rig.hubctl("service", "level", service, level, *(["--component", component] if component else []))
        levels = agent.folder / "log_levels"
        until(lambda: levels.exists() and "conform-quiet/loud" in levels.read_text(), "the levels are told")
        with ThreadPoolExecutor(2) as at_once:
            pids = list(at_once.map(lambda argv: run(argv, agent.logs, levels), programs.values()))
        headers = {header_of(file)["pid"]: (header_of(file), file) for file in agent.logs.iterdir()}
        found = {}
        for language, pid in zip(programs, pids, strict=True):
            assert pid in headers, f"{language} wrote no file of its own"
            header, file = headers[pid]
            sent = ["logs", "all", "-n", "1000", "--source", file.name, "-o", "jsonl"]
            until(lambda sent=sent: "own level" in rig.hubctl(*sent), f"{language}'s last line is at the hub")
            found[language] = (header, file.stat().st_uid, list(map(json.loads, rig.hubctl(*sent).splitlines())))
        return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The argv of each language's conformance program."""
    folders = [tmp_path_factory.mktemp("program") for _ in PRESENT]
    with ThreadPoolExecutor(2) as at_once:
        built = at_once.map(lambda language, folder: language.built(folder), PRESENT, folders)
        return dict(zip(NAMES, built, strict=True))


@pytest.fixture(scope="module")
def told(programs, tmp_path_factory):
    return told_by(programs, tmp_path_factory.mktemp("conformance"))


def shape(item):
    return [item["level"], item["message"], item.get("fields", {})]


@pytest.mark.parametrize("language", NAMES)
def test_the_hub_says_the_same_of_every_language(told, language):
    header, owner, items = told[language]
    assert list(map(shape, items)) == [record for records in VECTOR["records"].values() for record in records]
    assert owner == os.geteuid() and os.path.isabs(header["executable"]) and header["user"] and header["name"]
    assert re.fullmatch(r"[a-z+]+ \d+\.\d+\.\d+", header["library"])
    assert {(item["pid"], item["uid"]) for item in items} == {(header["pid"], owner)}
    times = [item["time"] for item in items]
    assert times == sorted(times)


@pytest.mark.parametrize("language", NAMES)
def test_the_files_of_every_language_are_safe_and_bounded_and_it_harms_nobody(programs, tmp_path, language):
    with Trial(programs[language], tmp_path) as trial:
        for do in TRIALS.values():
            do(trial)


def table():
    """What every library here is tried with; a test above fails where one does not do it."""
    rows = [f"| | {' | '.join(NAMES)} |", "| --- |" + " :---: |" * len(NAMES)]
    rows += [f"| {what} | {' | '.join(['yes'] * len(NAMES))} |" for what in (*VECTOR["records"], HEADED, *TRIALS)]
    return "\n".join(["<!-- conformance: drawn by tests/libraries/test_conformance.py -->", *rows, "<!-- end -->"])


def redrawn(text):
    return re.sub(r"<!-- conformance: drawn .*?<!-- end -->", lambda _: table(), text, flags=re.DOTALL)


def test_the_table_on_the_page_is_current():
    assert DOCUMENT.read_text() == redrawn(DOCUMENT.read_text()), "run: python tests/libraries/test_conformance.py"


def test_a_library_that_is_here_has_a_conformance_program():
    here = {path.name for path in (TOP / "libraries").iterdir() if (path / "README.md").exists()}
    tried = {language.source.relative_to(TOP / "libraries").parts[0] for language in ALL}
    assert here - {"esp32", "micropython"} <= tried


if __name__ == "__main__":
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text()))
