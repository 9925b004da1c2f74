"""Blocks give back what was put into them, and their filters never hide what is there."""

import random

import pytest
from batches import lines
from hypothesis import given, settings
from hypothesis import strategies as st

from dvic_hub.domain import blocks, columns, metric_blocks, token_filter
from dvic_hub.domain.blocks import DamagedBlock, FreshBlock, LogBlock
from dvic_wire.streams import LEVELS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
whole = st.integers(-2**63, 2**63 - 1)
log_records = st.builds(
    lambda time, level, message, rest: {"time": time, "level": level, "message": message, **rest},
    st.integers(0, 2**57), st.sampled_from(LEVELS), texts,
    st.fixed_dictionaries({}, optional={
        "unit": texts, "pid": whole, "binary": texts,
        "fields": st.dictionaries(texts, texts | whole | st.booleans() | st.floats(-1e9, 1e9), max_size=3)}))
batches = st.lists(st.lists(log_records, min_size=1, max_size=4), min_size=1, max_size=5).map(
    lambda parts: [(10 + 3 * number, part) for number, part in enumerate(parts)])


@given(batches)
def test_a_block_gives_back_its_records_and_knows_where_each_came_from(parts):
    block = LogBlock.unpack(blocks.pack_logs(parts)[0])
    flat = [(number, place, record) for number, part in parts for place, record in enumerate(part)]
    assert block.count == len(flat)
    assert [block.record(index) for index in range(block.count)] == [record for _, _, record in flat]
    assert [block.key(index) for index in range(block.count)] == [(record["time"], number, place)
                                                                  for number, place, record in flat]
    assert [number for number, _, _ in block.batches] == [number for number, _ in parts]


@given(st.lists(st.integers(-2**61, 2**61)))
def test_numbers_come_out_of_a_column_as_they_went_in(numbers):
    assert columns.unpack_numbers(columns.pack_numbers(numbers), len(numbers)) == numbers


words = st.text("abcXYZ0189 _-./äßİKΣσς€\\\"\n", max_size=12)


@settings(max_examples=300)
@given(st.lists(words, min_size=1, max_size=8), st.data())
def test_whatever_part_of_a_message_is_looked_for_is_found_in_every_way(messages, data):
    message = data.draw(st.sampled_from(messages))
    start = data.draw(st.integers(0, len(message)))
    looked_for = message[start:data.draw(st.integers(start, len(message)))]
    needle = token_filter.fold(looked_for.swapcase() if looked_for.isascii() else looked_for)
    records = [{"time": 1, "level": "info", "message": each} for each in messages]
    packed, bits = blocks.pack_logs([(1, records)])
    expected = [index for index, each in enumerate(messages) if needle in token_filter.fold(each)]
    assert messages.index(message) in expected or not needle
    assert token_filter.may_hold(bits, token_filter.pieces_of(looked_for))
    if needle:
        fresh = FreshBlock(1, blocks._JSON.encode(records), lambda json: records)
        assert LogBlock.unpack(packed).holding(needle) == fresh.holding(needle) == expected


@given(texts, texts, texts)
def test_folding_a_part_gives_a_part_of_the_folded_whole(before, part, after):
    assert token_filter.fold(before + part + after) == (token_filter.fold(before) + token_filter.fold(part)
                                                        + token_filter.fold(after))
    assert all(character.isascii() == folded.isascii() for character in part
               for folded in token_filter.fold(character)[:1])


def test_json_escapes_hide_no_word_from_a_search_in_a_fresh_batch():
    spelled = b'[{"time":1,"level":"info","message":"\\u0064isk \\/dev\\/sda"}]'
    records = [{"time": 1, "level": "info", "message": "disk /dev/sda"}]
    fresh = FreshBlock(1, spelled, lambda json: records)
    assert fresh.holding("disk") == fresh.holding("/dev/sda") == [0]


def test_a_filter_excludes_most_words_that_are_not_there():
    source = random.Random(5)
    _, bits = blocks.pack_logs([(1, [
        {"time": 1, "level": "info", "message": f"user{source.randrange(100)} from 10.0.{source.randrange(256)}.7 port "
                                                f"{source.randrange(65536)} key {source.getrandbits(64):016x}"}
        for _ in range(1000)])])
    absent = [f"{source.getrandbits(60):x}" for _ in range(300)] + ["timeout", "segfault", "refused"]
    assert len(bits) <= 8192
    assert sum(token_filter.may_hold(bits, token_filter.pieces_of(word)) for word in absent) < 5
    assert token_filter.may_hold(bits, token_filter.pieces_of("abc")), "too short to be known of"


