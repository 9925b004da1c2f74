"""Compiles the C and C++ libraries, their examples and the tests' own programs; every warning is an error.

    build = Programs(tmp_path)
    trial = build.c("tests/libraries/c_programs/trial.c", build.ADDRESS)
"""

import subprocess
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
C, CPP = TOP / "libraries/c", TOP / "libraries/cpp"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
ADDRESS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
THREAD = ("-g", "-fsanitize=thread")


class Programs:
    """Into `folder`; what is compiled once with some options is not compiled again with them."""

    ADDRESS, THREAD, PLAIN = ADDRESS, THREAD, ("-O0",)

    def __init__(self, folder):
        self._folder = folder
        self._made = set()

    def c(self, source, options=PLAIN):
        return self._program("gcc", ["-std=c99", "-D_GNU_SOURCE"], source, options)

    def cpp(self, source, options=PLAIN):
        return self._program("g++", ["-std=c++17"], source, options)

    def refusal(self, language, text):
        """What the compiler says of a program; "" when it takes it."""
        source = self._folder / f"refused.{language}"
        source.write_text(text)
        argv = ["gcc", "-std=c99"] if language == "c" else ["g++", "-std=c++17"]
        run = subprocess.run([*argv, *STRICT, "-fsyntax-only", f"-I{C}", f"-I{CPP}", source], text=True, timeout=120,
                             env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, capture_output=True)
        return run.stderr if run.returncode else ""

    def _program(self, compiler, standard, source, options):
        source = TOP / source
        library = self._once("library.o", options, ["gcc", "-std=c99", "-c", C / "dvic_log.c"], options)
        return self._once(source.stem + source.suffix.replace(".", "-"), options,
                          [compiler, *standard, f"-I{C}", f"-I{CPP}", source, library], [*options, "-pthread"])

    def _once(self, name, options, argv, last):
        folder = self._folder / options[-1].strip("-").replace("=", "-").replace(",", "-")
        folder.mkdir(exist_ok=True)
        made = folder / name
        if made not in self._made:
            run = subprocess.run([*argv, *STRICT, *last, "-o", made], text=True, timeout=300, capture_output=True)
            assert run.returncode == 0, run.stderr
            self._made.add(made)
        return made


def run(program, *words, environ=None, **more):
    """Runs it and asserts that nothing harmed it; returns what it printed on standard output."""
    done = subprocess.run([program, *words], timeout=300, text=True, capture_output=True, **more, env={
        "PATH": "/usr/bin:/bin", "TSAN_OPTIONS": "report_thread_leaks=0",  # of a forked child, which has none of them
        "ASAN_OPTIONS": "detect_leaks=1", **(environ or {})})
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.stdout
