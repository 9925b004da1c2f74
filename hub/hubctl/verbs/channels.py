"""hubctl channels ls | show | add | set | on | off | test | rm | deliveries"""

import click

from hubctl.errors import OK, SOME_FAILED, Usage
from hubctl.options import Desk, ListingGroup, Pair, ask_secret, confirm, output_option, secret_from, yes_option
from hubctl.output import JSON, JSONL, TABLE, YAML, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of

TEST_SECONDS = 90.0
"""How long the hub may take to try a channel."""

SECRETS = {"email": "password", "telegram": "bot token", "webhook": "address", "url": "address (as apprise writes it)"}
"""What each kind of channel keeps secret."""

_LISTS = ("to", "chats")
_NUMBERS = ("port",)
_SWITCHES = ("commands",)


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("CHANNEL", lambda channel: channel["name"]),
            Column("KIND", lambda channel: channel["kind"]),
            Column("ON", lambda channel: "yes" if channel["on"] else "no"),
            Column("TO", where, least=12),
            Column("SECRET", lambda channel: channel["secret"], least=6),
            Column("CHANGED", lambda channel: ago(moment_of(channel["changed"]), now), wide=True),
        ),
        name=lambda channel: channel["name"],
        empty="Nobody is told of alarms. To change that: hubctl channels add NAME email host=... from=... to=...")


def deliveries_listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("CREATED", lambda one: ago(moment_of(one["created"]), now)),
            Column("CHANNEL", lambda one: one["channel"], least=6),
            Column("STATE", lambda one: one["state"], style=lambda one: state_style(_STYLES.get(one["state"], ""))),
            Column("TRIES", lambda one: one["attempts"], right=True),
            Column("TITLE", lambda one: one["title"], least=16),
            Column("ERROR", lambda one: one["error"], least=10),
            Column("DUE", lambda one: clock(moment_of(one["due"])) if one["state"] == "waiting" else "", wide=True),
            Column("ID", lambda one: one["id"], wide=True),
        ),
        name=lambda one: one["id"],
        empty="Nothing was sent yet.")


_STYLES = {"sent": "ok", "waiting": "warning", "sending": "running", "given-up": "error", "unknown": "warning"}


def where(channel: dict) -> str:
    options = channel["options"]
    return ", ".join(options.get("to") or options.get("chats") or [])


