"""People: signing in, users and the tokens that programs carry.

- Passwords are argon2id hashes, made and checked in threads, a few at a time; an unknown user costs the same time.
- A token's text is shown once; the hub keeps the SHA-256 of its secret (256 random bits need no slow hash).
- A one-time password (first admin, a user made without one, a reset) must be replaced while signing in.
- Attempts to sign in are limited by address, by user and address together, and by user, in this order of strictness.
"""

import asyncio
import hashlib
import ipaddress
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dvic_hub.domain import people as rules
from dvic_hub.domain.attempts import Allowance, Attempts
from dvic_hub.domain.model import ApiToken, User
from dvic_hub.domain.people import ADMIN, HUB, Actor
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound, NotSignedIn, StoreError, TooMany
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import People
from dvic_wire.limits import MAX_NAME

LOGIN_TTL = 7 * 86400
"""Seconds that a login lasts."""

MAX_TOKEN_TTL = 10 * 366 * 86400
"""Seconds that an API token may last; 0 is for ever."""

MAX_TOKENS_PER_USER = 100
"""Tokens and logins of one user; the oldest login makes room for a new one."""

MAX_USERS = 10_000
"""Users of one hub."""

HASHES_AT_A_TIME = 2
"""Passwords checked at the same time; each takes a core and 64 MiB for some 50 ms."""

HASHES_WAITING = 32
"""Sign-ins that may wait for that; the next is told to come back."""

TOUCH_EVERY = 60
"""Seconds between two notes of when a token was last used."""

PAIR_ALLOWANCE = Allowance(burst=5, seconds=30)
ADDRESS_ALLOWANCE = Allowance(burst=30, seconds=5)
USER_ALLOWANCE = Allowance(burst=100, seconds=10)


log = logging.getLogger("dvic.people")


@dataclass(frozen=True)
class Login:
    """What a sign-in gives: the token's text (never seen again), its row and its user."""

    text: str
    token: ApiToken
    user: User


