"""When nobody is told of an alarm: while its node is silenced, by somebody or by a maintenance window; what happens
when that ends; and which nodes are silent only because something before them is.

Nothing from inside a silence is told after it: what was raised and cleared meanwhile is history that people may read.
What is still wrong when it ends is told then, once, so that a machine that never came back is not forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dvic_hub.domain.alarm_conditions import Finding
from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.alarm_rules import Rule
from dvic_hub.domain.dependencies import in_the_way
from dvic_hub.domain.liveness import NodeView
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.alarms_port import Alarms

NODE_SILENT = "node-silent"
"""The kind of rules whose findings something before a node explains."""

RETURNING = 90
"""Seconds that nodes have to be heard once what they are behind is heard again: an agent tries at least each minute."""


@dataclass(frozen=True)
class Quiet:
    """Why nobody is told, and until when (microseconds since 1970)."""

    why: str
    until: int


class QuietService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Alarms, alarms: AlarmService, fleet: FleetService, silences: SilenceService,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._alarms = alarms
        self._fleet = fleet
        self._silences = silences
        self._clock = clock
        self._hidden: dict[str, float] = {}

    def verdict(self, alarm: Alarm, moment: float) -> Quiet | None:
        """Why nobody is to be told of what happened to it at a moment; None: tell."""
        view = self._view(alarm.node)
        silence = self._silences.at(view, moment) if view is not None else None
        return Quiet(f"{silence.created_by}: {silence.reason or silence.selector}", silence.until) if silence else None

    def hides(self, node: str) -> NodeView | None:
        """What explains that a node is silent: one that it is behind, and that is not heard either."""
        view = self._view(node)
        return in_the_way(view, self._fleet.view) if view is not None else None

    def explains(self, finding: Finding, rule: Rule, now: float) -> bool:
        """Whether it is not to be raised, since the node is behind one that is not heard, or was not until just now."""
        if rule.kind != NODE_SILENT:
            return False
        if self.hides(finding.node) is not None:
            self._hidden[finding.node] = now
            return True
        return 0 <= now - self._hidden.get(finding.node, float("-inf")) < RETURNING

    async def tick(self) -> None:
        """Let what was kept quiet and is still wrong be told where nothing silences it any more. Called each second."""
        now = self._clock()
        self._hidden = {node: at for node, at in self._hidden.items() if 0 <= now - at < RETURNING}
        hushed = await self._store.hushed()
        if not hushed:
            return
        loud = {alarm.id for alarm in self._alarms.open() if not alarm.silenced}
        over = [alarm.id for alarm in hushed if self.verdict(alarm, now) is None]
        for alarm in hushed:
            if alarm.id in loud and alarm.id not in over:
                self._alarms.tell(alarm)
        for alarm in await self._store.speak(over, int(now * 1_000_000)) if over else []:
            self._alarms.tell(alarm)

    def _view(self, id: str) -> NodeView | None:
        view = self._fleet.view(id) if id else None
        return view if view is not None and view.id == id else None
