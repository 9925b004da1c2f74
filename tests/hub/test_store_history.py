"""Output of runs, metrics, facts and demo states, as any store must keep them."""

import asyncio

from batches import MICROSECONDS, NOON, all_pages, batch, lines, samples

from dvic_hub.domain.model import Run, RunNode
from dvic_wire.limits import MAX_CONTAINER_STATES
from dvic_wire.records import facts, gap, run_end, run_output, run_start
from dvic_wire.runs import DISPATCHED, FAILED, FINISHED, LOST, RUNNING, RunSpec
from dvic_wire.streams import Gap, Verdict


def run(steps):
    return asyncio.run(steps())



RUN_ID = "0123456789ab"


async def start_run(it, state=DISPATCHED):
    await it.runs.add(Run(RUN_ID, "all", RunSpec(argv=("true",)), 1, "ada"),
                      [RunNode(RUN_ID, "n-ada", 0, state), RunNode(RUN_ID, "n-bob", 1, state)])


def test_the_output_of_a_run_is_kept_in_order_and_its_end_is_the_nodes_end(store):
    async def steps():
        async with store() as it:
            await start_run(it)
            stream, at = f"run:{RUN_ID}", NOON * MICROSECONDS
            first = batch("n-ada", stream, [run_start(at, 7, "root"), run_output(at + 1, "out", b"a\n")], "", "10",
                                   source="run")
            assert (await it.streams.commit(first)).accepted
            row = (await it.runs.nodes(RUN_ID))[0]
            assert (row.state, row.started) == (RUNNING, at)
            last = batch("n-ada", stream, [run_output(at + 2, "err", b"\xff"), run_end(at + 3, FAILED, 3, "x", 9)],
                                  "10", "20", source="run", closed=True)
            assert await it.streams.commit(last) == Verdict(True, "20", closed=True)
            row, other = await it.runs.nodes(RUN_ID)
            assert (row.state, row.exit_code, row.reason, row.cut, row.ended) == (FAILED, 3, "x", 9, at + 3)
            assert other.state == DISPATCHED
            page = await it.streams.run_output(RUN_ID, "n-ada", "", 2)
            rest = await it.streams.run_output(RUN_ID, "n-ada", page.next, 10)
            assert [*page.items, *rest.items] == [
                {"time": at, "start": {"pid": 7, "user": "root"}, "place": "1.0"},
                {"time": at + 1, "out": "a\n", "place": "1.1"},
                {"time": at + 2, "err": "", "binary": "/w==", "place": "2.0"},
                {"time": at + 3, "end": {"state": FAILED, "exit_code": 3, "reason": "x", "cut": 9}, "place": "2.1"}]
            assert rest.next == "" and (await it.streams.run_output(RUN_ID, "n-bob", "", 10)).items == []
            assert await all_pages(it) == [], "output of runs is no log"

    run(steps)


def test_a_run_that_is_over_leaves_no_cursor_however_it_ended(store):
    async def steps():
        async with store() as it:
            await start_run(it)
            stream, at = f"run:{RUN_ID}", NOON * MICROSECONDS
            whole = [run_start(at, 7, "root"), run_end(at + 1, FINISHED, 0)]
            verdict = await it.streams.commit(batch("n-ada", stream, whole, "", "20", source="run"))
            assert verdict == Verdict(True, "20", closed=True), "its end and its beginning came in one"
            assert await it.streams.cursors("n-ada") == {}
            await it.streams.commit(batch("n-bob", stream, whole[:1], "", "10", source="run"))
            assert await it.streams.cursors("n-bob") == {stream: "10"}
            await it.runs.move(RUN_ID, "n-bob", frozenset({RUNNING}), LOST)
            late = batch("n-bob", stream, whole[1:], "10", "20", source="run")
            assert await it.streams.commit(late) == Verdict(False, "", closed=True)
            assert await it.streams.cursors("n-bob") == {}
        async with store() as it:
            assert await it.streams.cursors("n-ada") == await it.streams.cursors("n-bob") == {}

    run(steps)


def test_output_of_a_run_that_is_over_or_unknown_is_let_go(store):
    async def steps():
        async with store() as it:
            at = NOON * MICROSECONDS
            unknown = batch("n-ada", f"run:{RUN_ID}", [run_output(at, "out", b"x")], "", "1", source="run")
            assert await it.streams.commit(unknown) == Verdict(False, "", closed=True)
            await start_run(it)
            whole = batch("n-ada", f"run:{RUN_ID}", [run_end(at, FINISHED, 0)], "", "1", source="run", closed=True)
            assert (await it.streams.commit(whole)).accepted
            again = await it.streams.commit(whole)
            assert (again.accepted, again.closed) == (False, True)
            assert (await it.runs.nodes(RUN_ID))[0].state == FINISHED

    run(steps)


def test_run_output_is_paged_the_same_out_of_blocks(store):
    async def steps():
        async with store() as it:
            await start_run(it)
            at = NOON * MICROSECONDS
            for number in range(80):
                await it.streams.commit(batch(
                    "n-ada", f"run:{RUN_ID}", [run_output(at + number, "out", b"%d." % (number * 2)),
                                               run_output(at + number, "err", b"%d." % (number * 2 + 1))],
                    str(number or ""), str(number + 1), source="run"))
            texts, after = [], ""
            for page_number in range(100):
                page = await it.streams.run_output(RUN_ID, "n-ada", after, 11)
                texts += [record.get("out") or record.get("err") for record in page.items]
                after = page.next
                if page_number == 2:
                    assert await it.streams.compact() > 0
                if not after:
                    break
            assert "".join(texts) == "".join(f"{number}." for number in range(160))

    run(steps)


