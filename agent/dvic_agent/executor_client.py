"""Hands signed requests to the executor over its Unix socket: one JSON line there, one back, one connection each.

The agent looks into none of them: what a request may do is the executor's to check.
"""

import asyncio
import json
from pathlib import Path

from .errors import ExecutorError

MAX_LINE = 1024 * 1024
"""Bytes of one request or answer."""

ANSWER_SECONDS = 60.0
"""Longest wait for an answer; starting a unit can take its time on a loaded machine."""


class ExecutorClient:
    """Talks to the executor at `path`. Every call raises ExecutorError when there is no answer."""

    def __init__(self, path: Path, answer_seconds: float = ANSWER_SECONDS):
        self._path = path
        self._answer_seconds = answer_seconds

    async def run(self, run: str, jws: str) -> dict:
        """Ask to start a run; asking again is harmless."""
        return await self._ask({"request": "run", "run": run, "jws": jws})

    async def update(self, run: str, jws: str) -> dict:
        """Ask to start an update of this machine's package; asking again is harmless."""
        return await self._ask({"request": "update", "run": run, "jws": jws})

    async def confirm(self, run: str, jws: str) -> dict:
        """Hand over the hub's word that the updated agent was welcomed."""
        return await self._ask({"request": "confirm", "run": run, "jws": jws})

    async def enroll(self, run: str, jws: str) -> dict:
        """Ask to open ssh to another machine; asking again is harmless."""
        return await self._ask({"request": "enroll", "run": run, "jws": jws})

    async def terminal(self, run: str, jws: str) -> dict:
        """Ask to open a terminal; asking again is harmless."""
        return await self._ask({"request": "terminal", "run": run, "jws": jws})

    async def copy(self, run: str, jws: str) -> dict:
        """Ask to copy a file; asking again is harmless."""
        return await self._ask({"request": "copy", "run": run, "jws": jws})

    async def answer(self, run: str, jws: str) -> dict:
        """Give a run what it asked for."""
        return await self._ask({"request": "answer", "run": run, "jws": jws})

    async def cancel(self, run: str, jws: str) -> dict:
        return await self._ask({"request": "cancel", "run": run, "jws": jws})

    async def forget(self, run: str) -> dict:
        """The hub has all of this run: its directory may go."""
        return await self._ask({"request": "forget", "run": run})

    async def leave(self, jws: str) -> dict:
        """The hub says that this machine was removed: forget the hub."""
        return await self._ask({"request": "leave", "jws": jws})

    async def ping(self) -> dict:
        return await self._ask({"request": "ping"})

    async def update_under_way(self) -> dict | None:
        """What the executor knows of an update under way (run, version, previous, phase, begun, carried); None where
        there is none, or nobody to ask."""
        try:
            update = (await self.ping()).get("update")
        except ExecutorError:
            return None
        return update if isinstance(update, dict) else None

    async def _ask(self, request: dict) -> dict:
        try:
            async with asyncio.timeout(self._answer_seconds):
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE)
        except (TimeoutError, OSError) as error:
            raise ExecutorError(f"the executor at {self._path} is not reachable ({error or 'no answer'}): "
                                "is dvic-executor.socket started?", delivered=False) from None
        try:
            async with asyncio.timeout(self._answer_seconds):
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
        except (TimeoutError, OSError, ValueError) as error:
            raise ExecutorError(f"the executor did not answer ({error or 'in time'})", delivered=True) from None
        finally:
            writer.close()
        return _read_answer(line)


def _read_answer(line: bytes) -> dict:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("state"), str):
        raise ExecutorError("the executor ended without an answer", delivered=True)
    return answer
