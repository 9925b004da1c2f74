"""The steps of services as they go: a line for each change, until Ctrl-C.

    2026-11-20 12:03:04  meteor 41  decode/msu-mr  running  started

It begins with how things stand. What changed while the connection was broken is told when it is back, from how things
stand then.
"""

import asyncio
import sys
from collections.abc import Iterable

from .client import Client
from .errors import NotReachable
from .harmless import one_line
from .output import JSONL, Screen, json_line, say, state_style
from .stream import LiveStream, Lost, Subscribed
from .times import clock, moment_of

FIELDS = ("service", "cycle", "component", "source", "state", "time", "message")
"""What one change holds; `component` is empty where it is about the cycle itself."""

BEGIN = ("idle", "waiting")
"""States that a step is in before anything has happened."""


class ServiceSession:
    """`name` "": all services. `form`: lines for people, or jsonl."""

    def __init__(self, client: Client, name: str, form: str):
        self._client = client
        self._name = name
        self._form = form
        self._screen = Screen.of(sys.stdout)
        self._told: dict[tuple, tuple] = {}

    async def follow(self) -> None:
        """Goes on until it is cancelled, or raises what ends the stream."""
        async with LiveStream(self._client.context, [{"kinds": ["service"], "service": self._name}]) as stream:
            while True:
                item = await stream.next()
                if isinstance(item, dict):
                    self._write(event for event in (item, *stream.ready()) if event.get("kind") == "service")
                elif isinstance(item, Lost) and item.broken:
                    say(f"-- The connection to the hub is lost: {item.reason}. Trying again ...")
                else:
                    if isinstance(item, Subscribed) and item.again:
                        say("-- Connected again.")
                    await self._catch_up()

    async def _catch_up(self) -> None:
        try:
            self._write(await asyncio.to_thread(self._standing))
        except NotReachable:
            return  # it is just coming back: the stream breaks too, and this is asked again

    def _standing(self) -> list[dict]:
        """The newest cycle of each service as events, without what has not begun."""
        services = [self._client.get("services", self._name)] if self._name else list(self._client.items("services"))
        found = []
        for service in services:
            cycle = service["cycle"]
            for step in cycle["steps"] if cycle else ():
                if step["state"] not in BEGIN:
                    found.append({"service": service["name"], "cycle": cycle["number"], **step,
                                  "time": moment_of(step["time"])})
            if cycle and cycle["ended"]:
                found.append({"service": service["name"], "cycle": cycle["number"], "component": "", "source": "",
                              "state": cycle["state"], "time": moment_of(cycle["ended"]), "message": ""})
        return sorted(found, key=lambda event: event["time"])

    def _write(self, events: Iterable[dict]) -> None:
        for event in events:
            place = tuple(event.get(key) for key in ("service", "cycle", "component", "source"))
            news = (event.get("state"), event.get("message") if event.get("component") else "")
            if self._told.get(place) == news:
                continue
            self._told[place] = news
            self._screen.line(json_line({key: event.get(key) for key in FIELDS}) if self._form == JSONL
                              else self._line(event))
        self._screen.file.flush()

    def _line(self, event: dict) -> str:
        step = "/".join(str(event[key]) for key in ("component", "source") if event.get(key)) or "the cycle"
        state = self._screen.paint(str(event.get("state")).ljust(8), state_style(event.get("state")))
        text = one_line(str(event.get("message") or ""))
        parts = (clock(moment_of(event.get("time"))), one_line(f"{event.get('service')} {event.get('cycle')}"),
                 one_line(step).ljust(16), state, text)
        return "  ".join(parts).rstrip()
