"""What is let in of what nodes send, and how it is said what was wrong."""

import json

import pytest
from batches import lines, message
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.decoding import Kind, decode_batch, raw_records, records_of_message
from dvic_hub.domain.record_types import MAX_TIME
from dvic_wire import records
from dvic_wire.errors import LimitExceeded, MalformedMessage, WireError
from dvic_wire.limits import (
    MAX_ABOUT_BYTES,
    MAX_CURSOR,
    MAX_FIELD_TEXT,
    MAX_FIELDS,
    MAX_METRIC_NAME,
    MAX_METRICS,
    MAX_RECORD_TEXT,
    MAX_RECORDS,
    MAX_STREAM_NAME,
)
from dvic_wire.streams import Gap

GOOD = {"time": 1, "level": "info", "message": "x"}
RUN = "run:0123456789ab"


def test_what_a_batch_holds_is_summed_up():
    batch = decode_batch(message("journal", [{**GOOD, "time": 7}, {**GOOD, "time": 3, "level": "error"}], "a", "b",
                                 about={"path": "/x"}))
    assert (batch.kind, batch.from_cursor, batch.to_cursor, batch.about) == (Kind.LOG, "a", "b", {"path": "/x"})
    assert (batch.first_time, batch.last_time, batch.levels) == (3, 7, 0b010010)


@pytest.mark.parametrize(("stream", "record", "kind"), [
    ("journal", records.log(1, "info", "x", unit="u", pid=1, fields={"a": 1, "b": 0.5, "c": True, "d": "x"}), Kind.LOG),
    ("file:1:2", records.gap(1, Gap("truncated", "x", 5, "bytes")), Kind.LOG),
    ("hardware", records.sample(1, {"cpu": 1, "load": 0.5}), Kind.HARDWARE),
    ("hardware", records.facts(1, {"os": "debian"}), Kind.HARDWARE),
    ("hardware", records.gap(1, Gap("overrun")), Kind.HARDWARE),
    ("demos", {"time": 1, "demos": [{"file": "x", "pid": 1, "state": "alive", "cpu": 0.5}]}, Kind.DEMOS),
    ("containers", {"time": 1, "containers": [{"id": "5", "engine": "lxc", "state": "ended", "exit_code": 3}],
                    "whole": True}, Kind.CONTAINERS),
    (RUN, records.run_start(1, 5, "root"), Kind.RUN),
    (RUN, records.run_output(1, "out", b"\xff"), Kind.RUN),
    (RUN, records.run_end(1, "timed-out", -1, "x", 3), Kind.RUN),
    (RUN, records.run_step(1, "confirming", "waiting"), Kind.RUN),
    (RUN, records.run_step(1, "of a newer agent"), Kind.RUN),
])
def test_every_record_that_the_wire_package_builds_is_let_in(stream, record, kind):
    batch = decode_batch(message(stream, [record]))
    assert (batch.kind, len(batch.records)) == (kind, 1)
    assert json.loads(batch.records_json) == [record]


@pytest.mark.parametrize(("field", "change"), [
    ("records[0].time", {"time": -1}), ("records[0].time", {"time": 1.5}), ("records[0].time", {"time": "1"}),
    ("records[0].time", {"time": None}), ("records[0].time", {"time": True}),
    ("records[0].time", {"time": MAX_TIME + 1}),
    ("records[0].level", {"level": "loud"}), ("records[0].level", {"level": 1}), ("records[0].message", {"message": 5}),
    ("records[0].pid", {"pid": 1.5}), ("records[0].pid", {"pid": 2**64}), ("records[0].unit", {"unit": None}),
    ("records[0].fields", {"fields": []}), ("records[0].fields[...]", {"fields": {"a": [1]}}),
    ("records[0].fields[...]", {"fields": {"a": None}}), ("records[0].fields[...]", {"fields": {"a": 10**30}}),
    ("records[0]", {"node": "n-another"}), ("records[0]", {"kind": "gap"}), ("records[0].gap", {"gap": {}}),
])
def test_a_malformed_log_record_is_refused_by_name(field, change):
    with pytest.raises(MalformedMessage) as caught:
        decode_batch(message("journal", [{**GOOD, **change}]))
    assert caught.value.field == field


@pytest.mark.parametrize("missing", ["time", "level", "message"])
def test_a_log_record_without_what_it_needs_is_refused(missing):
    with pytest.raises(MalformedMessage, match=missing):
        decode_batch(message("journal", [GOOD, {key: value for key, value in GOOD.items() if key != missing}]))


@pytest.mark.parametrize(("limit", "allowed", "stream", "record"), [
    ("MAX_RECORD_TEXT", MAX_RECORD_TEXT, "journal", {**GOOD, "message": "x" * (MAX_RECORD_TEXT + 1)}),
    ("MAX_FIELDS", MAX_FIELDS, "journal", {**GOOD, "fields": {str(n): n for n in range(MAX_FIELDS + 1)}}),
    ("MAX_FIELD_TEXT", MAX_FIELD_TEXT, "journal", {**GOOD, "fields": {"a": "x" * (MAX_FIELD_TEXT + 1)}}),
    ("MAX_FIELD_TEXT", MAX_FIELD_TEXT, "journal", {**GOOD, "fields": {"x" * (MAX_FIELD_TEXT + 1): 1}}),
    ("MAX_METRICS", MAX_METRICS, "hardware", {"time": 1, "values": {str(n): n for n in range(MAX_METRICS + 1)}}),
    ("MAX_METRIC_NAME", MAX_METRIC_NAME, "hardware", {"time": 1, "values": {"x" * (MAX_METRIC_NAME + 1): 1}}),
])
def test_a_record_over_a_limit_is_told_which(limit, allowed, stream, record):
    with pytest.raises(LimitExceeded) as caught:
        decode_batch(message(stream, [record]))
    assert (caught.value.limit, caught.value.allowed) == (limit, allowed)
    assert caught.value.field.startswith("records[0]")


