"""What people write of a service: read from JSON and YAML, and refused with the field that is to blame."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.line_patterns import MAX_MATCHED, Pattern
from dvic_hub.domain.record_types import LogRecord
from dvic_hub.domain.service_description import MAX_DESCRIPTION_BYTES, Description, checked, read
from dvic_hub.domain.step_events import MAX_EVENT_TEXT, StepEvent, StepEvents, Watcher, written
from dvic_hub.domain.step_events import read as read_events
from dvic_hub.errors import BadRequest

YAML = b"""
name: meteor_m2
nodes: "tag:room=station"
components:
  - name: connect
  - {name: decode, sources: [msu-mr, mtvza], expected: 600}
  - name: archive
    after: [decode]
rules:
  - {component: connect, match: "^locked (?P<cycle>\\\\S+)", step: start, file: "rx.log*"}
"""


def made(**changes):
    return {"name": "meteor", "components": [{"name": "connect"}, {"name": "decode"}], **changes}


def test_yaml_and_json_say_the_same():
    from_yaml = read(YAML)
    as_json = json.dumps({
        "name": "meteor_m2", "nodes": "tag:room=station",
        "components": [{"name": "connect"}, {"name": "decode", "sources": ["msu-mr", "mtvza"], "expected": 600},
                       {"name": "archive", "after": ["decode"]}],
        "rules": [{"component": "connect", "match": "^locked (?P<cycle>\\S+)", "step": "start", "file": "rx.log*"}]})
    assert from_yaml == read(as_json.encode())
    assert from_yaml.befores() == {"connect": (), "decode": ("connect",), "archive": ("decode",)}


@pytest.mark.parametrize(("value", "field", "said"), [
    (made(name="no/slash"), "name", "regex"),
    (made(name=""), "name", "length"), (made(name=".."), "name", "regex"), (made(name="a\n"), "name", "regex"),
    (made(components=[]), "components", "length"),
    (made(components=[{"name": "a"}] * 2), "components[1].name", "two components a"),
    (made(components=[{"name": "a", "after": ["b"]}]), "components[0].after", "no such component"),
    (made(components=[{"name": "a", "after": ["b"]}, {"name": "b", "after": ["a"]}]), "components[0].after",
     "wait for one another: a, b"),
    (made(components=[{"name": "a", "after": ["a"]}]), "components[0].after", "wait for one another: a"),
    (made(components=[{"name": "a", "sources": ["x"], "repeat": True}]), "components[0].repeat", "either"),
    (made(components=[{"name": "a", "sources": ["x", "x"]}]), "components[0].sources", "twice"),
    (made(components=[{"name": "a", "expected": -1}]), "components[0].expected", ">= 0"),
    (made(colour="red"), "", "unknown field `colour`"),
    (made(nodes="tag:"), "nodes", "selector"),
    (made(rules=[{"component": "x", "match": "a"}]), "rules[0].component", "no component x"),
    (made(rules=[{"component": "connect", "match": "(a"}]), "rules[0].match", "missing )"),
    (made(rules=[{"component": "connect", "match": "(?=a)"}]), "rules[0].match", "RE2"),
    (made(rules=[{"component": "connect", "match": "((a{99}){99}){99}"}]), "rules[0].match", "RE2"),
    ([1], "", "Expected `object`"), (None, "", "Expected `object`")])
def test_what_is_wrong_is_refused_with_its_field(value, field, said):
    with pytest.raises(BadRequest) as refused:
        read(json.dumps(value).encode())
    assert refused.value.field == field and said in str(refused.value)


@pytest.mark.parametrize(("data", "said"), [
    (b"name: [", "line 2, column 1"), (b"\xff\xfe\x00", "UTF-8"), (b"a: &x [1]\nb: *x", "aliases"),
    (b"[" * 30_000, "nested"), (b"- " * 30_000, "nested"), (b"!!python/object/apply:os.system ['true']", "constructor"),
    (b"x" * (MAX_DESCRIPTION_BYTES + 1), str(MAX_DESCRIPTION_BYTES)), (b"a: 2026-99-99", "description")])
def test_what_is_no_description_at_all_is_refused(data, said):
    with pytest.raises(BadRequest) as refused:
        read(data)
    assert said in str(refused.value)


def test_the_description_in_the_documents_is_one():
    page = Path(__file__).parents[2] / "docs" / "operating.md"
    [block] = re.findall(r"```yaml\n(name: .+?)```", page.read_text(), re.S)
    described = read(block.encode())
    assert described.befores()["images"] == ("decode",)
    assert Pattern(described.rules[0].match).match("forecast p1 written") == {"cycle": "p1"}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "components", "after", "rules", "match"]), inner),
    max_leaves=10))
def test_any_json_is_a_description_or_refused(value):
    try:
        assert isinstance(read(json.dumps(value).encode()), Description)
    except BadRequest:
        pass


# ---- events of records

def a_record(message="x", level="info", **fields):
    return LogRecord(7, level, message, **({"fields": fields} if fields else {}))


def test_records_with_a_service_are_its_events_and_others_are_none():
    watcher = Watcher([checked(made())])
    records = [a_record(), a_record(voltage=1.5),
               a_record("hot", "warning", service="meteor", component="decode", cycle=17, source="a", step="start"),
               a_record(service="meteor", step="explode"), a_record(service="venus", component="x"),
               a_record(service=3.5), a_record("m" * 9999, service="meteor", component="c" * 99)]
    assert watcher.found(records, "dvic_log_x") == [
        StepEvent("meteor", "decode", "17", "a", "start", "warning", 7, "hot", 2),
        StepEvent("meteor", "", "", "", "", "info", 7, "x", 3),
        StepEvent("meteor", "c" * 64, "", "", "", "info", 7, "m" * MAX_EVENT_TEXT, 6)]
    assert watcher.unknown == 2


def test_plain_lines_are_events_by_the_first_rule_that_knows_them():
    rules = [{"component": "connect", "match": r"^locked (?P<cycle>\S+)", "step": "start", "file": "rx*"},
             {"component": "decode", "match": r"frame .* of (?P<source>\w+)( in (?P<cycle>\d+))?"},
             {"component": "decode", "match": "^(locked|lost)", "level": "error"}]
    watcher = Watcher([checked(made(rules=rules))])
    records = [a_record("locked 1337 at 137.1 MHz"), a_record("got frame 7 of mtvza"), a_record("lost"), a_record("-")]
    found = watcher.found(records, "rx.log")
    assert [(event.component, event.step, event.cycle, event.source, event.level, event.index) for event in found] == [
        ("connect", "start", "1337", "", "info", 0), ("decode", "", "", "mtvza", "info", 1),
        ("decode", "", "", "", "error", 2)]
    assert [event.component for event in watcher.found(records[:1], "other.log")] == ["decode"]


def test_a_pattern_looks_at_the_beginning_of_a_line_and_takes_no_time_over_it():
    assert Pattern("end$").match("x" * MAX_MATCHED + "end") is None
    assert Pattern(r"(a+)+$").match("a" * (MAX_MATCHED - 1) + "!") is None  # 2 ** 1000 steps for a backtracking one
    with pytest.raises(ValueError):
        Pattern("\ud800")


def test_events_come_back_as_they_were_written():
    events = StepEvents("n-ada", 5, [StepEvent("s", "c", "y", "i", "done", "info", 7, "m", 3)])
    assert read_events(written(events)) == events
