"""The hub says that this machine was removed: its LEAVE goes to the executor, which checks it and forgets the hub."""

import asyncio
import logging

from dvic_wire.messages import Leave

from .errors import ExecutorError
from .executor_client import ExecutorClient

log = logging.getLogger(__name__)

TRIES = 3
"""Times that it is handed over; after that the hub says it again at the next connection."""


class Leaver:
    """Hands a LEAVE over, in the background. The link sees by itself that there is no hub any more."""

    def __init__(self, executor: ExecutorClient, retry_seconds: float = 5.0):
        self._executor = executor
        self._retry_seconds = retry_seconds
        self._task: asyncio.Task | None = None

    def leave(self, message: Leave) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._hand_over(message.jws))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _hand_over(self, jws: str) -> None:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._retry_seconds)
            try:
                answer = await self._executor.leave(jws)
            except ExecutorError as error:
                log.warning("the hub removed this machine, which still trusts it: %s", error)
                continue
            if answer["state"] == "left":
                log.warning("the hub removed this machine; nothing that it signed is carried out here any more")
            else:
                log.warning("the hub's order to leave is not obeyed: %s", answer.get("reason", answer["state"]))
            return
