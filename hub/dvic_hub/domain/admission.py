"""How many peers may be in the middle of a handshake: bounds what an unknown peer can make the hub hold."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dvic_hub.errors import TooMany

MAX_HANDSHAKES = 512
"""Connections that have not proved who they are, together."""

MAX_HANDSHAKES_OF_ADDRESS = 128
"""The same from one address; machines behind one router share it."""


class Admission:
    """Counts handshakes under way."""

    def __init__(self, total: int = MAX_HANDSHAKES, of_address: int = MAX_HANDSHAKES_OF_ADDRESS):
        self._total = total
        self._of_address = of_address
        self._here: Counter[str] = Counter()

    def under_way(self) -> int:
        return self._here.total()

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """Hold a place for one handshake; raises TooMany when there is none."""
        if self._here.total() >= self._total or self._here[address] >= self._of_address:
            raise TooMany("too many connections are being set up", retry=5)
        self._here[address] += 1
        try:
            yield
        finally:
            self._here[address] -= 1
            if not self._here[address]:
                del self._here[address]
