"""hubctl login"""

import platform
import re
from dataclasses import replace
from pathlib import Path

import click

from hubctl.client import Client, checked_url
from hubctl.context import NAME, Context, Contexts, save
from hubctl.errors import NotSignedIn, Refused, Usage
from hubctl.options import Desk, ask_secret, secret_from
from hubctl.output import say, warn

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.argument("url", default="")
@click.option("--user", metavar="NAME", help="Who you are there; asked for where it is missing.")
@click.option("--password-file", metavar="FILE", help="Read the password from its first line (-: standard input).")
@click.option("--new-password-file", metavar="FILE", help="Change the password to this file's first line.")
@click.option("--token-file", metavar="FILE", help="Use an API token (hubctl api-token create) instead of a password.")
@click.option("--ca", metavar="FILE", help="Trust this certificate authority (PEM) for this hub.")
@click.option("--context", "name", metavar="NAME", help="What to call this sign-in; the host where missing.")
@click.pass_obj
def command(desk: Desk, url: str, user: str | None, password_file: str | None, new_password_file: str | None,
            token_file: str | None, ca: str | None, name: str | None) -> None:
    """Sign in to a hub and remember it.

    Without URL, sign in again to the hub of the current context. A password that was good for one sign-in is
    replaced on the way.

    \b
    Examples:
      hubctl login https://hub.example
      hubctl login http://127.0.0.1:8420 --user admin
      hubctl login https://hub.example --user ci --password-file /run/secrets/hub
      hubctl login https://10.0.0.5 --ca our-ca.pem --context museum
    """
    known = desk.known()
    draft = _draft(known, desk.wanted, url.rstrip("/"), name, ca)
    if token_file:
        found = _with_token(replace(draft, token=secret_from(token_file, "token")))
    else:
        user = user or draft.user or _ask_user()
        password = secret_from(password_file, "password") if password_file else \
            ask_secret(f"Password of {user} at {draft.url}", "--password-file")
        new = secret_from(new_password_file, "new password") if new_password_file else ""
        found = _with_password(draft, user, password, new)
    save(desk.path, known.with_context(found))
    say(f"Signed in to {found.url} as {found.user} ({found.role}). Context: {found.name}. Try: hubctl nodes")


def _draft(known: Contexts, wanted: str, url: str, name: str | None, ca: str | None) -> Context:
    """What is known of the sign-in before it happens."""
    name = name or wanted
    if name and not NAME.match(name):
        raise Usage(f"{name!r} can't name a context", "use letters, digits, . _ and -")
    if not url:
        old = known.choose(name)
        return replace(old, token="", ca=str(Path(ca).resolve()) if ca else old.ca)
    parts = checked_url(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        warn(f"{url} is not encrypted: anyone on the way can read your password")
    old = known.all.get(name or "") or next((one for one in known.all.values() if one.url == url), None)
    same = old is not None and old.url == url
    chosen = name or (old.name if same and old else _name_for(known, parts.hostname or "hub", parts.port))
    return Context(chosen, url, user=old.user if same and old else "",
                   ca=str(Path(ca).resolve()) if ca else old.ca if same and old else "")


def _name_for(known: Contexts, host: str, port: int | None) -> str:
    base = re.sub(r"[^A-Za-z0-9_.-]", "-", host).strip("-.") or "hub"
    return base[:64] if base not in known.all else f"{base[:50]}-{port or 'other'}"


def _ask_user() -> str:
    if not click.get_text_stream("stdin").isatty():
        raise Usage("nobody is there to be asked who signs in", "say --user NAME")
    return click.prompt("User", default="admin", err=True)


def _with_password(draft: Context, user: str, password: str, new_password: str) -> Context:
    client = Client(draft)
    body = {"user": user, "password": password, "note": f"hubctl on {platform.node()}"[:200]}
    if new_password:
        body["new_password"] = new_password
    try:
        answer = client.post("login", body=body)
    except NotSignedIn as error:
        raise Refused(str(error), "check the user's name, then try again; an admin can make a new password: "
                                  "hubctl users password NAME", error.status, error.code) from None
    except Refused as error:
        if error.code != "password-change-needed":
            raise
        say("This password is good for one sign-in only.")
        body["new_password"] = ask_secret("New password", "--new-password-file", twice=True)
        answer = client.post("login", body=body)
    return replace(draft, token=str(answer["token"]), user=str(answer.get("user", user)),
                   role=str(answer.get("role", "")), expires=str(answer.get("expires") or ""), kind="login")


def _with_token(draft: Context) -> Context:
    me = Client(draft).get("me")
    return replace(draft, user=str(me.get("user", "")), role=str(me.get("role", "")), expires="",
                   kind="token")

