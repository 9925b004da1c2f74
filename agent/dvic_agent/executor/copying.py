"""The command of a copy: carries one file between a place on this machine and the agent, with the user's rights.

    copying.py RUN ORDER            ORDER: dvic_wire.copies.CopySpec as JSON; standard input: the listening socket

    to the machine     agent {"from": n}  ->  {"taken": m}, then  agent {"offset": m, "data": base64} -> {"taken": ..}
    from the machine   agent {"from": n}  ->  {"file": ...}, {"offset": n, "data": base64}  and at last {"file": ...}
                       again, with its sha256;  agent {"taken": ..}, and of all of it only when the hub has checked it

It is started as root, since not every user may read our own program, and becomes the user before it looks at anything.
A new connection takes the place of the one before and goes on from what was confirmed. Whatever goes wrong is said in
one line on standard error, with exit code 1, and nothing is left of it.
"""

import json
import selectors
import signal
import socket
import sys
import time
from dataclasses import replace

from dvic_wire.copies import COPY_WINDOW, TO, CopySpec
from dvic_wire.errors import WireError
from dvic_wire.pieces import MAX_PIECE, decode_bytes, encode_bytes

from .command import become, enter, resolve_account
from .copy_files import Incoming, Outgoing
from .copy_paths import CopyFailed
from .errors import ExecutorError
from .run_client import Client


class Receiver:
    """To the machine."""

    def __init__(self, file: Incoming):
        self._file = file

    @property
    def done(self) -> bool:
        return self._file.whole

    def resume(self, client: Client, offset: int) -> None:
        client.put({"taken": self._file.taken})

    def take(self, message: dict) -> None:
        data = decode_bytes(message.get("data"))
        if type(message.get("offset")) is int and data is not None:
            self._file.write(message["offset"], data)

    def feed(self, client: Client, heard: bool) -> None:
        if heard:
            client.put({"taken": self._file.taken})


class Sender:
    """From the machine."""

    def __init__(self, file: Outgoing):
        self._file = file
        self._sent = self._taken = 0
        self._told = False
        self.done = False

    def resume(self, client: Client, offset: int) -> None:
        self._sent = self._taken = max(0, min(offset, self._file.size))
        self._file.hash_up_to(self._sent)
        self._told = False
        client.put({"file": self._file.about.to_json()})

    def take(self, message: dict) -> None:
        taken = message.get("taken")
        if type(taken) is int and self._taken <= taken <= self._sent:
            self._taken = taken
            self.done = self._told and taken == self._file.size

    def feed(self, client: Client, heard: bool) -> None:
        while self._sent < min(self._file.size, self._taken + COPY_WINDOW) and client.has_room:
            data = self._file.read(self._sent, MAX_PIECE)
            client.put({"offset": self._sent, "data": encode_bytes(data)})
            self._sent += len(data)
        if self._sent == self._file.size and not self._told and client.has_room:
            self._told = True
            client.put({"file": replace(self._file.about, sha256=self._file.sha256()).to_json()})


class Copying:
    """Drives one of them over the socket. `keep`: seconds that are waited while nobody is connected."""

    def __init__(self, server: socket.socket, work: Receiver | Sender, keep: int):
        server.setblocking(False)
        self._server = server
        self._work = work
        self._keep = keep
        self._client: Client | None = None
        self._alone_since = time.monotonic()

    def run(self) -> None:
        """Until all of it is there. Raises CopyFailed."""
        while not self._work.done:
            heard = self._wait()
            client = self._client
            if client is not None and client.resumed and not client.over:
                self._work.feed(client, heard)
            if client is not None and client.over:
                client.close()
                self._client, self._alone_since = None, time.monotonic()
            if self._client is None and time.monotonic() - self._alone_since > self._keep:
                raise CopyFailed(f"nobody carried it on within {self._keep} s")

    def _wait(self) -> bool:
        """Wait for something to do, and hear it; True when something of the file was said."""
        client, heard = self._client, False
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            if client is not None:
                selector.register(client, selectors.EVENT_READ | (selectors.EVENT_WRITE if client.has_unsent else 0))
            timeout = None if client else max(0.0, self._alone_since + self._keep - time.monotonic()) + 0.01
            ready = selector.select(timeout)
        for key, events in ready:
            if key.fileobj is self._server:
                self._accept()
            elif key.fileobj is self._client:
                if events & selectors.EVENT_WRITE:
                    client.flush()
                if events & selectors.EVENT_READ and not client.over:
                    heard = self._hear(client) or heard
        return heard

    def _hear(self, client: Client) -> bool:
        heard = False
        for message in client.read():
            if type(message.get("from")) is int:
                client.resumed = True
                self._work.resume(client, message["from"])
            elif client.resumed:
                self._work.take(message)
                heard = True
        return heard

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return
        if self._client is not None:
            self._client.close()
        self._client = Client(connection)


def copy(server: socket.socket, run: str, spec: CopySpec) -> str:
    """Carry it to its end; returns what was done, in a line. Raises CopyFailed."""
    if spec.direction != TO:
        outgoing = Outgoing(spec)
        Copying(server, Sender(outgoing), spec.keep).run()
        return f"{outgoing.size} bytes read from {spec.path}, sha256 {outgoing.sha256()}"
    incoming = Incoming(spec, run)
    try:
        Copying(server, Receiver(incoming), spec.keep).run()
        incoming.settle()
    finally:
        incoming.discard()
    return f"{spec.size} bytes written to {spec.path}, sha256 {spec.sha256}"


def main(argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run, spec = argv[0], CopySpec.from_json(json.loads(argv[1]))
        account = resolve_account(spec.user)
        if account.switch:
            become(account)
        enter("", account.home)
        with socket.socket(fileno=0) as server:
            print(copy(server, run, spec))
    except (CopyFailed, ExecutorError, WireError, OSError, ValueError) as error:
        print(str(error).encode("utf-8", "replace").decode(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
