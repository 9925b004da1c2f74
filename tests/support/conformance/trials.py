"""What a library does with its files where nothing goes well: each trial acts on one running conformance program.

    with Trial(argv, folder) as trial:
        for do in TRIALS.values():          # in this order
            do(trial)
"""

import json
import os
import subprocess
import time
from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024
"""Size at which every library begins anew."""

PATIENCE = 60.0


def line(action: list[str]) -> str:
    """One action as a conformance program reads it."""
    return "\t".join(part.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for part in action) + "\n"


class Trial:
    """A program whose log directory does not exist yet, and which lets nobody read its files by its umask."""

    def __init__(self, argv: list[str], folder: Path):
        self.folder, self.logs = folder, folder / "logs"
        self._errors = (folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, umask=0o077,
            env={**os.environ, "DVIC_LOG_DIR": str(self.logs), "DVIC_LOG_LEVELS": str(folder / "no-levels")})

    def __enter__(self) -> "Trial":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)
        self._errors.close()

    def act(self, *actions: list[str]) -> None:
        """Returns when the program has done them; it prints nothing but what it is asked to."""
        self.process.stdin.write("".join(map(line, [*actions, ["say", "done"]])).encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n", self.errors()

    def errors(self) -> str:
        return (self.folder / "stderr").read_text()

    def files(self) -> list[Path]:
        """Its log files, as long as they are files."""
        return [path for path in self.logs.glob("dvic_log_*") if path.is_file() and not path.is_symlink()]

    def records(self) -> list[dict]:
        """Of all its files; each begins with a header."""
        found = []
        for path in self.files():
            header, *records = map(json.loads, path.read_bytes().splitlines())
            assert header["dvic_log"] == 1, path
            found += records
        return found

    def messages(self) -> list[str]:
        return [record["m"] for record in self.records()]


def _no_place(trial: Trial) -> None:
    trial.act(["log", "info", "lost"])
    trial.logs.mkdir()
    deadline = time.monotonic() + PATIENCE
    while not trial.files():  # it looks again within a second
        assert time.monotonic() < deadline, trial.errors()
        trial.act(["log", "info", "there is room again"])
        time.sleep(0.05)
    told = [record["f"]["lost"] for record in trial.records() if "lost" in record.get("f", {})]
    # the calls of a script are processes of their own, and remember nothing: each says so itself
    assert sum(told) >= 1 or "could not be written" in trial.errors()
    assert "there is room again" in trial.messages()


def _readable(trial: Trial) -> None:
    [path] = trial.files()
    found = path.lstat()
    assert (found.st_mode & 0o7777, found.st_nlink, found.st_uid) == (0o644, 1, os.geteuid())


def _no_link(trial: Trial) -> None:
    [path] = trial.files()
    victim = trial.folder / "victim"
    victim.write_text("kept\n")
    path.unlink()
    path.symlink_to(victim)
    trial.act(["log", "info", "behind a link"])
    assert victim.read_text() == "kept\n"
    assert trial.messages() == ["behind a link"]


def _bounded(trial: Trial) -> None:
    trial.act(["many", "285", "info", "x" * 120_000], ["log", "info", "the newest"])  # more than two files hold
    sizes = [path.stat().st_size for path in trial.files()]
    assert len(sizes) == 2 and max(sizes) < MAX_BYTES + 121_000, sizes
    assert "the newest" in trial.messages()


def _killed(trial: Trial) -> None:
    trial.act(["log", "info", "the last words"])
    trial.process.kill()
    trial.process.wait(PATIENCE)
    assert "the last words" in trial.messages()


TRIALS = {
    "goes on where nothing can be written, and says so": _no_place,
    "files that the agent may read, whatever the umask": _readable,
    "never writes to a link, begins anew when its file is removed": _no_link,
    "keeps 32 MiB at most": _bounded,
    "what was logged before a kill is there": _killed,
}
"""By what they show: rows of the table in docs/libraries.md."""
