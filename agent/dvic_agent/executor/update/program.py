"""What program.pyz executes (see rescue.py). Needs Python's standard library only.

    python3 -I program.pyz --state-dir STATE carry      go on with the update until its end (inside its unit)
    python3 -I program.pyz --state-dir STATE resume     start that unit: dvic-update-resume.service
"""

import argparse
import os
import sys
from pathlib import Path

from ..errors import ExecutorError
from ..rundir import StateDir
from ..units import start_update
from .carry import carry
from .folder import UpdateDir


def main(argv: list[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="dvic-update", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--state-dir", type=Path, default=Path("/var/lib/dvic-agent"))
    top.add_argument("verb", choices=("carry", "resume"))
    arguments = top.parse_args(argv)
    os.umask(0o022)  # what apt calls makes files for everybody; our own lie in a folder of root's
    try:
        if arguments.verb == "carry":
            return carry(StateDir(arguments.state_dir, -1))
        journal = UpdateDir(arguments.state_dir).journal()
        if journal is not None:
            start_update(journal.run, arguments.state_dir)
    except (ExecutorError, OSError) as error:
        print(f"dvic-update: {error}", file=sys.stderr)
        return 1
    return 0
