"""What a channel may be, and what may be seen of it; by rules alone."""

import pytest

from dvic_hub.domain.channels import Channel, check, needs_secret_anew, options_of
from dvic_hub.errors import BadRequest

EMAIL = {"host": "mail.example.org", "from": "dvic@example.org", "to": ["ops@example.org"], "user": "dvic"}
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def channel(kind: str, secret: str = "", **options: object) -> Channel:
    return Channel("ops", kind, options=options, secret=secret)


def test_options_that_are_not_given_are_written_out():
    made = check(channel("email", "s3cret", **EMAIL))
    assert made.options == {**EMAIL, "port": 0, "tls": "starttls"}
    assert options_of(made).sender == "dvic@example.org"
    assert check(channel("telegram", TOKEN, chats=["42"])).options["api"] == "https://api.telegram.org"


@pytest.mark.parametrize(("made", "field"), [
    (channel("email", "s", **{**EMAIL, "host": "a b"}), "options.host"),
    (channel("email", "s", **{**EMAIL, "to": ["a@b\nBcc: c@d"]}), "options.to[0]"),
    (channel("email", "s", **{**EMAIL, "to": ["a@b\n"]}), "options.to[0]"),
    (channel("email", "s", **{**EMAIL, "to": []}), "options.to"),
    (channel("email", "s", **{**EMAIL, "tls": "ssl3"}), "options.tls"),
    (channel("email", "s", **{**EMAIL, "tls": "none"}), "options.tls"),
    (channel("email", "", **EMAIL), "secret"),
    (channel("email", "s", **{**EMAIL, "user": ""}), "options.user"),
    (channel("email", "s", **EMAIL, password="x"), "options.password"),
    (channel("telegram", "x", chats=["42"]), "secret"),
    (channel("telegram", TOKEN, chats=["ops"]), "options.chats[0]"),
    (channel("telegram", TOKEN, chats=["42"], api="file:///etc/passwd"), "options.api"),
    (channel("webhook", "ftp://x"), "secret"), (channel("webhook", "https://x/\n"), "secret"),
    (channel("webhook", ""), "secret"), (channel("url", "no address"), "secret"),
    (channel("webhook", "https://x:y/"), "secret"), (channel("webhook", "https://x:0/"), "secret"),
    (channel("webhook", "https://x", extra=1), "options.extra"),
    (channel("webhook", "https://" + "x" * 2000), "secret"),
])
def test_what_cannot_be_used_is_refused_by_its_field(made, field):
    with pytest.raises(BadRequest) as caught:
        check(made)
    assert caught.value.field == field and str(caught.value)


def test_a_password_goes_in_the_clear_to_this_machine_only():
    assert check(channel("email", "s", **{**EMAIL, "tls": "none", "host": "localhost"}))


@pytest.mark.parametrize(("made", "shown"), [
    (channel("email", "s3cret", **EMAIL), "****"), (channel("email", "", **{**EMAIL, "user": ""}), ""),
    (channel("telegram", TOKEN, chats=["42"]), "****"),
    (channel("webhook", "https://me:pw@hooks.example.org/s3cret?key=s3cret"), "https://hooks.example.org/****"),
    (channel("url", "slack://s3cret/tokens"), "slack://****"),
])
def test_nothing_secret_is_shown(made, shown):
    assert made.shown == shown and "s3cret" not in repr(made).replace(str(made.options), "")


@pytest.mark.parametrize(("change", "anew"), [
    ({"host": "evil.example.org"}, True), ({"port": 26}, True), ({"tls": "tls"}, True), ({"user": "other"}, True),
    ({"to": ["ann@example.org"]}, False), ({"from": "hub@example.org"}, False)])
def test_a_secret_that_would_go_elsewhere_is_needed_anew(change, anew):
    before = check(channel("email", "s3cret", **EMAIL))
    assert needs_secret_anew(before, check(channel("email", "s3cret", **{**EMAIL, **change}))) is anew


@pytest.mark.parametrize(("address", "medium"), [("mailtos://a:b@c.de", "email"), ("tgram://1:x/42", "telegram"),
                                                 ("slack://x", "url")])
def test_mail_and_telegram_by_apprise_are_switched_off_like_the_others(address, medium):
    assert channel("url", address).medium == medium
    assert channel("email", **EMAIL).medium == "email" and channel("webhook", "https://mailto").medium == "webhook"
