"""What can go wrong at the agent, by blame, with the exit code that tells it.

    AgentError 1
    +-- ConfigError 2          ours: agent.toml, a flag, a file's mode; says which line or file to change
    +-- IdentityError 2        ours: the node's key or the pinned hub can't be used
    +-- NotEnrolled 2          ours: nobody has enrolled this machine yet
    +-- NetworkError 3         the network's: the hub is not reachable; trying again may help
    +-- HubFault 4             the hub's: it answered, and not as it may
        +-- HubRefused 4       it answered no; `code` says why, `retry` when to ask again
        +-- HubNotTrusted 4    it could not prove to be the pinned hub
    +-- ExecutorError 5        this machine's executor: not there, or its answer is none
"""


class AgentError(Exception):
    """Base of what the agent raises on purpose. str(error) says what is wrong and what to do next."""

    exit_code = 1


class ConfigError(AgentError):
    exit_code = 2


class IdentityError(AgentError):
    exit_code = 2


class NotEnrolled(IdentityError):
    """There is no pinned hub."""


class NetworkError(AgentError):
    exit_code = 3


class HubFault(AgentError):
    exit_code = 4


class HubRefused(HubFault):
    """The hub said no. `code` is one of messages.Refused or of the enrolment's problem documents."""

    def __init__(self, code: str, reason: str, retry: float = 0):
        super().__init__(f"the hub refused ({code}): {reason}")
        self.code = code
        self.reason = reason
        self.retry = retry


class HubNotTrusted(HubFault):
    """Whoever answers at the hub's address does not hold the key that was pinned at enrolment."""


class ExecutorError(AgentError):
    """`delivered` tells whether the request may have reached the executor: if not, nothing was started by it."""

    exit_code = 5

    def __init__(self, reason: str, delivered: bool):
        super().__init__(reason)
        self.delivered = delivered
