"""A real sshd on a loopback port, with host keys and users' keys of its own, for whoever runs the test."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from rig import free_port

from dvic_wire.pushing import HostKey, Target

PASSPHRASE = "open sesame"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""

needs_sshd = pytest.mark.skipif(not (SSHD and shutil.which("ssh")),
                                reason="needs sshd and ssh (apt-get install openssh-server openssh-client)")


class SshServer:
    """sshd under `folder`. Whoever holds `key` may sign in; `locked` is a key with a passphrase, `foreign` one that
    the server does not know. `command`: what a shell there does in place of what was asked for.
    `kind`: of its host key. `passwords`: it asks for those of the machine's own users too."""

    def __init__(self, folder: Path, command: str = "", kind: str = "ed25519", *, passwords: bool = False):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        for name, passphrase in (("host", ""), ("key", ""), ("locked", PASSPHRASE), ("foreign", "")):
            make_key(folder / name, passphrase, kind if name == "host" else "ed25519")
        self.key, self.locked, self.foreign = ((folder / name).read_text() for name in ("key", "locked", "foreign"))
        (folder / "authorized").write_text((folder / "key.pub").read_text() + (folder / "locked.pub").read_text())
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPermitRootLogin yes\n"
            f"PasswordAuthentication {'yes' if passwords else 'no'}\nKbdInteractiveAuthentication no\n"
            + (f"ForceCommand {command}\n" if command else ""))
        self._process: subprocess.Popen | None = None

    @property
    def target(self) -> Target:
        return Target(pwd.getpwuid(os.geteuid()).pw_name, "127.0.0.1", self.port)

    @property
    def host_key(self) -> HostKey:
        return HostKey.parse(" ".join((self.folder / "host.pub").read_text().split()[:2]))

    def new_host_key(self) -> None:
        """Start again as another machine at the same place."""
        self.stop()
        for name in ("host", "host.pub"):
            (self.folder / name).unlink()
        make_key(self.folder / "host", "")
        self.start()

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._process = subprocess.Popen([SSHD, "-D", "-f", self.folder / "config", "-E", self.folder / "log"],
                                         stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self._listens():
            assert self._process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def __enter__(self) -> "SshServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True


def make_key(path: Path, passphrase: str, kind: str = "ed25519") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path], check=True,
                   stdin=subprocess.DEVNULL)
