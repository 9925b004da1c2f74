"""Turns, batches under way and their answers. `Line` plays agent, wire and hub in one thread, by hand or at random."""

import random
from collections import deque

import pytest
from fake_hub import HubMemory
from hypothesis import given, settings
from hypothesis import strategies as st
from readable import ListSource, ListStream

from dvic_agent.pump import produce
from dvic_agent.window import FAILED_READ_PAUSE, HOPELESS_PAUSE, MAX_PAUSE, STALLED, Limits, Turn, Window
from dvic_wire import codec
from dvic_wire.messages import Ack, Problem

NODE = "n-a"


class Line:
    """A window over streams in memory, and a hub at the other end. Frames wait in `to_hub`, answers in `to_agent`."""

    def __init__(self, *streams: ListStream, limits: Limits | None = None, memory: HubMemory | None = None):
        self.limits = limits or Limits(records=2, delay=0.0)
        self.window = Window(self.limits)
        self.source = ListSource(*streams)
        self.memory = memory or HubMemory()
        self.to_hub: deque = deque()
        self.to_agent: deque = deque()
        self.now = 100.0
        self.released: list[str] = []
        for stream in streams:
            self.window.add(stream.name, self.now)

    def connect(self) -> None:
        cursors = dict(self.memory.cursors.setdefault(NODE, {}))
        self.released += self.window.connected(cursors, self.now)
        for name in self.released:
            self.source.released(name)

    def disconnect(self) -> None:
        self.to_hub.clear()
        self.to_agent.clear()
        self.window.disconnected()

    def turn(self) -> bool:
        """One turn of the pump; False when there is none now."""
        turn = self.window.next_turn(self.now)
        if turn is None:
            return False
        try:
            made = produce(self.source.all[turn.stream], turn, self.window.may_close(turn), 0)
        except OSError:
            self.window.failed(turn, self.now)
            return True
        if made.frame:
            self.window.sent(turn, made.to_cursor, len(made.frame), self.now, records=made.records,
                             closed=made.closed, more=made.more, then_close=made.then_close)
            self.to_hub.append(made.frame)
        elif not made.then_close:
            self.window.nothing(turn, self.now, more=made.more)
        elif not self.window.hold(turn):
            self.window.remove(turn.stream)
            self.release(turn.stream)
        return True

    def hub(self) -> bool:
        """The hub takes one frame."""
        if self.to_hub:
            self.to_agent.extend(self.memory.commit(NODE, codec.decode(self.to_hub.popleft())))
            return True
        return False

    def answer(self) -> bool:
        """One answer arrives."""
        if not self.to_agent:
            return False
        message = self.to_agent.popleft()
        if isinstance(message, Problem):
            self.window.faulty(message.about, self.now)
        elif self.window.answered(message, self.now):
            self.release(message.stream)
        return True

    def release(self, name: str) -> None:
        self.released.append(name)
        self.source.released(name)

    def write(self, name: str, *texts: str) -> None:
        self.source.write(name, *texts)
        self.window.add(name, self.now)
        self.window.wake(name, self.now)

    def end(self, name: str) -> None:
        self.source.end(name)
        self.window.wake(name, self.now)

    def settle(self) -> None:
        """Until nothing moves any more, time included."""
        for _ in range(100_000):
            if not (self.turn() or self.hub() or self.answer()):
                due = self.window.due(self.now)
                if due is None:
                    return
                self.now = max(due, self.now)
        raise AssertionError("never came to rest")


def numbered(count: int, name: str = "x") -> list[str]:
    return [f"{name}{number}" for number in range(count)]


# turns

def test_everything_arrives_in_order_and_once():
    line = Line(ListStream("journal", numbered(25)))
    line.connect()
    line.settle()
    assert line.memory.texts("journal") == numbered(25)
    assert line.window.unacknowledged == 0


def test_nothing_is_read_without_a_connection():
    line = Line(ListStream("journal", numbered(5)))
    assert not line.turn()
    assert line.window.due(line.now) is None


def test_it_goes_on_from_what_the_hub_holds():
    memory = HubMemory(cursors={NODE: {"journal": "20"}})
    line = Line(ListStream("journal", numbered(25)), memory=memory)
    line.connect()
    line.settle()
    assert memory.texts("journal") == numbered(25)[20:]


