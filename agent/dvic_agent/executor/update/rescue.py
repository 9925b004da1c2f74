"""The program that carries an update, apart from the package that is being replaced.

One file that Python executes as it is (a zip with a __main__.py): the wire and the executor, as they were when the
update began. It needs Python's standard library only, and no library that the update may replace.

After a power cut dvic-update-resume.service executes it. That unit belongs to the package as well, so for the time of
an update it also lies in /etc/systemd/system, where a new package that forgot it can't take it away.
"""

import zipfile
from pathlib import Path

import dvic_wire

from .folder import put_in_place, write_whole

UNIT = "dvic-update-resume.service"
ETC_UNITS = Path("/etc/systemd/system")
OWN_UNITS = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
MARK = b"# Here for the time of an update only; dvic-executor removes it.\n"

_MAIN = "import sys\n\nfrom dvic_agent.executor.update.program import main\n\nsys.exit(main())\n"

_LEFT_OUT = {"__pycache__"}


def write_program(target: Path) -> None:
    """Pack the program that is executed now into `target`. Raises OSError."""
    executor = Path(__file__).parents[1]
    agent = executor.parent
    wire = Path(dvic_wire.__path__[0])
    beside = target.with_name(f".{target.name}")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("__main__.py", _MAIN)
        for path in (agent / "__init__.py", agent / "version.py"):
            archive.writestr(f"dvic_agent/{path.name}", path.read_bytes())
        for folder, name in ((executor, "dvic_agent/executor"), (wire, "dvic_wire")):
            for path in sorted(folder.rglob("*.py")):
                if not _LEFT_OUT & set(path.parts):
                    archive.writestr(f"{name}/{path.relative_to(folder)}", path.read_bytes())
    put_in_place(beside, target)


def arm(etc: Path = ETC_UNITS, own: tuple[Path, ...] = OWN_UNITS) -> None:
    """Let the next start of the machine go on with the update whatever becomes of the package. What the machine's owner
    has put there stays. Raises OSError."""
    target = etc / UNIT
    source = next((folder / UNIT for folder in own if (folder / UNIT).is_file()), None)
    if source is not None and not target.exists() and not target.is_symlink():
        write_whole(target, MARK + source.read_bytes())


def disarm(etc: Path = ETC_UNITS) -> None:
    """Take it away again. Raises OSError."""
    target = etc / UNIT
    if target.is_file() and target.read_bytes().startswith(MARK):
        target.unlink()
