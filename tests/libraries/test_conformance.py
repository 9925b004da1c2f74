"""One script through every language's library, a real agent and a real hub: `hubctl logs` must say the same of all.

A conformance program reads actions from stdin, one a line, fields parted by tabs; \\t, \\n and \\\\ within a field
stand for a tab, a newline and a backslash:

    log LEVEL TEXT [KEY=VALUE]...                       a record; VALUE is an integer, a decimal, true, false, or text
    logger NAME SERVICE COMPONENT CYCLE SOURCE          the logger of the lines that follow; empty: none
    start|done|fail|skip [TEXT]                         what becomes of its step

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

pytestmark = pytest.mark.hub

DOCUMENT = TOP / "docs/libraries.md"
LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
HARD = 'quote " backslash \\ tab \t line\nend é 😀 \u2028 \x01 \x7f </script> %s %d {} $(x)'
LONG = "é" * 9000
"""Longer than what one write of a buffered stream holds."""

SCRIPT = (
    *(("log", level, f"at {level}") for level in LEVELS),
    ("log", "info", HARD, f"text={HARD}"),
    ("log", "info", LONG),
    ("log", "info", "with fields", "whole=17", "negative=-3", "decimal=1200.5", "truth=true", "lie=false", "zeros=007",
     "empty=", "equation=a=b"),
    ("logger", "readout", "", "", "", ""),
    ("log", "warning", "by a logger"),
    ("logger", "main", "conform", "decode", "c-1", "msu-mr"),
    ("start",),
    ("log", "info", "within"),
    ("done", "17 frames"),
    ("skip",),
    ("fail", "no carrier"),
    ("logger", "main", "conform-quiet", "decode", "c-1", ""),
    ("log", "info", "below the level"),
    ("log", "error", "above the level"),
    ("start",),
    ("logger", "main", "conform-quiet", "loud", "c-1", ""),
    ("log", "debug", "a component's own level"),
)

_PLACE = {"logger": "main", "service": "conform", "component": "decode", "cycle": "c-1", "source": "msu-mr"}
_QUIET = {"logger": "main", "service": "conform-quiet", "component": "decode", "cycle": "c-1"}

EXPECTED = {
    "six levels": [(level, f"at {level}", {}) for level in LEVELS],
    "any characters": [("info", HARD, {"text": HARD})],
    "long lines whole": [("info", LONG, {})],
    "fields keep their types": [("info", "with fields", {
        "whole": 17, "negative": -3, "decimal": 1200.5, "truth": True, "lie": False, "zeros": "007", "empty": "",
        "equation": "a=b"})],
    "the logger's name": [("warning", "by a logger", {"logger": "readout"})],
    "steps of a service": [
        ("info", "started", {**_PLACE, "step": "start"}), ("info", "within", _PLACE),
        ("info", "17 frames", {**_PLACE, "step": "done"}), ("info", "skipped", {**_PLACE, "step": "skip"}),
        ("error", "no carrier", {**_PLACE, "step": "fail"})],
    "the level set at the hub": [
        ("error", "above the level", _QUIET), ("info", "started", {**_QUIET, "step": "start"}),
        ("debug", "a component's own level", {**_QUIET, "component": "loud"})],
}
"""What is compared, and the records (level, message, fields) that must come of it, in this order."""

HEADED = "owner, process and program"
"""What else is compared: the header's pid is the program's, it names an executable and user, and the file is theirs."""


def escaped(field):
    return field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def script():
    return "".join("\t".join(map(escaped, action)) + "\n" for action in SCRIPT)


def run(language, folder, logs, levels):
    """Runs the program in a directory that is the language's own, as another program would; returns its pid."""
    folder.mkdir()
    argv = language.built(folder)
    started = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "DVIC_LOG_DIR": str(logs), "DVIC_LOG_LEVELS": str(levels)})
    said = started.communicate(script().encode(), timeout=120)
    assert (started.returncode, *said) == (0, b"", b""), f"{language.name}: {said}"
    return started.pid


def header_of(file):
    with file.open("rb") as lines:
        return json.loads(lines.readline())


def told_by(folder):
    """Runs the script in every language; returns of each the header, pid, and items of `hubctl logs -o jsonl`."""
    with Rig(folder) as rig:
        rig.start_hub()
        agent = rig.new_agent("ada").start().online()
        for service in ("conform", "conform-quiet"):
            (folder / "service.yaml").write_text(
                f"name: {service}\ncomponents: [{{name: decode, sources: [msu-mr]}}, {{name: loud}}]\n")
            rig.hubctl("service", "create", str(folder / "service.yaml"))
        rig.hubctl("service", "level", "conform-quiet", "warning")
        rig.hubctl("service", "level", "conform-quiet", "debug", "--component", "loud")
        levels = agent.folder / "log_levels"
        until(lambda: levels.exists() and "conform-quiet/loud" in levels.read_text(), "the levels are told")
        with ThreadPoolExecutor(2) as at_once:
            pids = list(at_once.map(lambda each: run(each, folder / each.name, agent.logs, levels), PRESENT))
        headers = {header_of(file)["pid"]: (header_of(file), file) for file in agent.logs.iterdir()}
        found = {}
        for language, pid in zip(PRESENT, pids, strict=True):
            assert pid in headers, f"{language.name} wrote no file of its own"
            header, file = headers[pid]
            sent = ["logs", "all", "-n", "1000", "--source", file.name, "-o", "jsonl"]
            until(lambda sent=sent: "own level" in rig.hubctl(*sent), f"{language.name}'s last line is at the hub")
            found[language.name] = (header, file.stat().st_uid, list(map(json.loads, rig.hubctl(*sent).splitlines())))
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return told_by(tmp_path_factory.mktemp("conformance"))


def shape(item):
    return item["level"], item["message"], item.get("fields", {})


@pytest.mark.parametrize("language", [language.name for language in PRESENT])
def test_the_hub_says_the_same_of_every_language(told, language):
    header, owner, items = told[language]
    assert list(map(shape, items)) == [record for records in EXPECTED.values() for record in records]
    assert owner == os.geteuid() and os.path.isabs(header["executable"]) and header["user"] and header["name"]
    assert re.fullmatch(r"[a-z+]+ \d+\.\d+\.\d+", header["library"])
    times = [item["time"] for item in items]
    assert times == sorted(times)


def table():
    """What every library here is tried with; a test above fails where one does not do it."""
    names = [language.name for language in PRESENT]
    rows = [f"| | {' | '.join(names)} |", "| --- |" + " :---: |" * len(names)]
    rows += [f"| {what} | {' | '.join(['yes'] * len(names))} |" for what in (*EXPECTED, HEADED)]
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
