"""Lines of log files: what people's programs write, and what hostile ones do."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dvic_agent.sources.log_lines import header_of, level_of, record_of, time_of
from dvic_agent.sources.text import readable
from dvic_wire.limits import MAX_FIELD_TEXT, MAX_FIELDS, MAX_RECORD_TEXT
from dvic_wire.streams import LEVELS

NOW = 1_795_000_000_000_000


def written(**parts: object) -> bytes:
    return json.dumps({"t": NOW - 5, "l": "info", "m": "beam on", **parts}).encode()


def test_a_line_of_the_library_becomes_its_record():
    place = {"s": "daq", "c": "reader", "y": "cycle-4", "i": "adc", "e": "start"}
    line = written(l="error", f={"run": 7, "ok": False, "hv": 1.5}, **place)
    assert record_of(line, NOW) == {
        "time": NOW - 5, "level": "error", "message": "beam on",
        "fields": {"run": 7, "ok": False, "hv": 1.5, "service": "daq", "component": "reader", "cycle": "cycle-4",
                   "source": "adc", "step": "start"}}


def test_plain_text_has_the_time_of_reading_and_level_info():
    assert record_of(b"hello there", NOW) == {"time": NOW, "level": "info", "message": "hello there"}


@pytest.mark.parametrize("line, level", [
    ("ERROR: no beam", "error"), ("error: no beam", "error"), ("[warn] late", "warning"), ("<Fatal> over", "critical"),
    ("WARNING:root:late", "warning"), ("ts=1 level=error msg=x", "error"), ('{"level": "debug", "msg": "x"}', "debug"),
    ("2026-11-20 10:00:00,123 - daq - CRITICAL - over", "critical"), ("main.c:5:1: warning: unused", "warning"),
    ("2026/11/20 10:00:00 [crit] 12#0: x", "critical"), ("[ INFO ] no ERROR found", "info"),
    ("severity: notice", "notice"), ("Traceback (most recent call last):", "error"), ("|DEBUG| x", "debug"),
    ("PANIC now", "critical"),
    ("the mirror was moved", "info"), ("terror: a film", "info"), ("informational talk", "info"), ("", "info")])
def test_the_usual_level_words_are_recognised(line, level):
    assert level_of(line) == level


@pytest.mark.parametrize("line, level, message", [
    (b"<3>no beam", "error", "no beam"), (b"<0>over", "critical", "over"), (b"<7>x", "debug", "x"),
    (b"<30>daemon.info", "info", "daemon.info"), (b"<x>3", "info", "<x>3")])
def test_the_priority_of_syslog_is_recognised(line, level, message):
    record = record_of(line, NOW)
    assert (record["level"], record["message"]) == (level, message)


@pytest.mark.parametrize("text, time", [
    ("2026-11-18T08:00:00Z up", 1_794_988_800_000_000), ("2026-11-18 08:00:00.25 +00:00 up", 1_794_988_800_250_000),
    ("[2026-11-18T10:00:00,123456789+02:00] up", 1_794_988_800_123_456), ("1794988800.5000 up", 1_794_988_800_500_000),
    ("2026/11/18 08:00:00 UTC up", 1_794_988_800_000_000)])
def test_a_time_at_the_start_of_a_line_is_its_time(text, time):
    assert time_of(text, NOW) == time


@pytest.mark.parametrize("text", [
    "up since 2026-11-18T08:00:00Z", "2026-13-45 08:00:00Z up", "9999-01-01 00:00:00Z up", "1969-01-01 00:00:00Z up",
    "2026-11-18 88:00:00Z", "42 things", "", "(", "[[[[", "0001-01-01 00:00:00 x"])
def test_a_time_that_can_not_be_is_the_time_of_reading(text):
    assert time_of(text, NOW) == NOW


@pytest.mark.parametrize("claim", [0, -1, 10**30, NOW + 2 * 86_400_000_000, "now", None, 1.5, True, [NOW]])
def test_a_line_can_not_claim_a_time_far_from_now(claim):
    assert record_of(written(t=claim), NOW)["time"] == NOW


def test_a_clock_that_was_set_back_an_hour_keeps_the_times_of_lines():
    assert record_of(written(t=NOW + 3_600_000_000), NOW)["time"] == NOW + 3_600_000_000


@pytest.mark.parametrize("line", [
    b'{"t": 1, "l": "info", "m": "cut o', b'{"m": 5}', b"{}", b"{", b'{"m": "x"} trailing', b"[1]", b'{"m": "x\xff"}',
    b'{"f": ' + b"[" * 50_000, b'{"t": ' + b"9" * 5000 + b', "m": "x"}'])
def test_what_only_looks_like_a_line_of_the_library_is_plain_text(line):
    record = record_of(line, NOW)
    assert record["time"] == NOW
    assert record["message"].encode()[:4] == line[:4]


def test_fields_that_nobody_can_carry_become_text():
    line = b'{"m": "x", "f": {"a": NaN, "b": Infinity, "c": [1, {"d": 2}], "e": null, "g": %d, "h": "\\ud800"}}' % 2**70
    fields = record_of(line, NOW)["fields"]
    assert fields == {"a": "NaN", "b": "Infinity", "c": '[1, {"d": 2}]', "e": "null", "g": str(2**70), "h": "\\ud800"}
    json.dumps(fields, allow_nan=False, ensure_ascii=False).encode()


def test_fields_are_bounded_in_number_and_size_and_it_is_said():
    fields = record_of(written(f={f"k{i}": "v" for i in range(500)} | {"k1": "x" * 99_999}, s="daq"), NOW)["fields"]
    assert len(fields) <= MAX_FIELDS
    assert fields["fields_left_out"] == 500 - 58
    assert len(fields["k1"]) == MAX_FIELD_TEXT
    assert fields["service"] == "daq"


def test_blank_lines_are_no_records_and_crlf_is_one_newline():
    assert [record_of(line, NOW) for line in (b"", b"\r", b"  \t", b"\0\0")] == [None] * 4
    assert record_of(b"windows was here\r", NOW)["message"] == "windows was here"


def test_a_message_that_is_not_utf8_is_shown_and_kept():
    record = record_of(b"temp 5\xb0C", NOW)
    assert record["message"] == "temp 5\\xb0C"
    assert base64.b64decode(record["binary"]) == b"temp 5\xb0C"


def test_nul_bytes_are_shown_and_kept():
    record = record_of(b"a\0b", NOW)
    assert record["message"] == "a\\x00b"
    assert base64.b64decode(record["binary"]) == b"a\0b"
    assert base64.b64decode(record_of(b'{"m": "a\\u0000b"}', NOW)["binary"]) == b"a\0b"


def test_lone_surrogates_of_json_do_not_travel():
    assert record_of(b'{"m": "a\\ud83db"}', NOW)["message"] == "a\\ud83db"


def test_a_long_message_says_how_much_of_it_was_cut():
    record = record_of(b"x" * MAX_RECORD_TEXT, NOW, cut=17)
    assert (len(record["message"]), record["cut"]) == (MAX_RECORD_TEXT, 17)
    assert "cut" not in record_of(b"x" * MAX_RECORD_TEXT, NOW)


def test_a_cut_does_not_split_a_character():
    text, binary, cut = readable("ab€".encode(), limit=4)
    assert (text, binary, cut) == ("ab", "", 3)
    assert readable("ab€".encode(), limit=5) == ("ab€", "", 0)


def test_a_header_is_a_bounded_claim():
    line = json.dumps({"dvic_log": 1, "pid": 42, "executable": "/usr/bin/daq", "user": "lev", "name": "daq",
                       "start": NOW, "library": "python 0.1.0", "more": "ignored"}).encode()
    assert header_of(line) == {"pid": 42, "executable": "/usr/bin/daq", "user": "lev", "name": "daq", "start": NOW,
                               "library": "python 0.1.0"}


def test_a_hostile_header_claims_nothing_that_matters():
    line = json.dumps({"dvic_log": 1, "pid": 10**40, "executable": "x" * 5000, "user": ["root"], "name": "a\ud800",
                       "start": -5}).encode()
    assert header_of(line) == {"executable": "x" * 512, "name": "a\\ud800"}
    assert header_of(b'{"dvic_log": 1, "name": "' + b"x" * 20_000 + b'"}') is None


@pytest.mark.parametrize("line", [
    b'{"m": "x"}', b'{"dvic_log": true}', b'{"dvic_log": "1"}', b'["dvic_log"]', b"", b"{"])
def test_other_lines_are_no_headers(line):
    assert header_of(line) is None


@given(some.binary(max_size=300) | some.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_a_line_holds_its_record_can_travel(line):
    check(record_of(line, NOW))


_JSON = some.recursive(some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
                       lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=10)


@given(some.fixed_dictionaries({"m": some.text() | _JSON}, optional={
    "t": _JSON, "l": _JSON, "f": some.dictionaries(some.text(), _JSON) | _JSON, "s": _JSON, "c": _JSON, "y": _JSON}))
def test_whatever_a_program_claims_its_record_can_travel(claims):
    check(record_of(json.dumps(claims).encode(), NOW))


def check(record: dict | None) -> None:
    if record is None:
        return
    json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    assert record["level"] in LEVELS
    assert isinstance(record["message"], str) and "\0" not in record["message"]
    assert record["time"] <= NOW + 86_400_000_000
    for value in record.get("fields", {}).values():
        assert isinstance(value, (str, int, float, bool))
