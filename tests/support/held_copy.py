"""A copy of a real executor as its agent and its hub see it together."""

import hashlib
import json
import socket
from contextlib import suppress

from running_executor import RunningExecutor, new_run_id

from dvic_wire.copies import FROM, TO, CopySpec
from dvic_wire.pieces import MAX_PIECE, decode_bytes, encode_bytes
from dvic_wire.signing import Purpose


class HeldCopy:
    """Ordered at `executor`; keyword arguments are those of CopySpec."""

    def __init__(self, executor: RunningExecutor, spec: CopySpec, **claims: object):
        self.executor = executor
        self.run = new_run_id()
        self.spec = spec
        self.data = b""
        self.about: dict = {}
        self._connection: socket.socket | None = None
        order = {"copy": spec.to_json(), **claims}
        jws = executor.hub.order(self.run, {}, purpose=Purpose.COPY, **order)
        self.answer = executor.ask({"request": "copy", "run": self.run, "jws": jws})

    def connect(self, offset: int = 0) -> "HeldCopy":
        """As the agent; `offset`: what of a file from the machine is safe. A copy that failed at once refuses it."""
        self.disconnect()
        self._connection = self.executor.connect(self.run, "copy.sock")
        self._lines = self._connection.makefile("rb")
        self.say({"from": offset})
        return self

    def disconnect(self) -> None:
        if self._connection is not None:
            self._lines.close()
            self._connection.close()
            self._connection = None

    def say(self, message: dict) -> None:
        with suppress(BrokenPipeError):  # it has ended, as its end will say
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict:
        """The next line; {} when the other side has ended."""
        try:
            return json.loads(self._lines.readline() or b"{}")
        except ConnectionResetError:
            return {}

    def give(self, content: bytes, start: int | None = None, end: int | None = None) -> None:
        """Send pieces from where the machine says it is (None) up to `end`, and wait until they are taken."""
        at = self.hear()["taken"] if start is None else start
        end = len(content) if end is None else end
        while at < end:
            piece = content[at:min(at + MAX_PIECE, end)]
            self.say({"offset": at, "data": encode_bytes(piece)})
            at += len(piece)
            if at < len(content):
                while self.hear().get("taken") != at:
                    pass

    def get(self, until: int = -1, confirm: bool = True) -> bytes:
        """Take pieces until the file is whole (its hash has come and is confirmed), or `until` bytes are there."""
        while until < 0 or len(self.data) < until:
            message = self.hear()
            if not message:
                break
            if "file" in message:
                self.about = message["file"]
                if self.about["sha256"]:
                    self.say({"taken": len(self.data)})
            else:
                assert message["offset"] == len(self.data)
                self.data += decode_bytes(message["data"])
                if confirm and len(self.data) < self.about["size"]:
                    self.say({"taken": len(self.data)})
        return self.data

    @property
    def end(self) -> dict:
        return self.executor.ended(self.run)


def incoming(path: object, content: bytes, **more: object) -> CopySpec:
    """The order of a file that comes to the machine."""
    wanted = {"name": "letter.txt", "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **more}
    return CopySpec(TO, str(path), **wanted)


def outgoing(path: object, **more: object) -> CopySpec:
    """The order of a file that goes from it."""
    return CopySpec(FROM, str(path), **{"size": 2**30, **more})