@click.group("channels", cls=ListingGroup)
def command() -> None:
    """By what people are told of alarms: mail, Telegram, webhooks.

    And whatever apprise knows. Which alarms go where: hubctl routes.

    \b
    Examples:
      hubctl channels add ops email host=mail.example.org user=dvic from=dvic@example.org to=ops@example.org
      hubctl channels test ops
      hubctl channels deliveries
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_channels(desk: Desk, form: str) -> None:
    """List the channels.

    \b
    Examples:
      hubctl channels ls
      hubctl channels ls -o json
    """
    client = desk.client()
    show_list(list(client.items("channels")), listing(client.hub_now()), form)


@command.command()
@click.argument("name")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def show(desk: Desk, name: str, form: str) -> None:
    """One channel with all its options. Its secret is shown to nobody.

    \b
    Examples:
      hubctl channels show ops
    """
    channel = desk.client().get("channels", name)
    if form != TABLE:
        show_value(channel, form)
        return
    options = [(key, " ".join(value) if isinstance(value, list) else value)
               for key, value in channel["options"].items()]
    show_details([("channel", channel["name"]), ("kind", channel["kind"]), ("on", "yes" if channel["on"] else "no"),
                  *options, ("secret", channel["secret"]), ("made by", channel["created_by"]),
                  ("changed", clock(moment_of(channel["changed"])))])


_options_argument = click.argument("options", nargs=-1, type=Pair(), metavar="[KEY=VALUE]...")
_secret_option = click.option("--secret-file", metavar="FILE",
                              help="Read what is secret from the first line of FILE (-: standard input).")


@command.command()
@click.argument("name")
@click.argument("kind", type=click.Choice(tuple(SECRETS)))
@_options_argument
@_secret_option
@click.pass_obj
def add(desk: Desk, name: str, kind: str, options: tuple[tuple[str, str], ...], secret_file: str | None) -> None:
    """Make a channel. What is secret of it is asked for, or read from a file; never write it on a command line.

    \b
    email     host, port, tls (starttls, tls, none), user, from, to      secret: the password of user
    telegram  chats, api, commands (yes, no)                             secret: the bot's token
    webhook                                                              secret: the address
    url                                                                  secret: an address as apprise writes it

    \b
    Examples:
      hubctl channels add ops email host=mail.example.org user=dvic from=dvic@example.org to=a@example.org,b@example.org
      hubctl channels add phone telegram chats=110201543 --secret-file token.txt
      hubctl channels add chat url --secret-file -
    """
    values = dict(map(option_of, options))
    needs = kind != "email" or "user" in values
    secret = _secret(kind, secret_file) if needs or secret_file else None
    desk.client().put("channels", name, body={"kind": kind, "options": values, "secret": secret})
    say(f"{name} is there. To try it: hubctl channels test {name}")


@command.command("set")
@click.argument("name")
@_options_argument
@_secret_option
@click.option("--ask", is_flag=True, help="Ask for the secret anew.")
@click.pass_obj
def change(desk: Desk, name: str, options: tuple[tuple[str, str], ...], secret_file: str | None, ask: bool) -> None:
    """Change options of a channel, or its secret. What is not named stays as it is.

    \b
    Examples:
      hubctl channels set ops to=ops@example.org
      hubctl channels set ops host=smtp.example.org --ask
    """
    client = desk.client()
    channel = client.get("channels", name)
    secret = _secret(channel["kind"], secret_file) if secret_file or ask else None
    body = {"kind": channel["kind"], "options": {**channel["options"], **dict(map(option_of, options))},
            "secret": secret, "on": channel["on"]}
    client.put("channels", name, body=body)
    say(f"{name} is changed. To try it: hubctl channels test {name}")


@command.command("on")
@click.argument("name")
@click.pass_obj
def switch_on(desk: Desk, name: str) -> None:
    """Let a channel tell people.

    \b
    Examples:
      hubctl channels on ops
    """
    _switch(desk, name, True)


@command.command("off")
@click.argument("name")
@click.pass_obj
def switch_off(desk: Desk, name: str) -> None:
    """Let a channel tell nobody. What waits for it is given up.

    \b
    Examples:
      hubctl channels off ops
    """
    _switch(desk, name, False)


@command.command()
@click.argument("name")
@click.pass_obj
def test(desk: Desk, name: str) -> int:
    """Send a test message now, and say how it went.

    \b
    Examples:
      hubctl channels test ops
    """
    sent = desk.client(timeout=TEST_SECONDS).post("channels", name, "test")
    if sent["state"] != "sent":
        say(f"It did not go out: {sent['error']}")
        return SOME_FAILED
    say(f"It went out{': ' + sent['error'] if sent['error'] else ''}.")
    return OK


@command.command("rm")
@click.argument("name")
@yes_option
@click.pass_obj
def remove(desk: Desk, name: str, yes: bool) -> None:
    """Remove a channel. What waits for it is given up.

    \b
    Examples:
      hubctl channels rm ops
    """
    confirm(f"Remove the channel {name}?", yes)
    desk.client().delete("channels", name)
    say(f"{name} is removed.")


@command.command()
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@click.option("--channel", metavar="NAME", default="", help="Only those of this channel.")
@click.option("--state", type=click.Choice(("waiting", "sending", "sent", "given-up", "unknown")),
              help="Only those in this state.")
@output_option()
@click.pass_obj
def deliveries(desk: Desk, lines: int, channel: str, state: str | None, form: str) -> None:
    """List what was sent or waits, and how it went.

    \b
    Examples:
      hubctl channels deliveries
      hubctl channels deliveries --state waiting --channel ops
    """
    client = desk.client()
    wanted = {name: value for name, value in (("channel", channel), ("state", state)) if value}
    found = list(client.items("deliveries", limit=lines, **wanted))
    show_list(found, deliveries_listing(client.hub_now()), form)


def option_of(pair: tuple[str, str]) -> tuple[str, object]:
    """An option as the hub wants it. Raises Usage."""
    key, text = pair
    if key in _LISTS:
        return key, [part.strip() for part in text.split(",") if part.strip()]
    if key in _NUMBERS:
        if not text.isdecimal():
            raise Usage(f"{key} is a number, not {text!r}", "")
        return key, int(text)
    if key in _SWITCHES:
        if text not in ("yes", "no"):
            raise Usage(f"{key} is yes or no, not {text!r}", "")
        return key, text == "yes"
    return key, text


def _secret(kind: str, file: str | None) -> str:
    what = SECRETS[kind]
    return secret_from(file, what) if file else ask_secret(f"The {what}", "--secret-file")


def _switch(desk: Desk, name: str, on: bool) -> None:
    client = desk.client()
    channel = client.get("channels", name)
    kept = {"kind": channel["kind"], "options": channel["options"], "secret": None}
    client.put("channels", name, body={**kept, "on": on})
    say(f"{name} is {'on' if on else 'off'}.")
