"""STOMP frames: what is written is read, however it is cut, and nothing that comes can break the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.stomp_frames import (
    COMMANDS,
    MAX_STOMP_BODY_BYTES,
    MAX_STOMP_HEAD_BYTES,
    MAX_STOMP_HEADERS,
    PLAIN,
    VERSIONS,
    Frame,
    Parser,
    escape,
    unescape,
    write_frame,
)
from dvic_wire.errors import LimitExceeded, MalformedMessage, WireError

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
headers = st.dictionaries(words.filter(lambda name: name != "content-length"), words, max_size=5)


def read(data: bytes, version: str = "1.2", cut: int = 0) -> list[Frame]:
    """All frames; `cut` bytes at a time (0: at once)."""
    parser, found = Parser(), []
    parser.version = version
    for start in range(0, len(data), cut or max(1, len(data))):
        parser.feed(data[start:start + (cut or len(data))])
        while (frame := parser.next()) is not None:
            found.append(frame)
    return found


@given(headers, st.binary(max_size=200), st.integers(1, 40))
def test_any_headers_and_any_body_come_back_however_they_are_cut(said, body, cut):
    data = write_frame("SEND", said, body, "1.2")
    more = {"content-length": str(len(body))} if body else {}
    assert read(data, cut=cut) == [Frame("SEND", {**said, **more}, body)]


@given(st.sampled_from(VERSIONS[:2]), words)
def test_escapes_go_there_and_back(version, text):
    plain = text if version == "1.2" else text.replace("\r", " ")
    shown = escape(text, version)
    assert unescape(shown, version) == plain and not set(shown) & set("\n:\0")


@given(st.text(max_size=50))
def test_no_text_in_a_header_of_any_version_becomes_a_frame_of_its_own(text):
    for version in VERSIONS:
        data = write_frame("ERROR", {"message": text.encode("utf-8", "replace").decode()}, b"", version)
        assert data.count(b"\0") == 1 and data.count(b"\n") == 3


@given(st.binary(max_size=400), st.integers(1, 50), st.sampled_from(VERSIONS))
def test_no_bytes_break_the_reader(data, cut, version):
    try:
        for frame in read(data, version, cut):
            assert frame.command in COMMANDS
    except WireError:
        pass


@given(st.lists(st.sampled_from([b"SEND", b"\n", b"\r\n", b"\0", b":", b"a:b", b"content-length:3", b"\\", b"\xff",
                                 b"CONNECT", b"content-length:-1", b"x"]), max_size=30), st.integers(1, 9))
def test_nor_do_pieces_of_frames(pieces, cut):
    whole, parts = outcome(b"".join(pieces), 0), outcome(b"".join(pieces), cut)
    assert whole == parts


def outcome(data: bytes, cut: int) -> object:
    parser, found = Parser(), []
    parser.version = "1.2"
    try:
        for start in range(0, len(data), cut or max(1, len(data))):
            parser.feed(data[start:start + (cut or len(data))])
            while (frame := parser.next()) is not None:
                found.append(frame)
    except WireError as error:
        return found, str(error)
    return found, ""


def test_lines_may_end_in_cr_lf_and_heart_beats_stand_between_frames():
    assert read(b"\n\r\n\nSUBSCRIBE\r\nid:1\r\ndestination:/topic/events\r\n\r\n\0\n\n\r\nDISCONNECT\n\n\0\n") == [
        Frame("SUBSCRIBE", {"id": "1", "destination": "/topic/events"}), Frame("DISCONNECT")]


def test_of_a_header_that_stands_twice_the_first_counts():
    assert read(b"SEND\na:1\na:2\n\n\0")[0].headers == {"a": "1"}


def test_a_body_with_a_length_may_hold_nul_and_one_without_ends_there():
    assert read(b"SEND\ncontent-length:3\n\na\0b\0")[0].body == b"a\0b"
    assert [frame.body for frame in read(b"SEND\n\na\0SEND\n\nb\0")] == [b"a", b"b"]


def test_versions_differ_in_their_escapes_and_connect_has_none():
    data = b"SEND\na\\cb:x\\\\y\\n\n\n\0"
    assert read(data, "1.2")[0].headers == read(data, "1.1")[0].headers == {"a:b": "x\\y\n"}
    assert read(data, "1.0")[0].headers == {"a\\cb": "x\\\\y\\n"}
    assert read(b"CONNECT\naccept-version:1.2\npasscode:a\\b\n\n\0")[0].headers["passcode"] == "a\\b"
    assert read(b"SEND\na:\\r\n\n\0", "1.2")[0].headers == {"a": "\r"}
    assert read(b"CONNECT\nlogin: ada\n\n\0")[0].headers == {"login": "ada"}
    assert {"CONNECT", "STOMP"} < PLAIN


@pytest.mark.parametrize("data, version", [
    (b"SHOUT\n\n\0", "1.2"), (b"send\n\n\0", "1.2"), (b"SEND\nnothing\n\n\0", "1.2"), (b"SEND\n:x\n\n\0", "1.2"),
    (b"SEND\na:\\t\n\n\0", "1.2"), (b"SEND\na:\\r\n\n\0", "1.1"), (b"SEND\na:\\\n\n\0", "1.2"),
    (b"SEND\n\xff:a\n\n\0", "1.2"), (b"SEND\ncontent-length:x\n\n\0", "1.2"), (b"SEND\ncontent-length:-1\n\n\0", "1.2"),
    (b"SEND\ncontent-length:1\n\nab\0", "1.2"), (b"SUBSCRIBE\nid:1\n\nbody\0", "1.2"), (b"SEND\na:\0\n\n\0", "1.2"),
    (b"\rSEND\n\n\0", "1.2"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "1.2")])
def test_what_is_no_frame_is_refused(data, version):
    with pytest.raises(MalformedMessage):
        read(data, version)


@pytest.mark.parametrize("data", [
    b"SEND\n" + b"x" * (MAX_STOMP_HEAD_BYTES + 1), b"SEND\n" + b"a:b\n" * (MAX_STOMP_HEADERS + 1) + b"\n\0",
    b"SEND\ncontent-length:%d\n\n" % (MAX_STOMP_BODY_BYTES + 1), b"SEND\n\n" + b"x" * (MAX_STOMP_BODY_BYTES + 1),
    b"SEND\n" + b"a:" + b"x" * MAX_STOMP_HEAD_BYTES + b"\n\n\0"])
@pytest.mark.parametrize("cut", [0, 1000])
def test_no_frame_is_longer_than_its_limits_and_none_is_waited_for(data, cut):
    with pytest.raises(LimitExceeded):
        read(data, cut=cut)
