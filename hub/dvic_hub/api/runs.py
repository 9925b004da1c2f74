"""Runs: ordering commands on nodes, following them, reading their output, cancelling them."""

from collections import Counter
from typing import Annotated, Any, Literal

import msgspec

from dvic_hub.api.doors import Doors
from dvic_hub.api.nodes import find
from dvic_hub.api.params import NO_NUL, Cursor, Limit, Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.dispatch import MAX_QUEUE, MAX_REASON, MAX_TIMEOUT, RunOrder
from dvic_hub.domain.model import Run, RunNode, RunQuery
from dvic_hub.domain.people import OPERATOR, Actor, allows
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.run_signing import TERMINAL
from dvic_wire.limits import MAX_SELECTOR, MAX_SIGNED_BYTES
from dvic_wire.runs import RunSpec

MAX_RUN_BYTES = 2 * MAX_SIGNED_BYTES
"""Bytes of an order to run, as JSON; what is signed of it must fit MAX_SIGNED_BYTES."""

READS_A_PAGE = 200
"""Nodes whose stored output is looked into for one page; most of a large run may have written nothing."""

_BIG = 2**53 - 1
Count = Annotated[int, msgspec.Meta(ge=0, le=_BIG)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_SIGNED_BYTES)]


class NewRun(msgspec.Struct, forbid_unknown_fields=True):
    """`argv` is started as it is, without a shell; `script` is text with a `#!` line, `argv` its arguments.

    Of each node: `user` (empty: as the machine's policy says), `cwd`, `env`, `stdin`, `timeout` s, `memory` bytes and
    `cpu` percent of a core (0: no limit), `output` bytes kept. Of the whole: `batch` nodes at a time (`10` or `25%`;
    empty: all), no further node after more than `max_failures` ended badly (-1: not counted), `queue` seconds to wait
    for nodes that are offline, `reason` for the audit log, `operator`: a signature of the operator's own key.
    """

    selector: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SELECTOR)]
    argv: Annotated[list[Text], msgspec.Meta(max_length=4096)] = []
    script: Text = ""
    user: Annotated[str, msgspec.Meta(max_length=64)] = ""
    cwd: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    env: dict[Annotated[str, msgspec.Meta(max_length=256)], Text] = {}
    stdin: Text = ""
    timeout: Annotated[int, msgspec.Meta(ge=1, le=MAX_TIMEOUT)] = 300
    memory: Count = 0
    cpu: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    output: Count = 10 * 1024 * 1024
    batch: Annotated[str, msgspec.Meta(max_length=16)] = ""
    max_failures: Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)] = -1
    queue: Annotated[int, msgspec.Meta(ge=0, le=MAX_QUEUE)] = 0
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""
    operator: Text = ""


class CancelBody(msgspec.Struct, forbid_unknown_fields=True):
    """`nodes`: ids or names; absent: all of the run."""

    nodes: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=10_000)] | None = None


class RunNodeItem(msgspec.Struct):
    """One node in the run. `state`: queued, dispatched, running, or at the end finished, failed, timed-out, cancelled,
    refused, expired, lost. `exit_code`: -1 where there is none. `cut`: bytes of output left out."""

    node: str
    node_id: str
    state: str
    reason: str
    exit_code: int
    dispatched: Time | None
    started: Time | None
    ended: Time | None
    cut: int


class RunSpecItem(msgspec.Struct):
    """The rest of what was ordered, so that it can be ordered again; see NewRun."""

    cwd: str
    env: dict[str, str]
    stdin: str
    memory: int
    cpu: int
    output: int
    queue: int


class RunItem(msgspec.Struct, omit_defaults=True):
    """`kind`: run, update (of a rollout), enroll (by ssh), terminal or copy; `argv` then says of what. `counts`: nodes
    by state. `cancelled`, `ended`: when. `nodes` only where one run is asked for, and `more` where one who may run
    commands asks: environment and input can hold secrets."""

    id: str
    kind: str
    selector: str
    argv: list[str]
    script: str
    user: str
    timeout: int
    created: Time | None
    created_by: str
    reason: str
    batch: str
    max_failures: int
    queue_until: Time | None
    cancelled: Time | None
    ended: Time | None
    counts: dict[str, int]
    nodes: list[RunNodeItem] | None = None
    more: RunSpecItem | None = None


class RunsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`by`: who ordered it. `node`: id or name of one that it was ordered for. `grep`: text that its command, selector,
    reason or id holds, in capitals or not. `state`: `active` (not over yet) or `failed` (a node of it ended badly)."""

    kind: Annotated[Literal["run", "update", "enroll", "terminal", "copy", "all"], msgspec.Meta(
        description="Commands, the updates that rollouts order, enrolments by ssh, terminals, copies, or all.")] = "run"
    by: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    node: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)] = ""
    grep: Annotated[str, msgspec.Meta(max_length=1000, pattern=NO_NUL)] = ""
    state: Literal["", "active", "failed"] = ""
    limit: Limit = 50
    cursor: Cursor = ""


class RunList(msgspec.Struct):
    """Newest first."""

    items: list[RunItem]
    next: str


class OutputQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`node`: id or name; absent: one node after the other. `after`: of this node, only what came after the piece of
    that `place`."""

    node: Annotated[str, msgspec.Meta(max_length=200)] = ""
    after: Annotated[str, msgspec.Meta(max_length=32, pattern=NO_NUL)] = ""
    limit: Limit = 500
    cursor: Cursor = ""


class OutputItem(msgspec.Struct, omit_defaults=True):
    """A piece of output. `stream`: out, err, or step: what an update told of itself. `binary`: base64 where it was not
    UTF-8; `text` is empty then. `place`: no other piece has it, and live events of the same piece have the same."""

    time: Time | None
    node: str
    node_id: str
    stream: str
    place: str
    text: str = ""
    binary: str | None = None


class OutputList(msgspec.Struct):
    """Oldest first, one node after the other. A page can be empty and still have a `next`."""

    items: list[OutputItem]
    next: str


async def add_run(doors: Doors, call: Call) -> RunItem:
    body: NewRun = call.body
    spec = RunSpec.from_json({key: getattr(body, key) for key in (
        "argv", "script", "user", "cwd", "env", "stdin", "timeout", "memory", "cpu", "output")})
    order = RunOrder(selector=body.selector, spec=spec, batch=body.batch, max_failures=body.max_failures,
                     queue=body.queue, reason=body.reason, operator=body.operator)
    return await shown(doors, await doors.runs.create(order, call.actor), call.actor)


async def list_runs(doors: Doors, call: Call) -> RunList:
    query: RunsQuery = call.query
    node = doors.fleet.view(query.node) if query.node else None
    kind = "" if query.kind == "all" else query.kind
    wanted = RunQuery(query.by, node.id if node else query.node, query.grep, query.state == "active",
                      query.state == "failed", kind)
    page = await doors.store.runs.list(query.limit, query.cursor, wanted)
    counts = await doors.store.runs.counts([run.id for run in page.items])
    return RunList([show_order(run, counts[run.id]) for run in page.items], page.next)


async def show_run(doors: Doors, call: Call) -> RunItem:
    return await shown(doors, await find_run(doors, call.path["run"]), call.actor)


async def cancel_run(doors: Doors, call: Call) -> RunItem:
    body: CancelBody = call.body
    run = await find_run(doors, call.path["run"])
    if run.kind == TERMINAL:  # its starter or an admin may, and nobody else
        raise Conflict("this run is a terminal: end its session", code="session")
    rows = {row.node for row in await doors.store.runs.nodes(run.id)}
    nodes = None if body.nodes is None else [view.id for view in (find(doors, text) for text in body.nodes)]
    for id in nodes or ():
        if id not in rows:
            raise BadRequest(f"{id} is not in this run", field="nodes")
    await doors.runs.cancel(run.id, call.actor, nodes)
    return await shown(doors, await find_run(doors, run.id), call.actor)


