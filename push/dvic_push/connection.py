"""ssh as a child process with a terminal of its own, driven by a Dialogue.

The password goes from memory to ssh's terminal, so it is in no file, no command line and no environment. A private key
lies in an anonymous file in memory, which ssh reads through /proc. What ssh needs as a file, the accepted host key, is
in a folder that only we can read and that is gone afterwards.
"""

import fcntl
import os
import selectors
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dvic_wire.pushing import HostKey, Secret, Target, is_encrypted, scanned

from .command import CONNECT_SECONDS, SignIn, environment, known_hosts, scan_argv, ssh_argv
from .dialogue import Dialogue
from .errors import PushFailed

READ_BYTES = 64 * 1024

SSH_FAILED = 255
"""ssh's own exit code: it could not connect or sign in."""

Show = Callable[[str, bytes], None]
"""Takes a stream's name, out or err, and a line."""


def scan(target: Target) -> tuple[HostKey, ...]:
    """The target's host keys; raises PushFailed where it shows none."""
    try:
        done = subprocess.run(scan_argv(target), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=4 * CONNECT_SECONDS, check=False, env=environment(Path("/")))
    except FileNotFoundError:
        raise PushFailed("there is no ssh here: apt-get install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise PushFailed(f"{target.place} does not answer in time") from None
    if keys := scanned(done.stdout):
        return keys
    said = [line for line in done.stderr.splitlines() if line and not line.startswith("#")]
    why = f" ({said[-1][:200]})" if said else ""
    raise PushFailed(f"no ssh server answers at {target.place}{why}")


def install(target: Target, host_key: HostKey, secret: Secret, script: bytes, arguments: tuple[str, ...],
            show: Show) -> None:
    """Sign in, become root, run the script there; returns when it has ended well, raises PushFailed otherwise."""
    with _folder() as folder, _key_in_memory(secret) as key:
        hosts = folder / "known_hosts"
        hosts.write_text(known_hosts(host_key))
        how = SignIn(key, asks=not key or is_encrypted(secret.key))
        argv = ssh_argv(target, hosts, how, arguments)
        dialogue = Dialogue(secret, script)
        code = _Connection(argv, environment(folder), dialogue, show).carry()
    if code == 0 and dialogue.ready:
        return
    said = f": {dialogue.last[:300]}" if dialogue.last else ""
    if dialogue.ready and code != SSH_FAILED:
        raise PushFailed(f"the installer failed there{said}")
    if dialogue.ready:
        raise PushFailed(f"the connection to {target} broke off while the installer was running{said}")
    raise PushFailed(f"signing in as {target} failed{said or f' (exit code {code})'}")


class _Connection:
    """One ssh, from its start to its exit code."""

    def __init__(self, argv: list[str], variables: dict[str, str], dialogue: Dialogue, show: Show):
        self._dialogue = dialogue
        self._show = show
        # Theirs stays open here too: ssh opens its terminal only when it has a question, and until then it is there.
        self._terminal, self._theirs = os.openpty()
        try:
            self._ssh = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables, bufsize=0,
                start_new_session=True, preexec_fn=lambda: fcntl.ioctl(self._theirs, termios.TIOCSCTTY, 0))
        except FileNotFoundError:
            raise PushFailed("there is no ssh here: apt-get install openssh-client") from None
        self._selector = selectors.DefaultSelector()
        for handle, name in ((self._terminal, "terminal"), (self._ssh.stdout.fileno(), "out"),
                             (self._ssh.stderr.fileno(), "err")):
            os.set_blocking(handle, False)
            self._selector.register(handle, selectors.EVENT_READ, name)
        self._stdin = self._ssh.stdin.fileno()
        os.set_blocking(self._stdin, False)

    def carry(self) -> int:
        """Until ssh has ended and all that it said was shown."""
        try:
            open_streams = {"out", "err"}
            while open_streams:
                self._watch_stdin()
                for key, _ in self._selector.select():
                    if key.data == "stdin":
                        self._feed()
                    elif not self._take(key.fd, key.data):
                        self._selector.unregister(key.fd)
                        open_streams.discard(key.data)
            for name, lines in zip(("out", "err"), self._dialogue.end(), strict=True):
                self._tell(name, lines)
            return self._ssh.wait()
        finally:
            if self._ssh.poll() is None:
                self._ssh.kill()
                self._ssh.wait()
            self._close_stdin()
            os.close(self._terminal)
            os.close(self._theirs)
            self._selector.close()

    def _take(self, handle: int, name: str) -> bool:
        """Read what there is; False when that stream is over."""
        try:
            data = os.read(handle, READ_BYTES)
        except BlockingIOError:
            return True
        if name == "terminal":
            self._dialogue.terminal(data)
            answer, self._dialogue.to_terminal = self._dialogue.to_terminal, b""
            os.write(self._terminal, answer)
        else:
            self._tell(name, (self._dialogue.out if name == "out" else self._dialogue.err)(data))
        return bool(data)

    def _tell(self, name: str, lines: list[bytes]) -> None:
        for line in lines:
            self._show(name, line)

    def _watch_stdin(self) -> None:
        """Be woken when it takes bytes, while there are any for it; closed behind the last."""
        if self._stdin < 0:
            return
        watched = self._stdin in self._selector.get_map()
        if self._dialogue.to_stdin and not watched:
            self._selector.register(self._stdin, selectors.EVENT_WRITE, "stdin")
        elif not self._dialogue.to_stdin and watched:
            self._selector.unregister(self._stdin)
        if not self._dialogue.to_stdin and self._dialogue.closing:
            self._close_stdin()

    def _feed(self) -> None:
        try:
            sent = os.write(self._stdin, self._dialogue.to_stdin)
        except BlockingIOError:
            return
        except BrokenPipeError:  # ssh has gone; why is on its stderr
            self._dialogue.to_stdin, self._dialogue.closing = b"", True
            return
        self._dialogue.to_stdin = self._dialogue.to_stdin[sent:]

    def _close_stdin(self) -> None:
        if self._stdin >= 0:
            self._stdin = -1
            with suppress(OSError):
                self._ssh.stdin.close()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that nobody else can enter, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dvic-push-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _key_in_memory(secret: Secret) -> Iterator[str]:
    """A path under which ssh, our own user's, can read the private key; "" where a password signs in."""
    if not secret.key:
        yield ""
        return
    handle = os.memfd_create("dvic-push", os.MFD_CLOEXEC)
    try:
        os.fchmod(handle, 0o600)
        os.write(handle, secret.key.encode().rstrip() + b"\n")
        yield f"/proc/{os.getpid()}/fd/{handle}"
    finally:
        os.close(handle)


def print_line(name: str, line: bytes) -> None:
    """Show: pass a line on as our own."""
    stream = sys.stdout.buffer if name == "out" else sys.stderr.buffer
    stream.write(line + b"\n")
    stream.flush()
