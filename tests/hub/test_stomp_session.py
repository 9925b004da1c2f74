"""A STOMP connection's states, versions, heart-beats and acknowledgements, with frames and time handed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain import stomp_session as rules
from dvic_hub.domain.stomp_frames import COMMANDS, Frame
from dvic_hub.domain.stomp_session import (
    BEAT_SECONDS,
    CLOSED,
    HANDSHAKE_SECONDS,
    MAX_STOMP_SUBSCRIPTIONS,
    MAX_TRANSACTION_BYTES,
    MAX_TRANSACTION_FRAMES,
    MAX_TRANSACTIONS,
    MAX_UNACKNOWLEDGED,
    CheckWho,
    Deliver,
    End,
    Listen,
    Say,
    StompSession,
    Stop,
    Unacknowledged,
)
from dvic_hub.domain.stomp_topics import filters_of
from dvic_hub.domain.subscriptions import KINDS, Filter
from dvic_wire.errors import MalformedMessage


def frame(command: str, **headers: str) -> Frame:
    return Frame(command, {name.replace("_", "-"): value for name, value in headers.items()})


def opened(version: str = "1.2", **headers: str) -> StompSession:
    session = StompSession("dvic-hub/test", 0.0)
    session.receive(frame("CONNECT", accept_version=version, **headers))
    session.admit("s1", 0.0)
    return session


def subscribed(session: StompSession, ack: str = "auto", id: str = "1", **headers: str) -> list:
    return session.receive(frame("SUBSCRIBE", id=id, destination="/topic/events.log", ack=ack, **headers))


def refused(steps: list) -> str:
    """The ERROR that steps end with."""
    said, end = steps
    assert isinstance(said, Say) and said.data.startswith(b"ERROR\n") and isinstance(end, End)
    return end.reason


@pytest.mark.parametrize("offered, version", [("1.0,1.1,1.2", "1.2"), ("1.1, 1.0", "1.1"), ("1.0", "1.0"), ("", "1.0"),
                                              ("1.1,3.0", "1.1")])
def test_the_best_version_of_both_is_spoken(offered, version):
    session = StompSession("dvic-hub/test", 0.0)
    (step,) = session.receive(frame("CONNECT", login="ada", passcode="p", **({"accept_version": offered} if offered
                                                                             else {})))
    assert step == CheckWho("ada", "p")
    (said,) = session.admit("s1", 0.0)
    assert said.data.startswith(b"CONNECTED\n") and f"version:{version}\n".encode() in said.data


def test_nothing_comes_before_connect_and_connect_comes_once():
    for command in COMMANDS - {"CONNECT", "STOMP"}:
        session = StompSession("x", 0.0)
        assert "CONNECT comes first" in refused(session.receive(frame(command)))
        assert session.receive(frame("CONNECT")) == []
    assert "already" in refused(opened().receive(frame("STOMP")))
    assert "STOMP 1.0" in refused(StompSession("x", 0.0).receive(frame("CONNECT", accept_version="2.0")))


def test_who_says_nothing_for_long_is_ended():
    session = StompSession("x", 0.0)
    assert session.tick(HANDSHAKE_SECONDS) == []
    assert "no CONNECT" in refused(session.tick(HANDSHAKE_SECONDS + 0.1))


def test_heart_beats_are_sent_as_agreed_and_their_absence_ends_it():
    session = opened(heart_beat="8000,6000")
    assert session.tick(5.0) == []
    assert session.tick(5.6) == [Say(b"\n")]
    assert session.tick(6.0) == [] and session.tick(11.2) == [Say(b"\n")]
    session.heard(11.0)
    assert session.tick(27.0) == [Say(b"\n")]
    assert "nothing was heard" in refused(session.tick(27.6))


def test_nobody_has_to_send_heart_beats():
    session = opened()
    assert session.tick(1e6) == []
    quick = opened(heart_beat="1,1")
    assert quick.tick(BEAT_SECONDS - 1) == []
    assert "two numbers" in refused(StompSession("x", 0.0).receive(frame("CONNECT", heart_beat="soon")))


def test_a_receipt_comes_after_what_it_is_for_and_before_the_end():
    listen, receipt = subscribed(opened(), receipt="r:1")
    assert isinstance(listen, Listen) and receipt.data == b"RECEIPT\nreceipt-id:r\\c1\n\n\0"
    said, end = opened().receive(frame("DISCONNECT", receipt="77"))
    assert said.data == b"RECEIPT\nreceipt-id:77\n\n\0" and isinstance(end, End)


def test_an_error_names_the_receipt_that_was_asked_for_and_ends_it():
    session = opened()
    said, _ = session.receive(frame("SUBSCRIBE", id="1", destination="/queue/x", receipt="r1"))
    assert b"receipt-id:r1\n" in said.data and b"/topic/SERVICE" in said.data
    assert session.state == CLOSED and session.receive(frame("DISCONNECT")) == [] and session.refuse("again") == []


def test_subscriptions_are_named_counted_and_ended():
    session = opened()
    for number in range(MAX_STOMP_SUBSCRIPTIONS):
        assert isinstance(subscribed(session, id=str(number))[0], Listen)
    assert session.receive(frame("UNSUBSCRIBE", id="3")) == [Stop("3")]
    assert isinstance(subscribed(session, id="3")[0], Listen)
    assert "at most" in refused(subscribed(session, id="one more"))
    for wrong in ({"id": "1"}, {"ack": "never", "id": "2"}, {"id": "x" * 500}, {"id": ""}):
        session = opened()
        subscribed(session)
        refused(subscribed(session, **wrong))
    refused(opened().receive(frame("UNSUBSCRIBE", id="9")))


def test_in_1_0_a_destination_can_stand_for_the_id():
    session = opened("1.0")
    (step,) = session.receive(frame("SUBSCRIBE", destination="/topic/events"))
    assert step.id == "/topic/events"
    assert session.receive(frame("UNSUBSCRIBE", destination="/topic/events")) == [Stop("/topic/events")]


@pytest.mark.parametrize("mode, left", [("client", ["c"]), ("client-individual", ["a", "c"])])
@pytest.mark.parametrize("version, command", [("1.2", "ACK"), ("1.1", "NACK"), ("1.0", "ACK")])
def test_acknowledging_settles_one_or_all_before_it(mode, left, version, command):
    session = opened(version)
    (listen,) = subscribed(session, mode)
    listen.unacknowledged.ids.update(dict.fromkeys("abc"))
    name = "id" if version == "1.2" else "message_id"
    assert session.receive(frame(command, **{name: "b"}, subscription="1")) == []
    assert list(listen.unacknowledged.ids) == left
    assert "no such message" in refused(session.receive(frame(command, **{name: "b"}, subscription="1")))


def test_one_that_acknowledges_nothing_is_full():
    held = Unacknowledged("client", dict.fromkeys(map(str, range(MAX_UNACKNOWLEDGED))))
    assert held.full and held.settle("0") and not held.full
    assert subscribed(opened())[0].unacknowledged is None


def sent(body: bytes = b"hello", **headers: str) -> Frame:
    return Frame("SEND", {"destination": "/topic/meteor", **headers}, body)


def begun(name: str = "t") -> StompSession:
    session = opened()
    assert session.receive(frame("BEGIN", transaction=name)) == []
    return session


def test_what_is_sent_is_handed_on_and_its_receipt_comes_behind_it():
    delivered, receipt = opened().receive(sent(receipt="r"))
    assert delivered == Deliver("/topic/meteor", {"destination": "/topic/meteor", "receipt": "r"}, b"hello")
    assert receipt.data.startswith(b"RECEIPT\nreceipt-id:r\n")
    assert "destination" in refused(opened().receive(Frame("SEND", {}, b"x")))


def test_a_transaction_is_handed_on_as_a_whole_when_it_is_committed_and_not_at_all_when_it_is_aborted():
    session = begun()
    assert session.receive(frame("BEGIN", transaction="other")) == []
    for body, name in ((b"one", "t"), (b"never", "other"), (b"two", "t")):
        assert session.receive(sent(body, transaction=name)) == []
    assert session.receive(frame("ABORT", transaction="other")) == []
    *delivered, receipt = session.receive(frame("COMMIT", transaction="t", receipt="r"))
    assert [each.body for each in delivered] == [b"one", b"two"] and receipt.data.startswith(b"RECEIPT\n")
    assert "BEGIN comes first" in refused(session.receive(frame("COMMIT", transaction="t")))


def test_acknowledgements_in_a_transaction_wait_for_its_commit():
    session = begun()
    (listen,) = subscribed(session, "client-individual")
    listen.unacknowledged.ids.update(dict.fromkeys("12"))
    assert session.receive(frame("ACK", id="1", transaction="t")) == []
    assert list(listen.unacknowledged.ids) == ["1", "2"]
    assert session.receive(frame("COMMIT", transaction="t")) == []
    assert list(listen.unacknowledged.ids) == ["2"]


@pytest.mark.parametrize("command", ["COMMIT", "ABORT", "SEND", "ACK", "BEGIN"])
def test_a_transaction_has_a_name_that_is_open(command):
    wrong = {"destination": "/topic/meteor", "id": "1"}
    assert refused(begun().receive(frame(command, transaction="t" if command == "BEGIN" else "other", **wrong)))
    if command not in ("SEND", "ACK"):
        assert "transaction" in refused(begun().receive(frame(command)))


def test_transactions_are_bounded_in_number_frames_and_bytes():
    session = begun()
    for number in range(1, MAX_TRANSACTIONS):
        assert session.receive(frame("BEGIN", transaction=str(number))) == []
    assert "MAX_TRANSACTIONS" in refused(session.receive(frame("BEGIN", transaction="more")))
    session = begun()
    for _ in range(MAX_TRANSACTION_FRAMES):
        assert session.receive(sent(b"", transaction="t")) == []
    assert "MAX_TRANSACTION_FRAMES" in refused(session.receive(sent(b"", transaction="t")))
    session, piece = begun(), b"x" * (MAX_TRANSACTION_BYTES // 4)
    for _ in range(4):
        assert session.receive(sent(piece, transaction="t")) == []
    assert "MAX_TRANSACTION_BYTES" in refused(session.receive(sent(b"x", transaction="t")))


@given(st.lists(st.builds(Frame, st.sampled_from(sorted(COMMANDS)), st.dictionaries(
    st.sampled_from(["id", "destination", "ack", "receipt", "accept-version", "heart-beat", "transaction",
                     "message-id"]),
    st.sampled_from(["", "1", "/topic/events", "/topic/events.log.tag:", "/topic/meteor", "/queue/meteor", "client",
                     "1.2", "0,0", "x" * 200])), st.binary(max_size=20))))
def test_no_frames_break_a_session(frames):
    session = StompSession("x", 0.0)
    for one in frames:
        for step in session.receive(one):
            if isinstance(step, CheckWho):
                session.admit("s", 0.0)
        assert session.state in (rules.WAITING, rules.ASKED, rules.OPEN, CLOSED)


@pytest.mark.parametrize("destination, headers, wanted", [
    ("/topic/events", {}, Filter()),
    ("/topic/events.node", {}, Filter(kinds=("node",))),
    ("/topic/events.log.tag:room=lab and web-*", {"level": "warning"},
     Filter(kinds=("log",), selector="tag:room=lab and web-*", level="warning")),
    ("/topic/events.run", {"run": "abc", "selector": "web-1", "brief": "true", "other": "x"},
     Filter(kinds=("run",), run="abc", selector="web-1", brief=True)),
    ("/topic/meteor", {"level": "warning"}, Filter(kinds=("log", "service", "event"), service="meteor",
                                                   level="warning")),
    ("/topic/events.service.events.x", {}, Filter(kinds=("service",), service="events.x")),
    ("/topic/events.service", {"service": "meteor"}, Filter(kinds=("service",), service="meteor"))])
def test_destinations_are_filters_of_the_live_stream(destination, headers, wanted):
    assert filters_of(destination, headers) == (wanted,)


@pytest.mark.parametrize("destination, headers", [
    ("", {}), ("/topic", {}), ("/topic/", {}), ("/topic/events.", {}), ("/topic/events.secrets", {}),
    ("/queue/events", {}), ("/topic/meteor\n", {}), ("/topic/" + "x" * 65, {}), ("/topic/../etc", {}),
    ("/topic/meteor", {"service": "other"}), ("/topic/events.service.a", {"service": "b"}),
    ("/topic/events.log", {"level": "loud"}), ("/topic/events.log.a", {"selector": "b"}),
    ("/topic/events.log", {"brief": "perhaps"}), ("/topic/events.log", {"grep": "x" * 5000})])
def test_other_destinations_are_refused(destination, headers):
    with pytest.raises(MalformedMessage):
        filters_of(destination, headers)


def test_every_kind_of_the_stream_is_a_destination():
    assert [filters_of(f"/topic/events.{kind}", {})[0].kinds for kind in KINDS] == [(kind,) for kind in KINDS]
