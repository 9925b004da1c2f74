"""What the Bot API brings, and how far it was worked off: from updates to what is to be carried out. Pure.

- Deny by default: only messages from chats on the list count. Others are passed over without an answer, and counted.
- Only new text messages of people count: no edited ones, no other bots', nothing that is posted in a channel.
- What is older than STALE when it comes is not carried out (whoever wrote it has long done something else); the chat
  is told so, once for all such commands that come together.
- Each update counts once. Before a command that changes something is carried out, Progress says that it has `begun`;
  afterwards `next` is behind it. After a restart in between the update comes again, and whoever carries it out is
  told since when that may have been done already.

Telegram begins to count anew, anywhere, when nothing came for a week (core.telegram.org/bots/api, Update). An offset
that is older than FORGET is therefore forgotten: what it kept away is gone there too, after a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

STALE = 300
"""Seconds after which a command is too old to be carried out."""

FORGET = 6 * 86_400
"""Seconds after which the offset is forgotten."""

_SECOND = 1_000_000


class Chat(msgspec.Struct, frozen=True):
    id: int
    type: str = ""


class Person(msgspec.Struct, frozen=True):
    id: int
    is_bot: bool = False
    username: str = ""


class Message(msgspec.Struct, frozen=True):
    message_id: int
    date: int
    chat: Chat
    person: Person | None = msgspec.field(name="from", default=None)
    text: str = ""


class Update(msgspec.Struct, frozen=True):
    """`message` is None for every other kind of update, and for a message that can't be read."""

    update_id: int
    message: Message | None = None


class _Number(msgspec.Struct, frozen=True):
    update_id: int


@dataclass(frozen=True)
class Begun:
    """A command that was begun: its update, and since when (microseconds)."""

    update: int
    since: int


@dataclass(frozen=True)
class Progress:
    """`next`: the first update that was not worked off; `time`: when the last one was (microseconds)."""

    next: int = 0
    time: int = 0
    begun: Begun | None = None

    def offset(self, now: float) -> int:
        """What to ask for; 0: whatever there is."""
        return self.next if 0 <= now - self.time / _SECOND < FORGET else 0

    def begin(self, update: int, now: float) -> "Progress":
        """Before it is carried out. One that was begun before keeps its time."""
        begun = self.begun if self.begun and self.begun.update == update else Begun(update, int(now * _SECOND))
        return Progress(self.next, self.time, begun)

    def done(self, update: int, now: float) -> "Progress":
        return Progress(update + 1, int(now * _SECOND))


@dataclass(frozen=True)
class Judged:
    """What to do with an update: nothing, where it has no `message`. `stale`: only answer."""

    update: int
    message: Message | None = None
    stale: bool = False


def read_updates(result: bytes) -> list[Update]:
    """The updates of an answer, in order. One that can't be read is passed over later, by its number; raises
    msgspec.DecodeError where there is none or where it is no list."""
    found = []
    for each in msgspec.json.decode(result, type=list[msgspec.Raw]):
        try:
            found.append(msgspec.json.decode(each, type=Update))
        except msgspec.ValidationError:
            found.append(Update(msgspec.json.decode(each, type=_Number).update_id))
    return sorted(found, key=lambda update: update.update_id)


def judge(updates: Iterable[Update], chats: frozenset[str], progress: Progress, now: float
          ) -> tuple[list[Judged], list[str]]:
    """What to do with each, and the chats that may not command (one for each of their messages)."""
    judged, strangers = [], []
    for update in updates:
        message = update.message
        if message is None or message.person is None or message.person.is_bot or message.chat.type == "channel":
            judged.append(Judged(update.update_id))
        elif str(message.chat.id) not in chats:
            strangers.append(str(message.chat.id))
            judged.append(Judged(update.update_id))
        else:
            begun = progress.begun is not None and progress.begun.update == update.update_id
            judged.append(Judged(update.update_id, message, now - message.date > STALE and not begun))
    return judged, strangers


def dump(progress: Progress) -> str:
    return msgspec.json.encode(progress).decode()


def load(text: str | None) -> Progress:
    """What was kept; nothing where it can't be read: then Telegram's own notes count."""
    try:
        return msgspec.json.decode(text or "{}", type=Progress)
    except msgspec.DecodeError:
        return Progress()
