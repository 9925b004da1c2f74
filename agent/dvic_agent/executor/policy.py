"""What this machine's owner allows: /etc/dvic-agent/policy.toml, which has the last word over the hub.

    kinds = ["run", "terminal", "copy", "update", "enroll"]     # what may be asked for; enroll: open ssh to others
    users = ["root", "www-*"]                       # as whom, globs; "" stands for no user named: see default_user
    default_user = ""                               # who runs what names no user; "" is the executor's own user
    argv = [["uptime"], ["systemctl", "restart", "*"], ["journalctl", "..."]]   # absent: everything
    operator_keys = ["<x of an Ed25519 JWK>"]       # when set, one of them must have signed as well
    release_keys = ["<x of an Ed25519 JWK>"]        # when set, updates signed by one of them, whatever the hub says
    keep_days = 30                                  # ended runs that no hub has fetched are kept so long

    [limits]
    timeout = 86400       # s; a run gets the smaller one of what it asks for and this
    memory = 0            # bytes, 0: no cap
    cpu = 0               # percent of one core, 0: no cap
    output = 104857600    # bytes kept of stdout and stderr together
    copy = 0              # bytes of a file that is copied to or from here, 0: no cap but the hub's
    runs = 100            # at the same time; more are refused

A missing file means the defaults above (every user, every command, no operator keys). A file that can't be read, that
others may write to, or that holds an unknown key or a wrong type refuses everything.
In `argv` each pattern is a list of globs, one for each argument; "..." at its end allows any more. With `argv` set,
scripts and environment variables are refused: either could turn an allowed command into any other. Whoever can install
a package can do anything, so a machine that narrows commands or asks for operators is updated only by `release_keys`.
"""

import tomllib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from dvic_wire.errors import WireError
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PublicKey, b64decode

from .errors import Refusal, Untrusted
from .trusted import read_config

KINDS = ("run", "terminal", "copy", "update", "enroll")
MAX_RUNS = 100
"""Runs at the same time on one machine."""


@dataclass(frozen=True)
class Limits:
    """Caps: `timeout` s, `memory` bytes, `cpu` percent of one core, `output` bytes, `copy` bytes of a file (0: no cap);
    `runs` at once."""

    timeout: int = 86400
    memory: int = 0
    cpu: int = 0
    output: int = 100 * 1024 * 1024
    copy: int = 0
    runs: int = MAX_RUNS


@dataclass(frozen=True)
class Policy:
    """policy.toml, read once a request. `argv` None allows every command."""

    kinds: tuple[str, ...] = KINDS
    users: tuple[str, ...] = ("*",)
    default_user: str = ""
    argv: tuple[tuple[str, ...], ...] | None = None
    operator_keys: tuple[PublicKey, ...] = ()
    release_keys: tuple[PublicKey, ...] = ()
    keep_days: int = 30
    limits: Limits = field(default_factory=Limits)

    def allow(self, kind: str, spec: RunSpec, user: str) -> RunSpec:
        """The spec with this machine's limits, or Refusal. `user` is the account that it would run as."""
        if kind not in self.kinds:
            raise Refusal("policy", f"this machine's policy does not allow the kind {kind}")
        if not any(fnmatchcase(user, pattern) for pattern in self.users):
            raise Refusal("policy", f"this machine's policy does not allow the user {user}")
        if self.argv is not None:
            if spec.script or spec.env:
                raise Refusal("policy", "this machine's policy allows neither scripts nor environment variables")
            if not any(_matches(spec.argv, pattern) for pattern in self.argv):
                raise Refusal("policy", "this machine's policy does not allow this command")
        caps = self.limits
        return replace(spec, user=user, timeout=_smaller(spec.timeout, caps.timeout),
                       memory=_smaller(spec.memory or caps.memory, caps.memory),
                       cpu=_smaller(spec.cpu or caps.cpu, caps.cpu), output=_smaller(spec.output, caps.output))

    def allow_unchecked(self, kind: str, narrowed: str, unsigned: str) -> None:
        """Raise Refusal unless this kind, of which nobody can check beforehand what it does, is allowed. `narrowed`,
        `unsigned`: why not where commands are narrowed, and where operators have to sign."""
        if kind not in self.kinds:
            raise Refusal("policy", f"this machine's policy does not allow the kind {kind}")
        if self.argv is not None:
            raise Refusal("policy", f"this machine's policy narrows what may be executed, and {narrowed}")
        if self.operator_keys:
            raise Refusal("operator", f"this machine does only what an operator has signed as well; {unsigned}")

    def allow_update(self) -> tuple[PublicKey, ...]:
        """The owner's keys that must have signed an update; none: the hub says whose count. Raises Refusal."""
        if "update" not in self.kinds:
            raise Refusal("policy", "this machine's policy does not allow the kind update")
        if self.release_keys:
            return self.release_keys
        if self.operator_keys or self.argv is not None:
            raise Refusal("policy", "this machine's policy narrows what the hub may run, and a package can do "
                                    "anything: an update needs release_keys in policy.toml")
        if not any(fnmatchcase("root", pattern) for pattern in self.users):
            raise Refusal("policy", "this machine's policy does not allow the user root, and an update is made as "
                                    "root: it needs release_keys in policy.toml")
        return ()