def test_a_wake_is_read_after_the_batch_had_time_to_fill():
    line = Line(ListStream("journal"), limits=Limits(delay=0.05))
    line.connect()
    line.settle()
    line.write("journal", "one")
    assert not line.turn()
    assert line.window.due(line.now) == pytest.approx(line.now + 0.05)
    line.write("journal", "two")
    line.now += 0.05
    assert line.turn()
    assert len(line.to_hub) == 1
    line.settle()
    assert line.memory.texts("journal") == ["one", "two"]


def test_streams_take_turns():
    line = Line(ListStream("a", numbered(10)), ListStream("b", numbered(10)), ListStream("c", numbered(4)))
    line.connect()
    order = []
    for _ in range(6):
        line.turn()
        order.append(codec.decode(line.to_hub[-1]).stream)
    assert order == ["a", "b", "c", "a", "b", "c"]


def test_a_flood_in_one_stream_does_not_hold_up_another():
    line = Line(ListStream("flood", numbered(10_000)), ListStream("quiet"), limits=Limits(records=10, delay=0.0))
    line.connect()
    for _ in range(5):
        line.turn()
    line.write("quiet", "hello")
    for _ in range(3):
        line.turn()
        line.hub()
        line.answer()
    while line.hub():
        pass
    assert line.memory.texts("quiet") == ["hello"]
    assert len(line.memory.texts("flood")) < 200


def test_batches_under_way_of_one_stream_are_bounded():
    line = Line(ListStream("a", numbered(100)), limits=Limits(records=1, lane_batches=4, delay=0.0))
    line.connect()
    while line.turn():
        pass
    assert len(line.to_hub) == line.window.unacknowledged == 4


def test_bytes_under_way_of_all_streams_are_bounded():
    streams = [ListStream(f"s{number}", ["x" * 1000] * 50) for number in range(20)]
    line = Line(*streams, limits=Limits(records=1, delay=0.0, flight_bytes=2000))
    line.connect()
    while line.turn():
        pass
    assert 2000 <= sum(map(len, line.to_hub)) < 2200
    assert line.window.due(line.now) is None, "waiting for an answer, not for time"
    line.settle()
    assert all(len(line.memory.texts(stream.name)) == 50 for stream in streams)


def test_more_than_the_allowed_lines_a_second_wait_in_their_source():
    line = Line(ListStream("a", numbered(100)), limits=Limits(records=10, delay=0.0, rate=100))
    line.connect()
    started = line.now
    line.settle()
    assert line.memory.texts("a") == numbered(100)
    assert line.now - started == pytest.approx(0.9)


def test_a_stream_that_can_not_be_read_rests_and_the_others_go_on():
    line = Line(ListStream("bad", ["x"], fails=2), ListStream("good", ["y"]))
    line.connect()
    started = line.now
    line.settle()
    assert line.memory.texts("good") == ["y"]
    assert line.memory.texts("bad") == ["x"]
    assert line.now - started >= 2 * FAILED_READ_PAUSE


def test_a_stream_that_appears_later_starts_at_the_cursor_of_the_last_welcome():
    memory = HubMemory(cursors={NODE: {"late": "3"}})
    line = Line(ListStream("journal"), memory=memory)
    line.connect()
    line.write("late", *numbered(5))
    line.settle()
    assert memory.texts("late") == ["x3", "x4"]


# answers

def test_a_refused_batch_is_read_again_from_the_hubs_cursor():
    line = Line(ListStream("a", numbered(10)))
    line.connect()
    line.turn()
    line.memory.cursors[NODE]["a"] = "4"  # somebody set the hub's cursor on
    line.settle()
    assert line.memory.texts("a") == numbered(10)[4:]


def test_batches_behind_a_refused_one_are_waited_for_and_nothing_is_sent_twice():
    line = Line(ListStream("a", numbered(20)), limits=Limits(records=2, lane_batches=5, delay=0.0))
    line.connect()
    while line.turn():
        pass
    line.memory.cursors[NODE]["a"] = "2"
    while line.hub():
        pass
    while line.to_agent:
        assert not line.turn(), "sent before the last answer had come"
        line.answer()
    line.settle()
    assert line.memory.texts("a") == numbered(20)[2:]


def test_a_second_answer_to_a_batch_changes_nothing():
    line = Line(ListStream("a", numbered(50)), memory=HubMemory(twice=True))
    line.connect()
    line.settle()
    assert line.memory.texts("a") == numbered(50)
    assert line.window.unacknowledged == 0


