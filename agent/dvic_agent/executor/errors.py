"""What the executor answers instead of `running`, as exceptions by blame.

    ExecutorError
    +-- Refusal          the request, its signature or this machine's policy: nothing was started (state, code, reason)
    +-- Untrusted        a file or directory of our own could have been changed by somebody else: nothing is started
    +-- StartFailed      everything was allowed, but the machine could not start the run
"""


class ExecutorError(Exception):
    """Base of all that this package raises on purpose."""


class Refusal(ExecutorError):
    """Nothing was started. `state` and `code` are for programs, the text is for people."""

    def __init__(self, code: str, reason: str, state: str = "refused"):
        super().__init__(reason)
        self.code = code
        self.state = state


class Untrusted(ExecutorError):
    """A path that must belong to root (or to whoever runs the executor) does not, or others may write to it."""


class StartFailed(ExecutorError):
    """The backend could not start the run; says why."""
