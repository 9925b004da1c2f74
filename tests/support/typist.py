"""A person at a machine's terminal who types lines into a shell and reads what they say.

    with Typist(machine, folder="/root") as anna:
        anna.types("hubctl login https://hub.test --user admin", answers=(("Password", "secret"),))
"""

from collections.abc import Sequence

from machine import Machine

PATIENCE = 60.0
_READY = r"\[it ended with (\d+)\] "


class Typist:
    """A shell in a terminal of its own on a machine, from `with` to its end."""

    def __init__(self, machine: Machine, folder: str = "/root"):
        self._terminal = machine.terminal("bash", "--norc", "--noprofile", folder=folder)
        self._place = 0

    def __enter__(self) -> "Typist":
        self._terminal.wait_for("bash-", PATIENCE)
        self._terminal.type("bind 'set enable-bracketed-paste off'; stty columns 200; PS1='[it ended with '$'$?] '\n")
        self._await_end(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.kill()

    def types(self, line: str, *, answers: Sequence[tuple[str, str]] = (), code: int = 0,
              patience: float = PATIENCE) -> str:
        """Type a line and wait for its end; returns what it printed. AssertionError when it ends with another code."""
        self.begins(line)
        for question, answer in answers:
            self.sees(question, patience)
            self._terminal.type(answer + "\n")
        said, ended = self._await_end(patience)
        assert ended == code, f"{line}\nended with {ended}:\n{said}"
        return said

    def answers(self, text: str, patience: float = PATIENCE, code: int = 0) -> str:
        """Answer what the command that goes on has asked, and wait for its end; see `types`."""
        self._terminal.type(text + "\n")
        said, ended = self._await_end(patience)
        assert ended == code, f"ended with {ended}:\n{said}"
        return said

    def begins(self, line: str) -> None:
        """Type a line whose command goes on."""
        self._place = len(self._terminal.text)
        self._terminal.type(line + "\n")
        self._place = self._terminal.wait_for("\n", PATIENCE, self._place)  # the echo of what was typed

    def sees(self, words: str, patience: float = PATIENCE) -> None:
        """Wait until the command has printed something."""
        self._place = self._terminal.wait_for(words, patience, self._place)

    def said(self) -> str:
        """All that the terminal has shown."""
        return self._terminal.text

    def interrupts(self) -> str:
        """Ctrl-C, and wait for the prompt; returns what was printed since."""
        self._terminal.type("\x03")
        return self._await_end(PATIENCE)[0]

    def _await_end(self, patience: float) -> tuple[str, int]:
        found = self._terminal.wait_for_match(_READY, patience, self._place)
        said = self._terminal.text[self._place:self._place + found.start()]
        self._place += found.end()
        return said, int(found[1])
