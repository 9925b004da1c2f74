"""One shared terminal in memory: what goes out to whom, what is typed, when the machine may go on."""

from dataclasses import replace

import pytest

from dvic_hub.domain import session_rules
from dvic_hub.domain.model import TerminalSession
from dvic_hub.domain.people import Actor
from dvic_hub.domain.terminal_screen import CLEAR
from dvic_hub.errors import BadRequest, Forbidden
from dvic_hub.services.live_session import INPUT_WINDOW, LiveSession, Person
from dvic_wire.signing import PrivateKey
from dvic_wire.terminals import TERMINAL_WINDOW, Resized, Typed, read_input

NOW = 1_763_632_800.0
SEED = bytes([7] * 32)
KEY = PrivateKey.from_seed(SEED).public
ROW = TerminalSession("0123456789abcdef", "n-ada", "ada", "", [], "ada: shell", int(NOW * 1e6), "anna", 80, 24, SEED)


def live(**changes):
    return LiveSession(replace(ROW, **changes), None, NOW)


def person(name="anna", read_only=False):
    return Person(Actor(name, "operator"), read_only, 0)


def joined(session, name="anna", offset=-1, read_only=False, acknowledges=False):
    someone = replace(person(name, read_only), acknowledges=acknowledges)
    session.join(someone, offset, NOW)
    return someone


def shown(someone):
    return b"".join(what for what in someone.waiting if isinstance(what, bytes))


def sent(session, someone):
    """All that waits for somebody has gone out."""
    someone.offset += len(shown(someone))
    someone.waiting.clear()


def inputs(messages, after=0):
    found = []
    for message in messages:
        after, given = read_input(message.jws, KEY, ROW.id, after=after)
        found.append(given)
    return found


def test_output_goes_to_all_and_is_acknowledged_when_safe_and_sent():
    session = live()
    anna, bert = joined(session), joined(session, "bert")
    assert session.show(0, b"hello", NOW)
    assert shown(anna) == shown(bert) == b"hello"

    assert session.acknowledge() is None
    session.safe = 5
    sent(session, anna)
    assert session.acknowledge() is None  # bert has not got it
    sent(session, bert)
    assert session.acknowledge().offset == 5


def test_who_says_what_they_have_drawn_holds_the_terminal_up_until_then():
    session = live()
    page, other = joined(session, acknowledges=True), joined(session, "bert")
    session.show(0, b"hello there", NOW)
    session.safe = 11
    other.sent(11)
    page.busy_since = NOW
    page.sent(5)
    assert session.acknowledge() is None

    page.seen(3, NOW + 1)
    assert session.acknowledge().offset == 3 and page.busy_since == NOW + 1
    page.seen(2, NOW + 2)  # nothing is taken back
    assert session.acknowledge() is None
    page.seen(10**9, NOW + 3)  # no more than was sent
    assert session.acknowledge().offset == 5 and page.busy_since == 0


def test_output_that_comes_twice_is_shown_once_and_a_hole_is_not_shown():
    session = live()
    anna = joined(session)
    session.show(0, b"abc", NOW)
    assert session.show(1, b"bcde", NOW)
    assert not session.show(9, b"x", NOW) and not session.show(-1, b"x", NOW)

    assert shown(anna) == b"abcde"


def test_a_machine_can_t_send_more_than_the_window():
    session = live()
    place, refused = 0, False
    while not refused and place < 4 * TERMINAL_WINDOW:
        refused = not session.show(place, bytes(32768), NOW)
        place += 32768

    assert refused and session.received <= TERMINAL_WINDOW + 32768


def test_who_joins_late_gets_the_screen_and_who_comes_back_what_they_missed():
    session = live()
    session.show(0, b"one two", NOW)
    late, back = joined(session), joined(session, "bert", offset=4)

    assert shown(late) == CLEAR + b"one two"
    assert shown(back) == b"two" and back.waiting[0]["fresh"] is False
    assert back.waiting[0]["offset"] - back.waiting[0]["screen"] == 4


