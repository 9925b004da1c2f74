"""Commands by Telegram: what a chat that may command asks for is carried out by the services that do it for everybody.

The chat acts as `telegram:CHAT` with the role operator, in the audit log and wherever it is said who did something. A
command that is handed over again (`since`: it may have been carried out since then, and the hub was killed before it
could say so) leaves what it finds done.
"""

import logging
from collections.abc import Callable, Sequence

from dvic_hub.domain import telegram_answers as answers
from dvic_hub.domain.alarm_model import RAISED, Alarm
from dvic_hub.domain.people import OPERATOR, Actor
from dvic_hub.domain.silences import SilenceOrder
from dvic_hub.domain.telegram_commands import (
    HELP,
    Acknowledge,
    Command,
    Help,
    Hush,
    Nodes,
    Status,
    Switch,
    parse,
)
from dvic_hub.domain.telegram_updates import Message
from dvic_hub.errors import BadRequest, Conflict, HubError, NotFound
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.cycles import CycleService
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.watch import FleetService
from dvic_wire.errors import WireError

LEAST_ID = 4
"""Letters of an alarm's id that name it."""

log = logging.getLogger("dvic.telegram")


class TelegramCommands:
    """`clock` gives Unix seconds."""

    def __init__(self, fleet: FleetService, alarms: AlarmService, cycles: CycleService, silences: SilenceService,
                 clock: Callable[[], float]) -> None:
        self._fleet = fleet
        self._alarms = alarms
        self._cycles = cycles
        self._silences = silences
        self._clock = clock

    def read(self, message: Message, bot: str) -> Command | str | None:
        """The command in a message; a text that says what is wrong with it; None where it is none."""
        try:
            return parse(message.text, bot, message.chat.type == "private")
        except (HubError, WireError) as error:
            return str(error)

    async def carry_out(self, command: Command, message: Message, since: int = 0) -> str:
        """The answer, whatever happens. `since` (microseconds): see above."""
        user = f" user {message.person.id}" if message.person else ""
        actor = Actor(f"telegram:{message.chat.id}", OPERATOR, f"telegram{user}")
        try:
            return await self._do(command, actor, since)
        except (HubError, WireError) as error:
            return f"Not done: {error}"
        except Exception:
            log.exception("a command from chat %d failed", message.chat.id)
            return "Not done: the hub failed; its log says why."

    # ---- inside

    async def _do(self, command: Command, actor: Actor, since: int) -> str:
        now = self._clock()
        match command:
            case Help():
                return HELP
            case Status():
                off = [service.name for service in self._cycles.all() if service.off]
                return answers.status(self._fleet.counts(), self._alarms.open(), self._silences.all(), off, now)
            case Nodes():
                views = self._fleet.select(command.selector)
                silenced = {view.id: one for view in views if (one := self._silences.of(view))}
                return answers.node_list(views, silenced, command.selector, now)
            case Switch():
                return await self._switch(command, actor)
            case Acknowledge():
                return await self._acknowledge(command, actor, since)
            case Hush():
                return await self._hush(command, actor, since)

    async def _switch(self, command: Switch, actor: Actor) -> str:
        said = f"{command.service} is switched {'on' if command.on else 'off'}"
        if self._cycles.get(command.service).off != command.on:
            return f"{said} already."
        await self._cycles.switch(command.service, command.on, {}, actor)
        return f"{said}."

    async def _acknowledge(self, command: Acknowledge, actor: Actor, since: int) -> str:
        alarms = self._alarms.open()
        done = [one for one in alarms if one.acknowledged_by == actor.name and one.acknowledged >= since]
        if since and done:
            return answers.acknowledged(done, actor.name)
        wanted = [one for one in alarms if one.state == RAISED]
        if command.id not in ("", "all"):
            wanted = _named(command.id, alarms)
        elif len(wanted) > 1 and not command.id:
            return f"Which one? /ack ID, or /ack all\n\n{answers.alarm_list(wanted, self._clock())}"
        if not wanted:
            return "There is nothing to acknowledge."
        changed = await self._alarms.acknowledge([one.id for one in wanted], actor)
        if not changed:
            return f"It was acknowledged before, by {wanted[0].acknowledged_by}."
        return answers.acknowledged(changed, actor.name)

    async def _hush(self, command: Hush, actor: Actor, since: int) -> str:
        made = next((one for one in self._silences.all() if since and one.created >= since
                     and (one.created_by, one.selector) == (actor.name, command.selector)), None)
        if made is None:
            made = await self._silences.add(
                SilenceOrder(command.selector, command.seconds, command.fixed, "by Telegram"), actor)
        count = (await self._silences.meant([made]))[0]
        of_now = " (those that it names now)" if command.fixed else ""
        return (f"Silenced for {answers.spelled(command.seconds)}: {count} node{'' if count == 1 else 's'}{of_now}.\n"
                f"To end it before: hubctl silences end {made.id}")


def _named(text: str, alarms: Sequence[Alarm]) -> list[Alarm]:
    """The open alarm of this id, or of its beginning or end. Raises NotFound, Conflict, BadRequest."""
    if len(text) < LEAST_ID:
        raise BadRequest(f"{text} is too short: at least {LEAST_ID} letters of the id", limit=LEAST_ID)
    found = [one for one in alarms if one.id.startswith(text) or one.id.endswith(text)]
    if not found:
        raise NotFound(f"no open alarm has the id {text[:40]}: /status shows them")
    if len(found) > 1:
        raise Conflict(f"{len(found)} alarms have an id like {text[:40]}: give more of it")
    return found