def load_policy(config_dir: Path) -> Policy:
    """Read policy.toml, the defaults where there is none; raises Refusal on whatever makes it doubtful."""
    try:
        data = read_config(config_dir, "policy.toml")
        return Policy() if data is None else parse_policy(data.decode("utf-8"))
    except (Untrusted, ValueError, WireError, TypeError) as error:
        raise Refusal("policy", f"nothing is allowed until policy.toml is repaired: {error}") from None


def parse_policy(text: str) -> Policy:
    """A policy from TOML; raises ValueError or TypeError that names the key."""
    value = tomllib.loads(text)
    _known(value, {"kinds", "users", "default_user", "argv", "operator_keys", "release_keys", "keep_days", "limits"},
           "")
    given = value.get("limits", {})
    if not isinstance(given, dict):
        raise TypeError("limits must be a table")
    _known(given, {"timeout", "memory", "cpu", "output", "copy", "runs"}, "limits.")
    for name, number in [*given.items(), ("keep_days", value.get("keep_days", 30))]:
        if type(number) is not int or number < 0:
            raise TypeError(f"{name} must be a whole number, not negative")
    if value.get("keep_days", 30) == 0:
        raise ValueError("keep_days must be at least 1")
    if not isinstance(value.get("default_user", ""), str):
        raise TypeError("default_user must be a text")
    kinds = _texts(value.get("kinds", list(KINDS)), "kinds")
    if set(kinds) - set(KINDS):
        raise ValueError(f"kinds may hold {', '.join(KINDS)}")
    patterns = value.get("argv")
    if patterns is not None and not isinstance(patterns, list):
        raise TypeError("argv must be a list of lists")
    return Policy(kinds=kinds, users=_texts(value.get("users", ["*"]), "users"),
                  default_user=value.get("default_user", ""),
                  argv=None if patterns is None else tuple(_texts(pattern, "argv") for pattern in patterns),
                  operator_keys=_keys(value, "operator_keys"), release_keys=_keys(value, "release_keys"),
                  keep_days=value.get("keep_days", 30), limits=Limits(**given))


def _matches(argv: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if pattern[-1:] == ("...",):
        pattern = pattern[:-1]
        argv = argv[:len(pattern)]
    return len(argv) == len(pattern) > 0 and all(map(fnmatchcase, argv, pattern))


def _smaller(wanted: int, cap: int) -> int:
    return min(wanted, cap) if cap else wanted


def _known(value: dict, names: set[str], where: str) -> None:
    unknown = set(value) - names
    if unknown:
        raise ValueError(f"unknown key {where}{min(unknown)}")


def _keys(value: dict, name: str) -> tuple[PublicKey, ...]:
    return tuple(PublicKey(b64decode(text)) for text in _texts(value.get(name, []), name))


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise TypeError(f"{name} must be a list of texts")
    return tuple(value)
