"""Copying files to machines and from them. A copy is a run of the kind copy; here is how far it is on each node."""

from typing import Annotated

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import NO_NUL, Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.api.runs import find_run, node_names
from dvic_hub.domain.dispatch import MAX_QUEUE, MAX_REASON
from dvic_hub.domain.model import Run
from dvic_hub.errors import NotFound
from dvic_hub.services.copies import CopyOrder
from dvic_hub.services.run_signing import COPY
from dvic_wire.copies import COPY_TIMES, MAX_COPY_PATH
from dvic_wire.limits import MAX_SELECTOR
from dvic_wire.runs import FINISHED

LEAST_TIMEOUT, MOST_TIMEOUT = COPY_TIMES["timeout"]


class NewCopy(msgspec.Struct, forbid_unknown_fields=True):
    """`file`: id of a file that is here; it goes to all nodes of the `selector`, to `path` there: its new name, or a
    folder for it. Without `file`, `path` is copied from the one node that the selector names.

    A `path` that is not absolute counts from the home of `user` (empty: as the machine's policy says). `mode`:
    permissions (-1: those of the file that is replaced, or usual ones); with it `owner` and `group`, kept where the
    user may give files away and they exist there. `timeout` s, `queue` s to wait for nodes that are offline,
    `batch` nodes at a time (`10` or `25%`; empty: all), `reason` for the audit log.
    """

    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_COPY_PATH, pattern=NO_NUL)]
    file: Annotated[str, msgspec.Meta(max_length=64)] = ""
    user: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    mode: Annotated[int, msgspec.Meta(ge=-1, le=0o777)] = -1
    owner: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    group: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    timeout: Annotated[int, msgspec.Meta(ge=LEAST_TIMEOUT, le=MOST_TIMEOUT)] = 21600
    batch: Annotated[str, msgspec.Meta(max_length=16)] = ""
    queue: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUEUE)] = 0
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""


class CopyNodeItem(msgspec.Struct):
    """How far one node is: `offset` bytes have safely arrived. `state` and `reason` as in a run."""

    node: str
    node_id: str
    state: str
    reason: str
    offset: int


class CopyItem(msgspec.Struct):
    """`id` is the run's. `direction`: to or from the machines. `file`: the id under which it is, or will be, here; one
    that comes from a machine has neither name nor `size` before that told (-1)."""

    id: str
    direction: str
    path: str
    user: str
    file: str
    name: str
    size: int
    by: str
    created: Time | None
    ended: Time | None
    nodes: list[CopyNodeItem]


async def add_copy(doors: Doors, call: Call) -> CopyItem:
    body: NewCopy = call.body
    order = CopyOrder(**{name: getattr(body, name) for name in body.__struct_fields__})
    return await shown(doors, await doors.copies.create(order, call.actor))


async def show_copy(doors: Doors, call: Call) -> CopyItem:
    run = await find_run(doors, call.path["run"])
    if run.kind != COPY:
        raise NotFound(f"the run {run.id} is no copy")
    return await shown(doors, run)


async def shown(doors: Doors, run: Run) -> CopyItem:
    """A copy and how far it is."""
    spec, file = run.detail["copy"], run.detail.get("file", run.id)
    name, size = spec["name"], spec["size"] if spec["direction"] == "to" else -1
    kept = next((kept for kept in doors.files.all() if kept.id == file), None)
    if kept is not None:
        name, size = kept.name, kept.size
    names = node_names(doors)
    rows = sorted(await doors.store.runs.nodes(run.id), key=lambda row: row.position)
    nodes = [CopyNodeItem(names.get(row.node, row.node), row.node, row.state, row.reason,
                          max(size, 0) if row.state == FINISHED else doors.copies.offset(run.id, row.node))
             for row in rows]
    return CopyItem(run.id, spec["direction"], spec["path"], spec["user"], file, name, size, run.created_by,
                    show_time(run.created), show_time(run.ended), nodes)
