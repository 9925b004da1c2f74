"""Commands by Telegram, read: what is one, what is none, and what is said of a wrong one."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.telegram_commands import (
    HELP,
    MAX_COMMAND,
    Acknowledge,
    Help,
    Hush,
    Nodes,
    Status,
    Switch,
    parse,
    span_of,
)
from dvic_hub.domain.telegram_updates import (
    FORGET,
    STALE,
    Begun,
    Judged,
    Progress,
    dump,
    judge,
    load,
    read_updates,
)
from dvic_hub.errors import BadRequest, HubError
from dvic_wire.errors import WireError

NOW = 1_763_632_800.0
DATE = int(NOW)


@pytest.mark.parametrize(("text", "command"), [
    ("/status", Status()), ("  /STATUS ", Status()), ("/help", Help()), ("/start", Help()), ("/start payload", Help()),
    ("/nodes", Nodes("all")), ("/nodes tag:room=lab and not state:online", Nodes("tag:room=lab and not state:online")),
    ("/service meteor_m2 off", Switch("meteor_m2", False)), ("/service meteor ON", Switch("meteor", True)),
    ("/ack", Acknowledge("")), ("/ack 0MB3x", Acknowledge("0mb3x")), ("/ack all", Acknowledge("all")),
    ("/silence 2h web-*", Hush("web-*", 7200, False)), ("/silence 1h30m\ttag:a or b", Hush("tag:a or b", 5400, False)),
    ("/silence 3d state:silent", Hush("state:silent", 3 * 86_400, True)),
    ("/status@dvic_bot", Status()), ("/ack@DVIC_bot 12345", Acknowledge("12345"))])
def test_a_command_is_read_as_it_is_meant(text, command):
    assert parse(text, "dvic_bot") == command


@pytest.mark.parametrize("text", ["", "hello", "status", "look at /status", "/", "/ status", "/status@other_bot",
                                  "//status", "/status@", "1/2"])
def test_what_is_no_command_for_this_bot_is_passed_over(text):
    assert parse(text, "dvic_bot") is None


def test_an_unknown_command_is_answered_where_nobody_else_can_be_meant():
    for text, private in (("/reboot", True), ("/reboot@dvic_bot now", False)):
        with pytest.raises(BadRequest, match="/reboot: /help"):
            parse(text, "dvic_bot", private)
    assert parse("/reboot", "dvic_bot", private=False) is None, "in a group it may be another bot's"


@pytest.mark.parametrize(("text", "said"), [
    ("/service", "/service NAME on"), ("/service meteor", "/service NAME on"), ("/service meteor maybe", "NAME on"),
    ("/service a b on", "NAME on"), ("/ack a b", "/ack ID"), ("/silence", "/silence 2h"), ("/silence 2h", "SELECTOR"),
    ("/silence web-1", "/silence 2h"), ("/silence soon web-1", "/silence 2h"), ("/silence 0h web-1", "/silence 2h"),
    ("/silence 2h tag:", "tag"), ("/nodes a and", "is missing"), ("/nodes " + "x" * MAX_COMMAND, "at most")])
def test_a_wrong_command_is_told_how_it_is_written(text, said):
    with pytest.raises((HubError, WireError), match=said):
        parse(text)


def test_spans_of_time_are_read_and_nothing_else_is_one():
    assert [span_of(text) for text in ("90s", "30m", "2h", "3d", "1d2h3m4s", "2H")] == [
        90, 1800, 7200, 259_200, 93_784, 7200]
    assert not any(span_of(text) for text in ("", "h", "2", "-2h", "2 h", "2h3", "2m2h", "1e3h", "٢h", "2h\n"))


@given(st.text(max_size=60) | st.builds("/{} {}".format, st.sampled_from(["ack", "silence", "nodes", "service"]),
                                        st.text(max_size=60)))
def test_no_text_does_more_than_be_refused(text):
    with contextlib.suppress(HubError, WireError):
        parse(text, "dvic_bot")


def test_help_names_every_command_and_fits_into_a_message():
    assert all(name in HELP for name in ("/status", "/nodes", "/service", "/ack", "/silence", "/help"))


# ---- updates


PERSON = {"id": 7, "is_bot": False, "username": "olga"}


def update(number, chat=42, text="/status", date=DATE, kind="private", person=PERSON):
    message = {"message_id": number, "date": date, "text": text, "chat": {"id": chat, "type": kind}, "from": person}
    return {"update_id": number, "message": message}


def updates(*each):
    return read_updates(json.dumps(each).encode())


CHATS = frozenset({"42", "-100"})


def judged(*each, progress=None, now=NOW):
    return judge(updates(*each), CHATS, progress or Progress(), now)


def test_only_new_messages_of_people_in_chats_that_may_are_heard():
    found, strangers = judged(
        update(1), update(2, chat=43), update(3, chat=-100), update(4, person={"id": 8, "is_bot": True}),
        update(5, chat=-100, kind="channel"), update(6, person=None),
        {"update_id": 7, "edited_message": update(7)["message"]}, {"update_id": 8, "callback_query": {"id": "x"}})
    assert [(one.update, one.message is not None) for one in found] == [
        (1, True), (2, False), (3, True), (4, False), (5, False), (6, False), (7, False), (8, False)]
    assert strangers == ["43"], "only whom an answer might have been meant for is counted"


def test_what_is_older_than_minutes_is_stale_unless_it_was_begun_in_time():
    found, _ = judged(update(1, date=DATE - STALE), update(2, date=DATE - STALE - 1), update(3, date=DATE + 9999))
    assert [one.stale for one in found] == [False, True, False]
    begun = Progress(2, 1, Begun(2, 5))
    assert judged(update(2, date=DATE - 9999), progress=begun)[0] == [
        Judged(2, updates(update(2, date=DATE - 9999))[0].message, False)]


def test_an_update_that_cannot_be_read_is_passed_over_and_holds_up_none():
    found = updates(update(3), {"update_id": 1, "message": {"chat": "x"}}, {"update_id": 2, "message": 7})
    assert [(one.update_id, one.message is None) for one in found] == [(1, True), (2, True), (3, False)]


def test_progress_is_kept_and_what_was_begun_keeps_its_time():
    begun = Progress().begin(9, NOW).begin(9, NOW + 60)
    assert begun == Progress(0, 0, Begun(9, int(NOW * 1e6))) and load(dump(begun)) == begun
    assert begun.done(9, NOW) == Progress(10, int(NOW * 1e6)) and begun.begin(10, NOW + 1).begun.update == 10
    assert load(None) == load("nonsense") == load("[]") == Progress()


def test_an_old_offset_is_forgotten_as_telegram_may_count_anew_by_then():
    progress = Progress(10, int(NOW * 1e6))
    assert progress.offset(NOW + FORGET - 1) == 10
    assert progress.offset(NOW + FORGET) == 0 and progress.offset(NOW - 10) == 0
