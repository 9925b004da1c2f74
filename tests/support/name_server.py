"""A DNS server that knows one name, and can lose it or fall silent."""

import socket
import threading
from contextlib import suppress

_A, _IN, _NO_SUCH_NAME = 1, 1, 3


class NameServer:
    """Answers on `address`:53 that `name` is at `address`, and of every other name that there is none. `silent`: set,
    it answers nothing; `gone`: set, there is no such name."""

    def __init__(self, address: str, name: str):
        self.silent = threading.Event()
        self.gone = threading.Event()
        self._name = b"".join(bytes([len(part)]) + part for part in name.encode().split(b".")) + b"\0"
        self._address = socket.inet_aton(address)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "NameServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                asked, sender = self._socket.recvfrom(4096)
                if not self.silent.is_set():
                    self._socket.sendto(self._answer(asked), sender)

    def _answer(self, asked: bytes) -> bytes:
        end = asked.index(b"\0", 12) + 1
        question, kind = asked[12:end + 4], int.from_bytes(asked[end:end + 2])
        known = asked[12:end].lower() == self._name and not self.gone.is_set()
        answers = [b"\xc0\x0c" + _A.to_bytes(2) + _IN.to_bytes(2) + (1).to_bytes(4) + b"\0\4" + self._address
                   ] if known and kind == _A else []
        flags = 0x8580 if known else 0x8580 | _NO_SUCH_NAME  # an answer with authority
        return asked[:2] + flags.to_bytes(2) + b"\0\1" + len(answers).to_bytes(2) + b"\0\0\0\0" + question + b"".join(
            answers)
