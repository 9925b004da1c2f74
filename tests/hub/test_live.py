"""Live events: shared bytes, joined writes, subscribers that are slow, leave, or fail."""

import asyncio
import json
from dataclasses import replace

import msgspec
import pytest

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain.events import LogsStored, NodeChanged, RolloutChanged, RunChanged, RunOutputStored, SamplesStored
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.long_records import BRIEF_TEXT
from dvic_hub.domain.model import Node
from dvic_hub.domain.subscriptions import MAX_CHUNK, Filter, join_lines
from dvic_hub.errors import TooMany
from dvic_hub.services import live
from dvic_hub.services.live import LiveService
from dvic_wire.errors import InvalidSelector
from dvic_wire.streams import LEVELS


class Box:
    """A subscriber in memory. `held`: bytes that it has not read; `broken`: the next write fails."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.held = 0
        self.broken = False
        self.closed = ""
        self.on_write = lambda: None

    def write(self, frame: bytes) -> None:
        self.on_write()
        if self.broken:
            raise ConnectionResetError("it went away")
        self.frames.append(frame)

    def backlog(self) -> int:
        return self.held

    def close(self, code: str, reason: str) -> None:
        self.closed = code

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for frame in self.frames for line in frame.split(b"\n")]

    @property
    def messages(self) -> list[str]:
        return [event["message"] for event in self.events]


class Fleet:
    """Nodes by id."""

    def __init__(self, *views: NodeView) -> None:
        self.views = {view.id: view for view in views}

    def view(self, id_or_name: str) -> NodeView | None:
        return self.views.get(id_or_name)


def view(id: str, name: str, **tags: str) -> NodeView:
    return NodeView(id, name, tags, "debian 12", "online", Node(id, name, b"", tags))


WEB = view("n-web", "web-1", room="lab")
CAM = view("n-cam", "cam-1", room="hall")


def plain(payload: bytes) -> bytes:
    return payload


def logs(node: str, *messages: str, level: str = "info", source: str = "journal", unit: str = "") -> LogsStored:
    records = [msgspec.json.encode({"time": 1, "level": level, "message": text, "unit": unit}) for text in messages]
    return LogsStored(node, source, records, 1 << LEVELS.index(level))


class Scene:
    """A bus, a fleet and a service with a clock of its own."""

    def __init__(self) -> None:
        self.bus = LocalBus()
        self.fleet = Fleet(WEB, CAM)
        self.time = 100.0
        self.service = LiveService(self.bus, self.fleet, lambda: self.time)
        self.service.start()

    def box(self, *filters: Filter) -> Box:
        box = Box()
        box.subscription = self.service.subscribe(filters or (Filter(),), box, plain)
        return box

    async def settle(self) -> None:
        """Until a tick has passed."""
        await asyncio.sleep(live.LONGEST_TICK * 4)


def played(scene_of):
    """Run an async test with a Scene."""

    def test():
        async def run():
            scene = Scene()
            try:
                await scene_of(scene)
            finally:
                scene.service.stop()

        asyncio.run(run())

    test.__name__, test.__doc__ = scene_of.__name__, scene_of.__doc__
    return test


@played
async def test_an_event_reaches_every_subscriber_that_wants_it(scene):
    everything, hall = scene.box(), scene.box(Filter(selector="tag:room=hall"))
    other_kind = scene.box(Filter(kinds=("node",)))
    scene.bus.publish(logs("n-web", "from web"))
    scene.bus.publish(logs("n-cam", "from cam"))
    await scene.settle()
    assert everything.messages == ["from web", "from cam"]
    assert hall.messages == ["from cam"]
    assert other_kind.frames == []


@played
async def test_every_kind_of_event_says_whom_it_is_about(scene):
    box = scene.box()
    scene.bus.publish(logs("n-web", "hello", source="dvic_log_x"))
    scene.bus.publish(RunOutputStored("n-web", "run1", [b'{"time":2,"out":"text"}']))
    scene.bus.publish(RunChanged("run1", "n-web", "running", {"exit_code": -1}))
    scene.bus.publish(RunChanged("run1", "", "ended"))
    scene.bus.publish(NodeChanged("n-web", "late"))
    scene.bus.publish(SamplesStored("n-web", "hardware", [b'{"time":3,"values":{"cpu":1.5}}']))
    await scene.settle()
    about = {"node": "web-1", "node_id": "n-web"}
    assert box.events == [
        {"kind": "log", **about, "source": "dvic_log_x", "time": 1, "level": "info", "message": "hello", "unit": ""},
        {"kind": "output", "run": "run1", **about, "time": 2, "out": "text"},
        {"kind": "run", "run": "run1", **about, "state": "running", "exit_code": -1},
        {"kind": "run", "run": "run1", "node": "", "node_id": "", "state": "ended"},
        {"kind": "node", **about, "state": "late"},
        {"kind": "sample", "stream": "hardware", **about, "time": 3, "values": {"cpu": 1.5}}]


@played
async def test_level_source_unit_and_text_are_filtered_record_by_record(scene):
    errors = scene.box(Filter(kinds=("log",), level="error"))
    units = scene.box(Filter(kinds=("log",), unit="nginx*"))
    texts = scene.box(Filter(kinds=("log",), grep="DISK"))
    sources = scene.box(Filter(kinds=("log",), source="dvic_log_*"))
    contained = scene.box(Filter(kinds=("log",), unit="daq-?"))
    records = [b'{"time":1,"level":"info","message":"fine","fields":{"container":5}}',
               b'{"time":2,"level":"critical","message":"the Disk is full","unit":"nginx.service"}']
    mixed = 1 << LEVELS.index("info") | 1 << LEVELS.index("critical")
    scene.bus.publish(LogsStored("n-web", "journal", records, mixed))
    inside = [b'{"time":1,"level":"info","message":"inside","unit":"x.scope","fields":{"container":"daq-1","run":7}}']
    scene.bus.publish(LogsStored("n-web", "daq", inside, 1 << LEVELS.index("info")))
    scene.bus.publish(logs("n-web", "demo says", source="dvic_log_cam"))
    await scene.settle()
    assert errors.messages == units.messages == texts.messages == ["the Disk is full"]
    assert sources.messages == ["demo says"] and contained.messages == ["inside"]


@played
async def test_a_record_that_two_filters_want_comes_once_and_in_order(scene):
    box = scene.box(Filter(grep="b"), Filter(grep="a"), Filter(grep="ab"))
    scene.bus.publish(logs("n-web", "a", "b", "ab", "c"))
    await scene.settle()
    assert box.messages == ["a", "b", "ab"]


@played
async def test_a_run_filter_brings_that_run_only_and_leaves_logs_alone(scene):
    box = scene.box(Filter(kinds=("run",), run="run1"))
    scene.bus.publish(RunChanged("run2", "n-web", "running"))
    scene.bus.publish(RunChanged("run1", "n-web", "running"))
    scene.bus.publish(logs("n-web", "no"))
    await scene.settle()
    assert [event["run"] for event in box.events] == ["run1"]


@played
async def test_a_rollout_filter_brings_that_rollout_only_and_its_state_can_t_be_overwritten(scene):
    box = scene.box(Filter(kinds=("rollout",), rollout="u1"))
    scene.bus.publish(RolloutChanged("u2", "n-web", "sent"))
    scene.bus.publish(RunChanged("u1", "n-web", "running"))
    scene.bus.publish(RolloutChanged("u1", "n-web", "sent", {"to": "2.0", "state": "forged", "node": "forged"}))
    scene.bus.publish(RolloutChanged("u1", "", "halted", {"reason": "1 node failed"}))
    await scene.settle()
    assert [(event["kind"], event["node_id"], event["state"]) for event in box.events] == [
        ("rollout", "n-web", "sent"), ("rollout", "", "halted")]


@played
async def test_equal_filters_share_one_group_and_the_very_same_bytes(scene):
    boxes = [scene.box(Filter(selector="web-*", level="info")) for _ in range(5)]
    scene.box(Filter(selector="cam-*"))
    scene.bus.publish(logs("n-web", "one"))
    await scene.settle()
    assert scene.service.groups == 2
    assert all(box.frames[0] is boxes[0].frames[0] for box in boxes)


@played
async def test_lines_of_one_tick_travel_in_one_frame(scene):
    box = scene.box()
    for number in range(50):
        scene.bus.publish(logs("n-web", str(number)))
    await scene.settle()
    assert len(box.frames) == 1
    assert box.messages == [str(number) for number in range(50)]


@played
async def test_a_full_frame_is_written_without_waiting_for_the_tick(scene):
    box = scene.box()
    for _ in range(6):
        scene.bus.publish(logs("n-web", "x" * (live.FRAME_BYTES // 5)))
    assert len(box.frames) == 1


@played
async def test_a_slow_subscriber_misses_a_counted_number_and_the_others_nothing(scene):
    slow, quick = scene.box(), scene.box()
    slow.held = live.BACKLOG_BYTES + 1
    scene.bus.publish(logs("n-web", "1", "2"))
    await scene.settle()
    slow.held = live.BACKLOG_BYTES // 2 + 1
    scene.bus.publish(logs("n-web", "3"))
    await scene.settle()
    slow.held = 0
    scene.bus.publish(logs("n-web", "4"))
    await scene.settle()
    assert quick.messages == ["1", "2", "3", "4"]
    assert slow.events[0] == {"kind": "gap", "missed": 3}
    assert [event["message"] for event in slow.events[1:]] == ["4"]
    assert scene.service.counters.missed == 3


@played
async def test_a_gap_is_told_although_nothing_more_happens(scene):
    slow = scene.box()
    slow.held = live.BACKLOG_BYTES + 1
    scene.bus.publish(logs("n-web", "lost"))
    await scene.settle()
    slow.held = 0
    async with asyncio.timeout(5):
        while not slow.frames:
            await asyncio.sleep(0.02)
    assert slow.events == [{"kind": "gap", "missed": 1}]


@played
async def test_a_subscriber_that_never_catches_up_is_ended(scene):
    slow = scene.box()
    slow.held = live.BACKLOG_BYTES + 1
    scene.bus.publish(logs("n-web", "lost"))
    await scene.settle()
    scene.time += live.PATIENCE + 1
    async with asyncio.timeout(5):
        while not slow.closed:
            await asyncio.sleep(0.02)
    assert slow.closed == "slow"
    assert scene.service.subscribers == 0


@played
async def test_one_that_breaks_or_leaves_in_mid_write_ends_nobody_elses_stream(scene):
    first, broken, leaving, last = scene.box(), scene.box(), scene.box(), scene.box()
    broken.broken = True

    def leave_with_the_last():
        scene.service.unsubscribe(leaving.subscription)
        scene.service.unsubscribe(last.subscription)

    leaving.on_write = leave_with_the_last
    scene.bus.publish(logs("n-web", "1"))
    await scene.settle()
    scene.bus.publish(logs("n-web", "2"))
    await scene.settle()
    assert first.messages == ["1", "2"]
    assert last.frames == []
    assert broken.closed == "gone"
    assert scene.service.subscribers == 1


@played
async def test_who_comes_later_hears_nothing_of_before(scene):
    first = scene.box()
    scene.bus.publish(logs("n-web", "before"))
    late = scene.box()
    scene.bus.publish(logs("n-web", "after"))
    await scene.settle()
    assert first.messages == ["before", "after"]
    assert late.messages == ["after"]


@played
async def test_a_changed_subscription_loses_nothing_of_what_it_wanted_before(scene):
    box = scene.box(Filter(selector="web-*"))
    scene.bus.publish(logs("n-web", "web"))
    scene.service.change(box.subscription, (Filter(selector="cam-*"),))
    scene.bus.publish(logs("n-web", "not any more"))
    scene.bus.publish(logs("n-cam", "cam"))
    await scene.settle()
    assert box.messages == ["web", "cam"]


@played
async def test_a_bad_selector_is_refused_and_changes_nothing(scene):
    box = scene.box()
    with pytest.raises(InvalidSelector):
        scene.service.subscribe((Filter(selector="tag:"),), Box(), plain)
    with pytest.raises(InvalidSelector):
        scene.service.change(box.subscription, (Filter(selector="("),))
    scene.bus.publish(logs("n-web", "still"))
    await scene.settle()
    assert box.messages == ["still"]
    assert scene.service.subscribers == 1


@played
async def test_a_node_that_is_tagged_anew_is_selected_anew(scene):
    box = scene.box(Filter(kinds=("log",), selector="tag:room=lab"))
    scene.bus.publish(logs("n-cam", "not yet"))
    scene.fleet.views["n-cam"] = replace(CAM, tags={"room": "lab"})
    scene.bus.publish(NodeChanged("n-cam", "online"))
    scene.bus.publish(logs("n-cam", "now"))
    await scene.settle()
    assert box.messages == ["now"]


@played
async def test_events_of_a_removed_node_are_for_those_who_want_all(scene):
    everything, some = scene.box(), scene.box(Filter(selector="not web-*"))
    scene.bus.publish(NodeChanged("n-gone", "removed"))
    await scene.settle()
    assert everything.events == [{"kind": "node", "node": "n-gone", "node_id": "n-gone", "state": "removed"}]
    assert some.frames == []


@played
async def test_records_written_over_several_lines_still_come_as_one_line(scene):
    box = scene.box()
    scene.bus.publish(LogsStored("n-web", "journal", [b'{"time":1,\n "level":"info",\r\n "message":"a\\nb"}'], 2))
    await scene.settle()
    assert box.messages == ["a\nb"]


@played
async def test_every_record_of_a_numbered_batch_has_a_place_of_its_own(scene):
    box = scene.box(Filter(grep="b"))
    event = logs("n-web", "a", "b", "ab")
    scene.bus.publish(LogsStored(event.node, event.source, event.records, event.levels, number=255))
    scene.bus.publish(RunOutputStored("n-web", "r1", [b'{"time":1,"out":"x"}'], number=256))
    await scene.settle()
    assert [event["place"] for event in box.events] == ["ff.1", "ff.2", "100.0"]


@played
async def test_very_long_records_come_cut_to_those_who_want_them_brief(scene):
    whole, short = scene.box(Filter(grep="xx")), scene.box(Filter(grep="xx", brief=True))
    giant = {"time": 1, "level": "info", "message": "x" * 1_000_000, "binary": "A" * 99, "cut": 5,
             "fields": {"a": "y" * 9999, "b": 1}}
    small = {"time": 2, "level": "info", "message": "x" * 60_000}
    scene.bus.publish(LogsStored("n-web", "journal", [msgspec.json.encode(each) for each in (giant, small)], 2, 7))
    await scene.settle()
    assert [len(event["message"]) for event in whole.events] == [1_000_000, 60_000]
    assert [len(event["message"]) for event in short.events] == [BRIEF_TEXT, 60_000]
    cut = short.events[0]
    assert (cut["length"], cut["cut"], cut["place"], cut["node"]) == (1_000_000, 5, "7.0", "web-1")
    assert "binary" not in cut and len(cut["fields"]["a"]) == BRIEF_TEXT and "length" not in short.events[1]


@played
async def test_states_of_runs_can_be_heard_without_their_output(scene):
    box = scene.box(Filter(kinds=("state",), run="r1"))
    scene.bus.publish(RunOutputStored("n-web", "r1", [b'{"time":1,"out":"x"}']))
    scene.bus.publish(RunChanged("r1", "n-web", "running"))
    scene.bus.publish(RunChanged("r2", "n-web", "running"))
    await scene.settle()
    assert [(event["kind"], event["run"], event["state"]) for event in box.events] == [("run", "r1", "running")]


@played
async def test_there_is_a_limit_to_subscribers(scene):
    for _ in range(live.MAX_SUBSCRIBERS):
        scene.box()
    with pytest.raises(TooMany):
        scene.box()


@played
async def test_stopping_writes_what_waits_and_tells_everyone(scene):
    box = scene.box()
    scene.bus.publish(logs("n-web", "last words"))
    scene.service.stop()
    assert box.messages == ["last words"]
    assert box.closed == "stopping"


def test_long_batches_are_joined_in_pieces_and_nothing_is_lost():
    lines = [b"x" * 1000] * 200 + [b"y" * (MAX_CHUNK * 2)] + [b"z"]
    chunks = join_lines(lines)
    assert b"\n".join(chunk for chunk, _ in chunks).split(b"\n") == lines
    assert sum(count for _, count in chunks) == len(lines)
    assert all(len(chunk) <= MAX_CHUNK or count == 1 for chunk, count in chunks)
