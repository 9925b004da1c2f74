"""The agent's connection to a run that it carries bytes for: one JSON object a line, both ways, bounded. Never blocks.

    agent     {"from": offset}  first
    terminal  {"input": JWS}, {"ack": offset}  ->  {"taken": n} first and after inputs, {"out": offset, "data": x}
    copy      see copying.py

The socket lies in the run's directory, for the agent's group alone; whoever connects may read what the run tells, and
give it only what the hub has signed for.
"""

import json
import os
import socket
from collections.abc import Iterator

from .rundir import RunDir

TERMINAL_SOCKET = "terminal.sock"
COPY_SOCKET = "copy.sock"
"""Names in the run's directory; each appears when somebody listens."""

MAX_CLIENT_LINE = 160 * 1024
"""Bytes of one line from the agent: the JWS of the largest input."""

MAX_UNSENT_BYTES = 128 * 1024
"""Bytes made ready for the agent beyond what the kernel takes."""

_READ = 64 * 1024


def listen(run: RunDir, name: str) -> socket.socket:
    """The listening socket of that name, in the place of a dead one's. Raises OSError."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    folder, beside = f"/proc/self/fd/{run.handle}", f".{name}"  # a path of any length would not fit into an address
    try:
        os.unlink(beside, dir_fd=run.handle)
    except FileNotFoundError:
        pass
    umask = os.umask(0o177)
    try:
        server.bind(f"{folder}/{beside}")
    finally:
        os.umask(umask)
    os.chown(beside, -1, os.fstat(run.handle).st_gid, dir_fd=run.handle, follow_symlinks=False)
    os.chmod(f"{folder}/{beside}", 0o660)
    server.listen(4)
    os.rename(beside, name, src_dir_fd=run.handle, dst_dir_fd=run.handle)
    return server


class Client:
    """One connection. What it does wrong ends it, nothing else: it is `over`, and its owner, who may have it registered
    somewhere, closes it."""

    def __init__(self, connection: socket.socket):
        connection.setblocking(False)
        self._socket = connection
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.resumed = False
        """It has said from where on it wants output."""
        self.over = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self.over = True
        self._socket.close()

    @property
    def has_room(self) -> bool:
        """Whether more may be put to it now."""
        return not self.over and len(self._outgoing) < MAX_UNSENT_BYTES

    @property
    def has_unsent(self) -> bool:
        return bool(self._outgoing)

    def put(self, message: dict) -> None:
        """Send as soon as it can be."""
        self._outgoing += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        while self._outgoing and not self.over:
            try:
                del self._outgoing[:self._socket.send(self._outgoing)]
            except BlockingIOError:
                return
            except OSError:
                self.over = True

    def read(self) -> Iterator[dict]:
        """What has come: whole lines that are objects; at most one buffer of them."""
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._incoming += data
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = rest
        for line in lines:
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict):
                self.over = True
                return
            yield message
        if not data or len(rest) > MAX_CLIENT_LINE:
            self.over = True
