"""One request a process: read a line, decide, answer a line. The door between the agent and root.

Whoever may connect to the socket can ask for anything, so what is asked for (run, update, enroll, terminal, copy,
answer, cancel, confirm, leave) must carry the hub's signature, save `forget` (an ended run's directory) and `ping`. A
request is bounded in size and in time. The order of a decision (about leaving the hub leaving.py decides):

    the id is a safe name -> the hub signed it for this node and this run -> it is new -> its time -> policy, user,
    operator, room -> entered in the replay list (on the disk) -> started

An id that was decided before gets the same answer again and starts nothing.
"""

import hashlib
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.errors import WireError
from dvic_wire.runs import CANCELLED, FAILED, LOST, RUNNING, RunSpec
from dvic_wire.signing import Purpose
from dvic_wire.terminals import TerminalSpec

from ..version import VERSION
from .answers import expect_answer, hand_over
from .backend import Backend
from .command import resolve_account
from .copy_order import allowed_copy
from .enrolling import enroll_spec
from .errors import ExecutorError, Refusal, StartFailed
from .leaving import leave
from .policy import Policy, load_policy
from .replay import ReplayList
from .rundir import RunDir, StateDir, check_run_id
from .sweep import sweep
from .terminal_order import allowed_terminal
from .update.download import find_ca
from .update.folder import goes_on
from .update.orders import UpdateOrders
from .update.packages import Present, present
from .update.plan import Journal
from .verify import PinnedHub, check_age, check_operator, check_order, load_hub

MAX_REQUEST_BYTES = 1024 * 1024
"""One request line, bytes."""

REQUEST_SECONDS = 10
"""How long a client may take to send its request and to take its answer, seconds."""