def test_who_is_ahead_of_a_hub_that_was_started_again_gets_nothing_twice():
    session = live(offset=100)
    anna = joined(session, offset=105)
    session.show(100, b"seen.new", NOW)

    assert shown(anna) == b"new" and anna.waiting[0]["offset"] == 105
    assert anna.offset + len(shown(anna)) == 108


def test_who_joins_before_the_screen_is_known_sees_it_when_it_is():
    session = live(offset=100_000)
    anna = joined(session)
    assert shown(anna) == b""

    session.show(100_000 - 10, b"cut\r\nwhole", NOW)

    assert shown(anna) == CLEAR + b"whole"


def test_keys_wait_for_the_machine_and_are_repeated_until_they_are_taken():
    session = live()
    session.resume()
    assert session.type(b"l", NOW) == session.type(b"s", NOW) == []
    first = session.taken(0)
    assert inputs(first) == [Typed(b"l"), Typed(b"s")]

    session.lost()
    session.resume()
    again = session.taken(read_n(first[0]))
    assert inputs(again) == [Typed(b"s")] and again[0].jws == first[1].jws
    assert inputs(session.type(b"!", NOW)) == [Typed(b"!")]


def read_n(message):
    return read_input(message.jws, KEY, ROW.id, after=0)[0]


def test_a_hub_that_was_started_again_goes_on_with_higher_numbers():
    first, second = live(), live(starts=2)
    for session in (first, second):
        session.taken(0)

    last = max(read_n(first.type(b"x", NOW)[0]) for _ in range(1000))
    assert read_n(second.type(b"x", NOW)[0]) > last


def test_who_types_too_much_waits():
    session = live()
    session.type(bytes(INPUT_WINDOW), NOW)
    assert not session.has_room

    session.resume()
    for message in session.taken(0):
        session.taken(read_n(message))
    assert session.has_room


def test_the_window_is_as_large_as_fits_into_those_of_all_who_can_type():
    session = live()
    session.taken(0)
    anna, bert, carl = joined(session), joined(session, "bert"), joined(session, "carl", read_only=True)

    assert inputs(session.resize(anna, 100, 30, NOW)) == [Resized(100, 30)]
    assert inputs(session.resize(bert, 120, 20, NOW)) == [Resized(100, 20)]
    assert session.resize(carl, 10, 10, NOW) == []
    assert inputs(session.leave(bert, NOW)) == [Resized(100, 30)]


def test_a_full_screen_program_is_asked_to_draw_itself_for_who_joins_late():
    session = live()
    session.taken(0)
    session.show(0, b"\x1b[?1049hvi", NOW)

    assert inputs(session.join(person(), -1, NOW)) == [Resized(80, 23), Resized(80, 24)]


def test_everybody_is_told_who_is_in_it():
    session = live()
    anna, bert = joined(session), joined(session, "bert", read_only=True)

    told = [what["people"] for what in anna.waiting if isinstance(what, dict) and "people" in what]
    assert [[each["name"] for each in people] for people in told] == [["anna"], ["anna", "bert"]]
    assert [each["n"] for each in told[-1]] == [anna.waiting[0]["you"], bert.waiting[0]["you"]]
    session.leave(bert, NOW)
    assert session.people == [anna] and session.alone_since == NOW
    session.leave(anna, NOW + 5)
    assert session.alone_since == NOW + 5


def test_only_its_starter_and_admins_may_end_it():
    session_rules.may_end(Actor("anna", "operator"), ROW)
    session_rules.may_end(Actor("root", "admin"), ROW)
    with pytest.raises(Forbidden):
        session_rules.may_end(Actor("bert", "operator"), ROW)


@pytest.mark.parametrize("title", ["two\nlines", "\x1b[2J", "x" * 101])
def test_a_title_is_one_short_line(title):
    with pytest.raises(BadRequest):
        session_rules.title_of([], title, "ada")
