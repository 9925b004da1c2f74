"""A store that works and forgets: dvic_hub.store.port in dictionaries, for fast tests of services.

Every method answers after one turn of the event loop, as the real one does, so that races between services show.
`full` makes every change raise StoreFull.
"""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatch

from memory_alarms import MemoryAlarms
from memory_packages import MemoryPackages
from memory_rollouts import MemoryReleases, MemoryRollouts
from memory_services import MemoryServices
from memory_silences import MemorySilences

from dvic_hub.domain.decoding import Kind, kind_of
from dvic_hub.domain.dispatch import BAD_ENDS
from dvic_hub.domain.glance import EMPTY, Glance, extended, figures_of
from dvic_hub.domain.log_levels import LevelCounter
from dvic_hub.domain.log_search import Wanted, write_cursor
from dvic_hub.domain.model import EVERY_RUN, Around, LogItem, Page, Series
from dvic_hub.domain.packages import NotHeld
from dvic_hub.domain.record_types import LEVEL_NUMBER
from dvic_hub.errors import Conflict, StoreFull
from dvic_wire.runs import TERMINAL
from dvic_wire.streams import RUN_PREFIX, Verdict, accept


class _Table:
    def __init__(self, store: "MemoryStore"):
        self._store = store

    async def _turn(self, changes: bool = True) -> None:
        await self._store.turn(changes)