@dataclass(frozen=True)
class Executor:
    """Decides about requests. `clock`: Unix seconds. `present`: what dpkg has of a package."""

    config_dir: Path
    state: StateDir
    backend: Backend
    clock: Callable[[], float] = time.time
    present: Callable[[str], Present] = present

    def answer(self, request: object) -> dict:
        """The answer to one request; never raises for what a request holds."""
        try:
            if not isinstance(request, dict):
                raise Refusal("malformed", "a request is an object")
            kind = request.get("request")
            if kind == "ping":
                return self._ping()
            if kind == "leave":
                return leave(self.config_dir, self.state, self.backend, _text(request.get("jws")), self.clock())
            handler = {"run": self._run, "update": self._update, "enroll": self._enroll, "terminal": self._terminal,
                       "copy": self._copy, "answer": self._answer, "cancel": self._cancel,
                       "confirm": self._confirm, "forget": self._forget}.get(str(kind))
            if handler is None:
                raise Refusal("malformed", "unknown request")
            return handler(check_run_id(request.get("run")), request.get("jws"))
        except Refusal as refusal:
            return _refused(refusal)
        except ExecutorError as error:
            return {"state": "refused", "code": "untrusted", "reason": str(error)}
        except OSError as error:  # no room on the disk, no processes left: the machine's fault, nothing was started
            return {"state": FAILED, "code": "machine", "reason": str(error)}

    def _ping(self) -> dict:
        update = self._updates.describe()
        said = {"state": "ok", "backend": self.backend.name, "version": VERSION}
        return {**said, "update": update} if update else said

    def _run(self, run: str, jws: object) -> dict:
        return self._decide(run, jws, Purpose.RUN, self._allowed_run, self._start_run)

    def _update(self, run: str, jws: object) -> dict:
        return self._decide(run, jws, Purpose.UPDATE, self._allowed_update,
                            lambda run, journal, claims: self._updates.begin(journal, claims.get("by", "")))

    def _enroll(self, run: str, jws: object) -> dict:
        """Open ssh to another machine (see enrolling.py)."""
        return self._decide(run, jws, Purpose.ENROLL_SSH, self._allowed_enrolling,
                            lambda run, spec, claims: self._start_run(run, spec, claims, expect_answer))

    def _terminal(self, run: str, jws: object) -> dict:
        """Open a terminal (see terminal.py)."""
        return self._decide(run, jws, Purpose.TERMINAL, self._allowed_terminal, self._start_terminal)

    def _copy(self, run: str, jws: object) -> dict:
        """Copy a file (see copying.py)."""
        return self._decide(run, jws, Purpose.COPY, self._allowed_copy,
                            lambda run, spec, claims: self._start_run(run, spec, claims, copy=True))

    def _answer(self, run: str, jws: object) -> dict:
        """Give a run what it asked for, once."""
        claims = check_order(_text(jws), Purpose.ENROLL_ANSWER, run, load_hub(self.config_dir))
        with self.state.deciding():
            replay = ReplayList(self.state.seen)
            check_age(claims, self.clock(), replay.floor())
            with self.state.opened(run) as found:
                if found is None:
                    raise Refusal("not-waiting", "there is no such run here")
                if replay.claim(f"answer-{run}", {"state": RUNNING}, claims["iat"]):
                    hand_over(found, claims)
        return {"state": RUNNING}

    def _decide(self, run: str, jws: object, purpose: Purpose, allowed: Callable, start: Callable) -> dict:
        """Start what the order asks for, once. `allowed(claims, hub, replay)` returns what `start(run, it, claims)`
        gets, or raises Refusal."""
        hub = load_hub(self.config_dir)
        claims = check_order(_text(jws), purpose, run, hub)
        with self.state.deciding():
            replay = ReplayList(self.state.seen)
            known = replay.answer(run)
            if known is not None:
                return self._again(run, known)
            try:
                if load_hub(self.config_dir) != hub:
                    raise Refusal("not-enrolled", "this machine has just left the hub that ordered it")
                check_age(claims, self.clock(), replay.floor())
                accepted = allowed(claims, hub, replay)
            except Refusal as refusal:
                replay.claim(run, _refused(refusal), claims["iat"])
                raise
            if not replay.claim(run, {"state": RUNNING}, claims["iat"]):
                return self._again(run, {"state": RUNNING})
            return start(run, accepted, claims)

    def _allowed_run(self, claims: dict, hub: PinnedHub, replay: ReplayList) -> RunSpec:
        """What may be executed now, within this machine's limits; raises Refusal."""
        policy = load_policy(self.config_dir)
        try:
            spec = RunSpec.from_json(claims.get("spec"))
        except WireError as error:
            raise Refusal("malformed", str(error)) from None
        account = resolve_account(spec.user or policy.default_user)
        allowed = policy.allow("run", spec, account.name)
        self._check_room(policy)
        if policy.operator_keys:
            operator = check_operator(claims.get("operator"), policy.operator_keys, spec, hub.node, self.clock())
            used = "operator-" + hashlib.sha256(operator["jti"].encode()).hexdigest()
            if not replay.claim(used, {"state": "used"}, operator["iat"]):
                raise Refusal("operator", "the operator's signature was used before")
        return allowed

    def _allowed_enrolling(self, claims: dict, _: PinnedHub, __: ReplayList) -> RunSpec:
        policy = load_policy(self.config_dir)
        spec = enroll_spec(claims, policy)
        self._check_room(policy)
        return spec

    def _allowed_terminal(self, claims: dict, _: PinnedHub, __: ReplayList) -> tuple[RunSpec, TerminalSpec]:
        policy = load_policy(self.config_dir)
        allowed = allowed_terminal(claims, policy)
        self._check_room(policy)
        return allowed

    def _allowed_copy(self, claims: dict, _: PinnedHub, __: ReplayList) -> RunSpec:
        policy = load_policy(self.config_dir)
        spec = allowed_copy(claims, policy)
        self._check_room(policy)
        return spec

    def _allowed_update(self, claims: dict, hub: PinnedHub, _: ReplayList) -> Journal:
        policy = load_policy(self.config_dir)
        journal = self._updates.allowed(claims, hub, policy, find_ca(self.config_dir), self.clock())
        self._check_room(policy)
        self._updates.check_free()
        return journal

    @property
    def _updates(self) -> UpdateOrders:
        return UpdateOrders(self.state, self.backend, self.present)

    def _check_room(self, policy: Policy) -> None:
        carried = sweep(self.state, self.backend, policy.keep_days * 86400)
        if carried >= policy.limits.runs:
            raise Refusal("busy", f"{carried} runs are under way here, {policy.limits.runs} are allowed at once")

    def _start_terminal(self, run: str, allowed: tuple[RunSpec, TerminalSpec], claims: dict) -> dict:
        spec, terminal = allowed
        return self._start_run(run, spec, claims, terminal=terminal.to_json())

    def _start_run(self, run: str, spec: RunSpec, claims: dict, prepare: Callable[[RunDir], None] = lambda _: None,
                   **more: object) -> dict:
        """`more` is kept with the request."""
        found = self.state.create(run, {"run": run, "spec": spec.to_json(), "by": claims.get("by", ""),
                                        "accepted": int(self.clock()), **more})
        try:
            prepare(found)
            self.backend.start(found)
        except StartFailed as error:
            found.finish(FAILED, reason=str(error))
            return {"state": FAILED, "code": "start", "reason": str(error)}
        finally:
            found.close()
        return {"state": RUNNING}

    def _again(self, run: str, known: dict) -> dict:
        """The answer to an id that was decided before."""
        if known.get("state") != RUNNING:
            return known
        with self.state.opened(run) as found:
            if found is not None:
                return known
        return {"state": LOST, "code": "lost", "reason": "it was started here once and nothing of it is left"}

    def _cancel(self, run: str, jws: object) -> dict:
        claims = check_order(_text(jws), Purpose.CANCEL, run, load_hub(self.config_dir))
        reason = f"cancelled by {claims.get('by') or 'the hub'}"
        with self.state.deciding():
            replay = ReplayList(self.state.seen)
            check_age(claims, self.clock(), replay.floor())
            barred = {"state": CANCELLED, "code": "cancelled", "reason": f"{reason} before it was started"}
            if replay.claim(run, barred, claims["iat"]):
                return barred
            answer = self._again(run, replay.answer(run) or {})
            with self.state.opened(run) as found:
                if found is not None and answer["state"] == RUNNING and found.end() is None:
                    found.cancel(reason)
                    if goes_on(self.state.path, run):  # it looks itself: what is half installed is not left so
                        return {"state": RUNNING, "reason": "it is ended if nothing has been changed yet"}
                    self.backend.stop(found)
                    return {"state": RUNNING, "reason": "it is being ended"}
        return answer

    def _confirm(self, run: str, jws: object) -> dict:
        claims = check_order(_text(jws), Purpose.UPDATE_CONFIRM, run, load_hub(self.config_dir))
        with self.state.deciding():
            return self._updates.confirm(claims)

    def _forget(self, run: str, _: object) -> dict:
        with self.state.deciding():
            if self.state.forget(run):
                return {"state": "forgotten"}
        raise Refusal("not-ended", "it has not ended here")