def test_an_answer_for_an_unknown_stream_is_passed_over():
    line = Line(ListStream("a"))
    line.connect()
    assert not line.window.answered(Ack("nobody", "5"), line.now)
    assert not line.window.answered(Ack("nobody", "5", False, closed=True), line.now)


def test_a_refusal_without_a_batch_under_way_is_the_hubs_last_word():
    line = Line(ListStream("a", numbered(4)))
    line.connect()
    line.settle()
    line.memory.cursors[NODE]["a"] = "2"
    line.window.answered(Ack("a", "2", False), line.now)
    line.settle()
    assert line.memory.texts("a") == [*numbered(4), "x2", "x3"]


def test_a_full_disk_pauses_everything_for_as_long_as_the_hub_asks():
    line = Line(ListStream("a", numbered(4)), ListStream("b", numbered(4)), memory=HubMemory(full=True))
    line.connect()
    line.turn()
    line.hub()
    line.to_agent[0] = Ack("a", "", False, reason="disk-full", retry=10)
    line.answer()
    assert not line.turn()
    assert line.window.due(line.now) == line.now + 10
    line.now += 10
    line.memory.full = False
    line.settle()
    assert line.memory.texts("a") == line.memory.texts("b") == numbered(4)


def test_the_answer_of_a_full_disk_does_not_tell_what_the_hub_holds():
    line = Line(ListStream("a", numbered(3)), limits=Limits(records=1, delay=0.0))
    line.connect()
    while line.turn():
        pass
    line.to_hub.clear()
    for cursor in ("", "1", "2"):  # the batches' own
        line.window.answered(Ack("a", cursor, False, reason="disk-full", retry=10), line.now)
    line.now += 10
    line.turn()
    assert codec.decode(line.to_hub[-1]).from_cursor == ""
    assert not line.window.may_close(Turn("a", "", 1, 1, False, 0))
    line.settle()
    assert line.memory.texts("a") == numbered(3)


def test_a_hub_can_not_pause_the_sending_for_a_day():
    line = Line(ListStream("a", numbered(2)))
    line.connect()
    line.turn()
    line.window.answered(Ack("a", "", False, reason="disk-full", retry=86_400), line.now)
    assert line.window.due(line.now) == line.now + MAX_PAUSE


def test_a_hub_that_answers_nothing_stalls_the_connection():
    line = Line(ListStream("a", numbered(2)))
    line.connect()
    line.turn()
    assert not line.window.stalled(line.now + STALLED)
    assert line.window.stalled(line.now + STALLED + 1)
    line.hub()
    line.answer()
    assert not line.window.stalled(line.now + 1e6)


def test_one_record_that_the_hub_can_not_use_becomes_a_gap_and_the_rest_arrives():
    texts = numbered(300)
    texts[137] = "poison"
    line = Line(ListStream("a", texts), limits=Limits(records=100, delay=0.0), memory=HubMemory(unusable="poison"))
    line.connect()
    line.settle()
    stored = line.memory.texts("a")
    assert len(stored) == 300
    assert stored[137].startswith("gap (corrupt)")
    assert stored[:137] + stored[138:] == texts[:137] + texts[138:]


def test_a_stream_of_which_the_hub_takes_nothing_rests_for_long():
    line = Line(ListStream("a", ["poison"]), memory=HubMemory(unusable="gap"))
    line.memory.unusable = ""  # not even a gap may be stored
    line.connect()
    for _ in range(4):
        line.turn()
        line.to_hub.clear()
        line.window.faulty("a", line.now)
    assert line.window.due(line.now) == line.now + HOPELESS_PAUSE


# ends

def test_a_stream_that_ends_is_closed_and_released():
    line = Line(ListStream("file:1:2", numbered(3), over=True))
    line.connect()
    line.settle()
    assert line.memory.texts("file:1:2") == numbered(3)
    assert line.memory.closed == line.released == ["file:1:2"]
    assert line.memory.cursors[NODE] == {}
    assert "file:1:2" not in line.window


def test_an_end_is_only_sent_when_the_hub_holds_a_cursor():
    line = Line(ListStream("file:1:2", ["only"], over=True))
    line.connect()
    while line.turn():
        pass
    assert [codec.decode(frame).closed for frame in line.to_hub] == [False]
    line.hub()
    line.answer()
    line.turn()
    end = codec.decode(line.to_hub[-1])
    assert (end.closed, end.records, end.from_cursor, end.to_cursor) == (True, [], "1", "1")


