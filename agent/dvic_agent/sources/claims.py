"""Pure: whose a folder is that several namespaces may see, and how many namespaces are looked into of one user.

The first that looks at a folder has it. Numbers of devices and of namespaces are given again as soon as they are free,
so that counts only until a look of its holder does not find the folder any more.
"""

from collections import Counter

from .open_files import Key


class Places:
    """There are `most`, and one user has half of them at most."""

    def __init__(self, most: int):
        self._most = most
        self._of: Counter[int] = Counter()

    def take(self, user: int) -> bool:
        if self._of.total() >= self._most or self._of[user] >= self._most // 2:
            return False
        self._of[user] += 1
        return True

    def leave(self, user: int) -> None:
        self._of[user] -= 1
        if not self._of[user]:
            del self._of[user]


class Claims:
    def __init__(self) -> None:
        self._held: dict[Key, int] = {}
        self._found: dict[int, set[Key]] = {}
        self._before: dict[int, set[Key]] = {}

    def begin(self, number: int) -> None:
        """This namespace is looked into."""
        self._before[number] = self._before.pop(number, set()) | self._found.pop(number, set())
        self._found[number] = set()

    def take(self, number: int, key: Key) -> bool:
        """A look found this folder: whether it is the namespace's."""
        if self._held.setdefault(key, number) != number:
            return False
        self._found[number].add(key)
        return True

    def end(self, number: int) -> None:
        """The look is over: what it did not find is anybody's."""
        self._free(self._before.pop(number, set()) - self._found.get(number, set()))

    def leave(self, number: int) -> None:
        """The namespace has ended."""
        self.end(number)
        self._free(self._found.pop(number, set()))

    def _free(self, keys: set[Key]) -> None:
        for key in keys:
            self._held.pop(key, None)
