"""Debian's MicroPython, as a program that tests start.

    python = MicroPython(tmp_path)          # with the library's dvic in its path, in that folder
    python.run("print(1 + 1)")              # "2\n"
"""

import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]
LIBRARY = TOP / "libraries" / "micropython"


def program() -> str:
    """Its path; it is fetched where the machine does not have it yet."""
    done = subprocess.run([TOP / "install" / "micropython.sh"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


class MicroPython:
    def __init__(self, folder: Path):
        self.folder = folder
        self.argv = [program(), "-X", "heapsize=4M"]
        self.environ = {"MICROPYPATH": f"{folder}:{LIBRARY}:.frozen", "PATH": "/usr/bin:/bin"}

    def run(self, script: str, timeout: float = 120) -> str:
        """What the script prints; AssertionError when it ends otherwise than well."""
        path = self.folder / "script.py"
        path.write_text(script)
        done = subprocess.run([*self.argv, str(path)], capture_output=True, text=True, timeout=timeout,
                              cwd=self.folder, env=self.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, script: str) -> subprocess.Popen:
        """Running in the background; whoever starts it ends it."""
        path = self.folder / "script.py"
        path.write_text(script)
        return subprocess.Popen([*self.argv, str(path)], cwd=self.folder, env=self.environ)
