"""The states of one node in one run, as one table. `docs/protocol.md` draws its diagram from TRANSITIONS.

A run is sent to many nodes; on each it goes its own way and ends in exactly one terminal state:

    queued -> dispatched -> running -> finished | failed | timed-out | cancelled | lost
    queued -> cancelled | expired;   dispatched -> refused | cancelled | expired | lost | failed | ...
"""

import hashlib
import json
from dataclasses import dataclass

from .errors import InvalidTransition, MalformedMessage

QUEUED = "queued"
DISPATCHED = "dispatched"
RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
TIMED_OUT = "timed-out"
CANCELLED = "cancelled"
REFUSED = "refused"
EXPIRED = "expired"
LOST = "lost"

_ENDS = (FINISHED, FAILED, TIMED_OUT, CANCELLED, REFUSED, EXPIRED, LOST)
TERMINAL = frozenset(_ENDS)

_ENDS_OF_A_STARTED_RUN = frozenset({FINISHED, FAILED, TIMED_OUT, CANCELLED, LOST})

TRANSITIONS: dict[str, frozenset[str]] = {
    # not yet sent: the node is offline, or the batch window is full
    QUEUED: frozenset({DISPATCHED, CANCELLED, EXPIRED, REFUSED, LOST}),
    # sent, nothing heard yet; a short run may report its end before its start was noted
    DISPATCHED: frozenset({RUNNING, REFUSED, EXPIRED, QUEUED}) | _ENDS_OF_A_STARTED_RUN,
    RUNNING: _ENDS_OF_A_STARTED_RUN,
    **{state: frozenset() for state in _ENDS},
}

STATES = tuple(TRANSITIONS)


def advance(state: str, to: str) -> str:
    """Return `to` when the table has an arrow from `state`; raise InvalidTransition otherwise."""
    if to not in TRANSITIONS.get(state, ()):
        raise InvalidTransition(f"a run that is {state} can't become {to}")
    return to


@dataclass(frozen=True)
class RunSpec:
    """What is to be executed on one node: the content of a signed run request.

    `argv` is executed as it is, without a shell; `script` (text) is instead written to a file and started by its
    `#!` line (`/bin/sh` when it has none) with `argv` as its arguments. `stdin` is text.
    Limits: `timeout` s, `memory` bytes (0: none), `output` bytes kept of stdout and stderr together, `cpu` percent
    of one core (0: none).
    """

    argv: tuple[str, ...] = ()
    script: str = ""
    user: str = ""
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    stdin: str = ""
    timeout: int = 300
    memory: int = 0
    cpu: int = 0
    output: int = 10 * 1024 * 1024

    def to_json(self) -> dict:
        """The JSON object that travels; defaults are left out."""
        plain = {"argv": list(self.argv), "script": self.script, "user": self.user, "cwd": self.cwd,
                 "env": dict(self.env), "stdin": self.stdin, "timeout": self.timeout, "memory": self.memory,
                 "cpu": self.cpu, "output": self.output}
        default = _DEFAULTS
        return {key: value for key, value in plain.items() if value != default[key]}

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON (sorted keys, compact, defaults left out): what an operator signs."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def from_json(cls, value: object) -> "RunSpec":
        """Check and read the JSON object; raises MalformedMessage that names the field."""
        if not isinstance(value, dict):
            raise MalformedMessage("must be an object", "spec")
        unknown = set(value) - set(_DEFAULTS)
        if unknown:
            raise MalformedMessage("unknown field", f"spec.{min(unknown)}")
        merged = {**_DEFAULTS, **value}
        for key, default in _DEFAULTS.items():
            if type(merged[key]) is not type(default):
                raise MalformedMessage(f"must be {type(default).__name__}", f"spec.{key}")
        if not all(isinstance(part, str) and "\0" not in part for part in merged["argv"]):
            raise MalformedMessage("must be texts without NUL", "spec.argv")
        for name, text in merged["env"].items():
            if not isinstance(text, str) or not name or "=" in name or "\0" in name + text:
                raise MalformedMessage("must map names to texts", "spec.env")
        for key in ("script", "user", "cwd"):
            if key != "script" and "\0" in merged[key]:
                raise MalformedMessage("must not hold NUL", f"spec.{key}")
        for key in ("memory", "cpu", "output"):
            if merged[key] < 0:
                raise MalformedMessage("must not be negative", f"spec.{key}")
        if merged["timeout"] < 1:
            raise MalformedMessage("must be at least 1 second", "spec.timeout")
        if not merged["argv"] and not merged["script"]:
            raise MalformedMessage("needs argv or script", "spec")
        return cls(argv=tuple(merged["argv"]), env=tuple(merged["env"].items()),
                   **{key: merged[key] for key in _DEFAULTS if key not in ("argv", "env")})


_DEFAULTS: dict = {"argv": [], "script": "", "user": "", "cwd": "", "env": {}, "stdin": "", "timeout": 300,
                   "memory": 0, "cpu": 0, "output": 10 * 1024 * 1024}
