"""Who runs next, and how every node of every run comes to exactly one end."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvic_hub.domain import dispatch
from dvic_hub.domain.dispatch import RunOrder, Seat, after_reply, check_order, decide, next_to_start, parse_batch
from dvic_hub.domain.model import Run, RunNode
from dvic_hub.errors import BadRequest
from dvic_wire.runs import TERMINAL, RunSpec, advance

NOW = 1_763_632_800.0
SPEC = RunSpec(("true",), timeout=60)
START = NOW - 10_000


def us(seconds: float) -> int:
    return int(seconds * 1_000_000)


def a_run(**changes) -> Run:
    return replace(Run("run000000001", "all", SPEC, us(NOW), "ada", queue_until=us(NOW)), **changes)


def rows(*states: str, **changes) -> list[RunNode]:
    return [RunNode("run000000001", f"n{position}", position, state, dispatched=us(NOW), started=us(NOW), **changes)
            for position, state in enumerate(states)]


def seats(count: int, connected=True, since=START, heard=NOW, gone=False) -> dict[str, Seat]:
    return {f"n{position}": Seat(connected, since, heard, gone) for position in range(count)}


def ends(decision) -> list[tuple[str, str]]:
    return [(end.node, end.state) for end in decision.ends]


# ---- the window

@pytest.mark.parametrize(("text", "total", "window"), [("", 7, 7), ("10", 100, 10), ("10", 3, 10), ("25%", 100, 25),
                                                       ("25%", 3, 1), ("100%", 8, 8), ("1%", 5, 1), ("", 0, 1)])
def test_a_batch_is_a_number_of_nodes_or_a_part_of_them(text, total, window):
    assert parse_batch(text, total) == window


@pytest.mark.parametrize("text", ["0", "-1", "0%", "101%", "x", "5 %", "1.5", "%", "10%%", "9999999", " 1", "٣"])
def test_a_batch_that_is_neither_is_refused(text):
    with pytest.raises(BadRequest) as error:
        parse_batch(text, 10)
    assert error.value.field == "batch"


def test_nodes_start_in_order_of_position_up_to_the_window():
    assert next_to_start(rows("queued", "queued", "queued"), 2, -1, {"n0", "n1", "n2"}) == ["n0", "n1"]


def test_each_end_admits_the_next():
    assert next_to_start(rows("running", "dispatched", "queued"), 2, -1, {"n2"}) == []
    assert next_to_start(rows("running", "finished", "queued"), 2, -1, {"n2"}) == ["n2"]


def test_an_offline_node_is_passed_over_and_does_not_hold_up_the_others():
    assert next_to_start(rows("queued", "queued"), 1, -1, {"n1"}) == ["n1"]


def test_when_more_nodes_failed_than_may_those_still_queued_are_cancelled():
    decision = decide(a_run(max_failures=1, batch="1"), rows("failed", "lost", "queued"), seats(3), {}, {}, NOW)
    assert ends(decision) == [("n2", "cancelled")] and not decision.start and decision.over


def test_as_many_failures_as_may_be_halt_nothing():
    assert decide(a_run(max_failures=1, batch="1"), rows("failed", "queued"), seats(2), {}, {}, NOW).start == ["n1"]


def test_nodes_that_were_not_there_count_as_no_failure():
    decision = decide(a_run(max_failures=0), rows("expired", "cancelled", "queued"), seats(3), {}, {}, NOW)
    assert decision.start == ["n2"]


# ---- nodes that are offline

def test_an_offline_node_without_a_queue_expires_when_it_has_been_away_for_longer_than_a_restart_takes():
    away = seats(1, connected=False, since=NOW - 5)
    assert decide(a_run(), rows("queued"), away, {}, {}, NOW).ends == []
    later = decide(a_run(), rows("queued"), away, {}, {}, NOW + dispatch.RECONNECT_GRACE)
    assert ends(later) == [("n0", "expired")] and later.over


def test_an_offline_node_is_waited_for_as_long_as_was_asked():
    run, away = a_run(queue_until=us(NOW + 3600)), seats(1, connected=False)
    assert decide(run, rows("queued"), away, {}, {}, NOW + 3599).ends == []
    assert ends(decide(run, rows("queued"), away, {}, {}, NOW + 3600)) == [("n0", "expired")]


def test_a_connected_node_that_waits_for_its_turn_never_expires():
    assert decide(a_run(batch="1"), rows("running", "queued"), seats(2, since=NOW + 10**6, heard=NOW + 10**6), {}, {},
                  NOW + 50).ends == []


# ---- requests without an answer

def test_an_unanswered_request_is_sent_again_when_its_signature_is_over():
    row = rows("dispatched")
    assert decide(a_run(), row, seats(1), {}, {}, NOW + dispatch.RESEND_AFTER - 1).again == []
    assert decide(a_run(), row, seats(1), {}, {}, NOW + dispatch.RESEND_AFTER).again == ["n0"]
    assert decide(a_run(), row, seats(1), {"n0": NOW + 100}, {}, NOW + dispatch.RESEND_AFTER).again == []
    assert decide(a_run(), row, seats(1, connected=False), {}, {}, NOW + dispatch.RESEND_AFTER).again == []


def test_a_request_that_is_never_answered_is_lost_in_the_end():
    late = NOW + dispatch.ANSWER_LIMIT + 1
    assert ends(decide(a_run(), rows("dispatched"), seats(1), {}, {}, late)) == [("n0", "lost")]
    assert ends(decide(a_run(), rows("dispatched"), seats(1, connected=False), {}, {}, late)) == [("n0", "lost")]


def test_a_node_that_has_just_come_back_gets_its_time_to_answer_but_not_for_ever():
    late = NOW + dispatch.ANSWER_LIMIT + 1
    assert decide(a_run(), rows("dispatched"), seats(1, since=late - 5), {}, {}, late).ends == []
    for_ever = late + dispatch.HARD_LIMIT
    assert ends(decide(a_run(), rows("dispatched"), seats(1, since=for_ever - 5), {}, {}, for_ever)) == [("n0", "lost")]


# ---- nodes that run

def test_a_running_node_may_be_silent_for_its_timeout_and_a_limit_then_it_is_lost():
    limit = NOW + SPEC.timeout + dispatch.SILENCE_LIMIT
    away = seats(1, connected=False, heard=NOW)
    assert decide(a_run(), rows("running"), away, {}, {}, limit).ends == []
    assert ends(decide(a_run(), rows("running"), away, {}, {}, limit + 1)) == [("n0", "lost")]


def test_a_connected_node_that_never_reports_the_end_is_lost():
    limit = NOW + SPEC.timeout + dispatch.END_LIMIT
    here = seats(1, heard=limit)
    assert decide(a_run(), rows("running"), here, {}, {}, limit).ends == []
    assert ends(decide(a_run(), rows("running"), here, {}, {}, limit + 1)) == [("n0", "lost")]


@pytest.mark.parametrize("wrong", [1, us(NOW - 86_400 * 9), us(NOW + 86_400 * 9), us(NOW * 3)])
def test_a_node_whose_clock_is_wrong_is_lost_neither_at_once_nor_never(wrong):
    row, limit = rows("running"), NOW + SPEC.timeout + dispatch.END_LIMIT
    row = [replace(row[0], started=wrong)]
    assert decide(a_run(), row, seats(1, heard=limit), {}, {}, limit).ends == []
    assert ends(decide(a_run(), row, seats(1, heard=limit), {}, {}, limit + 1)) == [("n0", "lost")]


def test_a_long_run_on_a_live_node_is_left_alone():
    run = a_run(spec=RunSpec(("sleep",), timeout=86_400))
    assert decide(run, rows("running"), seats(1, heard=NOW + 80_000), {}, {}, NOW + 80_000).ends == []


def test_rows_of_a_node_that_is_gone_are_lost():
    for state in ("queued", "dispatched", "running"):
        assert ends(decide(a_run(), rows(state), {}, {}, {}, NOW)) == [("n0", "lost")]
        assert ends(decide(a_run(), rows(state), seats(1, gone=True), {}, {}, NOW)) == [("n0", "lost")]


# ---- cancelling

def test_cancelling_ends_what_is_queued_and_asks_what_is_under_way():
    decision = decide(a_run(cancelled=us(NOW)), rows("queued", "dispatched", "running", "finished"), seats(4), {}, {},
                      NOW)
    assert ends(decision) == [("n0", "cancelled")]
    assert decision.cancel == ["n1", "n2"] and not decision.again and not decision.start and not decision.over


def test_one_node_of_a_run_can_be_cancelled_alone():
    marked = rows("queued", "running", "running")
    marked[:2] = [replace(row, reason=f"{dispatch.CANCEL_ASKED}ada") for row in marked[:2]]
    decision = decide(a_run(), marked, seats(3), {}, {}, NOW)
    assert ends(decision) == [("n0", "cancelled")] and decision.cancel == ["n1"]


def test_a_cancel_is_asked_again_after_a_while_and_never_turned_into_a_start():
    run, row = a_run(cancelled=us(NOW)), rows("dispatched")
    asked = {"n0": NOW}
    assert decide(run, row, seats(1), {}, asked, NOW + dispatch.CANCEL_AGAIN - 1).cancel == []
    later = decide(run, row, seats(1), {}, asked, NOW + dispatch.RESEND_AFTER)
    assert later.cancel == ["n0"] and later.again == []


def test_a_cancel_goes_to_a_node_when_it_is_back():
    run = a_run(cancelled=us(NOW))
    assert decide(run, rows("running"), seats(1, connected=False), {}, {}, NOW + 50).cancel == []
    assert decide(run, rows("running"), seats(1), {}, {}, NOW + 60).cancel == ["n0"]


# ---- what agents say

@pytest.mark.parametrize(("state", "said", "newer", "becomes"), [
    ("dispatched", "running", False, "running"), ("dispatched", "refused", False, "refused"),
    ("dispatched", "failed", False, "failed"), ("dispatched", "cancelled", False, "cancelled"),
    ("dispatched", "lost", False, "lost"), ("dispatched", "expired", False, "expired"),
    ("dispatched", "expired", True, None), ("running", "lost", False, "lost"), ("running", "cancelled", False, None),
    ("running", "running", False, None), ("dispatched", "finished", False, None),
    ("dispatched", "rubbish", False, None),
    ("queued", "running", False, None), ("queued", "lost", False, None), ("finished", "lost", False, None),
])
def test_a_reply_moves_a_row_only_where_it_can(state, said, newer, becomes):
    assert after_reply(rows(state)[0], said, newer) == becomes


# ---- orders

@pytest.mark.parametrize(("field", "order"), [
    ("queue", RunOrder("all", SPEC, queue=-1)), ("queue", RunOrder("all", SPEC, queue=dispatch.MAX_QUEUE + 1)),
    ("max_failures", RunOrder("all", SPEC, max_failures=-2)), ("batch", RunOrder("all", SPEC, batch="x")),
    ("timeout", RunOrder("all", RunSpec(("true",), timeout=dispatch.MAX_TIMEOUT + 1))),
    ("reason", RunOrder("all", SPEC, reason="x" * 501)),
    ("output", RunOrder("all", RunSpec(("true",), output=dispatch.MAX_OUTPUT + 1))),
])
def test_an_order_beyond_its_bounds_names_the_field(field, order):
    with pytest.raises(BadRequest) as error:
        check_order(order)
    assert error.value.field == field


# ---- any order of events

@dataclass
class World:
    """A run, its rows and its nodes, moved by decisions as the service moves them: by the wire's table."""

    run: Run
    rows: dict[str, RunNode]
    now: float = NOW
    connected: set[str] = field(default_factory=set)
    since: dict[str, float] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sent: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)

    @property
    def window(self) -> int:
        return parse_batch(self.run.batch, len(self.rows))

    def move(self, node: str, was: str, to: str, **changes) -> None:
        row = self.rows[node]
        if row.state != was:
            return
        self.rows[node] = replace(row, state=advance(row.state, to), **changes)
        if to in TERMINAL:
            assert node not in self.ended
            self.ended[node] = to
        under_way = sum(row.state in dispatch.UNDER_WAY for row in self.rows.values())
        assert under_way <= self.window

    def tick(self) -> bool:
        seated = {node: Seat(node in self.connected, self.since.get(node, START), self.heard.get(node, START),
                             node in self.gone) for node in self.rows}
        decision = decide(self.run, list(self.rows.values()), seated, self.sent, self.asked, self.now)
        for end in decision.ends:
            self.move(end.node, end.was, end.state, reason=end.reason)
        for node in decision.start:
            assert node in self.connected and node not in self.gone
            self.move(node, "queued", "dispatched", dispatched=us(self.now))
        self.sent.update(dict.fromkeys((*decision.start, *decision.again), self.now))
        self.asked.update(dict.fromkeys(decision.cancel, self.now))
        if self.run.cancelled:
            assert not decision.start and not decision.again
        return decision.over

    def happen(self, event: str, node: str, what: str, seconds: float) -> None:
        if event == "time":
            self.now += seconds
        elif event == "connect" and node not in self.gone:
            self.connected.add(node)
            self.since[node] = self.heard[node] = self.now
            self.sent.pop(node, None)
            self.asked.pop(node, None)
        elif event == "disconnect":
            self.connected.discard(node)
            self.since[node] = self.now
        elif event == "alive":
            self.heard[node] = self.now
        elif event == "reply" and (to := after_reply(self.rows[node], what, False)):
            self.move(node, self.rows[node].state, to, started=us(self.now))
        elif event == "end" and self.rows[node].state in dispatch.UNDER_WAY:
            end = what if what in ("finished", "failed", "timed-out", "cancelled", "lost") else "finished"
            self.move(node, self.rows[node].state, end)
        elif event == "cancel":
            self.run = replace(self.run, cancelled=us(self.now))
        elif event == "cancel one" and self.rows[node].state not in TERMINAL:
            self.rows[node] = replace(self.rows[node], reason=dispatch.CANCEL_ASKED)
        elif event == "gone":
            self.gone.add(node)
            self.connected.discard(node)
        elif event == "restart":
            self.connected.clear()
            self.sent.clear()
            self.asked.clear()
            self.since = dict.fromkeys(self.rows, self.now)
            self.heard = dict.fromkeys(self.rows, self.now)