class MemoryStreams(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.held: dict[tuple[str, str], str] = {}
        self.batches: list = []

    async def cursors(self, node):
        await self._turn(False)
        return {stream: cursor for (owner, stream), cursor in self.held.items() if owner == node}

    async def commit(self, batch):
        await self._turn()
        key = (batch.node, batch.stream)
        verdict = accept(self.held.get(key, ""), batch.from_cursor, batch.to_cursor)
        if not verdict.accepted:
            return verdict
        number = 0
        if batch.package:
            try:
                number = self._store.packages.take(batch.package)
            except NotHeld:
                self.held.pop(key, None)
                return Verdict(False, "")
        if batch.closed or batch.run_end is not None:
            self.held.pop(key, None)
        else:
            self.held[key] = batch.to_cursor
        self.batches.append(batch)
        verdict = replace(verdict, number=number or len(self.batches))
        if batch.steps:
            self._store.services.take(verdict.number, batch.steps)
        if batch.run_end is not None:
            run = batch.stream.removeprefix(RUN_PREFIX)
            row = self._store.runs.rows.get((run, batch.node))
            if row is not None and row.state not in TERMINAL:
                self._store.runs.rows[run, batch.node] = replace(
                    row, state=batch.run_end["state"], exit_code=batch.run_end["exit_code"],
                    reason=batch.run_end["reason"], cut=batch.run_end["cut"], ended=batch.last_time)
        return verdict

    def records(self, node: str, stream: str) -> list[dict]:
        """Everything stored of a stream, in order."""
        return [record for batch in self.batches if (batch.node, batch.stream) == (node, stream)
                for record in json.loads(batch.records_json)]

    def _found(self, query):
        """Key and item of what a query wants, oldest first."""
        wanted = Wanted.of(query)
        found = [((record["time"], number, place), LogItem(batch.node, batch.source, record, f"{number:x}.{place:x}"))
                 for number, batch in enumerate(self.batches, 1)
                 if kind_of(batch.stream) is Kind.LOG and number >= query.arrived
                 and (query.nodes is None or batch.node in query.nodes) and fnmatch(batch.source, query.source or "*")
                 for place, record in enumerate(json.loads(batch.records_json))
                 if wanted.since <= record["time"] <= wanted.until
                 and wanted.levels >> LEVEL_NUMBER[record["level"]] & 1
                 and query.grep.lower() in record["message"].lower()
                 and fnmatch(record.get("unit", ""), query.unit or "*")]
        return sorted(found, key=lambda entry: entry[0])

    async def search(self, query):
        await self._turn(False)
        before = Wanted.of(query).before
        found = [entry for entry in reversed(self._found(query)) if before is None or entry[0] < before]
        more = len(found) > query.limit
        return Page([item for _, item in found[:query.limit]],
                    write_cursor(found[query.limit - 1][0]) if more and query.limit else "")

    async def around(self, query, key, after):
        await self._turn(False)
        found = self._found(replace(query, since=0, until=0, before=""))
        before, behind = [item for at, item in found if at <= key], [item for at, item in found if at > key]
        return Around(before[-query.limit:] + behind[:after], len(before) > query.limit, len(behind) > after)

    async def levels(self, query, buckets):
        await self._turn(False)
        found = self._found(replace(query, before=""))
        since = query.since or min([query.until, *(key[0] for key, _ in found)])
        counter = LevelCounter(since, query.until, Wanted.of(query).levels, buckets)
        counter.add((key[0], LEVEL_NUMBER[item.record["level"]]) for key, item in found)
        return counter.result()

    async def run_output(self, run, node, after, limit):
        await self._turn(False)
        records = [{**record, "place": f"{number:x}.{place:x}"} for number, batch in enumerate(self.batches, 1)
                   if (batch.node, batch.stream) == (node, RUN_PREFIX + run)
                   for place, record in enumerate(json.loads(batch.records_json))]
        start = int(after or 0)
        more = start + limit < len(records)
        return Page(records[start:start + limit], str(start + limit) if more else "")

    async def series(self, nodes, names, since, until, step):
        return [Series(node, name, [], []) for node in nodes for name in names]

    async def latest(self, node):
        samples = [record for record in self.records(node, "hardware") if "values" in record]
        return {"time": samples[-1]["time"], "values": samples[-1]["values"]} if samples else {}

    async def glances(self, after=0):
        await self._turn(False)
        found = {}
        for number, batch in enumerate(self.batches, 1):
            seen = [(record["time"], figures_of(record["values"])) for record in json.loads(batch.records_json)
                    if "values" in record] if batch.stream == "hardware" else []
            if seen:
                held = found.get(batch.node)
                minute, history = extended(*((held.minute, held.history) if held else (0, EMPTY)), seen)
                found[batch.node] = Glance(batch.node, number, *seen[-1], minute, history)
        return [glance for glance in found.values() if glance.number > after]

    async def demos(self, node):
        return []

    async def containers(self, node):
        return []

    async def drop_before(self, day):
        return 0

    async def compact(self):
        return 0


class MemoryNodes(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.rows: dict = {}
        self.forbidden: dict = {}

    async def add(self, node):
        await self._turn()
        if node.id in self.rows or self._named(node.name):
            raise Conflict(f"there is a node {node.name} already", code="name-taken")
        self.rows[node.id] = node

    def _named(self, name):
        return next((node for node in self.rows.values() if node.name == name), None)

    async def get(self, id_or_name):
        await self._turn(False)
        return self.rows.get(id_or_name) or self._named(id_or_name)

    async def all(self):
        await self._turn(False)
        return list(self.rows.values())

    async def update(self, id, **changes):
        await self._turn()
        if id not in self.rows:
            return None
        other = self._named(changes.get("name", ""))
        if other is not None and other.id != id:
            raise Conflict("the name is taken", code="name-taken")
        self.rows[id] = replace(self.rows[id], **changes)
        return self.rows[id]

    async def seen(self, seen):
        await self._turn()
        for one in seen:
            if one.id in self.rows:
                self.rows[one.id] = replace(
                    self.rows[one.id], last_seen=one.time, address=one.address, period=one.period, serial=one.serial,
                    serial_window=one.serial_window, status=one.status)

    async def remove(self, id):
        await self._turn()
        self._store.runs.rows = {key: row for key, row in self._store.runs.rows.items() if key[1] != id}
        self._store.streams.held = {key: at for key, at in self._store.streams.held.items() if key[0] != id}
        return self.rows.pop(id, None) is not None

    async def forbid_key(self, key):
        await self._turn()
        self.forbidden[key.id] = key

    async def forbidden_key(self, id):
        await self._turn(False)
        return self.forbidden.get(id)


class MemoryTokens(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.rows: dict = {}
        self.used: dict[tuple[str, str], int] = {}

    async def add(self, token):
        await self._turn()
        self.rows[token.id] = token

    async def get(self, id):
        await self._turn(False)
        return self.rows.get(id)

    async def all(self):
        await self._turn(False)
        return list(self.rows.values())

    async def enrol(self, id, node, now):
        await self._turn()
        token, nodes = self.rows.get(id), self._store.nodes
        if token is None:
            return "unknown"
        if (id, node.id) in self.used and node.id in nodes.rows:
            return "known"
        if token.revoked:
            return "revoked"
        if token.expires <= now:
            return "expired"
        if token.uses == 0:
            return "used-up"
        if node.id in nodes.rows:
            self.used[id, node.id] = now
            return "known"
        if nodes._named(node.name) is not None:
            return "name-taken"
        self.rows[id] = replace(token, uses=token.uses - 1 if token.uses > 0 else -1)
        self.used[id, node.id] = now
        nodes.rows.setdefault(node.id, node)
        return "ok"

    async def used_by(self, id, limit):
        await self._turn(False)
        found = [(node, time) for (token, node), time in self.used.items() if token == id]
        return sorted(found, key=lambda use: (-use[1], use[0]))[:limit]

    async def revoke(self, id, now):
        await self._turn()
        if id not in self.rows or self.rows[id].revoked:
            return False
        self.rows[id] = replace(self.rows[id], revoked=now)
        return True

    async def forget_over(self, now):
        await self._turn()
        over = [id for id, token in self.rows.items() if token.expires <= now or token.revoked or not token.uses]
        for id in over:
            del self.rows[id]
        return len(over)


class MemoryRuns(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.runs: dict = {}
        self.rows: dict = {}
        self.history: list[tuple[str, str, str]] = []

    async def add(self, run, nodes):
        await self._turn()
        if run.id in self.runs:
            raise Conflict("a run of this id exists")
        self.runs[run.id] = run
        self.rows.update({(row.run, row.node): row for row in nodes})

    async def get(self, id):
        await self._turn(False)
        return self.runs.get(id)

    async def list(self, limit, before="", query=EVERY_RUN):
        await self._turn(False)

        def wanted(run):
            rows = [row for row in self.rows.values() if row.run == run.id]
            text = "\n".join([run.id, run.selector, run.reason, run.spec.script, *run.spec.argv]).lower()
            return (query.by in ("", run.created_by) and query.kind in ("", run.kind) and query.text.lower() in text
                    and (not query.node or any(row.node == query.node for row in rows))
                    and not (query.active and run.ended)
                    and (not query.failed or any(row.state in BAD_ENDS for row in rows)))

        found = sorted(filter(wanted, self.runs.values()), key=lambda run: run.id, reverse=True)
        found = [run for run in found if not before or run.id < before]
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else "")

    async def counts(self, runs):
        await self._turn(False)
        return {run: dict(Counter(row.state for row in self.rows.values() if row.run == run)) for run in runs}

    async def nodes(self, run):
        await self._turn(False)
        return sorted((row for row in self.rows.values() if row.run == run), key=lambda row: row.position)

    async def active(self, kind=""):
        await self._turn(False)
        return [run.id for run in self.runs.values() if not run.ended and kind in ("", run.kind)]

    async def active_on(self, node):
        await self._turn(False)
        return [row for row in self.rows.values() if row.node == node and row.state not in TERMINAL]

    async def move(self, run, node, from_states, to, **changes):
        await self._turn()
        row = self.rows.get((run, node))
        if row is None or row.state not in from_states:
            return False
        self.rows[run, node] = replace(row, state=to, **changes)
        self.history.append((run, node, to))
        return True

    async def update(self, id, **changes):
        await self._turn()
        self.runs[id] = replace(self.runs[id], **changes)


class MemoryPeople(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.by_name: dict = {}
        self.by_id: dict = {}

    async def add_user(self, user):
        await self._turn()
        self.by_name[user.name] = user

    async def user(self, name):
        return self.by_name.get(name)

    async def users(self):
        return list(self.by_name.values())

    async def update_user(self, name, **changes):
        await self._turn()
        if name not in self.by_name:
            return False
        self.by_name[name] = replace(self.by_name[name], **changes)
        return True

    async def remove_user(self, name):
        return self.by_name.pop(name, None) is not None

    async def add_token(self, token):
        await self._turn()
        self.by_id[token.id] = token

    async def token(self, id):
        return self.by_id.get(id)

    async def tokens(self, user=""):
        return [token for token in self.by_id.values() if not user or token.user == user]

    async def remove_token(self, id):
        return self.by_id.pop(id, None) is not None

    async def remove_tokens_of(self, user):
        gone = [token.id for token in await self.tokens(user)]
        for id in gone:
            del self.by_id[id]
        return len(gone)

    async def touch_token(self, id, now):
        if id in self.by_id:
            self.by_id[id] = replace(self.by_id[id], last_used=now)


class MemoryAudit(_Table):
    def __init__(self, store):
        super().__init__(store)
        self.entries: list = []

    async def add(self, entry):
        await self._turn()
        self.entries.append(replace(entry, id=len(self.entries) + 1))
        return len(self.entries)

    async def outcome(self, id, outcome):
        await self._turn()
        self.entries[id - 1] = replace(self.entries[id - 1], outcome=outcome)

    async def list(self, limit, before="", actor="", action="", target=""):
        return Page(list(reversed(self.entries))[:limit])


class MemoryStore:
    """All tables; see dvic_hub.store.port.Store."""

    def __init__(self):
        self.full = False
        self.values: dict[str, str] = {}
        self.streams = MemoryStreams(self)
        self.nodes = MemoryNodes(self)
        self.tokens = MemoryTokens(self)
        self.runs = MemoryRuns(self)
        self.rollouts = MemoryRollouts(self)
        self.releases = MemoryReleases(self)
        self.alarms = MemoryAlarms(self)
        self.notices = None  # what tells people is tried with the real store, see telling_parts.py
        self.silences = MemorySilences(self)
        self.services = MemoryServices(self)
        self.packages = MemoryPackages(self)
        self.people = MemoryPeople(self)
        self.audit = MemoryAudit(self)

    async def turn(self, changes=True):
        await asyncio.sleep(0)
        if changes and self.full:
            raise StoreFull("the disk is full")

    async def open(self):
        pass

    async def close(self):
        pass

    async def get_value(self, key):
        await self.turn(False)
        return self.values.get(key)

    async def set_value(self, key, value):
        await self.turn()
        self.values[key] = value

    async def backup(self, target, progress=None):
        raise NotImplementedError("memory has no backup")

    async def check(self):
        return []

    def trouble(self):
        return None

    def stats(self):
        return {}


