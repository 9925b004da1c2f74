"""What hubctl ends with when it can't do what was asked. Each says what to do next.

    HubctlError
    +-- Usage 2          the command line, a file or a value on it can't be used
    +-- NotReachable 3   no hub answers there: network, TLS, or something else listens
    +-- Refused 4        the hub (or the person asked) said no
        +-- NotSignedIn 4    no context, or its sign-in is no longer valid
    +-- PipeClosed 141       whoever read our output went away; nothing is said

Exit 0 is "all well"; exit 1 belongs to `run`: the order was carried out, and on some node it did not end well.
"""

OK = 0
SOME_FAILED = 1
USAGE = 2
NOT_REACHABLE = 3
REFUSED = 4

INTERRUPTED = 130
"""Ctrl-C, as the shell counts it (128 + SIGINT)."""

PIPE_CLOSED = 141
"""Whoever read our output went away, as in `hubctl logs | head` (128 + SIGPIPE)."""


class HubctlError(Exception):
    """str(error) says what happened; `next_step` what the reader can do about it."""

    exit_code = REFUSED

    def __init__(self, what: str, next_step: str = ""):
        super().__init__(what)
        self.next_step = next_step


class Usage(HubctlError):
    exit_code = USAGE


class NotReachable(HubctlError):
    exit_code = NOT_REACHABLE


class Refused(HubctlError):
    """`status` and `code` are the hub's; 0 and "" where hubctl itself or its user said no."""

    exit_code = REFUSED

    def __init__(self, what: str, next_step: str = "", status: int = 0, code: str = ""):
        super().__init__(what, next_step)
        self.status = status
        self.code = code


class NotSignedIn(Refused):
    pass


class PipeClosed(HubctlError):
    exit_code = PIPE_CLOSED
