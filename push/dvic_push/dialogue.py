"""What is said to ssh and to the shell there, and when. Pure: bytes in, bytes to send and lines to show out.

    terminal   ssh asks for the password, or for the passphrase of a key: answered once
    stderr     sudo asks for the password: answered once
    stdout     READY: now the installer may be sent, and after it nothing more

A second question is never answered: a wrong password would be tried again, or something else be asked for.
"""

from dataclasses import dataclass, field

from dvic_wire.pushing import Secret

from .command import NO_SUDO, READY, SUDO_ASKS
from .errors import PushFailed

MAX_LINE = 16 * 1024
"""Bytes of a line without an end that are held back."""

MAX_PROMPT = 200
"""Characters of a question that are shown to people."""

HIDDEN = b"********"
"""What stands in the place of a secret, should the other side repeat it."""

SHORTEST_HIDDEN = 4
"""Characters from which on a secret is looked for in what the other side says."""


@dataclass
class Lines:
    """Bytes of one stream to whole lines."""

    rest: bytes = b""

    def take(self, data: bytes) -> list[bytes]:
        *whole, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > MAX_LINE:
            whole.append(self.rest)
            self.rest = b""
        return [line.rstrip(b"\r") for line in whole]

    def end(self) -> list[bytes]:
        left, self.rest = self.rest, b""
        return [left] if left else []


@dataclass
class Dialogue:
    """One sign-in and the installer behind it. `to_stdin`, `to_terminal`: what is to be sent; `closing`: nothing more
    after that. `last`: the last line that was said there on stderr, for whoever has to say what failed."""

    secret: Secret
    script: bytes
    to_stdin: bytes = b""
    to_terminal: bytes = b""
    closing: bool = False
    ready: bool = False
    last: str = ""
    _out: Lines = field(default_factory=Lines)
    _err: Lines = field(default_factory=Lines)
    _asked: bytes = b""
    _answered: bool = False
    _sudo_answered: bool = False

    def terminal(self, data: bytes) -> None:
        """What ssh writes to its terminal: only questions, each without a newline behind. Raises PushFailed."""
        self._asked = (self._asked + data).split(b"\n")[-1].lstrip(b"\r")[-MAX_LINE:]
        if not self._asked.strip():
            return
        prompt = self._asked.decode("utf-8", "replace").strip()[:MAX_PROMPT]
        if self._answered:
            what = "the passphrase of the key is wrong" if self.secret.key else \
                f"the password was not accepted, or more is asked for: {prompt}"
            raise PushFailed(what)
        answer = self.secret.passphrase if self.secret.key else self.secret.password
        if not answer:
            raise PushFailed(f"it is asked for what was not given: {prompt}")
        self._answered, self._asked = True, b""
        self.to_terminal += answer.encode() + b"\n"

    def out(self, data: bytes) -> list[bytes]:
        """Of what was said on stdout, the lines to show. Raises PushFailed."""
        return [self._shown(line) for line in self._out.take(data) if not self._is_mark(line)]

    def err(self, data: bytes) -> list[bytes]:
        """Of what was said on stderr, the lines to show. Raises PushFailed."""
        shown = self._err.take(data)
        if not self.ready and SUDO_ASKS in self._err.rest:
            self._err.rest = self._err.rest.partition(SUDO_ASKS)[2]
            self._answer_sudo()
        lines = [self._shown(line.replace(SUDO_ASKS, b"")) for line in shown]
        for line in lines:
            self.last = line.decode("utf-8", "replace").strip() or self.last
        return lines

    def end(self) -> tuple[list[bytes], list[bytes]]:
        """What is left of stdout and of stderr when both are closed."""
        left = [self._shown(line) for line in self._err.end()]
        self.last = left[-1].decode("utf-8", "replace").strip() if left else self.last
        return [self._shown(line) for line in self._out.end()], left

    def _is_mark(self, line: bytes) -> bool:
        if line == NO_SUDO and not self.ready:
            raise PushFailed("this user is not root, and there is no sudo: sign in as root")
        if line != READY or self.ready:
            return False
        self.ready = self.closing = True
        self.to_stdin += self.script
        return True

    def _answer_sudo(self) -> None:
        if self._sudo_answered:
            raise PushFailed("sudo does not accept the password")
        if not self.secret.password:
            raise PushFailed("sudo asks for a password: give it as well (--ask-password or --password-file)")
        self._sudo_answered = True
        self.to_stdin += self.secret.password.encode() + b"\n"

    def _shown(self, line: bytes) -> bytes:
        for secret in (self.secret.password, self.secret.passphrase):
            if len(secret) >= SHORTEST_HIDDEN:
                line = line.replace(secret.encode(), HIDDEN)
        return line
