"""Runs and updates on this machine, as the agent sees them: requests go to the executor, answers to the hub.

A run's end is not told here: it comes in the run's stream. What the hub must hear at once is whether a run was
accepted, and of runs that left no trace that they are lost.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from pathlib import Path

from dvic_wire.messages import RunAnswer, RunCancel, RunReply, RunRequest, UpdateConfirm
from dvic_wire.runs import CANCELLED, EXPIRED, FAILED, LOST, REFUSED, RUNNING

from .errors import ExecutorError
from .executor_client import ExecutorClient

log = logging.getLogger(__name__)

RUN_ID = re.compile(r"[a-z0-9]{12,32}\Z")
ANSWERS = frozenset({RUNNING, REFUSED, FAILED, EXPIRED, CANCELLED, LOST})
"""States that an executor may answer with."""

Order = RunRequest | RunCancel | RunAnswer
Ask = Callable[[str, str], Coroutine]

TRIES = 3
"""Times that a request is handed over when the executor takes it and then says nothing."""

MAX_REASON = 2000
"""Characters of why, as the hub is told it."""

CONFIRM_SECONDS = 3600.0
"""How long the hub's word for an update is carried to an executor that does not answer; it may just be restarting."""

AT_A_TIME = 8
"""Requests handed over at a time; the rest waits in line."""


class RunDesk:
    """`reply(message)` sends to the hub when there is a connection; the hub asks again after the next Welcome."""

    def __init__(self, executor: ExecutorClient, runs_dir: Path, reply: Callable[[RunReply], object],
                 retry_seconds: float = 1.0):
        self._executor = executor
        self._runs_dir = runs_dir
        self._reply = reply
        self._retry_seconds = retry_seconds
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task] = set()

    def request(self, message: Order) -> None:
        """Hand it over and answer, in the background."""
        self._start(self._answer(message))

    def confirm(self, message: UpdateConfirm) -> None:
        """Hand over the hub's word for an update, in the background; what comes of it is told in its stream."""
        self._start(self._confirm(message))

    def compare(self, believed: list[str]) -> None:
        """Of the runs that the hub believes to be running here, tell those that left no trace."""
        for run in believed:
            if not isinstance(run, str) or not self.exists(run):
                self._reply(RunReply(str(run), LOST, "this machine knows nothing of the run"))

    def forget(self, run: str) -> None:
        """The hub has stored the run's end: let the executor remove its directory."""
        self._start(self._forget(run))

    def exists(self, run: str) -> bool:
        """Whether the run's directory is there."""
        return bool(RUN_ID.match(run)) and (self._runs_dir / run).is_dir()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Order) -> None:
        if not RUN_ID.match(message.run):
            self._reply(RunReply(message.run, REFUSED, "the run's id is none"))
            return
        ask = self._way(message)
        if ask is None:
            self._reply(RunReply(message.run, REFUSED, f"this agent knows no request {message.request[:MAX_REASON]}"))
            return
        async with self._places:
            state, reason = await self._hand_over(message, ask)
        self._reply(RunReply(message.run, state, reason[:MAX_REASON]))

    def _way(self, message: Order) -> Ask | None:
        """What the executor is asked for; None where that is not known here."""
        if isinstance(message, RunCancel):
            return self._executor.cancel
        if isinstance(message, RunAnswer):
            return self._executor.answer
        return {"run": self._executor.run, "update": self._executor.update,
                "enroll": self._executor.enroll, "terminal": self._executor.terminal,
                "copy": self._executor.copy}.get(message.request)

    async def _hand_over(self, message: Order, ask: Ask) -> tuple[str, str]:
        delivered, reason = False, ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._retry_seconds)
            try:
                answer = await ask(message.run, message.jws)
            except ExecutorError as error:
                log.warning("run %s: %s", message.run, error)
                delivered, reason = delivered or error.delivered, str(error)
                continue
            if answer["state"] in ANSWERS:
                return answer["state"], str(answer.get("reason", ""))
            reason = f"the executor answered {answer['state']!r}: {answer.get('reason', '')}"
            return FAILED, reason
        return self._without_answer(message, delivered, reason)

    def _without_answer(self, message: Order, delivered: bool, reason: str) -> tuple[str, str]:
        if self.exists(message.run):
            return RUNNING, ""  # whatever became of it, its stream will tell
        if isinstance(message, RunRequest) and not delivered:
            return FAILED, reason
        return LOST, reason

    async def _confirm(self, message: UpdateConfirm) -> None:
        pause, waited = self._retry_seconds, 0.0
        while RUN_ID.match(message.run):
            try:
                answer = await self._executor.confirm(message.run, message.jws)
            except ExecutorError as error:
                log.warning("update %s: %s", message.run, error)
                if waited > CONFIRM_SECONDS:
                    return
                await asyncio.sleep(pause)
                waited, pause = waited + pause, min(2 * pause, 10 * self._retry_seconds)
                continue
            log.info("update %s: %s", message.run, answer.get("reason") or answer["state"])
            return

    async def _forget(self, run: str) -> None:
        try:
            await self._executor.forget(run)
        except ExecutorError as error:
            # it stays on disk; at the next start its stream is offered to the hub, which lets go of it again
            log.warning("run %s is not removed: %s", run, error)
