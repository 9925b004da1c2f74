"""Input to typed values, and who really asks."""

import msgspec
import pytest

from dvic_hub.api.addresses import client_address, origin_allowed, parse_networks
from dvic_hub.api.logs import LogsQuery
from dvic_hub.api.params import PageQuery, page_of, read_path, read_query, read_time, show_time
from dvic_hub.errors import BadRequest

NOW = 1_800_000_000_000_000
PROXIES = parse_networks(["10.0.0.0/8", "fd00::1"])


@pytest.mark.parametrize(("text", "time"), [
    ("", 0), ("90s", NOW - 90_000_000), ("5m", NOW - 300_000_000), ("1h", NOW - 3_600_000_000),
    ("2d", NOW - 172_800_000_000), ("1970-01-01T00:00:01Z", 1_000_000),
    ("2026-11-20T10:00:00.123456Z", 1795168800123456),
    ("2026-11-20t11:00:00+01:00", 1795168800000000), ("9999999999d", 1)])
def test_times_are_read_as_moments_or_as_how_long_ago(text, time):
    assert read_time(text, NOW, "since") == time


@pytest.mark.parametrize("text", ["now", "1", "-1h", "1 h", "2026-11-20", "2026-13-20T10:00:00Z", "2026-11-20T10:00:00",
                                  "2026-11-20T10:00:00+99:00", "٣h", "2026-11-20T10:00:00Z\n", "9" * 40 + "d"])
def test_what_is_no_time_is_refused_by_name(text):
    with pytest.raises(BadRequest) as refused:
        read_time(text, NOW, "since")
    assert refused.value.field == "since"


@pytest.mark.parametrize(("time", "text"), [
    (0, None), (1, "1970-01-01T00:00:00.000001Z"), (1795168800123456, "2026-11-20T10:00:00.123456Z"),
    (10**19, "9999-12-31T23:59:59.999999Z"), (-5, "1970-01-01T00:00:00.000000Z")])
def test_times_are_shown_in_utc_and_never_fail(time, text):
    assert show_time(time) == text


@pytest.mark.parametrize(("query", "field", "limit"), [
    ({"limit": "0"}, "limit", 1), ({"limit": "1001"}, "limit", 1000), ({"limit": "x"}, "limit", None),
    ({"limit": "9" * 300}, "limit", 1000), ({"selector": "x" * 1001}, "selector", 1000),
    ({"nonsense": "1"}, "nonsense", None), ({"grep": "a\0b"}, "grep", None), ({"grep": "\udc80"}, "grep", None)])
def test_a_bad_query_names_the_field_and_the_limit(query, field, limit):
    with pytest.raises(BadRequest) as refused:
        read_query(query, LogsQuery)
    assert (refused.value.field, refused.value.limit) == (field, limit)


@pytest.mark.parametrize("value", ["a\0", "a\nb", "\udc80", "x" * 201, "a/b", "\u202e"])
def test_a_path_that_no_name_can_hold_is_refused(value):
    with pytest.raises(BadRequest):
        read_path({"node": value})


def test_pages_follow_each_other_although_items_come_and_go():
    first, cursor = page_of("cab", str, PageQuery(limit=2))
    assert (first, cursor) == (["a", "b"], "b")
    assert page_of("cda", str, PageQuery(limit=2, cursor=cursor)) == (["c", "d"], "")


def test_a_query_that_says_nothing_is_its_defaults():
    assert msgspec.to_builtins(read_query({}, PageQuery)) == {"limit": 1000, "cursor": ""}


@pytest.mark.parametrize(("peer", "forwarded", "address"), [
    ("203.0.113.5", "", "203.0.113.5"),
    ("203.0.113.5", "192.0.2.1", "203.0.113.5"),
    ("10.1.1.1", "192.0.2.1", "192.0.2.1"),
    ("10.1.1.1", "6.6.6.6, 192.0.2.1, 10.2.2.2", "192.0.2.1"),
    ("10.1.1.1", "", "10.1.1.1"),
    ("10.1.1.1", "nonsense", "10.1.1.1"),
    ("10.1.1.1", "192.0.2.1:4711", "192.0.2.1"),
    ("fd00::1", "[2001:db8::5]:80", "2001:db8::5"),
    ("::ffff:10.1.1.1", "192.0.2.1", "192.0.2.1"),
    ("", "192.0.2.1", "192.0.2.1"),
    ("", "", "unix"),
    ("10.1.1.1", ", ".join(["6.6.6.6"] * 5000 + ["10.9.9.9"] * 40), "10.9.9.9")])
def test_only_a_trusted_proxy_says_whom_it_speaks_for(peer, forwarded, address):
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize(("origin", "url", "allowed"), [
    (None, "https://hub.example", True),
    ("https://hub.example", "https://hub.example", True),
    ("https://HUB.example:443", "https://hub.example/", True),
    ("http://127.0.0.1:8420", "http://127.0.0.1:8420", True),
    ("http://hub.example", "https://hub.example", False),
    ("https://hub.example.evil.org", "https://hub.example", False),
    ("https://evil.org", "https://hub.example", False),
    ("https://hub.example:8443", "https://hub.example", False),
    ("null", "https://hub.example", False), ("", "https://hub.example", False),
    ("https://[", "https://hub.example", False),
    ("https://evil.org, https://hub.example", "https://hub.example", False)])
def test_a_page_must_be_the_hubs_own(origin, url, allowed):
    assert origin_allowed(origin, url) is allowed
