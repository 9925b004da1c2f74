"""Machines for enrolling by ssh: a target with Debian's sshd and people on it, and a look for what must be nowhere."""

import contextlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from machine import Machine
from ssh_server import make_key

from dvic_wire.signing import b64encode
from dvic_wire.tokens import PREFIX

SSH_PACKAGES = ("openssh-client", "openssh-server", "sudo")

PEOPLE = {"wanda": "ALL=(ALL) ALL", "nora": "ALL=(ALL) NOPASSWD: ALL", "paul": ""}
"""Users of a target besides root, and what sudo lets them do."""


class TargetMachine:
    """Who may sign in: root and PEOPLE, each with `password`, root and wanda with `key` too."""

    def __init__(self, machine: Machine, address: str, folder: Path):
        self.machine = machine
        self.address = address
        self.password = f"Pw!{secrets.token_hex(6)} '$x\\"
        self.key_file = folder / f"key-{secrets.token_hex(4)}"
        self.password_file = folder / f"password-{secrets.token_hex(4)}"
        make_key(self.key_file, "")
        self.password_file.write_text(self.password + "\n")
        self._people()
        machine.write("/etc/ssh/sshd_config.d/lab.conf", "PermitRootLogin yes\nPasswordAuthentication yes\n")
        self.sh("ssh-keygen -A && systemctl restart ssh")

    @property
    def secrets(self) -> list[str]:
        """What must be found nowhere: the password, and a line of the private key."""
        return [self.password, self.key_file.read_text().splitlines()[2]]

    def sh(self, text: str, timeout: float = 60) -> str:
        done = self.machine.run("sh", "-c", text, timeout=timeout)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def fingerprint(self) -> str:
        return self.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]

    def new_host_keys(self) -> None:
        """As if it had been installed anew, or were somebody else."""
        self.sh("rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh")

    def enrolled(self) -> bool:
        return (self.machine.root / "etc/dvic-agent/hub.json").exists()

    def _people(self) -> None:
        words = [f"root:{self.password}"]
        for name, rule in PEOPLE.items():
            self.sh(f"useradd --create-home --shell /bin/bash {name}")
            words.append(f"{name}:{self.password}")
            if rule:
                self.machine.write(f"/etc/sudoers.d/{name}", f"{name} {rule}\n")
        self.machine.write("/run-once", "\n".join(words) + "\n")
        self.sh("chpasswd < /run-once && shred -u /run-once")
        public = Path(f"{self.key_file}.pub").read_text()
        for home, owner in (("/root", "root"), ("/home/wanda", "wanda")):
            self.machine.write(f"{home}/.ssh/authorized_keys", public)
            self.sh(f"chown -R {owner}: {home}/.ssh && chmod -R go= {home}/.ssh")


def found_in(folders: Iterable[Path], words: list[str]) -> list[str]:
    """Files below these folders that hold one of these words; the kernel's own are left out."""
    done = subprocess.run(["grep", "-rlaFs", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=dev", "-f", "-",
                           "--", *map(str, folders)], input="\n".join(words) + "\n", text=True, capture_output=True,
                          timeout=300, check=False)
    return done.stdout.splitlines()


def whole(machine: Machine) -> Path:
    """All that is mounted in a machine, as seen from here."""
    return Path(f"/proc/{machine.leader}/root")


def journal(machine: Machine) -> str:
    return machine.run("journalctl", "--no-pager", "--output=export", "--all").stdout


def start_of_tokens(url: str) -> str:
    """What all enrolment tokens of the hub at this address begin with, and no other hub's do."""
    known = json.dumps({"url": url}).encode()[:-2]
    return f"{PREFIX}.{b64encode(known[:len(known) // 3 * 3])}"


class Watcher:
    """Looks at the command line and the environment of every process, on this machine and on those in it, while the
    `with` lasts; `seen` has those that held one of the words."""

    def __init__(self, words: list[str]):
        self._words = [word.encode() for word in words]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: set[str] = set()
        self.looks = 0

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _look(self) -> None:
        while not self._stop.is_set():
            for place in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    data = (place / "cmdline").read_bytes() + b"\0" + (place / "environ").read_bytes()
                    if any(word in data for word in self._words):
                        self.seen.add(data[:300].decode("utf-8", "replace"))
            self.looks += 1
            time.sleep(0.02)
