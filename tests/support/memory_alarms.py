"""The part of the store in memory that keeps alarms (see memory_store.py)."""

from dataclasses import replace

from dvic_hub.domain.alarm_model import ACKNOWLEDGED, CLEARED, EVERY_ALARM, RAISED, SEVERITIES, Flip
from dvic_hub.domain.model import Page


class MemoryAlarms:
    def __init__(self, store):
        self._turn = store.turn
        self.by_id: dict = {}
        self.all_flips: list[Flip] = []
        self.deliveries: dict = {}
        self.told: dict = {}
        self.by_name: dict = {}

    async def begin(self, alarms, most):
        await self._turn()
        begun = []
        for alarm in alarms:
            held = self._open()
            if len(held) < most and (alarm.rule, alarm.subject) not in {(one.rule, one.subject) for one in held}:
                self.by_id[alarm.id] = alarm
                self._flip(alarm.id, RAISED, alarm.raised)
                begun.append(alarm)
        return begun

    async def renew(self, alarms):
        await self._turn()
        for alarm in alarms:
            held = self.by_id.get(alarm.id)
            if held is not None and not held.cleared:
                self.by_id[alarm.id] = replace(held, summary=alarm.summary, value=alarm.value, changed=alarm.changed)

    async def acknowledge(self, ids, by, now):
        return await self._change(ids, ACKNOWLEDGED, now, lambda one: not one.acknowledged, acknowledged=now,
                                  acknowledged_by=by)

    async def clear(self, ids, now, reason=""):
        return await self._change(ids, CLEARED, now, lambda one: True, cleared=now, reason=reason)

    async def speak(self, ids, now):
        return await self._change(ids, RAISED, now, lambda one: one.silenced, silenced=False)

    async def forget_before(self, time, limit=1000):
        await self._turn()
        gone = [one.id for one in self.by_id.values() if 0 < one.cleared < time][:limit]
        self.by_id = {id: one for id, one in self.by_id.items() if id not in gone}
        self.all_flips = [flip for flip in self.all_flips if flip.alarm not in gone]
        return len(gone)

    async def claim(self, flips, deliveries, now, silenced=(), told=()):
        await self._turn()
        held = {flip.id: flip for flip in self.all_flips}
        if any(flip.id not in held or held[flip.id].claimed for flip in flips):
            return False
        wanted = {flip.id for flip in flips}
        self.all_flips = [replace(flip, claimed=now) if flip.id in wanted else flip for flip in self.all_flips]
        self.deliveries.update((one.id, one) for one in deliveries)
        self.told.update((one.key, one) for one in told)
        for id in silenced:
            if id in self.by_id and not self.by_id[id].cleared:
                self.by_id[id] = replace(self.by_id[id], silenced=True)
        return True

    async def unclaimed(self, limit):
        await self._turn(False)
        return [flip for flip in self.all_flips if not flip.claimed][:limit]

    async def flips(self, alarm):
        await self._turn(False)
        return [flip for flip in self.all_flips if flip.alarm == alarm]

    async def get(self, id):
        await self._turn(False)
        return self.by_id.get(id)

    async def open(self):
        await self._turn(False)
        return sorted(self._open(), key=lambda one: one.id)

    async def hushed(self):
        return [one for one in await self.open() if one.silenced]

    async def list(self, limit, before="", query=EVERY_ALARM):
        await self._turn(False)
        found = sorted((one for one in self.by_id.values() if (not before or one.id < before) and _wanted(one, query)),
                       key=lambda one: one.id, reverse=True)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else "")

    async def rules(self):
        await self._turn(False)
        return [self.by_name[name] for name in sorted(self.by_name)]

    async def put_rule(self, row):
        await self._turn()
        self.by_name[row.name] = row

    async def remove_rule(self, name):
        await self._turn()
        return self.by_name.pop(name, None) is not None

    def _open(self):
        return [one for one in self.by_id.values() if not one.cleared]

    def _flip(self, alarm, kind, time):
        self.all_flips.append(Flip(self.all_flips[-1].id + 1 if self.all_flips else 1, alarm, kind, time))

    async def _change(self, ids, kind, now, still, **changes):
        await self._turn()
        changed = []
        for id in ids:
            held = self.by_id.get(id)
            if held is not None and not held.cleared and still(held):
                self.by_id[id] = replace(held, changed=now, **changes)
                self._flip(id, kind, now)
                changed.append(self.by_id[id])
        return changed


def _wanted(alarm, query):
    return all((query.open is None or query.open == (not alarm.cleared),
                query.state in ("", alarm.state), query.rule in ("", alarm.rule), query.node in ("", alarm.node),
                query.service in ("", alarm.service), not alarm.cleared or alarm.cleared >= query.since,
                not query.severity or SEVERITIES.index(alarm.severity) >= SEVERITIES.index(query.severity)))
