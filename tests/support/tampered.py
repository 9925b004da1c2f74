"""Runs dvic_hub or dvic_agent with one thing made to go wrong, the rest as it is.

    python tampered.py --crash committed:2 dvic_hub serve --config hub.toml
    python tampered.py --clock FILE dvic_agent run ...

`--crash STEP:COUNT`: SIGKILL at the COUNT-th time that a log file's batch comes to that step (HUB, AGENT). `--clock`:
the wall clock goes wrong by as many seconds as stand in FILE, from the moment that they are written there.
"""

import functools
import importlib
import inspect
import os
import runpy
import signal
import sys
import time

BEFORE, AFTER = "before", "after"

HUB = {
    "inflated": ("dvic_hub.api.agent_socket", "json_of", AFTER),
    "decoded": ("dvic_hub.services.ingest", "decode_batch", AFTER),
    "handed-over": ("dvic_hub.store.sqlite_writer", "Writer.submit", AFTER),
    "compared": ("dvic_hub.store.sqlite_cursors", "Cursors.check", AFTER),
    "taken": ("dvic_hub.store.sqlite_batches", "Batches.add", AFTER),
    "records-written": ("dvic_hub.store.sqlite_cursors", "Cursors.flush", BEFORE),
    "cursor-written": ("dvic_hub.store.sqlite_batches", "Batches.flush", AFTER),
    "committed": ("dvic_hub.store.sqlite_batches", "Batches.committed", BEFORE),
    "settled": ("dvic_hub.store.sqlite_writer", "Writer._answer", AFTER),
    "told": ("dvic_hub.services.ingest", "IngestService._tell", AFTER),
    "answering": ("dvic_hub.api.agent_socket", "AgentConnection.send", BEFORE),
    "answered": ("dvic_hub.api.agent_socket", "AgentConnection.send", AFTER),
    "joined": ("dvic_hub.store.sqlite_compaction", "_join_logs", AFTER),
    "exchanged": ("dvic_hub.store.sqlite_compaction", "Compaction._exchange", AFTER),
    "checkpointing": ("dvic_hub.store.sqlite_writer", "Writer._checkpoint", BEFORE),
    "checkpointed": ("dvic_hub.store.sqlite_writer", "Writer._checkpoint", AFTER),
}
"""Steps of a batch at the hub: module, function, and whether it ends before or after its work."""

AGENT = {
    "woken": ("dvic_agent.pump", "Pump.wake", AFTER),
    "reading": ("dvic_agent.sources.log_file", "LogFile.read", BEFORE),
    "read": ("dvic_agent.sources.log_file", "LogFile.read", AFTER),
    "packed": ("dvic_agent.pump", "produce", AFTER),
    "counted": ("dvic_agent.window", "Window.sent", AFTER),
    "queued": ("dvic_agent.link", "Link.send_batch", AFTER),
    "sending": ("aiohttp", "ClientWebSocketResponse.send_bytes", BEFORE),
    "sent": ("aiohttp", "ClientWebSocketResponse.send_bytes", AFTER),
    "heard": ("dvic_agent.pump", "Pump.answered", BEFORE),
    "moved-on": ("dvic_agent.pump", "Pump.answered", AFTER),
    "ending": ("dvic_agent.sources.log_files", "LogFiles.released", BEFORE),
    "ended": ("dvic_agent.sources.log_files", "LogFiles.released", AFTER),
}
"""Steps of a batch at the agent."""

ARMING = {"dvic_hub": ("dvic_hub.store.sqlite_cursors", "Cursors.check"),
          "dvic_agent": ("dvic_agent.sources.log_file", "LogFile.read")}
"""What shows that the first batch of a log file is on its way: earlier calls don't count."""

UNARMED = {"inflated", "decoded", "handed-over", "compared", "woken", "reading", "read"}
"""Steps that come before that."""


def wrapped(place: tuple[str, str], make) -> None:
    """Put `make(function)` in the place of a function of a module or a class."""
    *owners, name = place[1].split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(place[0]))
    setattr(owner, name, make(getattr(owner, name)))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def crash_at(program: str, step: str, count: int) -> None:
    module, function, when = (HUB if program == "dvic_hub" else AGENT)[step]
    left, armed = [count], [step in UNARMED]

    def due() -> bool:
        left[0] -= armed[0]
        return left[0] <= 0

    def arm(function):
        def armed_by(*arguments, **named):
            subject = getattr(arguments[-1], "stream", "") or getattr(arguments[0], "name", "")
            armed[0] |= str(subject).startswith("file:")
            return function(*arguments, **named)
        return armed_by

    def crash(function):
        def ended(*arguments, **named):
            if when == BEFORE and due():
                die()
            answer = function(*arguments, **named)
            if when == AFTER and due():
                die()
            return answer

        async def ended_later(*arguments, **named):
            if when == BEFORE and due():
                die()
            answer = await function(*arguments, **named)
            if when == AFTER and due():
                die()
            return answer

        return ended_later if inspect.iscoroutinefunction(function) else ended

    wrapped((module, function), crash)
    if step not in UNARMED:
        wrapped(ARMING[program], arm)


def follow(file: str) -> None:
    true_time = time.time

    def told() -> float:
        try:
            with open(file) as found:
                return true_time() + float(found.read() or 0)
        except (OSError, ValueError):
            return true_time()

    time.time = told


def main() -> None:
    option, value, program, *arguments = sys.argv[1:]
    if option == "--clock":
        follow(value)
    else:
        step, _, count = value.partition(":")
        crash_at(program, step, int(count))
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