# ---- metrics


def test_samples_are_series_by_name_and_step(store):
    async def steps():
        async with store() as it:
            for number in range(0, 20, 5):
                await it.streams.commit(batch("n-ada", "hardware", samples(number, 5), str(number or ""),
                                                       str(number + 5), source="hardware"))
            cpu, memory = await it.streams.series(["n-ada", "n-bob"], [], 0, 0, 0)
            assert (cpu.node, cpu.name, memory.name) == ("n-ada", "cpu", "memory.used")
            assert cpu.times == [(NOON + number * 10) * MICROSECONDS for number in range(20)]
            assert memory.values == [4096 * number for number in range(20)]
            at = NOON * MICROSECONDS
            few, = await it.streams.series(["n-ada"], ["mem*"], at + 50 * MICROSECONDS, at + 90 * MICROSECONDS, 0)
            assert few.values == [4096 * number for number in range(5, 10)]
            means, = await it.streams.series(["n-ada"], ["cpu"], 0, 0, 60)
            assert means.times == [at, at + 60 * MICROSECONDS, at + 120 * MICROSECONDS, at + 180 * MICROSECONDS]
            assert means.values == [3.0, 9.0, 15.0, 19.0]

    run(steps)


def test_the_newest_sample_and_the_newest_state_of_each_demo_are_at_hand(store):
    async def steps():
        async with store() as it:
            assert await it.streams.latest("n-ada") == {} and await it.streams.demos("n-ada") == []
            await it.streams.commit(batch("n-ada", "hardware", samples(0, 3), "", "3", source="hardware"))
            assert await it.streams.latest("n-ada") == {"time": (NOON + 20) * MICROSECONDS,
                                                        "values": {"cpu": 2.5, "memory.used": 8192}}
            told = [{"time": 1, "demos": [{"file": "a", "pid": 1, "state": "alive"},
                                          {"file": "b", "pid": 2, "state": "alive"}]},
                    {"time": 2, "demos": [{"file": "a", "pid": 1, "state": "ended"}]}]
            await it.streams.commit(batch("n-ada", "demos", told, "", "2", source="demos"))
            assert await it.streams.demos("n-ada") == [{"time": 2, "file": "a", "pid": 1, "state": "ended"},
                                                       {"time": 1, "file": "b", "pid": 2, "state": "alive"}]
            gone = [{"time": 3, "demos": [{"file": "a", "state": "gone"}]}]
            await it.streams.commit(batch("n-ada", "demos", gone, "2", "3", source="demos"))
            assert [demo["file"] for demo in await it.streams.demos("n-ada")] == ["b"]

    run(steps)


def test_the_newest_state_of_each_container_is_at_hand_until_it_is_gone_or_not_in_a_whole(store):
    web = {"id": "1", "engine": "docker", "name": "web", "state": "running", "since": 1}
    other, lxc = {**web, "id": "2", "name": "other"}, {"id": "1", "engine": "lxc", "state": "running"}

    async def steps():
        async with store() as it:
            async def told(cursor: int, *records: dict) -> list[tuple]:
                batched = [{"time": cursor, **record} for record in records]
                await it.streams.commit(batch("n-ada", "containers", batched, str(cursor - 1) if cursor > 1 else "",
                                              str(cursor), source="containers"))
                return [(one["engine"], one["id"], one["state"]) for one in await it.streams.containers("n-ada")]

            assert await it.streams.containers("n-ada") == []
            assert len(await told(1, {"containers": [web, other, lxc], "whole": True})) == 3
            assert await it.streams.containers("n-bob") == []
            ended = {**web, "state": "ended", "exit_code": 3}
            assert ("docker", "1", "ended") in await told(2, {"containers": [ended]}, gap(2, Gap("overrun")))
            assert (await it.streams.containers("n-ada"))[0] == {"time": 2, **ended}
            assert await told(3, {"containers": [{**web, "state": "gone"}]}) == [
                ("docker", "2", "running"), ("lxc", "1", "running")]
            assert await told(4, {"containers": [lxc], "whole": True}) == [("lxc", "1", "running")]
            many = [{**web, "id": f"x{number}"} for number in range(MAX_CONTAINER_STATES)]
            assert len(await told(5, {"containers": many})) == MAX_CONTAINER_STATES
            assert "lxc" not in [one["engine"] for one in await it.streams.containers("n-ada")], "the oldest gave way"
            await it.nodes.remove("n-ada")
            assert await it.streams.containers("n-ada") == []

    run(steps)


def test_facts_become_the_nodes_facts_in_the_same_step(store):
    async def steps():
        async with store() as it:
            await it.nodes.update("n-ada", facts={"os": "debian", "model": "pi"})
            await it.streams.commit(batch("n-ada", "hardware", [facts(1, {"os": "debian 13"})], "", "1",
                                                   source="hardware"))
            assert (await it.nodes.get("ada")).facts == {"os": "debian 13", "model": "pi"}

    run(steps)


def test_text_batches_are_kept_like_compressed_ones(store):
    async def steps():
        async with store() as it:
            await it.streams.commit(batch("n-ada", "journal", lines(0, 3), "", "a", framed=False))
            assert await all_pages(it, grep="LINE") == ["line 2", "line 1", "line 0"]

    run(steps)
