"""Work that may never return is done by another thread, which is left behind when it does not.

A folder in a container may be a file system whose server is the container itself, and answers when it likes. Whoever
keeps a thread waiting for longer than PATIENCE is not asked again; the agent's own reader goes on.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

PATIENCE = 5.0
"""Seconds that one look or read in a container may take."""

MAX_LEFT = 16
"""Threads that are left behind at most; then nothing in containers is read until the agent starts anew."""

Work = tuple[Hashable, Callable[[], Any]]
"""Who may be to blame, and what to do."""

Answer = tuple[Any, Exception | None]
"""What was returned, or raised."""


class Bystander:
    """Used by one thread."""

    def __init__(self, patience: float = PATIENCE, most: int = MAX_LEFT):
        self._patience = patience
        self._most = most
        self._work: queue.SimpleQueue | None = None
        self._blamed: set[Hashable] = set()

    def blames(self, whose: Hashable) -> bool:
        return whose in self._blamed or len(self._blamed) >= self._most

    def do(self, whose: Hashable, work: Callable[[], Any]) -> Any:
        """What `work` returns or raises. Raises TimeoutError, now or at once, for whom it took too long."""
        [(value, error)] = self.do_each([(whose, work)])
        if error is not None:
            raise error
        return value

    def do_each(self, works: Sequence[Work]) -> list[Answer]:
        """The same of several, one after the other; to change threads once for all costs less."""
        answers: list[Answer] = []
        while len(answers) < len(works):
            if self.blames(works[len(answers)][0]):
                answers.append((None, TimeoutError()))
            else:
                answers += self._wait(list(itertools.takewhile(lambda work: not self.blames(work[0]),
                                                               works[len(answers):])))
        return answers

    def close(self) -> None:
        """Its thread ends when it comes back."""
        if self._work is not None:
            self._work.put(None)
            self._work = None

    def _wait(self, works: list[Work]) -> list[Answer]:
        """The answers up to one that takes too long, who is then blamed."""
        if self._work is None:
            self._work = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._work,), name="bystander", daemon=True).start()
        batch = _Batch(works)
        self._work.put(batch)
        answered = 0
        while not batch.over.wait(self._patience):
            if len(batch.answers) == answered:
                batch.left = True
                self._blamed.add(works[answered][0])
                self.close()
                return batch.answers[:answered]
            answered = len(batch.answers)
        return batch.answers


class _Batch:
    """`left`: nobody waits for it any more."""

    def __init__(self, works: list[Work]):
        self._works = works
        self.answers: list[Answer] = []
        self.over = threading.Event()
        self.left = False

    def do(self) -> None:
        for _, work in self._works:
            try:
                self.answers.append((work(), None))
            except Exception as error:  # it is raised where it was asked for
                self.answers.append((None, error))
            if self.left:
                return
        self.over.set()


def _serve(work: queue.SimpleQueue) -> None:
    while (batch := work.get()) is not None:
        batch.do()
