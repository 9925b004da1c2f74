"""Messages in words: what hostile machines write stays words."""

import pytest

from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.notice_text import MAX_BODY, MAX_TITLE, body, harmless, text_of_test, title
from dvic_hub.domain.telling import Message

T = 1_763_632_800_000_000
URL = "https://dvic.example.org"


def alarm(id: str = "a1", summary: str = "ada is silent", **more: object) -> Alarm:
    return Alarm(id, "node-silent", "node:n1", "critical", summary, T, T, **{"node": "n1", **more})


def message(*alarms: Alarm, kind: str = "raised") -> Message:
    return Message("mail", kind, "topic", alarms)


def text_of(one: Message, raises: int = 1) -> str:
    return body(one, URL, {"n1": "ada"}.get, {("node-silent", "node:n1"): raises})


def test_an_alarm_says_what_where_since_when_and_where_to_look():
    one = alarm(service="sat", component="decode", value="97 %")
    assert title(message(one)) == "[critical] ada is silent"
    assert text_of(message(one)) == ("ada is silent\nnode ada, service sat, component decode, value 97 %\n"
                                     "since 2025-11-20 10:00:00 UTC\nhttps://dvic.example.org/alarms/a1")


def test_its_end_and_its_going_on_are_named():
    assert title(message(alarm(cleared=T + 90_000_000), kind="cleared")) == "[recovered] ada is silent"
    assert "until 2025-11-20 10:01:30 UTC" in text_of(message(alarm(cleared=T + 90_000_000), kind="cleared"))
    assert title(message(alarm(), kind="repeated")) == "[still critical] ada is silent"
    assert "it came 7 times within an hour" in text_of(message(alarm()), raises=7)


def test_many_are_one_message_that_says_how_many():
    many = [alarm(f"a{number}", "x" * 400) for number in range(1000)]
    assert title(message(*many)) == "[critical] 1000 alarms: node-silent"
    text = text_of(message(*many))
    listed = text.count("/alarms/a")
    assert len(text) <= MAX_BODY and text.endswith(f"and {1000 - listed} more: {URL}/alarms") and listed >= 1


@pytest.mark.parametrize("hostile", ["a\r\nBcc: x@y", "\x1b[31mred\x07", "\u202egnihtyreve", "a\u2028b\u200bc",
                                     "\ud800x", "{{ 7*7 }} ${x} %s {0}", "<script>", "`rm -rf /`"])
def test_hostile_words_stay_one_line_of_words(hostile):
    one = message(alarm(summary=hostile, value=hostile, service=hostile))
    for text in (title(one), text_of(one), *text_of_test(hostile, URL, hostile)):
        assert not set(text) & set("\x1b\x07\r\u202e\u2028\u200b\ud800") and "49" not in text
    assert len(text_of(one).splitlines()) == 4 and "\n" not in title(one)
    if hostile[0] in "{<`":
        assert hostile in title(one), "what is harmless stays as it is"


def test_a_long_line_is_cut():
    assert len(title(message(alarm(summary="x" * 900)))) == MAX_TITLE and harmless("abc", 2) == "a\u2026"
