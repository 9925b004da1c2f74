"""What a channel promises: a notice goes out once to each of its targets, or it is said why not.

    await sender.send(notice, journey)       raises Undelivered
    await sender.close()

A channel with several targets (Telegram's chats) passes over those that `journey` has behind it. Just before a target's
message is handed over, in the moment after which it may arrive whatever becomes of the hub, it awaits
`journey.handing_over(target)`; after a refusal, which means that it did not arrive, `journey.not_taken(target)`.
No sender waits for ever: whoever calls sets a time limit, and cancelling ends what it does.
"""

from dataclasses import dataclass
from typing import Protocol

MAX_ERROR = 300
"""Characters of the reason why a notice did not go out."""


@dataclass(frozen=True)
class Notice:
    """What is told. `id`: the delivery's, the same at every try. `kind`: raised, cleared, repeated or test. `title` is
    one line; title and `body` are plain text without control characters. `thread`: what a recovery shares with its
    alarm."""

    id: str
    kind: str
    severity: str
    title: str
    body: str
    alarms: tuple[str, ...] = ()
    thread: str = ""


class Undelivered(Exception):
    """It did not go out. `final`: no other try would help; `wait`: seconds that the other side asks to wait."""

    def __init__(self, reason: str, *, final: bool = False, wait: float = 0.0):
        super().__init__(" ".join(reason.split())[:MAX_ERROR])
        self.final = final
        self.wait = wait


class Journey(Protocol):
    """How far a notice has come."""

    def behind(self, target: str) -> bool:
        """Whether it was handed over to this target before."""

    async def handing_over(self, target: str = "") -> None:
        """It is handed over now; from here on it may arrive."""

    async def not_taken(self, target: str = "") -> None:
        """The target's side said that it did not take it."""

    def remark(self, text: str) -> None:
        """Something that whoever looks at the result should know."""


class Sender(Protocol):
    async def send(self, notice: Notice, journey: Journey) -> None:
        """Raises Undelivered."""

    async def close(self) -> None: ...