EVENTS = st.tuples(
    st.sampled_from(["time", "connect", "connect", "disconnect", "alive", "reply", "reply", "end", "end", "cancel",
                     "cancel one", "gone", "restart"]),
    st.integers(0, 5), st.sampled_from(["running", "running", "finished", "failed", "refused", "expired", "lost",
                                        "cancelled"]),
    st.sampled_from([0.5, 5, 40, 200, 1000]))


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=60), st.integers(1, 6), st.sampled_from(["", "1", "2", "50%"]), st.integers(-1, 2),
       st.sampled_from([0, 60, 86_400]), st.booleans())
def test_whatever_happens_in_whatever_order_each_node_ends_once_and_the_window_is_kept(
        events, count, batch, max_failures, queue, flapping):
    run = a_run(batch=batch, max_failures=max_failures, queue_until=us(NOW + queue))
    world = World(run, {row.node: row for row in rows(*["queued"] * count)})
    for event, number, what, seconds in events:
        world.happen(event, f"n{number % count}", what, seconds)
        world.tick()
    over = False
    for step in range(2000):
        world.happen("time", "n0", "", 1000)
        if flapping:
            for node in world.rows:
                world.happen("connect" if step % 2 else "disconnect", node, "", 0)
        over = world.tick()
        if over:
            break
        if flapping and step % 2:
            continue
    assert over, world.rows
    assert set(world.ended) == set(world.rows)
    assert all(row.state == world.ended[node] for node, row in world.rows.items())

