"""Holding a machine at a moment of what is done on it, so that its power is cut exactly then.

    moments = Moments(machine, (Moment("unpacked", "dpkg", "*--configure*"), ...))
    moments.hold("unpacked")                # whoever comes there stays there
    moments.reached("unpacked")             # somebody has

A moment is a tool that is called with arguments of a pattern, and has not done anything yet; with `part`, the first so
many bytes of its output have gone out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from machine import Machine

_HOLD = """#!/bin/sh
[ -e "/root/holds/$1" ] || exit 1
mkdir -p /root/held
touch "/root/held/$1"
exec sleep 10000
"""

_TOOL = """#!/bin/sh
case "$*" in
{cases}
esac
exec /usr/bin/{tool} "$@"
"""


@dataclass(frozen=True)
class Moment:
    """`pattern` is the shell's, of all arguments."""

    name: str
    tool: str
    pattern: str
    part: int = 0


class Moments:
    """Wraps the tools; they work as ever while nothing is held."""

    def __init__(self, machine: Machine, moments: Iterable[Moment]):
        self._machine = machine
        tools: dict[str, list[str]] = {}
        for moment in moments:
            pattern = moment.pattern.replace(" ", "\\ ")
            tools.setdefault(moment.tool, []).append(f"{pattern}) {_at(moment)} ;;")
        self._executable("hold-at", _HOLD)
        for tool, cases in tools.items():
            self._executable(tool, _TOOL.format(tool=tool, cases="\n".join(cases)))
        machine.write("/etc/apt/apt.conf.d/00-held", 'Dir::Bin::dpkg "/usr/local/bin/dpkg";\n'
                      'DPkg::Path "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";\n')

    def hold(self, name: str) -> None:
        """Hold at this moment, and at no other."""
        place = self._machine.root / "root/holds"
        place.mkdir(exist_ok=True)
        for held in place.iterdir():
            held.unlink()
        (place / name).touch()

    def reached(self, name: str) -> bool:
        return (self._machine.root / "root/held" / name).exists()

    def release(self) -> None:
        """Hold nobody any more, and let the tools be as they were."""
        for name in (self._machine.root / "usr/local/bin").iterdir():
            name.unlink()
        (self._machine.root / "etc/apt/apt.conf.d/00-held").unlink()

    def _executable(self, name: str, text: str) -> None:
        self._machine.write(f"/usr/local/bin/{name}", text)
        (self._machine.root / "usr/local/bin" / name).chmod(0o755)


def _at(moment: Moment) -> str:
    if not moment.part:
        return f"hold-at '{moment.name}'"
    return (f"if [ -e '/root/holds/{moment.name}' ]; then "
            f"/usr/bin/{moment.tool} \"$@\" | head -c {moment.part}; hold-at '{moment.name}'; fi")
