"""Updates of packages as they come: a line for each, until Ctrl-C.

    2026-11-20 12:03:04  readout  18  12 changed  1 gone
    2026-11-20 12:03:05  readout  19  adc/charge  entries 1.2k  mean 4.1  ▁▂▅█▅▂▁

The first line of each package says how it stands, and so does the one after a loss.
"""

import asyncio
import json
import sys

from .client import Client
from .errors import NotReachable
from .harmless import one_line
from .histograms import entries, is_graph, mean_and_width, shown_values
from .output import JSONL, Screen, json_line, say
from .plots import number, sparkline
from .stream import LiveStream, Lost, Subscribed
from .times import clock, moment_of

PLOT = 32
"""Places of the plot in a line."""


class PackageSession:
    """`package` "": all. `name`: the object whose changes are shown, "": none. `form`: lines for people, or jsonl."""

    def __init__(self, client: Client, package: str, name: str, form: str):
        self._client = client
        self._package = package
        self._name = name
        self._form = form
        self._screen = Screen.of(sys.stdout)

    async def follow(self) -> None:
        """Goes on until it is cancelled, or raises what ends the stream."""
        wanted = {"kinds": ["package"], "package": self._package, "data": bool(self._name)}
        if self._package:
            self._client.get("packages", self._package)  # a wrong name is told at once
        async with LiveStream(self._client.context, [wanted]) as stream:
            while True:
                item = await stream.next()
                if isinstance(item, dict):
                    for event in (item, *stream.ready()):
                        if event.get("kind") == "package":
                            await self._tell(event)
                elif isinstance(item, Lost) and item.broken:
                    say(f"-- The connection to the hub is lost: {item.reason}. Trying again ...")
                else:
                    if isinstance(item, Subscribed) and item.again:
                        say("-- Connected again.")
                    await self._stand()
                self._screen.file.flush()

    async def _stand(self) -> None:
        """How things stand, as events."""
        try:
            found = await asyncio.to_thread(self._standing)
        except NotReachable:
            return  # it is just coming back: the stream breaks too, and this is asked again
        for package in found:
            await self._tell({**package, "kind": "package", "event": "standing", "package": package["id"],
                              "time": moment_of(package["time"]), "received": moment_of(package["received"]),
                              "changed": [self._name] if self._name else [], "gone": []})

    def _standing(self) -> list[dict]:
        if self._package:
            return [self._client.get("packages", self._package)]
        return list(self._client.items("packages"))

    async def _tell(self, event: dict) -> None:
        if self._form == JSONL:
            self._screen.line(json_line({key: value for key, value in event.items() if key != "kind"}))
        elif not self._name:
            self._screen.line(self._line(event))
        elif self._name in event.get("changed", ()):
            data = await self._data(event)
            if data is not None:
                self._screen.line(f"{self._begin(event)}  {one_line(self._name)}  {look(data)}".rstrip())

    async def _data(self, event: dict) -> dict | None:
        """The object: it came with the event, or is fetched."""
        for each in event.get("objects", ()):
            if each.get("name") == self._name and "data" in each:
                return each["data"]
        answer = await asyncio.to_thread(self._client.get, "packages", event["package"], "objects",
                                         names=json.dumps([self._name]))
        return answer["objects"][0]["data"] if answer["objects"] else None

    def _line(self, event: dict) -> str:
        parts = [self._begin(event)]
        if event.get("event") not in ("update", "standing"):
            parts.append(str(event.get("event")))
        if event.get("changed"):
            parts.append(f"{len(event['changed'])} changed")
        if event.get("gone"):
            parts.append(f"{len(event['gone'])} gone")
        if event.get("skipped"):
            parts.append(f"{event['skipped']} skipped")
        return one_line("  ".join([*parts, str(event.get("problem") or "")])).rstrip()

    def _begin(self, event: dict) -> str:
        return f"{clock(event.get('received'))}  {one_line(str(event.get('name')))}  {event.get('serial')}"


def look(data: dict) -> str:
    """An object in a line."""
    if is_graph(data):
        return f"{len(data['x'])} points"
    moments = mean_and_width(data)
    parts = [f"entries {number(entries(data))}"] + ([f"mean {number(moments[0])}"] if moments else [])
    return "  ".join(parts + ([sparkline(shown_values(data), PLOT)] if len(data["axes"]) == 1 else []))
