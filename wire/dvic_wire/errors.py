"""What can be wrong with something that came over the wire, named by what to blame.

    WireError
    +-- MalformedMessage     the bytes are no message: not JSON, unknown kind, a missing or wrong field
    +-- LimitExceeded        a named limit was passed; says which, how much was sent and how much may be
    +-- SignatureRefused     a signature, its purpose, audience, time or nonce does not hold
        +-- SignatureExpired     it was good once, but its time is over
    +-- InvalidSelector      a selector can't be parsed; says where
    +-- InvalidToken         an enrolment token can't be read
    +-- InvalidTransition    a run was told to go where its table of states has no arrow
"""


class WireError(Exception):
    """Base of all that this package raises on purpose. `code` is what goes over the wire."""

    code = "error"


class MalformedMessage(WireError):
    """The bytes are not a message of this protocol; `field` names the place where it is known."""

    code = "malformed"

    def __init__(self, reason: str, field: str = ""):
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field


class LimitExceeded(WireError):
    """A limit of `docs/settings.md` was passed."""

    code = "limit"

    def __init__(self, limit: str, allowed: int, got: int | None = None, field: str = ""):
        sent = f", got {got}" if got is not None else ""
        super().__init__(f"{field}: {limit}: at most {allowed}{sent}" if field else f"{limit}: at most {allowed}{sent}")
        self.field = field
        self.limit = limit
        self.allowed = allowed
        self.got = got


class SignatureRefused(WireError):
    """A signed message does not hold. The reason is for logs; a peer is told no more than `code`."""

    code = "signature"


class SignatureExpired(SignatureRefused):
    """A signed message holds in everything but its time: it comes too late by this machine's clock."""

    code = "expired"


class InvalidSelector(WireError):
    """A selector can't be parsed; `position` counts characters from 0."""

    code = "selector"

    def __init__(self, reason: str, position: int):
        super().__init__(f"selector: {reason} at character {position + 1}")
        self.position = position


class InvalidToken(WireError):
    """An enrolment token is truncated, mistyped or not one."""

    code = "token"


class InvalidTransition(WireError):
    """A state machine's table has no such arrow."""

    code = "transition"
