"""A relay of TCP connections in front of a hub: it can lead to another hub, cut what there is, or lose answers."""

import socket
import threading
import time
from contextlib import suppress


class Relay:
    """Listens at once on `address`:`port`. `target`: the port of 127.0.0.1 that new connections are led to; 0: nobody
    is there. `swallowed`: set when something of what the hub answered went nowhere. `seen`: who has connected."""

    def __init__(self, address: str, port: int):
        self.port = port
        self.target = 0
        self.swallowed = threading.Event()
        self._most: int | None = None
        self._rate = 0
        self.seen: list[str] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def swallow_after(self, most: int | None) -> None:
        """Of what the hub says on each connection that is made from now on only so many bytes arrive; None: all."""
        self._most = most
        self.swallowed.clear()

    def slow_down(self, rate: int) -> None:
        """On each connection that is made from now on only so many bytes a second go each way."""
        self._rate = rate

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def lead_to(self, port: int) -> None:
        """From now on there is another one behind this name."""
        self.target = port
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                machine, (address, *_) = self._listener.accept()
            except OSError:
                return
            self.seen.append(address)
            try:
                hub = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                machine.close()
                continue
            hub.settimeout(None)
            if self._rate:
                for end in (machine, hub):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            with self._lock:
                self._open |= {machine, hub}
            for source, sink, most in ((machine, hub, None), (hub, machine, self._most)):
                threading.Thread(target=self._carry, args=(source, sink, most), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, most: int | None) -> None:
        with suppress(OSError):
            rate = self._rate
            while data := source.recv(4096 if rate else 65536):
                if rate:
                    time.sleep(len(data) / rate)
                if most is not None:
                    data, most, whole = data[:most], max(0, most - len(data)), data
                    if len(data) < len(whole):
                        self.swallowed.set()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
