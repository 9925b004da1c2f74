"""Alarms as they change: first those that there are, then a line for each change, until Ctrl-C.

    2026-11-20 12:03:04  critical  raised        web-1  web-1 is silent

What changed while the connection was broken is told when it is back.
"""

from collections.abc import Iterable

from .changes_session import ChangesSession
from .client import Client
from .harmless import one_line
from .output import JSONL, json_line, state_style
from .times import clock, moment_of, to_rfc3339

FIELDS = ("id", "state", "severity", "rule", "subject", "summary", "value", "node", "node_id", "service", "component",
          "raised", "acknowledged_by", "cleared", "silenced", "reason")
"""What one change holds."""

ORDER = ("info", "warning", "critical")

SLACK = 5.0
"""Seconds before a break from which on changes are asked for again."""


class AlarmSession(ChangesSession):
    """`wanted`: the query of GET alarms; `lines`: how many of those that there are; `form`: for people, or jsonl."""

    def __init__(self, client: Client, wanted: dict[str, str], lines: int, form: str):
        super().__init__(client, {"kinds": ["alarm"]}, form)
        self._wanted = wanted
        self._lines = lines
        self._told: dict[str, tuple] = {}
        self._seen_until = 0.0

    def _standing(self) -> list[dict]:
        """Those that there are, and after a break also those that were cleared in it."""
        query, lines = self._wanted, self._lines
        if self._seen_until:
            query, lines = {**query, "since": to_rfc3339(int((self._seen_until - SLACK) * 1e6))}, 0
            query.pop("open", None)
        found = [of_item(alarm) for alarm in self._client.items("alarms", limit=lines, **query)]
        self._seen_until = self._client.hub_now()
        return found[::-1]

    def _write(self, events: Iterable[dict]) -> None:
        for event in events:
            alarm = {**event, "id": event["alarm"]} if "alarm" in event else event
            news = (alarm.get("state"), alarm.get("silenced"))
            if not self._wants(alarm) or self._told.get(alarm.get("id")) == news:
                continue
            self._told[alarm.get("id")] = news
            self._screen.line(json_line({key: alarm.get(key) for key in FIELDS}) if self._form == JSONL
                              else self._line(alarm))
        self._seen_until = self._client.hub_now()
        self._screen.file.flush()

    def _wants(self, alarm: dict) -> bool:
        least = self._wanted["severity"]
        return ((not least or alarm.get("severity") in ORDER[ORDER.index(least):])
                and all(not self._wanted[key] or alarm.get(key) == self._wanted[key] for key in ("service", "rule"))
                and self._wanted["node"] in ("", alarm.get("node"), alarm.get("node_id")))

    def _line(self, alarm: dict) -> str:
        state, severity = str(alarm.get("state")), str(alarm.get("severity"))
        style = {"critical": "bold red", "warning": "yellow"}.get(severity, "")
        when = alarm.get("cleared") if state == "cleared" else alarm.get("raised")
        who = one_line(str(alarm.get("acknowledged_by") or "")) if state == "acknowledged" else ""
        why = one_line(str(alarm.get("reason") or ""))
        parts = (clock(moment_of(when)), self._screen.paint(severity.ljust(8), style),
                 self._screen.paint(state.ljust(12), state_style(state)), one_line(str(alarm.get("summary") or "")),
                 f"({who or why})" if who or why else "")
        return "  ".join(part for part in parts if part).rstrip()


def of_item(alarm: dict) -> dict:
    """An alarm of a list as one change."""
    return {**alarm, "raised": moment_of(alarm["raised"]), "cleared": moment_of(alarm["cleared"])}