def test_an_end_without_anything_told_before_is_not_worth_a_word():
    line = Line(ListStream("file:1:2", over=True))
    line.connect()
    line.settle()
    assert line.released == ["file:1:2"]
    assert line.memory.closed == []


def test_an_end_that_was_stored_unanswered_is_not_sent_again():
    line = Line(ListStream("file:1:2", numbered(2)), memory=HubMemory())
    line.connect()
    line.settle()
    line.memory.lose = {"file:1:2"}
    line.end("file:1:2")
    line.settle()
    line.disconnect()
    line.connect()
    line.settle()
    assert line.released == line.memory.closed == ["file:1:2"]
    assert line.memory.texts("file:1:2") == numbered(2)


def test_an_end_that_was_lost_on_the_way_is_sent_again():
    line = Line(ListStream("file:1:2", numbered(2)))
    line.connect()
    line.settle()
    line.write("file:1:2", "last")
    line.end("file:1:2")
    line.turn()
    line.disconnect()
    line.connect()
    line.settle()
    assert line.memory.closed == ["file:1:2"]
    assert line.memory.texts("file:1:2") == [*numbered(2), "last"]


def test_a_first_batch_with_an_end_that_was_lost_on_the_way_is_sent_again():
    line = Line(ListStream("file:1:2", ["only"], over=True))
    line.connect()
    line.turn()
    line.disconnect()
    line.connect()
    line.settle()
    assert line.memory.texts("file:1:2") == ["only"]


def test_a_stream_that_the_hub_wants_no_more_of_is_let_go():
    line = Line(ListStream("run:abcdefghijkl", numbered(10)))
    line.connect()
    line.turn()
    assert line.window.answered(Ack("run:abcdefghijkl", "", False, closed=True), line.now)
    assert "run:abcdefghijkl" not in line.window
    assert not line.turn()


def test_a_stream_that_is_gone_holds_no_place_under_way():
    line = Line(ListStream("a", ["x" * 5000]), ListStream("b", ["y"]), limits=Limits(delay=0.0, flight_bytes=30))
    line.connect()
    line.turn()
    assert not line.turn()
    line.window.remove("a")
    assert line.turn()


def test_a_result_for_a_lane_that_was_set_back_meanwhile_does_not_count():
    line = Line(ListStream("a", numbered(10)), limits=Limits(records=2, delay=0.0))
    line.connect()
    line.turn()
    turn = line.window.next_turn(line.now)
    assert line.window.current(turn)
    line.window.answered(Ack("a", "", False), line.now)
    assert not line.window.current(turn)
    line.window.disconnected()
    assert not line.window.current(turn)


# whatever happens

ACTIONS = ("turn", "turn", "hub", "hub", "answer", "answer", "write", "disconnect", "full", "twice", "end", "lose")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 300))
def test_whatever_breaks_every_record_is_stored_once_and_in_order(seed, steps):
    chance = random.Random(seed)
    names = ["a", "b", "c"]
    line = Line(*(ListStream(name) for name in names), limits=Limits(records=3, lane_batches=3, delay=0.0))
    written: dict[str, list[str]] = {name: [] for name in names}
    line.connect()
    for _ in range(steps):
        action = chance.choice(ACTIONS)
        name = chance.choice(names)
        if action == "write" and name in line.source.all and not line.source.all[name].over:
            texts = [f"{name}{len(written[name]) + number}" for number in range(chance.randrange(8))]
            written[name] += texts
            line.write(name, *texts)
        elif action == "disconnect":
            line.disconnect()
            line.connect()
        elif action == "full":
            line.memory.full = not line.memory.full
        elif action == "twice":
            line.memory.twice = not line.memory.twice
        elif action == "lose":
            line.memory.lose ^= {name}
        elif action == "end" and chance.random() < 0.1 and name in line.source.all:
            line.end(name)
        elif action in ("turn", "hub", "answer"):
            getattr(line, action)()
        line.now += chance.random() / 2
    line.memory.full, line.memory.twice, line.memory.lose = False, False, set()
    line.disconnect()
    line.connect()
    line.settle()
    assert {name: line.memory.texts(name) for name in names} == written
    assert line.window.unacknowledged == 0


def test_a_slow_line_that_still_answers_is_not_taken_for_dead():
    line = Line(ListStream("a", numbered(20)), limits=Limits(records=1, lane_batches=8, delay=0.0))
    line.connect()
    while line.turn():
        pass
    for _ in range(8):
        line.now += STALLED - 1
        assert not line.window.stalled(line.now)
        line.hub()
        line.answer()
