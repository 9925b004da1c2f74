"""A terminal of a real executor as its agent and its hub see it together: carried by its socket, typed by its key."""

import json
import re
import socket
import time

from running_executor import RunningExecutor, new_run_id

from dvic_wire.signing import PrivateKey, Purpose
from dvic_wire.terminals import Resized, TerminalSpec, Typed, decode_bytes, sign_input


class HeldTerminal:
    """Ordered at `executor`; keyword arguments are those of TerminalSpec."""

    def __init__(self, executor: RunningExecutor, **wanted: object):
        self.executor = executor
        self.run = new_run_id()
        self.key = PrivateKey.generate()
        self.n = 0
        self.taken = -1
        self.offset = 0
        self.output = b""
        self._connection: socket.socket | None = None
        spec = TerminalSpec(self.key.public, **{"argv": ("/bin/sh",), **wanted})
        jws = executor.hub.order(self.run, {}, purpose=Purpose.TERMINAL, terminal=spec.to_json())
        self.answer = executor.ask({"request": "terminal", "run": self.run, "jws": jws})

    def connect(self, offset: int | None = None) -> "HeldTerminal":
        """As the agent, asking for the output from `offset` on (None: from where we are)."""
        self.disconnect()
        self._connection = self.executor.connect(self.run, "terminal.sock")
        self._lines = self._connection.makefile("rb")
        if offset is not None:
            self.offset = offset
        self.say({"from": self.offset})
        return self

    def disconnect(self) -> None:
        if self._connection is not None:
            self._lines.close()
            self._connection.close()
            self._connection = None

    def say(self, message: dict) -> None:
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def type(self, text: str | bytes) -> None:
        self.n += 1
        data = text if isinstance(text, bytes) else text.encode()
        self.say({"input": sign_input(self.key, self.run, self.n, Typed(data), now=time.time())})

    def resize(self, cols: int, rows: int) -> None:
        self.n += 1
        self.say({"input": sign_input(self.key, self.run, self.n, Resized(cols, rows), now=time.time())})

    def hear(self, acknowledge: bool = True) -> bool:
        """Take one line; False when the terminal has closed the connection."""
        line = self._lines.readline()
        if not line:
            return False
        message = json.loads(line)
        if "taken" in message:
            self.taken = message["taken"]
            return True
        data = decode_bytes(message["data"])
        self.output += data
        self.offset = message["out"] + len(data)
        if acknowledge:
            self.say({"ack": self.offset})
        return True

    def sees(self, wanted: str | bytes) -> None:
        """Read until this was shown."""
        data = wanted if isinstance(wanted, bytes) else wanted.encode()
        while data not in self.output:
            assert self.hear(), f"{wanted!r} was not shown; this was: {self.output!r}"

    def sees_match(self, pattern: bytes) -> re.Match:
        while not (found := re.search(pattern, self.output)):
            assert self.hear(), f"{pattern!r} was not shown; this was: {self.output!r}"
        return found

    def read_all(self) -> bytes:
        """Until the terminal has ended."""
        while self.hear():
            pass
        return self.output
