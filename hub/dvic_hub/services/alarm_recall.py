"""What happened while nobody watched: after a restart the watches are told it from what is stored.

    logs       records that arrived after the last mark, and those of each rule's window before it
    programs   the newest state of each
    steps      the newest cycles of each service
    runs, updates   those that ended badly after the mark

The mark is a value of the store, written now and then. What is told twice does no harm but for log records, and those
are told by their place: a record that was heard live is not among them.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from dvic_hub.domain.alarm_demos import EndedWatch, programs_of
from dvic_hub.domain.alarm_events import RunWatch, UpdateWatch
from dvic_hub.domain.alarm_logs import LogLine, LogWatch
from dvic_hub.domain.alarm_steps import StepWatch
from dvic_hub.domain.dispatch import BAD_ENDS
from dvic_hub.domain.model import LogQuery, RunQuery
from dvic_hub.services.runs import RUN
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Store
from dvic_wire.updates import FAILED, ROLLED_BACK, UPDATED

MAX_RECALLED = 20_000
"""Log records of one rule that are read after a restart, the newest."""

RECALL_SECONDS = 20.0
"""Seconds for which they are searched for."""

PAGE = 1000
"""Records that are read at a time."""

RECALLED_CYCLES = 5
"""Cycles of each service that are looked at after a restart."""

RECALLED_RUNS = 200
RECALLED_ROLLOUTS = 20
"""Runs and rollouts that are looked at after a restart, the newest."""

_MARK = "alarms"
_SECOND = 1_000_000

log = logging.getLogger("dvic.alarms")


class Recall:
    """Reads, and tells watches."""

    def __init__(self, store: Store, fleet: FleetService) -> None:
        self._store = store
        self._fleet = fleet

    async def mark(self) -> tuple[int, int]:
        """Until when somebody watched (0: never), and the number of the last batch of logs that was heard."""
        try:
            held = json.loads(await self._store.get_value(_MARK) or "{}")
            return int(held.get("time", 0)), int(held.get("batch", 0))
        except (ValueError, TypeError, AttributeError):
            return 0, 0

    async def keep(self, until: int, batch: int) -> None:
        await self._store.set_value(_MARK, json.dumps({"time": until, "batch": batch}))

    async def logs(self, watch: LogWatch, mark: int, batch: int, first: int, now: int) -> None:
        """Records of before the batch `first` (0: of all), which was the first to be heard live."""
        rule = watch.rule
        asked = LogQuery(since=max(1, min(mark, now) - int(rule.number("window")) * _SECOND), level=rule.text("level"),
                         source=_glob(rule.text("source")), unit=_glob(rule.text("unit")), limit=PAGE)
        late = LogQuery(level=asked.level, source=asked.source, unit=asked.unit, limit=PAGE, arrived=batch + 1)
        found = {}
        for query in (asked, late) if batch else (asked,):
            found.update((item.place, item) for item in await self._all(query))
        by_node: dict[str, list[LogLine]] = {}
        for place, item in found.items():
            if not first or int(place.split(".")[0], 16) < first:
                record = item.record
                by_node.setdefault(item.node, []).append(LogLine(
                    record["time"], record["level"], record["message"], record.get("unit", "")))
        for node, lines in by_node.items():
            view = self._fleet.view(node)
            if view is not None and watch.means(view):
                # what had been enough before the mark was raised then; now only what it takes to count on is told
                old = [line for line in lines if line.time <= mark]
                watch.remember(view, old, now)
                watch.lines(view, [line for line in lines if line.time > mark], now)

    async def demos(self, watch: EndedWatch, mark: int, now: int) -> None:
        for view in self._fleet.views():
            if watch.means(view):
                containers = programs_of(await self._store.streams.containers(view.id))
                watch.recall(view, [*await self._store.streams.demos(view.id), *containers], mark, now)

    async def steps(self, watches: Sequence[StepWatch], now: int) -> None:
        for service in await self._store.services.all() if watches else ():
            page = await self._store.services.cycles(service.name, RECALLED_CYCLES)
            for cycle in reversed(page.items):
                for step in cycle.steps:
                    for watch in watches:
                        watch.step(service.name, step.component, step.source, step.state, cycle.number,
                                   step.trouble or step.message, now)

    async def runs(self, watch: RunWatch, mark: int, now: int) -> None:
        page = await self._store.runs.list(RECALLED_RUNS, query=RunQuery(failed=True, kind=RUN))
        for run in page.items:
            if run.ended > mark:
                await self.run(watch, run.id, now)

    async def run(self, watch: RunWatch, id: str, now: int) -> None:
        """A run that has ended."""
        run = await self._store.runs.get(id)
        if run is None or run.kind != RUN or not run.ended:
            return
        counts = (await self._store.runs.counts([id])).get(id, {})
        command = " ".join(run.spec.argv) if run.spec.argv else run.spec.script.partition("\n")[0]
        watch.run(id, command[:200], sum(counts.get(state, 0) for state in BAD_ENDS), sum(counts.values()),
                  run.created_by, now)

    async def updates(self, watch: UpdateWatch, mark: int, now: int) -> None:
        page = await self._store.rollouts.list(RECALLED_ROLLOUTS)
        for rollout in reversed(page.items):
            for row in await self._store.rollouts.nodes(rollout.id):
                if row.ended > mark:
                    self.update(watch, rollout.id, row.node, row.state, row.reason, now)

    def update(self, watch: UpdateWatch, rollout: str, node: str, state: str, reason: str, now: int) -> None:
        """A node's row in a rollout is in a state."""
        view = self._fleet.view(node) if state in (UPDATED, ROLLED_BACK, FAILED) else None
        if view is not None and watch.means(view):
            watch.update(view, rollout, state != UPDATED, reason, now)

    async def _all(self, query: LogQuery) -> list:
        found, before, until = [], "", time.monotonic() + RECALL_SECONDS
        while len(found) < MAX_RECALLED and time.monotonic() < until:
            page = await self._store.streams.search(replace(query, before=before))
            found += page.items
            before = page.next
            if not before:
                return found
        log.warning("of the log records that came while nobody watched, only the newest %d are counted", len(found))
        return found


def _glob(text: str) -> str:
    return "" if text == "*" else text
