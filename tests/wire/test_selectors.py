"""Selectors beyond the vectors: laws, positions, and that no text does more than be refused."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvic_wire.errors import InvalidSelector, LimitExceeded
from dvic_wire.selectors import MAX_TERMS, parse

NODE = SimpleNamespace(id="n-1", name="web-1", tags={"room": "lab"}, os="debian 12", state="online")
TERMS = st.sampled_from(["all", "web-1", "db-*", "tag:room=lab", "tag:none", "os:debian*", "state:late", "id:n-1"])


@given(TERMS, TERMS)
def test_the_laws_of_de_morgan_hold(a, b):
    assert parse(f"not ({a} and {b})").matches(NODE) == parse(f"not {a} or not {b}").matches(NODE)


@given(TERMS, TERMS, TERMS)
def test_and_binds_closer_than_or(a, b, c):
    assert parse(f"{a} or {b} and {c}").matches(NODE) == parse(f"{a} or ({b} and {c})").matches(NODE)


@given(st.text() | st.lists(st.sampled_from(["all", "and", "or", "not", "(", ")", "web-*", "tag:a=b"])).map(" ".join))
def test_no_text_does_more_than_be_refused(text):
    try:
        assert parse(text).matches(NODE) in (True, False)
    except (InvalidSelector, LimitExceeded):
        pass


def test_the_refusal_names_the_place():
    with pytest.raises(InvalidSelector, match="character 8") as refusal:
        parse("all or and")
    assert refusal.value.position == 7


def test_deep_nesting_is_a_limit_and_no_crash():
    with pytest.raises(LimitExceeded, match="MAX_TERMS"):
        parse("not " * (MAX_TERMS + 1) + "all")
