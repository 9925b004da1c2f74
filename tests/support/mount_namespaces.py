"""Real mount namespaces with a /tmp of their own, and the agent's source that looks into them, for tests of it."""

import contextlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from one_reader import OneReader

from dvic_agent.sources.mounts import Mounts
from dvic_agent.sources.namespaces import Home

FOLDER = Path("/tmp")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it makes mount namespaces")


class Contained:
    """A shell in a mount namespace with a /tmp of its own, that does what it is told. `then`: by what it is started
    after `first`."""

    made: ClassVar[set[int]] = set()

    def __init__(self, first: str = "mount -t tmpfs tmpfs /tmp", then: str = ""):
        self._shell = subprocess.Popen(["unshare", "--mount", "sh", "-c", f"{first} && exec {then} sh"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.made.add(self.pid)
        self.tell("true")

    @property
    def pid(self) -> int:
        return self._shell.pid

    def tell(self, script: str) -> None:
        self._shell.stdin.write(f"{{ {script}\n}}; echo $?\n")
        self._shell.stdin.flush()
        assert self._shell.stdout.readline() == "0\n"

    def end(self) -> None:
        self._shell.communicate("exit\n")


@contextlib.asynccontextmanager
async def looking(*contained: Contained, cursors=None, folders=(FOLDER,), tick=0.05, home: Home | None = None,
                  **options):
    """A reader of what the source finds in those that the test makes. `home`: of all of them, in place of the real."""
    source = Mounts(folders, "dvic_log_mine_*", "dvic_package_mine_*", tick=tick, **options)
    everybody = source.lookout.census.look
    # other tests' containers come and go on this machine
    source.lookout.census.look = lambda now: {number: replace(namespace, home=home or namespace.home)
                                              for number, namespace in everybody(now).items()
                                       if Contained.made.intersection(namespace.pids)}
    reader = OneReader(source, cursors)
    reader.start()
    try:
        yield reader
    finally:
        source.stop()
        for one in contained:
            one.end()
