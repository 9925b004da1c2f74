"""A machine that is enrolled by ssh and changes nothing of this one: what its sshd starts takes the installer and joins
the hub with the token that is in it."""

import shlex
from pathlib import Path

from rig import BIN, Process, Rig


class JoiningMachine:
    """The node eva in `folder`. What it was sent lies in `installer`. What `said` holds it says on stdout at first.
    While `hold` is there it waits before it joins; where `fault` is there it ends with what that holds on stderr."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.installer, self.hold, self.said, self.fault = (folder / name for name in
                                                            ("installer", "hold", "said", "fault"))
        where = folder / "eva"
        where.mkdir()
        self._where = ["--config-dir", f"{where}/etc", "--state-dir", f"{where}/var"]
        script = folder / "machine.sh"
        script.write_text(f"""echo dvic-push-ready
cat > {self.installer}
[ ! -e {self.said} ] || cat {self.said}
while [ -e {self.hold} ]; do sleep 0.1; done
[ ! -e {self.fault} ] || {{ cat {self.fault} >&2; exit 1; }}
token=$(sed -n "s/^TOKEN=//p" {self.installer} | tr -d "'")
printf '%s\\n' "$token" | {BIN}/dvic-agent enroll {shlex.join(self._where)} --name eva -
""")
        self.command = f"sh {script}"
        """What its sshd does in place of what it is asked for."""

    def start(self, rig: Rig) -> Process:
        """Its agent, which waits until it is enrolled."""
        agent = rig.process([str(BIN / "dvic-agent"), "run", *self._where], "eva")
        agent.start()
        return agent
