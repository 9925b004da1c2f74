"""From an enrolment token to an enrolled node (docs/protocol.md, "Enrolment").

The token's secret signs the request and never travels. The answer counts only when it is signed by the key whose
fingerprint is in the token, over our nonce: then that key is pinned in hub.json, and not a moment earlier.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from dvic_wire.errors import WireError
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, b64encode, peek, sign, verify
from dvic_wire.tokens import EnrolmentToken

from .backoff import Backoff
from .clock import Clock
from .config import AgentConfig
from .errors import AgentError, HubNotTrusted, HubRefused, IdentityError, NetworkError, NotEnrolled
from .http import Answer, ask
from .identity import (
    KEY_FILE,
    NEW_KEY_FILE,
    PinnedHub,
    check_writable,
    ensure_key,
    finish_new_key,
    load_hub,
    load_key,
    load_left,
    save_hub,
)

log = logging.getLogger(__name__)

REQUEST_TTL = 300
"""Seconds for which the request's signatures are valid."""

WAIT_CODES = frozenset({"busy", "too-many", "disk-full", "store", "internal"})
"""Refusals that pass by themselves."""

ADVICE = {
    "token-expired": "make a new token: hubctl token create",
    "token-used": "the token has no uses left; make a new one: hubctl token create --uses N",
    "token-revoked": "the token was revoked; ask for a new one",
    "token-unknown": "this hub never made that token, or forgot it; make a new one: hubctl token create",
    "wrong-hub": "the token belongs to another hub: check its address",
    "clock": "this machine's clock is too far off; set it (timedatectl set-ntp true) and try again",
    "key-forbidden": "this machine's key was revoked at the hub; join as a new node with --new-key",
}

Post = Callable[[str, dict], Awaitable[Answer]]


def request(token: EnrolmentToken, key: PrivateKey, name: str, facts: dict, nonce: str, now: float) -> str:
    """The signed request to join; `now` is Unix seconds."""
    node = sign(key, Purpose.ENROL_NODE, {"iss": key.public.node_id, "jwk": key.public.jwk(), "aud": token.hub,
                                          "token": token.id, "nonce": nonce}, now=now, ttl=REQUEST_TTL)
    claims = {"iss": token.id, "aud": token.hub, "token_jwk": token.key.public.jwk(), "nonce": nonce, "name": name,
              "facts": facts, "node": node}
    return sign(token.key, Purpose.ENROL_TOKEN, claims, now=now, ttl=REQUEST_TTL)


def accept_reply(reply: object, token: EnrolmentToken, key: PrivateKey, nonce: str) -> PinnedHub:
    """The hub that the reply proves; raises HubNotTrusted."""
    try:
        hub_key = PublicKey.from_jwk(peek(str(reply))[1].get("jwk"))
        if hub_key.fingerprint != token.hub:
            raise HubNotTrusted(f"{token.url} shows another key than the token names: it is not the hub that made the "
                                "token, or someone stands in between")
        claims = verify(str(reply), hub_key, Purpose.ENROLLED, audience=key.public.node_id, now=None)
    except WireError as error:
        raise HubNotTrusted(f"{token.url} gave an answer that does not hold: {error}") from None
    if claims.get("iss") != token.hub or claims.get("nonce") != nonce or not isinstance(claims.get("name"), str):
        raise HubNotTrusted(f"{token.url} answered another request than ours")
    return PinnedHub(token.url, hub_key, key.public.node_id, claims["name"])


async def enrol(config: AgentConfig, token: EnrolmentToken, *, name: str, facts: dict, wait: bool = False,
                replace: bool = False, new_key: bool = False, clock: Clock = Clock(),
                post: Post | None = None) -> PinnedHub:
    """Join the token's hub and pin it. With `wait`, try until the hub is reachable. With `replace`, leave another hub.
    With `new_key`, or after this machine left a hub, join as a new node: the old key is given up once the hub has
    accepted the new one.

    Raises IdentityError, NetworkError, HubRefused (its code says why) or HubNotTrusted. Repeating it is harmless, also
    when it was cut off at any moment.
    """
    _check_present_hub(config, token, replace)
    check_writable(config.config_dir)
    new_key = new_key or _key_is_used_up(config)
    key = ensure_key(config.private_dir, NEW_KEY_FILE if new_key else KEY_FILE)
    send = post or _poster(config)
    backoff = Backoff()
    while True:
        try:
            hub = await _once(send, token, key, name, facts, clock)
            break
        except NetworkError as error:
            if not wait:
                raise
            reason = str(error)
        except HubRefused as error:
            if not wait or error.code not in WAIT_CODES:
                raise
            reason = str(error)
        pause = backoff.next()
        log.warning("%s; trying again in %.0f s", reason, pause)
        await asyncio.sleep(pause)
    save_hub(config.config_dir, hub)
    finish_new_key(config.private_dir, hub)  # or, when we are cut off just now, whoever connects next
    return hub


async def enrol_found(config: AgentConfig, token: EnrolmentToken, urls: list[str], **options) -> PinnedHub:
    """`enrol` at the first of these addresses, found on the network, where the token's own hub answers. Raises the last
    address's error, NetworkError where there is none."""
    last: AgentError = NetworkError("no hub on this network announces the key that the token names (is announce set in "
                                    "its hub.toml?)")
    for url in urls:
        try:
            return await enrol(config, replace(token, url=url), **options)
        except (NetworkError, HubNotTrusted, HubRefused) as error:  # a refusal is not signed: anybody can give one
            log.warning("%s: %s", url, error)
            last = error
    raise last


async def _once(send: Post, token: EnrolmentToken, key: PrivateKey, name: str, facts: dict, clock: Clock) -> PinnedHub:
    nonce = b64encode(secrets.token_bytes(16))

    async def ask_at(now: float) -> Answer:
        signed = request(token, key, name, facts, nonce, now)
        return await send(f"{token.url}/api/v1/enroll", {"request": signed})

    answer = await ask_at(clock.wall())
    if answer.body.get("code") == "clock" and answer.time is not None:
        # boards without a clock of their own may join too; the hub shows by how much it is wrong
        answer = await ask_at(answer.time)
    if answer.status == 200:
        return accept_reply(answer.body.get("reply"), token, key, nonce)
    code = str(answer.body.get("code", ""))
    if not code:
        raise NetworkError(f"{token.url} answers with HTTP {answer.status}: is it a DVIC hub?")
    advice = f" ({ADVICE[code]})" if code in ADVICE else ""
    raise HubRefused(code, f"{answer.body.get('detail', '')}{advice}")


def _check_present_hub(config: AgentConfig, token: EnrolmentToken, replace: bool) -> None:
    try:
        present = load_hub(config.config_dir)
    except NotEnrolled:
        return
    except IdentityError:
        if replace:
            return
        raise
    finish_new_key(config.private_dir, present)
    if present.fingerprint != token.hub and not replace:
        raise IdentityError(f"this machine belongs to the hub at {present.url}; to move it, add --replace")


def _key_is_used_up(config: AgentConfig) -> bool:
    """Whether the key is the one with which this machine left its hub: that hub bars it for ever."""
    left = load_left(config.config_dir)
    try:
        return left is not None and load_key(config.private_dir).public.node_id == left.node
    except IdentityError:
        return False  # there is none


def _poster(config: AgentConfig) -> Post:
    async def post(url: str, body: dict) -> Answer:
        return await ask("POST", url, body=body, ca_file=config.ca_file)
    return post
