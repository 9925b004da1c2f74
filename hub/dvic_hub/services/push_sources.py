"""Where ssh is opened from: a node, as a run of the kind enroll, or the hub itself, as a child process.

Both carry the same program (dvic_push) and pass on the same: lines that it says, and how it ended. The hub reads of the
secret only that it is sealed.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.domain.people import Actor
from dvic_hub.services.agents import AgentService
from dvic_hub.services.run_signing import ENROLL, RunSigner
from dvic_hub.services.runs import RunService
from dvic_wire.errors import LimitExceeded
from dvic_wire.limits import MAX_SIGNED_BYTES
from dvic_wire.pushing import Target
from dvic_wire.runs import CANCELLED, FAILED, FINISHED, TIMED_OUT, RunSpec

PUSH_SECONDS = 1800
"""Seconds that one push may take in all."""

MAX_LINE_BYTES = 64 * 1024
"""Bytes of one line that the program says; a longer one ends it."""

STOP_SECONDS = 5.0
"""How long the program may take to end on SIGTERM."""

PROGRAM = "push-ssh"
"""The hub's own command that is dvic_push, where hub and Python are one program."""

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

Heard = Callable[[str, str], None]
"""Takes a stream, out or err, and a line."""

Ended = Callable[[str, str], None]
"""Takes a terminal state of runs and a reason."""


class Source(Protocol):
    async def start(self, push: str, target: Target, actor: Actor) -> None:
        """Raises HubError when it can't be started."""

    async def answer(self, content: dict) -> bool:
        """Give it what it asked for; False when that can't be done any more."""

    async def cancel(self, actor: Actor) -> None: ...


class NodeSource:
    """A connected node. What it says comes as any run's output, to whoever listens on the bus."""

    def __init__(self, runs: RunService, agents: AgentService, signer: RunSigner, node: str):
        self._runs = runs
        self._agents = agents
        self._signer = signer
        self._node = node
        self._run = ""

    async def start(self, push: str, target: Target, actor: Actor) -> None:
        self._run = push
        detail = {"target": {"user": target.user, "host": target.host, "port": target.port}}
        spec = RunSpec(argv=("ssh", str(target)), timeout=PUSH_SECONDS)
        await self._runs.create(RunOrder(f"id:{self._node}", spec, kind=ENROLL, detail=detail, id=push), actor)

    async def answer(self, content: dict) -> bool:
        message = await self._signer.answer(self._run, self._node, content)
        if len(message.jws) > MAX_SIGNED_BYTES:
            raise LimitExceeded("MAX_SIGNED_BYTES", MAX_SIGNED_BYTES, len(message.jws))
        return await self._agents.send(self._node, message)

    async def cancel(self, actor: Actor) -> None:
        await self._runs.cancel(self._run, actor)


class HubSource:
    """The hub's own machine."""

    def __init__(self, heard: Heard, ended: Ended):
        self._heard = heard
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task | None = None
        self._cancelled = ""

    async def start(self, push: str, target: Target, actor: Actor) -> None:
        argv = [*program(), push, target.user, target.host, str(target.port)]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=_ENVIRONMENT, limit=MAX_LINE_BYTES, start_new_session=True)
        self._task = asyncio.create_task(self._follow())

    async def answer(self, content: dict) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        self._process.stdin.write(json.dumps(content).encode() + b"\n")
        with suppress(ConnectionError):
            await self._process.stdin.drain()
            return True
        return False

    async def cancel(self, actor: Actor) -> None:
        self._cancelled = f"cancelled by {actor.name}"
        self._stop()

    async def close(self) -> None:
        """The hub stops: end it, and return when it has ended."""
        self._stop()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            if self._process.returncode is None:
                self._process.kill()
            await self._task

    def _stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def _follow(self) -> None:
        process, late = self._process, False
        try:
            async with asyncio.timeout(PUSH_SECONDS):
                await asyncio.gather(self._read(process.stdout, "out"), self._read(process.stderr, "err"))
        except TimeoutError:
            late = True
        self._stop()
        code = await process.wait()
        if self._cancelled:
            self._ended(CANCELLED, self._cancelled)
        elif late:
            self._ended(TIMED_OUT, f"the time limit of {PUSH_SECONDS} s was passed")
        else:
            self._ended(FINISHED if code == 0 else FAILED, "" if code == 0 else f"exit code {code}")

    async def _read(self, stream: asyncio.StreamReader, name: str) -> None:
        with suppress(ValueError):  # a line that is too long
            while line := await stream.readline():
                self._heard(name, line.decode("utf-8", "backslashreplace").rstrip("\n"))


def program() -> list[str]:
    """How dvic_push is started as a process of its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, PROGRAM]
    return [sys.executable, "-I", "-m", "dvic_push"]