class PeopleService:
    """Users, sign-in and tokens. `clock` gives Unix seconds; `hasher` can be a cheap one in tests."""

    def __init__(self, store: People, audit: AuditService, clock: Callable[[], float],
                 hasher: PasswordHasher | None = None):
        self._store = store
        self._audit = audit
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self._pairs = Attempts(PAIR_ALLOWANCE)
        self._addresses = Attempts(ADDRESS_ALLOWANCE)
        self._users = Attempts(USER_ALLOWANCE)
        self._hashing = asyncio.Semaphore(HASHES_AT_A_TIME)
        self._waiting = 0
        self._changing = asyncio.Lock()

    # ---- signing in

    async def sign_in(self, name: str, password: str, address: str, *, new_password: str = "", note: str = "") -> Login:
        """Check the password, replace it when `new_password` is given, and make a login.

        Raises NotSignedIn (wrong, unknown or disabled: not told apart), Forbidden `password-change-needed`,
        BadRequest (a poor new password), TooMany.
        """
        rules.check_note(note)
        books = self._count_attempt(name, address)
        user = await self._store.user(name) if rules.is_user_name(name) else None
        right = await self._password_holds(password, user)
        who = Actor(name if rules.is_user_name(name) else "(not a name)", "", address)
        if user is None or not right or user.disabled:
            await self._audit.note(who, "sign-in", who.name, outcome="not-signed-in: refused")
            raise NotSignedIn("the user or the password is wrong", code="wrong-password")
        now = self._clock()
        for book, key in books:
            book.give_back(key, now)
        if user.must_change and not new_password:
            raise Forbidden("this password is good for one sign-in: choose a new one", code="password-change-needed")
        if new_password:
            user = await self._change_own_password(_known(who, user), user, password, new_password)
        async with self._audit.record(_known(who, user), "sign-in", user.name):
            await self._make_room(user.name)
            text, token = self._new_token(user.name, user.role, LOGIN_TTL, note, "login")
            await self._store.add_token(token)
        return Login(text, token, user)

    async def sign_out(self, actor: Actor) -> None:
        """End the credential that the actor came with."""
        async with self._audit.record(actor, "sign-out", actor.name):
            await self._store.remove_token(actor.token_id)

    async def sign_out_everywhere(self, actor: Actor) -> None:
        """End all logins of the actor, this one too; tokens for programs stay."""
        async with self._audit.record(actor, "sign-out", actor.name, {"everywhere": True}):
            for token in await self._store.tokens(actor.name):
                if token.kind == "login":
                    await self._store.remove_token(token.id)

    async def change_own_password(self, actor: Actor, password: str, new_password: str) -> None:
        """Replace one's own password; the actor's other logins end. Raises BadRequest `wrong-password` or for a poor
        new one, TooMany: guesses here count as attempts to sign in."""
        books = self._count_attempt(actor.name, actor.address)
        user = await self._user(actor.name)
        if not await self._password_holds(password, user):
            await self._audit.note(actor, "user.password", actor.name, outcome="wrong-password: refused")
            raise BadRequest("that is not your present password", code="wrong-password", field="password")
        for book, key in books:
            book.give_back(key, self._clock())
        await self._change_own_password(actor, user, password, new_password)

    async def authenticate(self, text: str, address: str = "") -> Actor:
        """Who comes with this token; raises NotSignedIn when it is wrong, expired, revoked or its user disabled."""
        parts = rules.split_token(text)
        token = await self._store.token(parts[0]) if parts else None
        given = hashlib.sha256(parts[1].encode()).digest() if parts else b""
        if token is None or not secrets.compare_digest(token.hash, given):
            raise NotSignedIn("the token is not valid", code="token-wrong")
        now = int(self._clock() * 1_000_000)
        user = await self._store.user(token.user)
        role = rules.role_now(token, user, now)
        if not role:
            raise NotSignedIn("the token has expired: sign in again", code="token-expired")
        if now - token.last_used > TOUCH_EVERY * 1_000_000:
            await self._touch(token.id, now)
        return Actor(token.user, role, address, token.id)

    async def _touch(self, id: str, now: int) -> None:
        """A hub whose disk is full can still be looked at."""
        try:
            await self._store.touch_token(id, now)
        except StoreError as error:
            log.warning("when token %s was used could not be noted: %s", id, error)

    def require(self, actor: Actor, role: str) -> None:
        """Raise Forbidden unless the actor's role includes `role`."""
        rules.require(actor, role)

    # ---- users

    async def ensure_admin(self, name: str = "admin") -> tuple[str, str] | None:
        """On a hub without users: make an admin and return the name and a one-time password; None otherwise."""
        async with self._changing:
            if await self._store.users():
                return None
            password = rules.one_time_password()
            user = User(name, ADMIN, await self._hash(password), self._now_us(), must_change=True)
            async with self._audit.record(HUB, "user.add", name, {"role": ADMIN}):
                await self._store.add_user(user)
            return name, password

    async def users(self) -> list[User]:
        return sorted(await self._store.users(), key=lambda user: user.name)

    async def add_user(self, name: str, role: str, password: str, actor: Actor) -> tuple[User, str]:
        """Add a user; with an empty password one is made, returned, and must be changed at the first sign-in."""
        rules.require(actor, ADMIN)
        rules.check_user_name(name)
        rules.check_role(role)
        made = "" if password else rules.one_time_password()
        if password:
            rules.check_password(password, name)
        async with self._changing:
            if len(await self._store.users()) >= MAX_USERS:
                raise Conflict(f"a hub has at most {MAX_USERS} users", code="limit", limit=MAX_USERS)
            async with self._audit.record(actor, "user.add", name, {"role": role}):
                if await self._store.user(name) is not None:
                    raise Conflict(f"there is a user {name} already", code="name-taken", field="name")
                user = User(name, role, await self._hash(password or made), self._now_us(), must_change=bool(made))
                await self._store.add_user(user)
        return user, made

    async def change_user(self, name: str, actor: Actor, *, role: str | None = None, password: str | None = None,
                          disabled: bool | None = None) -> tuple[User, str]:
        """Change what is given. An empty password makes a one-time one, which is returned. A new password, and
        disabling, end the user's logins. Raises NotFound, Conflict `last-admin`, BadRequest."""
        rules.require(actor, ADMIN)
        made = rules.one_time_password() if password == "" else ""
        detail = {"role": role, "disabled": disabled, "password": None if password is None else "changed"}
        async with self._changing:
            user = await self._user(name)
            changes: dict = {}
            if role is not None:
                changes["role"] = rules.check_role(role)
            if disabled is not None:
                changes["disabled"] = self._now_us() if disabled else 0
            wanted = replace(user, **changes)
            rules.keeps_an_admin(await self._store.users(), name, wanted.role, bool(wanted.disabled))
            if password:
                rules.check_password(password, name)
            shown = {key: value for key, value in detail.items() if value is not None}
            async with self._audit.record(actor, "user.change", name, shown):
                if password is not None:
                    changes |= {"password_hash": await self._hash(password or made), "must_change": bool(made)}
                if changes and not await self._store.update_user(name, **changes):
                    raise NotFound(f"there is no user {name}")
                if password is not None or disabled:
                    await self._end_logins(name)
        return replace(user, **changes), made

    async def remove_user(self, name: str, actor: Actor) -> None:
        """Remove a user and everything that signs in as them."""
        rules.require(actor, ADMIN)
        async with self._changing:
            await self._user(name)
            rules.keeps_an_admin(await self._store.users(), name, "", False)
            async with self._audit.record(actor, "user.remove", name):
                await self._store.remove_tokens_of(name)
                await self._store.remove_user(name)

    # ---- tokens of programs

    async def tokens(self, actor: Actor) -> list[ApiToken]:
        """The actor's own tokens and logins; everyone's for an admin."""
        owner = "" if rules.allows(actor.role, ADMIN) else actor.name
        return sorted(await self._store.tokens(owner), key=lambda token: (token.user, token.created))

    async def add_token(self, actor: Actor, note: str, role: str = "", ttl: int = 0) -> tuple[str, ApiToken]:
        """Make a token of the actor's own, with at most their role, for `ttl` seconds (0: until it is revoked)."""
        rules.check_note(note)
        role = rules.check_role(role or actor.role)
        if not rules.allows(actor.role, role):
            raise Forbidden(f"you are {actor.role} and can't give out the role {role}")
        if not 0 <= ttl <= MAX_TOKEN_TTL:
            raise BadRequest(f"a token lasts 0 (for ever) to {MAX_TOKEN_TTL} seconds", field="ttl", limit=MAX_TOKEN_TTL)
        async with self._changing:
            if len(await self._store.tokens(actor.name)) >= MAX_TOKENS_PER_USER:
                raise Conflict(f"a user has at most {MAX_TOKENS_PER_USER} tokens: revoke one first",
                               code="limit", limit=MAX_TOKENS_PER_USER)
            text, token = self._new_token(actor.name, role, ttl, note, "token")
            async with self._audit.record(actor, "api-token.add", token.id, {"role": role, "ttl": ttl, "note": note}):
                await self._store.add_token(token)
        return text, token

    async def remove_token(self, id: str, actor: Actor) -> None:
        """Revoke one of one's own tokens, or anyone's for an admin; others' look as if they weren't there."""
        token = await self._store.token(id)
        if token is None or (token.user != actor.name and not rules.allows(actor.role, ADMIN)):
            raise NotFound(f"there is no token {id}")
        async with self._audit.record(actor, "api-token.remove", id, {"user": token.user}):
            await self._store.remove_token(id)

    # ---- inner

    def _count_attempt(self, name: str, address: str) -> list[tuple[Attempts, str]]:
        """Count the attempt in all books before any work is done; raises TooMany."""
        now, place, short = self._clock(), network_of(address), name[:MAX_NAME].lower()
        taken: list[tuple[Attempts, str]] = []
        for book, key in ((self._addresses, place), (self._pairs, f"{short}\0{place}"), (self._users, short)):
            wait = book.take(key, now)
            if wait:
                raise TooMany(f"too many attempts to sign in: wait {int(wait) + 1} s", retry=int(wait) + 1)
            taken.append((book, key))
        return taken

    async def _password_holds(self, password: str, user: User | None) -> bool:
        if len(password) > rules.MAX_PASSWORD:
            password = ""
        return await self._in_thread(_verify, self._hasher, user.password_hash if user else self._nobody, password)

    async def _hash(self, password: str) -> str:
        return await self._in_thread(self._hasher.hash, password)

    async def _in_thread(self, work: Callable, *arguments: object) -> object:
        if self._waiting >= HASHES_WAITING:
            raise TooMany("too many people are signing in right now", retry=5)
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1

    async def _change_own_password(self, actor: Actor, user: User, old: str, new: str) -> User:
        rules.check_password(new, user.name, "new_password")
        if new == old:
            raise BadRequest("the new password is the old one", field="new_password")
        async with self._audit.record(actor, "user.password", user.name):
            changes = {"password_hash": await self._hash(new), "must_change": False}
            if not await self._store.update_user(user.name, **changes):
                raise NotFound(f"there is no user {user.name}")
            await self._end_logins(user.name, spare=actor.token_id)
        return replace(user, **changes)

    async def _end_logins(self, name: str, spare: str = "") -> None:
        for token in await self._store.tokens(name):
            if token.kind == "login" and token.id != spare:
                await self._store.remove_token(token.id)

    async def _make_room(self, name: str) -> None:
        tokens = sorted(await self._store.tokens(name), key=lambda token: token.created)
        now = self._now_us()
        logins = [token for token in tokens if token.kind == "login"]
        gone = [token for token in logins if token.expires and token.expires <= now]
        if len(tokens) - len(gone) >= MAX_TOKENS_PER_USER:
            gone += [token for token in logins if token not in gone][:1]
        for token in gone:
            await self._store.remove_token(token.id)

    def _new_token(self, user: str, role: str, ttl: int, note: str, kind: str) -> tuple[str, ApiToken]:
        id, secret = rules.new_token_id(), secrets.token_urlsafe(32)
        now = self._now_us()
        row = ApiToken(id=id, hash=hashlib.sha256(secret.encode()).digest(), user=user, role=role, created=now,
                       expires=now + ttl * 1_000_000 if ttl else 0, note=note, kind=kind)
        return rules.token_text(id, secret), row

    async def _user(self, name: str) -> User:
        user = await self._store.user(name)
        if user is None:
            raise NotFound(f"there is no user {name}")
        return user

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


def _known(who: Actor, user: User) -> Actor:
    """The same caller, now known to be `user`."""
    return replace(who, name=user.name, role=user.role)


def network_of(address: str) -> str:
    """What attempts are counted by: an IPv4 address, or the /64 that one IPv6 customer gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 6 and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _verify(hasher: PasswordHasher, held: str, password: str) -> bool:
    try:
        return hasher.verify(held, password)
    except (VerificationError, InvalidHashError):
        return False