def handle(connection: socket.socket, answer: Callable[[object], dict]) -> None:
    """Serve one connection: one line in, one line out. A client that is too slow or sends too much is answered so."""
    try:
        reply = answer(json.loads(read_line(connection, time.monotonic() + REQUEST_SECONDS)))
    except Refusal as refusal:
        reply = _refused(refusal)
    except (ValueError, RecursionError):
        reply = {"state": "refused", "code": "malformed", "reason": "a request is one line of JSON"}
    with suppress(OSError):
        connection.settimeout(REQUEST_SECONDS)
        connection.sendall(json.dumps(reply).encode() + b"\n")


def read_line(connection: socket.socket, deadline: float) -> bytes:
    """One line of at most MAX_REQUEST_BYTES before `deadline` (monotonic seconds); raises Refusal."""
    data = b""
    while not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Refusal("slow", f"a request is sent within {REQUEST_SECONDS} s")
        connection.settimeout(left)
        try:
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError as error:
            raise Refusal("malformed", f"the connection broke: {error.strerror}") from None
        if not part:
            raise Refusal("malformed", "the request ended before its line did")
        data += part
        if len(data) > MAX_REQUEST_BYTES:
            raise Refusal("limit", f"a request has at most {MAX_REQUEST_BYTES} bytes")
    return data


def _text(jws: object) -> str:
    if not isinstance(jws, str):
        raise Refusal("malformed", "jws must be a text")
    return jws


def _refused(refusal: Refusal) -> dict:
    return {"state": refusal.state, "code": refusal.code, "reason": str(refusal)}
