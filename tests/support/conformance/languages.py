"""The languages that have a library, and how each one's conformance program is started."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
LIBRARIES = TOP / "libraries"


@dataclass(frozen=True)
class Language:
    """`built(folder)` returns the argv of its conformance program, built into `folder` where it has to be. `source`:
    the program's source; where there is none, the language has no library here."""

    name: str
    source: Path
    built: Callable[[Path], list[str]]


def _interpreted(*argv: object) -> Callable[[Path], list[str]]:
    return lambda folder: [str(word) for word in argv]


def _compiled(*argv: object) -> Callable[[Path], list[str]]:
    def built(folder: Path) -> list[str]:
        made = folder / "conformance"
        _run([*map(str, argv), "-o", str(made), "-lm", "-lpthread"])
        return [str(made)]
    return built


def _cpp(folder: Path) -> list[str]:
    _run(["gcc", "-std=c99", "-D_GNU_SOURCE", "-c", str(LIBRARIES / "c/dvic_log.c"), "-o", str(folder / "dvic_log.o")])
    return _compiled("g++", "-std=c++17", f"-I{LIBRARIES / 'c'}", f"-I{LIBRARIES / 'cpp'}",
                     LIBRARIES / "cpp/examples/conformance.cpp", folder / "dvic_log.o")(folder)


def _java(folder: Path) -> list[str]:
    sources = sorted((LIBRARIES / "java/src/main/java").rglob("*.java"))
    _run(["javac", "--release", "11", "-nowarn", "-d", str(folder), *map(str, sources), str(HERE / "Conformance.java")])
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(folder), "Conformance"]


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr[-3000:]}"


ALL = (
    Language("Python", LIBRARIES / "python/README.md", _interpreted(sys.executable, HERE / "conformance.py")),
    Language("shell", LIBRARIES / "shell/README.md", _interpreted("dash", HERE / "conformance.sh")),
    Language("JavaScript", LIBRARIES / "javascript/README.md", _interpreted("node", HERE / "conformance.cjs")),
    Language("Java", LIBRARIES / "java/README.md", _java),
    Language("C", LIBRARIES / "c/examples/conformance.c",
             _compiled("gcc", "-std=c99", "-D_GNU_SOURCE", f"-I{LIBRARIES / 'c'}",
                       LIBRARIES / "c/examples/conformance.c", LIBRARIES / "c/dvic_log.c")),
    Language("C++", LIBRARIES / "cpp/examples/conformance.cpp", _cpp),
)

PRESENT = tuple(language for language in ALL if language.source.exists())


