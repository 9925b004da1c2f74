"""What stands around log records: the lines before and after one, and how many there were over time.

Every function runs inside one read transaction, and ends after some time with what it has by then.
"""

import logging
import time

import apsw

from dvic_hub.domain.blocks import DamagedBlock, Key
from dvic_hub.domain.log_context import Oldest
from dvic_hub.domain.log_levels import LevelCounter
from dvic_hub.domain.log_search import Wanted, write_cursor
from dvic_hub.domain.model import Around, LevelCounts, LogQuery

from . import schema
from .sqlite_days import time_of_day
from .sqlite_reading import marks
from .sqlite_search import Candidate, candidates, look_into, search

log = logging.getLogger(__name__)


def around(connection: apsw.Connection, query: LogQuery, key: Key, after: int, seconds: float,
           page_bytes: int) -> Around:
    """The last `query.limit` records up to `key`, that record included, and the first `after` records behind it, of
    those that `query` wants; its times and cursor are not looked at."""
    moment, batch, position = key
    before = search(connection, _at(query, before=write_cursor((moment, batch, position + 1))), seconds, page_bytes)
    until = time.monotonic() + seconds
    wanted = Wanted.of(_at(query, since=moment))
    oldest, left = Oldest(wanted, key, after), None
    for candidate in candidates(connection, wanted, query.nodes, oldest_first=True):
        if oldest.settled(candidate.first):
            break
        if (time.monotonic() > until or oldest.held > page_bytes) and candidate.first > moment:
            left = candidate.first
            break
        look_into(connection, candidate, oldest.offer)
    behind, more = oldest.items(left)
    return Around([*reversed(before.items), *behind], bool(before.next), more)


def levels(connection: apsw.Connection, query: LogQuery, buckets: int, seconds: float) -> LevelCounts:
    """Records of each level over time, newest first; `query.until` must be given, without `since` it is counted from
    the first day that there is."""
    days = schema.days(connection)
    since = query.since or (time_of_day(days[0]) if days else query.until)
    wanted = Wanted.of(_at(query, since=since, until=query.until))
    counter = LevelCounter(min(since, query.until), query.until, wanted.levels, buckets)
    until = time.monotonic() + seconds
    for number, candidate in enumerate(candidates(connection, wanted, query.nodes)):
        if number and time.monotonic() > until:
            return counter.result(complete_since=candidate.last + 1)
        if wanted.needle or wanted.unit:
            look_into(connection, candidate, lambda _node, _source, block: counter.add(
                (block.times[index], block.levels[index]) for _, index in wanted.pick(block)))
        elif not counter.add_row(candidate.first, candidate.last, candidate.levels, candidate.count):
            _add_marks(connection, candidate, counter)
    return counter.result()


def _add_marks(connection: apsw.Connection, candidate: Candidate, counter: LevelCounter) -> None:
    """Count a block by its times and levels; what lies behind them is not read from the disk."""
    try:
        with connection.blob_open("main", f"data_{candidate.day}", "bytes", candidate.id, False) as blob:
            counter.add_marks(candidate.first, candidate.last, *marks(candidate.codec, blob.read))
    except (DamagedBlock, apsw.SQLError) as error:
        log.error("block %d of %s is not counted: %s", candidate.id, candidate.day, error)


def _at(query: LogQuery, *, since: int = 0, until: int = 0, before: str = "") -> LogQuery:
    return LogQuery(query.nodes, since, until, query.level, query.source, query.unit, query.grep, query.limit, before)