@pytest.mark.parametrize(("limit", "more"), [
    ("MAX_RECORDS", {"records": [GOOD] * (MAX_RECORDS + 1)}), ("MAX_CURSOR", {"end": "x" * (MAX_CURSOR + 1)}),
    ("MAX_STREAM_NAME", {"stream": "file:" + "x" * MAX_STREAM_NAME}),
    ("MAX_STREAM_NAME", {"source": "x" * (MAX_STREAM_NAME + 1)}),
    ("MAX_ABOUT_BYTES", {"about": {"a": "x" * MAX_ABOUT_BYTES}}),
])
def test_a_batch_over_a_limit_is_told_which(limit, more):
    with pytest.raises(LimitExceeded) as caught:
        decode_batch(message(**{"stream": "journal", "records": [GOOD], **more}))
    assert caught.value.limit == limit


@pytest.mark.parametrize("stream", ["", "journal2", "hardware:1", "run:", "run:SHORT", "run:../../etc/passwd",
                                    "run:" + "a" * 33, "run:0123456789ab/x", "run:0123456789ab\n",
                                    "package:0:0123456789abcdef:", "package:0:0123456789abcdef:0:1",
                                    "package:0:0123456789abcdef:0123456789abcdeF"])
def test_a_stream_that_there_is_not_is_refused(stream):
    with pytest.raises(MalformedMessage) as caught:
        decode_batch(message(stream, []))
    assert caught.value.field == "stream"


@pytest.mark.parametrize(("stream", "record"), [
    ("hardware", {"time": 1}), ("hardware", {"time": 1, "values": {}, "facts": {}}),
    ("hardware", {"time": 1, "values": {"cpu": "1"}}), ("hardware", {"time": 1, "values": {"cpu": None}}),
    ("hardware", GOOD), ("demos", {"time": 1, "values": {}}), ("demos", {"time": 1, "demos": [{"pid": 1}]}),
    ("containers", {"time": 1, "demos": []}), ("containers", {"time": 1, "containers": [{"id": "5", "engine": "x"}]}),
    ("containers", {"time": 1, "containers": [{"id": "5", "engine": "x", "state": "ended", "exit_code": "3"}]}),
    ("demos", {"time": 1, "containers": []}), ("containers", {"time": 1, "whole": True}),
    (RUN, {"time": 1, "out": "a", "err": "b"}), (RUN, {"time": 1, "end": {"state": "running"}}),
    (RUN, {"time": 1, "step": {}}), (RUN, {"time": 1, "step": {"name": "installing"}, "out": "x"}),
    (RUN, {"time": 1, "step": {"name": "installing", "node": "other"}}),
    (RUN, {"time": 1, "end": {"state": "gone"}}), (RUN, {"time": 1, "start": {}}), ("journal", {"time": 1, "out": "x"}),
])
def test_records_of_another_stream_or_shape_are_refused(stream, record):
    with pytest.raises(MalformedMessage, match=r"records\[0\]"):
        decode_batch(message(stream, [record]))


def test_nothing_may_follow_the_end_of_a_run():
    with pytest.raises(MalformedMessage, match=r"records\[0\].end: must be the last"):
        decode_batch(message(RUN, [records.run_end(1, "finished"), records.run_output(2, "out", b"x")]))


@pytest.mark.parametrize("data", [
    b"", b"[]", b"null", b"\xff\xfe", b'{"kind":"batch"}', b'{"kind":"ack","stream":"journal"}', b'{"kind":"batch",',
    message("journal", [GOOD]).replace(b'"x"', b'"\\ud800"'), message("journal", [GOOD]).replace(b'"x"', b'"\xff"'),
    message("journal", [GOOD]).replace(b"1,", b"NaN,", 1), message("journal", [GOOD]) + b"{}",
    b"[" * 200_000, b'{"kind":"batch","more":' + b"[" * 200_000,
    b'{"kind":"batch","stream":"journal","from_cursor":"","to_cursor":"","source":"","records":' + b"[" * 200_000,
    message("journal", [GOOD], about={"a": 1}).replace(b'{"a": 1}', b'{"a":' * 50 + b"1" + b"}" * 50),
])
def test_what_is_no_batch_is_refused(data):
    with pytest.raises((MalformedMessage, LimitExceeded)):
        decode_batch(data)


def test_members_of_a_newer_version_beside_the_records_are_passed_over():
    assert decode_batch(message("journal", [GOOD], more={"a": [1]})).stream == "journal"


def test_records_can_be_taken_apart_as_the_bytes_that_came():
    data = message("journal", lines(0, 3)).replace(b'}, {', b'} ,\n {')
    array = records_of_message(data)
    pieces = raw_records(array)
    assert [json.loads(piece) for piece in pieces] == lines(0, 3)
    assert all(piece.startswith(b"{") and piece.endswith(b"}") and piece in data for piece in pieces)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)
names = st.sampled_from(["time", "level", "message", "unit", "pid", "fields", "gap", "values", "demos", "containers",
                         "out", "end"])


@given(stream=st.sampled_from(["journal", "file:1:2", "hardware", "demos", "containers", RUN]),
       content=json_values | st.lists(st.dictionaries(names, json_values), max_size=3))
def test_no_json_gets_through_that_is_not_a_record(stream, content):
    try:
        batch = decode_batch(message(stream, content))
    except WireError as error:
        assert str(error)
        return
    assert isinstance(content, list)
    assert all(isinstance(record["time"], int) and record["time"] >= 0 for record in content)
    assert len(batch.records) == len(content)
