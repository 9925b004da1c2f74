"""Alarms: raised and cleared by the watches of rules (services/alarm_watch.py), acknowledged by people, and told.

The rows are the store's, each change with its flip in one transaction. What is open is also held in memory, so that a
watch knows what it has raised and the page's head costs nothing. Everyone is told afterwards by AlarmChanged.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from dvic_hub.bus.port import Bus
from dvic_hub.domain.alarm_conditions import Finding, plain
from dvic_hub.domain.alarm_model import RAISED, SEVERITIES, Alarm
from dvic_hub.domain.alarm_rules import Rule
from dvic_hub.domain.events import AlarmChanged
from dvic_hub.domain.people import Actor
from dvic_hub.errors import Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.services.runs import new_id
from dvic_hub.services.watch import FleetService
from dvic_hub.store.port import Alarms

MAX_OPEN_ALARMS = 20_000
"""Alarms that may be open at a time; what is wrong beyond is raised when others are cleared."""

MAX_ACKNOWLEDGED = 1000
"""Alarms that are acknowledged in one request."""

AT_ONCE = 500
"""Alarms that are changed in one transaction."""

FORGET_EVERY = 3600.0
"""Seconds between two looks for alarms that were cleared too long ago."""

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND

log = logging.getLogger("dvic.alarms")


class AlarmService:
    """`clock` gives Unix seconds; alarms stay for `retention_days` after they were cleared."""

    def __init__(self, store: Alarms, bus: Bus, fleet: FleetService, audit: AuditService, retention_days: int,
                 clock: Callable[[], float]) -> None:
        self._store = store
        self._bus = bus
        self._fleet = fleet
        self._audit = audit
        self._retention_days = retention_days
        self._clock = clock
        self._open: dict[str, Alarm] = {}
        self._forgot = float("-inf")
        self._warned = False

    async def start(self) -> None:
        """Read what is open."""
        self._open = {alarm.id: alarm for alarm in await self._store.open()}

    # ---- asking

    def open(self, rule: str = "") -> list[Alarm]:
        """Those that are not cleared, of one rule or of all, oldest first."""
        return [alarm for alarm in self._open.values() if not rule or alarm.rule == rule]

    def counts(self) -> dict[str, int]:
        """Open alarms of each severity."""
        found = Counter(alarm.severity for alarm in self._open.values())
        return {severity: found[severity] for severity in SEVERITIES}

    def worst(self, most: int) -> list[Alarm]:
        """The open ones that matter most: nobody has acknowledged or silenced them, severe, new."""
        ranked = sorted(self._open.values(), key=lambda alarm: (
            alarm.state == RAISED and not alarm.silenced, SEVERITIES.index(alarm.severity), alarm.raised), reverse=True)
        return ranked[:most]

    async def get(self, id: str) -> Alarm:
        """Raises NotFound."""
        alarm = await self._store.get(id)
        if alarm is None:
            raise NotFound(f"there is no alarm {id} (any more)")
        return alarm

    # ---- people

    async def acknowledge(self, ids: Sequence[str], actor: Actor) -> Sequence[Alarm]:
        """Somebody takes care of it. Returns those that it changed: what was acknowledged before stays as it is. Raises
        NotFound, and Conflict where the only one is cleared already."""
        found = [await self.get(id) for id in dict.fromkeys(ids)]
        if len(found) == 1 and found[0].cleared:
            raise Conflict("the alarm is cleared: there is nothing to acknowledge any more", code="alarm-cleared")
        wanted = [alarm.id for alarm in found if not alarm.cleared and not alarm.acknowledged]
        if not wanted:
            return []
        target = wanted[0] if len(wanted) == 1 else f"{len(wanted)} alarms"
        detail = {"alarms": wanted[:100], "summary": found[0].summary if len(found) == 1 else ""}
        async with self._audit.record(actor, "alarm.acknowledge", target, detail):
            changed = await self._store.acknowledge(wanted, actor.name, self._now())
        for alarm in changed:
            self.tell(alarm)
        return changed

    # ---- watches

    async def begin(self, rule: Rule, findings: Sequence[Finding]) -> Sequence[Alarm]:
        """Raise what was found, and return the alarms that are open by now of it. Raises StoreError."""
        held: dict[str, Alarm] = {}
        for start in range(0, len(findings), AT_ONCE):
            part = findings[start:start + AT_ONCE]
            begun = await self._store.begin([self._alarm(rule, finding) for finding in part], MAX_OPEN_ALARMS)
            for alarm in begun:
                self.tell(alarm)
            held.update((alarm.subject, alarm) for alarm in begun)
        if len(held) < len(findings):
            await self._find_missing(rule, findings, held)
        return [*held.values()]

    async def renew(self, rule: str, findings: Iterable[Finding]) -> Sequence[Alarm]:
        """What is known of open ones by now; no state changes. Returns them."""
        by_subject = {alarm.subject: alarm for alarm in self.open(rule)}
        newer = [_newer(by_subject[finding.subject], finding, self._now()) for finding in findings
                 if finding.subject in by_subject]
        for start in range(0, len(newer), AT_ONCE):
            await self._store.renew(newer[start:start + AT_ONCE])
        self._open.update((alarm.id, alarm) for alarm in newer)
        return newer

    async def clear(self, rule: str, subjects: Mapping[str, str]) -> None:
        """Open ones of these subjects are over, each with why ("": it is well again). Raises StoreError."""
        by_reason: dict[str, list[str]] = {}
        for alarm in self.open(rule):
            if alarm.subject in subjects:
                by_reason.setdefault(subjects[alarm.subject], []).append(alarm.id)
        for reason, ids in by_reason.items():
            for start in range(0, len(ids), AT_ONCE):
                part = ids[start:start + AT_ONCE]
                for alarm in await self._store.clear(part, self._now(), reason):
                    self.tell(alarm)
                for id in part:
                    self._open.pop(id, None)

    def tell(self, alarm: Alarm) -> None:
        """An alarm changed in the store: keep it in mind, and tell everyone. To be called by whoever changed it."""
        if alarm.cleared:
            self._open.pop(alarm.id, None)
        else:
            self._open[alarm.id] = alarm
        self._bus.publish(AlarmChanged(alarm.id, alarm.node, alarm.state, detail_of(alarm)))

    async def forget_old(self, now: float) -> None:
        """Remove what was cleared before the retention began: a bounded piece, now and then."""
        if 0 <= now - self._forgot < FORGET_EVERY:
            return
        if not await self._store.forget_before(int(now * _SECOND) - self._retention_days * _DAY):
            self._forgot = now

    # ---- inside

    def _alarm(self, rule: Rule, finding: Finding) -> Alarm:
        now = self._now()
        view = self._fleet.view(finding.node) if finding.node else None
        tags = tuple(f"{key}={value}" for key, value in sorted(view.tags.items())) if view else ()
        return Alarm(new_id(self._clock()), rule.name, finding.subject, rule.severity, plain(finding.summary), now, now,
                     finding.node, finding.service, finding.component, finding.value, tags=tags)

    async def _find_missing(self, rule: Rule, findings: Sequence[Finding], held: dict[str, Alarm]) -> None:
        """Not all were raised: somebody else has raised them, or there is no room."""
        await self.start()
        held.update((alarm.subject, alarm) for alarm in self.open(rule.name))
        missing = sum(finding.subject not in held for finding in findings)
        if missing and not self._warned:
            log.error("%d alarms of rule %s wait: %d are open, which is as many as may be", missing, rule.name,
                      len(self._open))
        self._warned = bool(missing)

    def _now(self) -> int:
        return int(self._clock() * _SECOND)


def detail_of(alarm: Alarm) -> dict:
    """An alarm as subscribers are told it."""
    return {"rule": alarm.rule, "subject": alarm.subject, "severity": alarm.severity, "summary": alarm.summary,
            "value": alarm.value, "service": alarm.service, "component": alarm.component, "raised": alarm.raised,
            "acknowledged_by": alarm.acknowledged_by, "cleared": alarm.cleared, "silenced": alarm.silenced,
            "reason": alarm.reason}


def _newer(alarm: Alarm, finding: Finding, now: int) -> Alarm:
    return replace(alarm, summary=plain(finding.summary), value=finding.value, changed=now)
