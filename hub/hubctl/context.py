"""Where the hubs are and who we are there: the contexts file.

It lies at $DVIC_CONFIG, or `hubctl.toml` under ~/.config/dvic (XDG_CONFIG_HOME is heeded). It holds secrets, so it is
0600 from its first moment and appears whole or not at all. (A symlink is followed: people keep such files elsewhere.)

    current = "lab"

    [contexts.lab]
    url = "https://hub.lab.example"
    user = "anna"
    token = "dvic_..."

For programs, DVIC_HUB and DVIC_TOKEN together stand for a context without any file.
"""

import contextlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .errors import NotSignedIn, Usage

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
LOGIN = "hubctl login URL"


@dataclass(frozen=True, repr=False)
class Context:
    """One hub and one sign-in. `ca`: PEM file of a private certificate authority. `expires`: RFC 3339, "" never.
    `kind`: login, or token for an API token that others may use as well (forgetting it here must not end it)."""

    name: str
    url: str
    token: str = ""
    user: str = ""
    role: str = ""
    expires: str = ""
    ca: str = ""
    kind: str = "login"


@dataclass(frozen=True)
class Contexts:
    """What the file says."""

    current: str = ""
    all: dict[str, Context] = field(default_factory=dict)

    def choose(self, wanted: str = "") -> Context:
        """The context asked for, or the current one; raises NotSignedIn that says how to get one."""
        name = wanted or self.current
        if not name:
            raise NotSignedIn("you are not signed in to any hub", LOGIN)
        if name not in self.all:
            known = ", ".join(self.all) or "none yet"
            raise NotSignedIn(f"there is no context {name!r} (there are: {known})", f"{LOGIN} --context {name}")
        return self.all[name]

    def with_context(self, context: Context) -> "Contexts":
        """The same with `context` in it, made the current one."""
        return Contexts(context.name, {**self.all, context.name: context})

    def using(self, name: str) -> "Contexts":
        self.choose(name)
        return replace(self, current=name)

    def without(self, name: str) -> "Contexts":
        """The same without `name`; where that was the current one, none is: the next command must not surprise."""
        self.choose(name)
        return Contexts("" if self.current == name else self.current,
                        {key: value for key, value in self.all.items() if key != name})


def config_path(environ: Mapping[str, str]) -> Path:
    if environ.get("DVIC_CONFIG"):
        return Path(environ["DVIC_CONFIG"])
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "dvic" / "hubctl.toml"


def from_environment(environ: Mapping[str, str]) -> Context | None:
    """The context that DVIC_HUB and DVIC_TOKEN make; raises Usage where only one of them is there."""
    url, token = environ.get("DVIC_HUB", ""), environ.get("DVIC_TOKEN", "")
    if not url and not token:
        return None
    if not url or not token:
        raise Usage("DVIC_HUB and DVIC_TOKEN go together", "set both, or neither")
    return Context("environment", url.rstrip("/"), token.strip(), ca=environ.get("DVIC_CA", ""), kind="token")


def load(path: Path) -> Contexts:
    """Read the file; an absent one is no contexts. Raises Usage where it can't be read or makes no sense."""
    try:
        with path.open("rb") as file:
            value = tomllib.load(file)
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError) as error:
        raise Usage(f"{path} can't be read: {error}", "mend or remove it, then sign in again") from None
    entries, current = value.get("contexts", {}), value.get("current", "")
    if not isinstance(entries, dict) or not isinstance(current, str):
        raise Usage(f"{path} is no file of contexts", "mend or remove it, then sign in again")
    return Contexts(current, {name: _context(path, name, entry) for name, entry in entries.items()})


def _context(path: Path, name: str, entry: object) -> Context:
    known = {key: entry[key] for key in Context.__dataclass_fields__ if key in entry} if isinstance(entry, dict) else {}
    if not isinstance(known.get("url"), str) or not all(isinstance(text, str) for text in known.values()):
        raise Usage(f"{path}: context {name!r} makes no sense", f"remove it and sign in again: {LOGIN}")
    return Context(**{**known, "name": name})


def is_private(path: Path) -> bool:
    """False when others than the owner may read or write the file."""
    try:
        return not path.stat().st_mode & 0o077
    except OSError:
        return True


def save(path: Path, contexts: Contexts) -> None:
    """Put the file in place of the old one; raises Usage where that can't be done."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(to_toml(contexts))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise Usage(f"{path} can't be written: {error.strerror}", "set DVIC_CONFIG to a file that can be") from None


def to_toml(contexts: Contexts) -> str:
    lines = [f"current = {_quoted(contexts.current)}"]
    for name, context in contexts.all.items():
        lines += ["", f"[contexts.{_quoted(name)}]"]
        lines += [f"{key} = {_quoted(text)}" for key, text in asdict(context).items() if text and key != "name"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, save that TOML wants DEL escaped and knows no surrogates."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
