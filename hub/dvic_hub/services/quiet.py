"""When nobody is told of an alarm: while its node is silenced, by somebody or by a maintenance window; and what happens
when that ends.

Nothing from inside a silence is told after it: what was raised and cleared meanwhile is history that people may read.
What is still wrong when it ends is told then, once, so that a machine that never came back is not forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dvic_hub.bus.port import Bus
from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.dependencies import in_the_way
from dvic_hub.domain.events import AlarmChanged
from dvic_hub.domain.liveness import NodeView
from dvic_hub.services.silences import SilenceService
from dvic_hub.services.watch import FleetService
from dvic_hub.store.alarms_port import Alarms


@dataclass(frozen=True)
class Quiet:
    """Why nobody is told, and until when (microseconds since 1970)."""

    why: str
    until: int


class QuietService:
    """`clock` gives Unix seconds."""

    def __init__(self, store: Alarms, bus: Bus, fleet: FleetService, silences: SilenceService,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._silences = silences
        self._clock = clock

    def verdict(self, alarm: Alarm, now: float) -> Quiet | None:
        """Why nobody is to be told of it; None: tell. Silences are asked as they are now, whatever `now` is."""
        view = self._view(alarm.node)
        silence = self._silences.of(view) if view is not None else None
        return Quiet(f"{silence.created_by}: {silence.reason or silence.selector}", silence.until) if silence else None

    def hides(self, node: str) -> NodeView | None:
        """What explains that a node is silent: one that it is behind, and that is not heard either."""
        view = self._view(node)
        return in_the_way(view, self._fleet.view) if view is not None else None

    async def tick(self) -> None:
        """Let what was kept quiet and is still wrong be told where nothing silences it any more. Called each second."""
        now = self._clock()
        over = [alarm.id for alarm in await self._store.open() if alarm.silenced and self.verdict(alarm, now) is None]
        for alarm in await self._store.speak(over, int(now * 1_000_000)) if over else []:
            self._bus.publish(AlarmChanged(alarm.id, alarm.node, alarm.state))

    def _view(self, id: str) -> NodeView | None:
        view = self._fleet.view(id) if id else None
        return view if view is not None and view.id == id else None
