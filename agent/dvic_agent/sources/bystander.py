"""Work that may never return is done by another thread, which is left behind when it does not.

A folder in a container may be a file system whose server is the container itself, and answers when it likes. Whoever
keeps a thread waiting for longer than PATIENCE is not asked again; the agent's own reader goes on.
"""

import queue
import threading
from collections.abc import Callable, Hashable
from typing import Any

PATIENCE = 5.0
"""Seconds that one look or read in a container may take."""

MAX_LEFT = 16
"""Threads that are left behind at most; then nothing in containers is read until the agent starts anew."""


class Bystander:
    """Used by one thread. `whose` names who may be to blame."""

    def __init__(self, patience: float = PATIENCE, most: int = MAX_LEFT):
        self._patience = patience
        self._most = most
        self._work: queue.SimpleQueue | None = None
        self._blamed: set[Hashable] = set()

    def blames(self, whose: Hashable) -> bool:
        return whose in self._blamed or len(self._blamed) >= self._most

    def do(self, whose: Hashable, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises. Raises TimeoutError, now or at once, for whom it took too long."""
        if self.blames(whose):
            raise TimeoutError
        if self._work is None:
            self._work = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._work,), name="bystander", daemon=True).start()
        answer: queue.SimpleQueue = queue.SimpleQueue()
        self._work.put((work, answer))
        try:
            value, error = answer.get(timeout=self._patience)
        except queue.Empty:
            self._blamed.add(whose)
            self.close()
            raise TimeoutError from None
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Its thread ends when it comes back."""
        if self._work is not None:
            self._work.put(None)
            self._work = None


def _serve(work: queue.SimpleQueue) -> None:
    while (asked := work.get()) is not None:
        do, answer = asked
        try:
            answer.put((do(), None))
        except Exception as error:  # it is raised where it was asked for
            answer.put((None, error))
