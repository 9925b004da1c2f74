"""Histogram packages as any store must keep them: what changed, what is thinned, and what a hub does not have."""

import asyncio
import json
from dataclasses import replace

import pytest
from batches import batch as whole_batch
from package_updates import ABOUT, STREAM, change, histogram, package_message, update

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.packages import Reference, package_id
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.ingest import incoming
from dvic_wire.packages import REMOVED

ID = package_id("n-ada", STREAM)
A, B, C = histogram(1), histogram(2, "NaN"), histogram()
SECOND = 1_000_000


def run(steps):
    return asyncio.run(steps())


async def put(it, record, start="", end="1", *, at=6, last=20, every=60, node="n-ada", container=None):
    """Commit an update; at is when it comes, seconds."""
    decoded = decode_batch(package_message(record, start, end))
    made = change(record, node=node, received=at * SECOND, last=last, every=every,
                  container=container)
    return await it.streams.commit(replace(incoming(node, decoded, b""), package=made))


async def objects(it, number) -> dict[str, dict]:
    return {each.name: json.loads(each.data) for each in await it.packages.data(ID, number, None, frozenset())}


def test_a_package_comes_back_as_it_was_with_its_objects_in_order(every_store):
    async def steps():
        async with every_store(("ada",)) as it:
            verdict = await put(it, update({"b": B, "<i>a</i>": A}, title="T", layout="<package/>"),
                                container={"unit": "a.service"})
            assert verdict.accepted and verdict.number
        async with every_store(("ada",)) as it:
            row, = await it.packages.all()
            assert (row.id, row.name, row.title, row.owner, row.layout) == (ID, "readout", "T", "ada", "<package/>")
            assert row.container == "a.service"
            assert row.snapshot == verdict.number and await it.packages.ids() == {ID}
            assert list(await objects(it, row.snapshot)) == ["b", "<i>a</i>"]
            assert (await it.packages.objects(ID, row.snapshot))[0].about.bytes == len(B)
            assert (await it.streams.cursors("n-ada")) == {STREAM: "1"}

    run(steps)


def test_an_update_takes_over_what_it_only_names_and_ends_what_it_does_not(every_store):
    async def steps():
        async with every_store(("ada",)) as it:
            one = (await put(it, update({"a": A, "b": B}))).number
            two = (await put(it, update({"b": B, "c": C}, 2, held={"b": B}), "1", "2")).number
            three = (await put(it, update({"c": A, "b": B}, 3, held={"b": B}), "2", "3")).number
            assert list(await objects(it, one)) == ["a", "b"]
            assert set(await objects(it, two)) == {"b", "c"}
            assert list(await objects(it, three)) == ["c", "b"]
            assert (await objects(it, three))["c"] == json.loads(A)
            assert (await it.packages.all())[0].serial == 3

    run(steps)


def test_what_is_named_and_not_there_is_asked_for_again(every_store):
    async def steps():
        async with every_store(("ada",)) as it:
            await put(it, update({"a": A}))
            verdict = await put(it, update({"a": B}, 2, held={"a": B}), "1", "2")
            assert not verdict.accepted and verdict.cursor == ""
            assert await it.streams.cursors("n-ada") == {}
            assert (await it.packages.all())[0].serial == 1
            assert (await put(it, update({"a": B}, 2))).accepted

    run(steps)


def test_a_layout_that_is_only_named_must_be_there_too(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}, layout="<one/>"))
            named = update({"a": A}, 2, layout="<two/>")
            del named["package"]["layout"]
            assert not (await put(it, named, "1", "2")).accepted

    run(steps)


def test_an_update_that_shrinks_and_one_whose_serial_goes_back(every_store):
    async def steps():
        async with every_store(("ada",)) as it:
            await put(it, update({"a": A, "b": B}, 17))
            number = (await put(it, update({"b": B}, 1, instance="two"), "1", "2")).number
            row, = await it.packages.all()
            assert (row.instance, row.serial, row.snapshot) == ("two", 1, number)
            assert list(await objects(it, number)) == ["b"]
            none = (await put(it, update({}, 2, instance="two"), "2", "3")).number
            assert await objects(it, none) == {}

    run(steps)


def test_the_last_states_and_one_a_minute_are_kept_and_nothing_else_of_them(store):
    async def steps():
        async with store() as it:
            cursor = ""
            for serial in range(1, 131):
                record = update({"a": histogram(serial), "b": B}, serial)
                assert (await put(it, record, cursor, str(serial), at=serial, last=5)).accepted
                cursor = str(serial)
            page = await it.packages.history(ID, 0, 0, 100)
            serials = [state.serial for state in page.items]
            assert serials == [130, 129, 128, 127, 126, 120, 60, 1]
            for state in page.items:
                found = await objects(it, state.number)
                assert found["a"]["storage"]["values"] == [state.serial] and found["b"] == json.loads(B)

    run(steps)


