"""`dvic-agent leave`: this machine leaves its hub by its owner's will.

The node's key signs that it goes; the hub bars the key and answers with a LEAVE, which the executor here obeys as it
obeys one that the hub sends by itself. Where the hub can't be asked, root may forget it all the same.
"""

import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable

from dvic_wire.signing import Purpose, b64encode, sign

from .clock import Clock
from .config import AgentConfig
from .errors import AgentError, ExecutorError, HubRefused, NetworkError
from .executor_client import ExecutorClient
from .http import Answer, ask
from .identity import Identity, load_identity

REQUEST_TTL = 300
"""Seconds for which the request's signature is valid."""

FORGET_SECONDS = 60
"""How long ending the runs that the hub started may take."""

Post = Callable[[str, dict], Awaitable[Answer]]


async def leave(config: AgentConfig, reason: str, clock: Clock = Clock(), post: Post | None = None) -> str:
    """Leave with the hub's word; returns the hub's address. Raises IdentityError, NetworkError, HubRefused, or
    ExecutorError when this machine still trusts the hub."""
    identity = load_identity(config.config_dir, config.private_dir)
    answer = await ExecutorClient(config.executor_socket).leave(
        await _ask_hub(identity, reason, clock, post or _poster(config)))
    if answer["state"] != "left":
        raise ExecutorError(f"the executor does not forget the hub: {answer.get('reason', answer['state'])}", True)
    return identity.hub.url


def forget(config: AgentConfig, reason: str) -> None:
    """Forget the hub without asking it; raises AgentError."""
    command = [sys.executable, "-I", "-m", "dvic_agent.executor", "--config-dir", str(config.config_dir), "--state-dir",
               str(config.state_dir), "leave", "--reason", reason]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=FORGET_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"the hub is not forgotten: {error}") from None
    if done.returncode:
        raise AgentError(f"the hub is not forgotten: {done.stderr.strip() or done.returncode}; run this as root")


async def _ask_hub(identity: Identity, reason: str, clock: Clock, post: Post) -> str:
    """The hub's LEAVE for this node."""
    node, hub = identity.key.public.node_id, identity.hub

    async def ask_at(now: float) -> Answer:
        claims = {"iss": node, "aud": hub.fingerprint, "nonce": b64encode(secrets.token_bytes(16)), "reason": reason}
        signed = sign(identity.key, Purpose.NODE_LEAVE, claims, now=now, ttl=REQUEST_TTL)
        return await post(f"{hub.url.rstrip('/')}/api/v1/leave", {"request": signed})

    answer = await ask_at(clock.wall())
    if answer.body.get("code") == "clock" and answer.time is not None:
        answer = await ask_at(answer.time)
    if answer.status == 200 and isinstance(answer.body.get("leave"), str):
        return answer.body["leave"]
    code = str(answer.body.get("code", ""))
    if not code:
        raise NetworkError(f"{hub.url} answers with HTTP {answer.status}: is it a DVIC hub?")
    raise HubRefused(code, str(answer.body.get("detail", "")))


def _poster(config: AgentConfig) -> Post:
    async def post(url: str, body: dict) -> Answer:
        return await ask("POST", url, body=body, ca_file=config.ca_file)
    return post