def test_a_word_of_a_whole_mebibyte_has_a_filter_too():
    bits = token_filter.build(b"ab12" * 300_000)
    assert token_filter.may_hold(bits, (b"ab12", b"12ab")) and not token_filter.may_hold(bits, (b"zzzz",))


@pytest.mark.parametrize("damage", [
    lambda data: data[:10], lambda data: data[:-1], lambda data: b"\x09" + data[1:], lambda data: b"",
    lambda data: data[:40] + bytes(20) + data[60:], lambda data: data[:1] + b"\xff\xff\xff\x00" + data[5:],
    lambda data: data + b"x",
])
def test_a_damaged_block_is_called_so(damage):
    data = damage(blocks.pack_logs([(1, lines(0, 50))])[0])
    with pytest.raises(DamagedBlock):
        block = LogBlock.unpack(data)
        [block.record(index) for index in range(block.count)]


def test_a_thousand_records_take_less_than_fifty_bytes_each():
    source = random.Random(7)
    records = [{"time": 1_763_640_000_000_000 + number * 1000 + source.randrange(900), "level": "info",
                "unit": "sshd.service", "identifier": "sshd", "pid": source.randrange(40000), "uid": 0,
                "message": f"Accepted publickey for user{source.randrange(100)} from 10.0.{source.randrange(256)}.7 "
                           f"port {source.randrange(65536)} ssh2: ED25519 SHA256:{source.getrandbits(64):016x}"}
               for number in range(1000)]
    packed, bits = blocks.pack_logs([(1, records)])
    assert len(packed) + len(bits) < 50_000


# ---- metrics


samples = st.lists(st.tuples(st.integers(0, 2**57), st.dictionaries(
    st.sampled_from(["cpu", "load", "memory", "ä"]), st.integers(-2**53, 2**53).map(float) | st.floats(-1e6, 1e6)
    | st.sampled_from([float("nan"), float("inf"), 1e300, 5e-324]), max_size=4)), min_size=1, max_size=12)


@given(samples)
def test_packed_samples_keep_whole_numbers_exactly_and_others_to_five_digits(given_samples):
    back = metric_blocks.unpack(metric_blocks.pack(given_samples))
    assert [time for time, _ in back] == [time for time, _ in given_samples]
    for (_, values), (_, expected) in zip(back, given_samples, strict=True):
        assert set(values) == set(expected)
        for name, value in expected.items():
            assert values[name] == pytest.approx(value, rel=1e-4, abs=0, nan_ok=True)
            if abs(value) <= 2**53 and value == int(value) if abs(value) < 1e300 else False:
                assert values[name] == value


def test_an_hour_of_samples_takes_less_than_three_bytes_a_value():
    source, memory = random.Random(3), 8 * 10**9
    hour = []
    for number in range(360):
        memory += source.randrange(-100, 100) * 4096
        hour.append((1_763_640_000_000_000 + number * 10_000_000 + source.randrange(2000), {
            **{f"cpu.{core}": source.randrange(1000) / 10 for core in range(8)}, "memory.used": memory,
            "load.1": source.randrange(300) / 100, **{f"disk.{disk}.free": 10**11 - number * 4096 for disk in range(4)},
            **{f"net.{card}.rate": source.random() * 1e5 * (card == 0) for card in range(3)},
            "temperature.cpu": 45 + source.randrange(8) / 2}))
    assert len(metric_blocks.pack(hour)) < 3 * sum(len(values) for _, values in hour)


def test_metrics_that_nobody_looks_for_are_not_unpacked():
    packed = metric_blocks.pack([(1, {"cpu": 1.5, "load": 2.0}), (2, {"load": 3.0})])
    assert metric_blocks.unpack(packed, lambda name: name == "cpu") == [(1, {"cpu": 1.5}), (2, {})]


def test_coarser_steps_hold_means():
    fine = [(number * 10_000_000, {"cpu": float(number)}) for number in range(12)]
    fine[7][1]["seldom"] = 1.0
    assert metric_blocks.coarsen(fine, 60) == [(0, {"cpu": 2.5}), (60_000_000, {"cpu": 8.5, "seldom": 1.0})]
    assert [metric_blocks.step_for_age(days) for days in (0, 1, 2, 13, 14, 400)] == [0, 0, 60, 60, 600, 600]


@pytest.mark.parametrize("damage", [
    lambda data: data[:4], lambda data: data[:-3], lambda data: data[:9] + b"\0" * 9 + data[18:],
    lambda data: b"\xff" + data[1:], lambda data: data[:4] + b"\xff" + data[5:]])
def test_a_damaged_block_of_metrics_is_called_so(damage):
    with pytest.raises(DamagedBlock):
        metric_blocks.unpack(damage(metric_blocks.pack([(1, {"cpu": 1.5}), (2, {"cpu": 2.5})])))
