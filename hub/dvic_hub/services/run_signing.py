"""What the hub signs for machines: each order is for one node, one id, and a short time.

    run       dvic_wire.runs.RunSpec: start this
    update    a manifest and the key set: install what they name (dvic_wire.updates)
    enroll    a target: open ssh to it (dvic_wire.pushing)
    terminal  dvic_wire.terminals.TerminalSpec: open a terminal
    copy      dvic_wire.copies.CopySpec: copy a file

The detail of a run of kind update is {rollout, package, version, manifest, older, confirm}: all that its order is made
of save for the key set, which is the one of the moment, so that an order never rests on a key that was taken out.
"""

import asyncio
from collections.abc import Awaitable, Callable

from dvic_hub.domain.model import Run
from dvic_wire.limits import RUN_REQUEST_TTL
from dvic_wire.messages import RunAnswer, RunCancel, RunRequest, UpdateConfirm
from dvic_wire.signing import PrivateKey, Purpose, sign

UPDATE = "update"
"""The kind of run that is an update."""

ENROLL = "enroll"
"""The kind of run that enrols another machine by ssh; its detail is {target}."""

TERMINAL = "terminal"
"""The kind of run that is a terminal; its detail is {terminal}."""

COPY = "copy"
"""The kind of run that copies a file; its detail is {copy} and, of what goes to machines, {file}: its id here."""


class RunSigner:
    """`identity` signs; `key_set` gives the signed key set of now; `clock` gives Unix seconds."""

    def __init__(self, identity: PrivateKey, key_set: Callable[[], Awaitable[str]], clock: Callable[[], float]):
        self._identity = identity
        self._key_set = key_set
        self._clock = clock

    async def request(self, run: Run, node: str) -> RunRequest:
        """The order, for one node."""
        claims: dict = {"iss": self._identity.fingerprint, "aud": node, "jti": run.id, "by": run.created_by}
        if run.kind == UPDATE:
            claims |= {key: run.detail[key] for key in ("manifest", "older", "confirm")}
            claims["keys"] = await self._key_set()
            return RunRequest(run.id, await self._sign(Purpose.UPDATE, claims), "update")
        if run.kind == ENROLL:
            return RunRequest(run.id, await self._sign(Purpose.ENROLL_SSH, {**claims, **run.detail}), "enroll")
        if run.kind == TERMINAL:
            return RunRequest(run.id, await self._sign(Purpose.TERMINAL, {**claims, **run.detail}), TERMINAL)
        if run.kind == COPY:
            claims["copy"] = run.detail["copy"]
            return RunRequest(run.id, await self._sign(Purpose.COPY, claims), COPY)
        claims["spec"] = run.spec.to_json()
        if run.operator:
            claims["operator"] = run.operator
        return RunRequest(run.id, await self._sign(Purpose.RUN, claims))

    async def cancel(self, run: str, node: str, by: str) -> RunCancel:
        claims = {"iss": self._identity.fingerprint, "aud": node, "jti": run, "by": by}
        return RunCancel(run, await self._sign(Purpose.CANCEL, claims))

    async def answer(self, run: str, node: str, content: dict) -> RunAnswer:
        """What a run of the kind enroll asked for."""
        claims = {**content, "iss": self._identity.fingerprint, "aud": node, "jti": run}
        return RunAnswer(run, await self._sign(Purpose.ENROLL_ANSWER, claims))

    async def confirm(self, run: str, node: str, version: str) -> UpdateConfirm:
        """The hub's word that an agent of `version` was welcomed from this node."""
        claims = {"iss": self._identity.fingerprint, "aud": node, "jti": run, "version": version}
        return UpdateConfirm(run, await self._sign(Purpose.UPDATE_CONFIRM, claims))

    async def _sign(self, purpose: Purpose, claims: dict) -> str:
        return await asyncio.to_thread(sign, self._identity, purpose, claims, now=self._clock(), ttl=RUN_REQUEST_TTL)
