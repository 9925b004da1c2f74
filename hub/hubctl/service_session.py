"""The steps of services as they go: a line for each change, until Ctrl-C.

    2026-11-20 12:03:04  meteor 41  decode/msu-mr  running  started

It begins with how things stand. What changed while the connection was broken is told when it is back, from how things
stand then.
"""

from collections.abc import Iterable

from .changes_session import ChangesSession
from .client import Client
from .harmless import one_line
from .output import JSONL, json_line, state_style
from .times import clock, moment_of

FIELDS = ("service", "cycle", "component", "source", "state", "time", "message")
"""What one change holds; `component` is empty where it is about the cycle itself."""

BEGIN = ("idle", "waiting")
"""States that a step is in before anything has happened."""


class ServiceSession(ChangesSession):
    """`name` "": all services. `form`: lines for people, or jsonl."""

    def __init__(self, client: Client, name: str, form: str):
        super().__init__(client, {"kinds": ["service"], "service": name}, form)
        self._name = name
        self._told: dict[tuple, tuple] = {}

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
