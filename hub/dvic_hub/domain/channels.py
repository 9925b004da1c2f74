"""Channels: by what people are told. Each has a kind, options that everyone who may see it sees, and one secret.

    kind       options                               secret
    email      host, port, tls, user, from, to       the password of `user` ("" without a user)
    telegram   chats, api, commands                  the bot's token
    webhook                                          the address that is POSTed to
    url                                              an address as apprise writes them: slack://..., ntfys://...

Pure. A secret goes in and never comes out: `shown` is what may be shown of it. A channel that is pointed to another
server needs its secret anew, so that nobody who may change channels is handed a secret that others have entered.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from dvic_hub.errors import BadRequest

EMAIL, TELEGRAM, WEBHOOK, URL = "email", "telegram", "webhook", "url"
KINDS = (EMAIL, TELEGRAM, WEBHOOK, URL)

STARTTLS, TLS, PLAIN = "starttls", "tls", "none"

PORTS = {STARTTLS: 587, TLS: 465, PLAIN: 25}

MAX_CHANNELS = 50
"""Channels of one hub."""

MAX_RECIPIENTS = 20
"""Addresses or chats of one channel."""

MAX_SECRET = 2000
"""Characters of a channel's secret."""

TELEGRAM_API = "https://api.telegram.org"

MASK = "****"

_ADDRESS = r"^[^\s@<>,;:\"\\()\[\]\x00-\x20]{1,64}@[^\s@<>,;:\"\\()\[\]\x00-\x20]{1,255}$(?!\n)"
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}://\S+\Z")
_WHERE = ("host", "port", "tls", "user", "api")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")

_MEDIA = {"mailto": EMAIL, "mailtos": EMAIL, "tgram": TELEGRAM}
"""Addresses of apprise that are e-mail or Telegram too: what switches these off means them as well."""

Address = Annotated[str, msgspec.Meta(max_length=254, pattern=_ADDRESS)]
Chat = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]+)$(?!\n)")]
Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$(?!\n)")]


class EmailOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail over SMTP. `tls`: starttls (the connection is secured before anything is said), tls (from its first byte) or
    none; `port` 0: the usual one of these. The server's certificate is always checked."""

    host: Host
    sender: Address = msgspec.field(name="from")
    to: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    tls: Literal["starttls", "tls", "none"] = STARTTLS
    user: Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^\x00-\x1f]*$")] = ""


class TelegramOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`chats`: numbers, or @names of channels. `api`: where the Bot API is. `commands`: whether these chats may also
    tell the hub what to do."""

    chats: Annotated[tuple[Chat, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
    api: Annotated[str, msgspec.Meta(max_length=500)] = TELEGRAM_API
    commands: bool = False


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secret says it all."""


Options = EmailOptions | TelegramOptions | NoOptions

_OPTIONS: dict[str, type] = {EMAIL: EmailOptions, TELEGRAM: TelegramOptions, WEBHOOK: NoOptions, URL: NoOptions}


@dataclass(frozen=True)
class Channel:
    """Times are microseconds since 1970. `options` as JSON holds them; they were checked."""

    name: str
    kind: str
    enabled: bool = True
    options: dict = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    created: int = 0
    created_by: str = ""
    changed: int = 0

    @property
    def medium(self) -> str:
        """Email, telegram, or the kind: what a service's switches look at."""
        return _MEDIA.get(urlsplit(self.secret).scheme.lower(), URL) if self.kind == URL else self.kind

    @property
    def shown(self) -> str:
        """What may be seen of the secret."""
        if not self.secret:
            return ""
        if self.kind == WEBHOOK:
            parts = urlsplit(self.secret)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{MASK}"
        return f"{self.secret.partition('://')[0]}://{MASK}" if self.kind == URL else MASK


def options_of(channel: Channel) -> Options:
    """The channel's options, typed."""
    return msgspec.convert(channel.options, _OPTIONS[channel.kind])


def check(channel: Channel) -> Channel:
    """The channel with all its options written out; raises BadRequest that names what is wrong."""
    try:
        options = options_of(channel)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    if len(channel.secret) > MAX_SECRET:
        raise BadRequest(f"the secret has at most {MAX_SECRET} characters", field="secret", limit=MAX_SECRET)
    if not channel.secret.isprintable():
        raise BadRequest("the secret has a character that it can't hold", field="secret")
    problem = _CHECKS[channel.kind](options, channel.secret)
    if problem:
        raise BadRequest(problem[1], field=problem[0])
    return replace(channel, options=msgspec.json.decode(msgspec.json.encode(options)))


def needs_secret_anew(before: Channel, after: Channel) -> bool:
    """Whether the secret of `before` would go somewhere else, or less safely, by the options of `after`."""
    if before.kind != after.kind:
        return True
    old, new = before.options, after.options
    return bool(before.secret) and any(old.get(name) != new.get(name) for name in _WHERE)


def _check_email(options: EmailOptions, secret: str) -> tuple[str, str] | None:
    if options.user and not secret:
        return "secret", f"the password of {options.user} is missing"
    if secret and not options.user:
        return "options.user", "a password without a user has no use"
    if options.user and options.tls == PLAIN and options.host not in _LOCAL_HOSTS:
        return "options.tls", "a password is not sent without TLS: use starttls or tls"
    return None


def _check_telegram(options: TelegramOptions, secret: str) -> tuple[str, str] | None:
    if not _TOKEN.match(secret):
        return "secret", "a bot's token looks like 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    if not _is_web_address(options.api):
        return "options.api", "api is an http or https address without parameters"
    return None


def _check_webhook(_: NoOptions, secret: str) -> tuple[str, str] | None:
    return None if _is_web_address(secret, True) else ("secret", "a webhook's address begins with https:// or http://")


def _check_url(_: NoOptions, secret: str) -> tuple[str, str] | None:
    return None if _SCHEME.match(secret) else ("secret", "an address of apprise looks like ntfys://ntfy.sh/topic")


_CHECKS = {EMAIL: _check_email, TELEGRAM: _check_telegram, WEBHOOK: _check_webhook, URL: _check_url}


def _is_web_address(text: str, with_query: bool = False) -> bool:
    try:
        parts = urlsplit(text)
        reachable = bool(parts.hostname) and parts.port != 0  # ValueError: the port is no number, or too large
    except ValueError:
        return False
    plain = parts.scheme in ("http", "https") and reachable and not any(each.isspace() for each in text)
    return plain and not parts.fragment and (with_query or not parts.query)


def _refusal(error: msgspec.ValidationError) -> BadRequest:
    text = str(error)
    at = re.search(r" - at `\$\.?([^`]*)`", text)
    named = re.search(r"field `([^`]+)`", text)
    name = at.group(1) if at else named.group(1) if named else ""
    said = text[:at.start()] if at else text
    if "matching regex" in said:
        said = "it has a character, or a form, that it can't have"
    return BadRequest(f"options{f'.{name}' if name else ''}: {said}", field=f"options.{name}" if name else "options")
