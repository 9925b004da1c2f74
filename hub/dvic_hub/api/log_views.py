"""What stands around stored log records: how many there were over time, and the lines before and after one."""

from glob import escape
from typing import Annotated, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.logs import Glob, Grep, LogEntry, TextLimit, selected, show_record
from dvic_hub.api.params import NO_NUL, SelectorText, Time, TimeText, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.log_levels import MAX_BUCKETS
from dvic_hub.domain.log_search import read_place
from dvic_hub.domain.model import LogQuery
from dvic_hub.errors import BadRequest
from dvic_wire.streams import LEVELS

LAST_PLACE = (2**63 - 1, 2**31 - 1)
"""Behind every record of a moment."""

Lines = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class LevelsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """As in the search. Without `since` the count begins with the first day that is kept; `until` is now where it is
    not given. `buckets`: at most so many."""

    selector: SelectorText = "all"
    since: TimeText = ""
    until: TimeText = ""
    level: Annotated[Literal[("", *LEVELS)], msgspec.Meta(description="This level and worse.")] = ""
    source: Glob = ""
    unit: Glob = ""
    grep: Grep = ""
    buckets: Annotated[int, msgspec.Meta(ge=3, le=MAX_BUCKETS)] = 100


class LevelsAnswer(msgspec.Struct):
    """`counts`: of each level that was asked for, the records in each bucket. The first bucket begins at `start`, each
    is `step` seconds long; only what lies between `since` and `until` is counted. Counting takes bounded time and
    begins with the newest: before `complete_since`, where that is given, there may be more than was counted."""

    start: Time | None
    step: float
    since: Time | None
    until: Time | None
    total: int
    counts: dict[str, list[int]]
    complete_since: Time | None


class AroundQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The record of `node` (id or name) at `time` (RFC 3339, to the microsecond) and `place` (as the search tells it;
    without it all of that moment count as before). `source`: lines of this one only, exactly; `before`, `after`: how
    many lines, besides the record itself; `text`: as in the search."""

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    time: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    place: Annotated[str, msgspec.Meta(max_length=32, pattern=NO_NUL)] = ""
    source: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    before: Lines = 20
    after: Lines = 20
    text: TextLimit = 0


class AroundAnswer(msgspec.Struct):
    """Oldest first, the record itself among them. `more_before`, `more_after`: there are more lines."""

    items: list[LogEntry]
    more_before: bool
    more_after: bool


async def count_levels(doors: Doors, call: Call) -> LevelsAnswer:
    query: LevelsQuery = call.query
    now = doors.now()
    since, until = read_time(query.since, now, "since"), read_time(query.until, now, "until") or now
    if since > until:
        raise BadRequest("since is after until", field="since")
    found = await doors.store.streams.levels(LogQuery(
        nodes=selected(doors, query.selector), since=since, until=until, level=query.level, source=query.source,
        unit=query.unit, grep=query.grep), query.buckets)
    wanted = LEVELS[LEVELS.index(query.level):] if query.level else LEVELS
    counts = {level: found.counts[LEVELS.index(level)] for level in wanted}
    return LevelsAnswer(show_time(found.start or 1), found.step / 1e6, show_time(found.since or 1),
                        show_time(found.until), sum(map(sum, counts.values())), counts, show_time(found.complete_since))


async def lines_around(doors: Doors, call: Call) -> AroundAnswer:
    query: AroundQuery = call.query
    view = doors.fleet.view(query.node)
    time = read_time(query.time, doors.now(), "time")
    key = (time, *(read_place(query.place) if query.place else LAST_PLACE))
    found = await doors.store.streams.around(
        LogQuery(nodes=frozenset({view.id if view else query.node}), source=escape(query.source),
                 limit=query.before + 1), key, query.after)
    name = view.name if view else query.node
    return AroundAnswer([show_record(item, name, query.text) for item in found.items], found.more_before,
                        found.more_after)
