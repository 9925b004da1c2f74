"""A terminal on a machine: what its order holds, and what somebody types, signed.

A terminal is a run (its id, its directory, its end). Its order (TERMINAL) names a key that the hub made for this
session alone; the process that holds the terminal takes input by that key only. So whoever merely carries the bytes,
the agent, can type nothing, and one session's input is no other's.

    >>> key = PrivateKey.generate()
    >>> text = sign_input(key, "0123456789abcdef", 7, Typed(b"ls"), now=0)
    >>> read_input(text, key.public, "0123456789abcdef", after=6)
    (7, Typed(data=b'ls'))

`n` grows with each input. What was taken once is not taken again, so a hub may send again what was not confirmed.
Output is counted in bytes from the terminal's start (`offset`); at most TERMINAL_WINDOW bytes are under way
unacknowledged, then the terminal is not read, and what writes to it waits.
"""

from dataclasses import dataclass

from .errors import MalformedMessage, SignatureRefused
from .pieces import MAX_PIECE, decode_bytes, encode_bytes
from .signing import PrivateKey, PublicKey, Purpose, sign, verify

TERMINAL_WINDOW = 256 * 1024
"""Output that may be under way unacknowledged, bytes."""

TERMINAL_TAIL = 64 * 1024
"""Acknowledged output that is kept at the machine so that a hub can show the last screenful again, bytes."""

MAX_TERMINAL_PIECE = MAX_PIECE
"""Bytes of output, or of input, in one message."""

MAX_TERMINAL_ARGUMENTS = 64 * 1024
"""Characters of a terminal's command with all its arguments."""

SIZES = (1, 1000)
"""Columns and rows that a terminal may have."""

LIMITS = {"idle": (10, 7 * 86400), "keep": (5, 3600), "timeout": (10, 30 * 86400)}
"""Seconds that each of an order's times may be."""

INPUT_TTL = 300
"""Seconds written into an input; what makes it fresh is its number."""

_KNOWN = {"argv", "user", "cols", "rows", "idle", "keep", "timeout", "input_key"}


@dataclass(frozen=True)
class TerminalSpec:
    """What a terminal's order asks for. `argv` is executed as it is, () is the login shell of `user` ("": the
    machine's choice). Seconds: `idle` without input and output after which it ends, `keep` that it waits for somebody
    to come back to it, `timeout` of its whole life."""

    input_key: PublicKey
    argv: tuple[str, ...] = ()
    user: str = ""
    cols: int = 80
    rows: int = 24
    idle: int = 3600
    keep: int = 60
    timeout: int = 86400

    def to_json(self) -> dict:
        return {"argv": list(self.argv), "user": self.user, "cols": self.cols, "rows": self.rows, "idle": self.idle,
                "keep": self.keep, "timeout": self.timeout, "input_key": self.input_key.jwk()}

    @classmethod
    def from_json(cls, value: object) -> "TerminalSpec":
        """Check and read; raises MalformedMessage that names the field."""
        if not isinstance(value, dict) or set(value) != _KNOWN:
            raise MalformedMessage(f"must be an object of {', '.join(sorted(_KNOWN))}", "terminal")
        argv, user = value["argv"], value["user"]
        if not isinstance(argv, list) or not all(isinstance(part, str) and "\0" not in part for part in argv):
            raise MalformedMessage("must be texts without NUL", "terminal.argv")
        if sum(map(len, argv)) > MAX_TERMINAL_ARGUMENTS:
            raise MalformedMessage(f"has at most {MAX_TERMINAL_ARGUMENTS} characters", "terminal.argv")
        if not isinstance(user, str) or "\0" in user or len(user) > 256:
            raise MalformedMessage("must be a user's name", "terminal.user")
        for name, (least, most) in {"cols": SIZES, "rows": SIZES, **LIMITS}.items():
            if type(value[name]) is not int or not least <= value[name] <= most:
                raise MalformedMessage(f"must be {least} to {most}", f"terminal.{name}")
        return cls(PublicKey.from_jwk(value["input_key"]), tuple(argv),
                   **{name: value[name] for name in _KNOWN - {"input_key", "argv"}})


@dataclass(frozen=True)
class Typed:
    """Bytes as from a keyboard."""

    data: bytes


@dataclass(frozen=True)
class Resized:
    """The window's new size."""

    cols: int
    rows: int


Input = Typed | Resized


def sign_input(key: PrivateKey, run: str, n: int, given: Input, *, now: float) -> str:
    """The TERMINAL_INPUT JWS of one input by the session's key. `now`: Unix seconds."""
    content = {"data": encode_bytes(given.data)} if isinstance(given, Typed) else {"size": [given.cols, given.rows]}
    return sign(key, Purpose.TERMINAL_INPUT, {"aud": run, "n": n, **content}, now=now, ttl=INPUT_TTL)


def read_input(text: str, key: PublicKey, run: str, *, after: int) -> tuple[int, Input]:
    """Number and input, when the session's key signed it for this run and its number is above `after`. Raises
    SignatureRefused, MalformedMessage or LimitExceeded."""
    claims = verify(text, key, Purpose.TERMINAL_INPUT, audience=run, now=None)
    n = claims.get("n")
    if type(n) is not int or n <= after:
        raise SignatureRefused("this input was taken already, or has no number")
    if "data" in claims:
        data = decode_bytes(claims["data"])
        if data is None:
            raise MalformedMessage(f"must be at most {MAX_TERMINAL_PIECE} bytes in base64", "input.data")
        return n, Typed(data)
    return n, read_size(claims.get("size"))


def read_size(size: object) -> Resized:
    """A size as [columns, rows]; raises MalformedMessage."""
    least, most = SIZES
    if not isinstance(size, list) or len(size) != 2 or not all(
            type(side) is int and least <= side <= most for side in size):
        raise MalformedMessage(f"must be columns and rows, each {least} to {most}", "size")
    return Resized(size[0], size[1])
