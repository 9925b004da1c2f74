"""Numbers of nodes: series over time, the newest sample, the demo processes. (Prometheus reads in `status.py`.)"""

from typing import Annotated, Any

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.nodes import find
from dvic_hub.api.params import SelectorText, Time, TimeText, page_of, read_time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.model import Series
from dvic_hub.errors import BadRequest

MAX_SERIES_NODES = 1000
"""Nodes of one question for series."""

MAX_POINTS = 2000
"""Points of one series in one answer, about: a smaller step than fits is refused."""

POINTS = 400
"""Points of one series that are aimed at where no step is given."""

DEFAULT_SPAN = 3600
"""Seconds before now, where `since` is not given."""

RAW_SPAN = 3 * 3600
"""Seconds up to which samples are given as they were taken, where no step is given."""


class SeriesQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`names`: globs, separated by commas. `step`: seconds of one point (means); 0: as sampled; -1: what fits."""

    selector: SelectorText = ""
    node: Annotated[str, msgspec.Meta(max_length=200, description="One node, by id or name.")] = ""
    names: Annotated[str, msgspec.Meta(max_length=2000, description="Such as `cpu.*,memory.used`.")] = ""
    since: TimeText = ""
    until: TimeText = ""
    step: Annotated[int, msgspec.Meta(ge=-1, le=86400, description="Seconds; 0: as sampled; -1: what fits.")] = -1
    shared: Annotated[bool, msgspec.Meta(description="Of one node: one list of times for all series.")] = False


class SeriesItem(msgspec.Struct):
    """One metric of one node: as many values as times; with `shared` the list has the times."""

    node: str
    node_id: str
    name: str
    times: list[Time | None]
    values: list[float | None]


class SeriesList(msgspec.Struct):
    """`times`: with `shared`, of all items; a value is null where its series has none at that time."""

    items: list[SeriesItem]
    step: int
    next: str = ""
    times: list[Time | None] = []


class LatestAnswer(msgspec.Struct):
    """The newest hardware sample; time is null where there is none."""

    time: Time | None
    values: dict[str, float]


class DemoItem(msgspec.Struct, omit_defaults=True):
    """A process behind a log file: `owner` is the file's (the truth), the rest as the machine or the header says."""

    name: str
    state: str
    file: str = ""
    pid: int | None = None
    executable: str = ""
    user: str = ""
    owner: str = ""
    since: Time | None = None
    cpu: float | None = None
    memory: float | None = None


class DemoList(msgspec.Struct):
    items: list[DemoItem]
    next: str


async def metric_series(doors: Doors, call: Call) -> SeriesList:
    query: SeriesQuery = call.query
    now = doors.now()
    if query.node and query.selector:
        raise BadRequest("give node or selector, not both", field="node")
    if query.shared and not query.node:
        raise BadRequest("times are shared by the series of one node: give node", field="shared")
    views = [find(doors, query.node)] if query.node else doors.fleet.select(query.selector or "all")
    if len(views) > MAX_SERIES_NODES:
        raise BadRequest(f"{len(views)} nodes are meant: name fewer", field="selector", limit=MAX_SERIES_NODES)
    until = read_time(query.until, now, "until") or now
    since = read_time(query.since, now, "since") or until - DEFAULT_SPAN * 1_000_000
    if since >= until:
        raise BadRequest("since must lie before until", field="since")
    step = choose_step((until - since) // 1_000_000, query.step)
    names = [name.strip() for name in query.names.split(",") if name.strip()]
    found = await doors.store.streams.series([view.id for view in views], names, since, until, step)
    shown = {view.id: view.name for view in views}
    if query.shared:
        times = sorted(set().union(*(one.times for one in found)))
        return SeriesList([SeriesItem(views[0].name, one.node, one.name, [], at_times(one, times)) for one in found],
                          step, times=[show_time(time) for time in times])
    return SeriesList([SeriesItem(shown.get(one.node, one.node), one.node, one.name,
                                  [show_time(time) for time in one.times], list(one.values)) for one in found], step)


def at_times(one: Series, times: list[int]) -> list[float | None]:
    """The values of a series at each of the times, None where it has none."""
    if len(one.values) == len(times):
        return list(one.values)
    return list(map(dict(zip(one.times, one.values, strict=True)).get, times))


def choose_step(span: int, wanted: int) -> int:
    """Seconds of one point for `span` seconds; raises BadRequest when the wanted step makes too many points."""
    if wanted < 0:
        return 0 if span <= RAW_SPAN else max(1, span // POINTS)
    least = -(-span // MAX_POINTS)
    if (wanted or 1) < least:
        raise BadRequest(f"a step of {wanted} s makes too many points: at least {least}", field="step", limit=least)
    return wanted


async def latest_metrics(doors: Doors, call: Call) -> LatestAnswer:
    found = await doors.store.streams.latest(find(doors, call.path["node"]).id)
    return LatestAnswer(show_time(found.get("time", 0)), found.get("values", {}))


async def list_demos(doors: Doors, call: Call) -> DemoList:
    demos = await doors.store.streams.demos(find(doors, call.path["node"]).id)
    shown, following = page_of(demos, lambda demo: f"{demo.get('name', '')}/{demo.get('file', '')}", call.query)
    return DemoList([show_demo(demo) for demo in shown], following)


def show_demo(demo: dict[str, Any]) -> DemoItem:
    """A demo's state as the API shows one; what the node did not say is left out."""
    known = {key: value for key, value in demo.items() if key in DemoItem.__struct_fields__ and value is not None}
    since = known.pop("since", 0)
    return DemoItem(**{"name": "", "state": "", **known, "since": show_time(since) if isinstance(since, int) else None})