async def run_output(doors: Doors, call: Call) -> OutputList:
    query: OutputQuery = call.query
    run = await find_run(doors, call.path["run"])
    rows = sorted(await doors.store.runs.nodes(run.id), key=lambda row: row.position)
    if query.node:
        wanted = find(doors, query.node).id
        rows = [row for row in rows if row.node == wanted]
        if not rows:
            raise NotFound(f"the node {query.node} is not in this run")
    if query.after and not query.node:
        raise BadRequest("`after` needs a `node`", field="after")
    place, inner = read_output_cursor(query.cursor, len(rows)) if query.cursor else (0, query.after)
    items: list[OutputItem] = []
    names = node_names(doors)
    for _ in range(READS_A_PAGE):
        if place >= len(rows) or len(items) >= query.limit:
            break
        row = rows[place]
        page = await doors.store.streams.run_output(run.id, row.node, inner, query.limit - len(items))
        name = names.get(row.node, row.node)
        items += [item for record in page.items if (item := show_piece(record, name, row.node))]
        place, inner = (place, page.next) if page.next else (place + 1, "")
    return OutputList(items, f"{place}.{inner}" if place < len(rows) else "")


def read_output_cursor(text: str, count: int) -> tuple[int, str]:
    """Which node, and the cursor within its stream; raises BadRequest."""
    if not text:
        return 0, ""
    place, dot, inner = text.partition(".")
    if not dot or not (place.isascii() and place.isdecimal()) or len(place) > 6 or int(place) >= max(count, 1):
        raise BadRequest("the cursor is not one of this list", field="cursor")
    return int(place), inner


def show_piece(record: dict[str, Any], name: str, node: str) -> OutputItem | None:
    """A record of a run's stream as a piece of output; None for its start, its end and gaps."""
    for stream in ("out", "err"):
        if stream in record:
            return OutputItem(show_time(record["time"]), name, node, stream, record["place"], record[stream],
                              record.get("binary"))
    if "step" in record:
        step = record["step"]
        said = f"{step['name']}: {step.get('text', '')}\n"
        return OutputItem(show_time(record["time"]), name, node, "step", record["place"], said)
    return None


async def find_run(doors: Doors, id: str) -> Run:
    """The run; raises NotFound."""
    run = await doors.store.runs.get(id)
    if run is None:
        raise NotFound(f"there is no run {id}")
    return run


async def shown(doors: Doors, run: Run, actor: Actor) -> RunItem:
    """A run with all that the actor may see of it."""
    rows = sorted(await doors.store.runs.nodes(run.id), key=lambda row: row.position)
    names, spec = node_names(doors), run.spec
    item = show_order(run, dict(Counter(row.state for row in rows)))
    item.nodes = [show_row(row, names.get(row.node, row.node)) for row in rows]
    if allows(actor.role, OPERATOR):
        item.more = RunSpecItem(spec.cwd, dict(spec.env), spec.stdin, spec.memory, spec.cpu, spec.output,
                                (run.queue_until - run.created) // 1_000_000)
    return item


def show_order(run: Run, counts: dict[str, int]) -> RunItem:
    """A run as lists show one."""
    return RunItem(
        id=run.id, kind=run.kind, selector=run.selector, argv=list(run.spec.argv), script=run.spec.script,
        user=run.spec.user, timeout=run.spec.timeout, created=show_time(run.created), created_by=run.created_by,
        reason=run.reason, batch=run.batch, max_failures=run.max_failures, queue_until=show_time(run.queue_until),
        cancelled=show_time(run.cancelled), ended=show_time(run.ended), counts=counts)


def show_row(row: RunNode, name: str) -> RunNodeItem:
    """One node of a run as the API shows it."""
    return RunNodeItem(name, row.node, row.state, row.reason, row.exit_code, show_time(row.dispatched),
                       show_time(row.started), show_time(row.ended), row.cut)


def node_names(doors: Doors) -> dict[str, str]:
    """Names by id of the nodes that there are."""
    return {view.id: view.name for view in doors.fleet.views()}