def test_history_is_listed_in_pages_and_found_by_time(store):
    async def steps():
        async with store() as it:
            for serial in (1, 2, 3):
                await put(it, update({"a": histogram(serial)}, serial), str(serial - 1) if serial > 1 else "",
                          str(serial), at=serial * 100)
            page = await it.packages.history(ID, 0, 0, 2)
            rest = await it.packages.history(ID, 0, 0, 2, page.next)
            assert [each.serial for each in page.items + rest.items] == [3, 2, 1] and not rest.next
            assert [each.serial for each in (await it.packages.history(ID, 150 * SECOND, 250 * SECOND, 9)).items] == [2]
            assert (await it.packages.snapshot_at(ID, 299 * SECOND)).serial == 2
            assert await it.packages.snapshot_at(ID, 99 * SECOND) is None
            with pytest.raises(BadRequest):
                await it.packages.history(ID, 0, 0, 2, "nonsense")

    run(steps)


def test_a_reference_outlives_thinning_and_age(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}, 1), "", "1", at=1)
            kept = (await put(it, update({"a": B}, 2), "1", "2", at=2)).number
            mark = Reference(ID, "run-1", kept, 5, "good", 6, "otto")
            await it.packages.add_reference(mark, 2)
            with pytest.raises(Conflict):
                await it.packages.add_reference(mark, 2)
            with pytest.raises(NotFound):
                await it.packages.add_reference(Reference(ID, "x", 99999, 5, "", 6, "otto"), 2)
            for serial in range(3, 9):
                await put(it, update({"a": histogram(serial)}, serial), str(serial - 1), str(serial), at=serial, last=1)
            assert await it.packages.prune(2**60, 0, 2**60)
            assert [each.serial for each in (await it.packages.history(ID, 0, 0, 9)).items] == [8, 2]
            assert (await objects(it, kept))["a"] == json.loads(B)
            assert (await it.packages.snapshot(ID, kept)).reference == "run-1"
            assert await it.packages.references(ID) == [mark]
            assert await it.packages.remove_reference(ID, "run-1")
            assert not await it.packages.remove_reference(ID, "run-1")
            assert await it.packages.prune(2**60, 0, 2**60)
            assert [each.serial for each in (await it.packages.history(ID, 0, 0, 9)).items] == [8]

    run(steps)


def test_too_much_data_takes_the_oldest_states_and_leaves_the_newest(store):
    async def steps():
        async with store() as it:
            for serial in range(1, 5):
                await put(it, update({"a": histogram(*range(serial, 500 + serial))}, serial),
                          str(serial - 1) if serial > 1 else "", str(serial), at=serial * 100)
            while await it.packages.prune(0, 0, 100):
                pass
            assert [each.serial for each in (await it.packages.history(ID, 0, 0, 9)).items] == [4]

    run(steps)


def test_a_package_whose_file_is_gone_stays_until_its_time_is_over(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}), at=100)
            await put(it, None, "1", "1", at=200)
            row, = await it.packages.all()
            assert row.gone and await it.streams.cursors("n-ada") == {}
            await it.packages.prune(0, 50 * SECOND, 2**60)
            assert await it.packages.ids() == {ID}
            await it.packages.prune(0, 150 * SECOND, 2**60)
            assert await it.packages.ids() == frozenset()

    run(steps)


def test_one_that_comes_again_is_live(every_store):
    async def steps():
        async with every_store(("ada",)) as it:
            await put(it, update({"a": A}))
            await put(it, None, "1", "1")
            assert (await put(it, update({"a": B}, 2), "", "2")).accepted
            assert not (await it.packages.all())[0].gone

    run(steps)


def test_a_removed_package_is_asked_for_whole_at_its_next_update(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}))
            assert await it.packages.remove(ID) and not await it.packages.remove(ID)
            assert await it.packages.all() == [] and (await it.packages.history(ID, 0, 0, 9)).items == []
            held = REMOVED + "1"
            assert await it.streams.cursors("n-ada") == {STREAM: held}
            verdict = await put(it, update({"a": A}, 2, held={"a": A}), "1", "2")
            assert (verdict.accepted, verdict.cursor) == (False, held)
            assert (await put(it, update({"a": A}, 2), held, "2")).accepted
            assert (await it.packages.all())[0].serial == 2

    run(steps)


def test_a_gap_leaves_the_package_as_it_was_and_says_why(every_store):
    async def steps():
        gap = {"time": 5, "level": "warning", "message": "gap", "gap": {"reason": "corrupt", "detail": "too large"}}
        async with every_store(("ada",)) as it:
            await put(it, update({"a": A}))
            await put(it, gap, "1", "2")
            row, = await it.packages.all()
            assert (row.problem, row.serial) == ("too large", 1)
            await put(it, update({"a": A}, 3, held={"a": A}), "2", "3")
            assert (await it.packages.all())[0].problem == ""

    run(steps)


def test_an_uploaded_layout_goes_before_the_published_one_and_stays(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}, layout="<one/>"))
            assert await it.packages.upload_layout(ID, "<mine/>", 9, "otto")
            await put(it, update({"a": A}, 2, layout="<two/>"), "1", "2")
            row, = await it.packages.all()
            assert (row.layout, row.uploaded, row.uploaded_by) == ("<two/>", "<mine/>", "otto")
            assert not await it.packages.upload_layout("p-nothing", "<x/>", 9, "otto")

    run(steps)


def test_packages_go_with_their_node(store):
    async def steps():
        async with store() as it:
            await put(it, update({"a": A}))
            await it.nodes.remove("n-ada")
            assert await it.packages.all() == []

    run(steps)


def test_such_batches_are_no_metrics():
    made = whole_batch("n-ada", STREAM, [update({"a": A})], about=ABOUT)
    assert made.package is None and made.count == 1
