"""Who may do what: roles, names, passwords and credentials, as pure rules.

- Roles are a ladder: viewer looks; operator acts on nodes; admin manages people, tokens and the hub.
- A credential never carries more than its owner has: its role is the lower of both, looked up anew at each use.
- The hub always keeps one admin who can sign in.
"""

import re
import secrets
from dataclasses import dataclass

from dvic_hub.domain.model import ROLES, ApiToken, User
from dvic_hub.errors import BadRequest, Conflict, Forbidden
from dvic_wire.limits import MAX_NAME

VIEWER, OPERATOR, ADMIN = ROLES
PUBLIC = "public"
"""What a route declares that needs no credential."""

MIN_PASSWORD = 10
"""Characters of a password."""

MAX_PASSWORD = 256
"""Characters of a password; bounds the work of hashing it."""

MAX_NOTE = 200
"""Characters of the note on a token."""

TOKEN_PREFIX = "dvic"

USER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]*$"
"""What a user's name is made of: it stands in URLs, in the audit log and on terminals."""

_NAME = re.compile(USER_NAME.removesuffix("$") + r"\Z")
_TOKEN_ID = re.compile(r"[a-z0-9]{12}\Z")
_TOKEN_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True)
class Actor:
    """Who asks: the name, the role that counts now, where from, and by which credential ("" for the hub itself)."""

    name: str
    role: str
    address: str = ""
    token_id: str = ""


HUB = Actor("hub", ADMIN)
"""The hub's own doings in the audit log."""


def allows(role: str, needed: str) -> bool:
    """True when `role` includes `needed`; an unknown role on either side allows nothing."""
    return role in ROLES and needed in ROLES and ROLES.index(role) >= ROLES.index(needed)


def require(actor: Actor, needed: str) -> None:
    """Raise Forbidden unless the actor's role includes `needed`."""
    if not allows(actor.role, needed):
        raise Forbidden(f"this needs the role {needed}, you have {actor.role}")


def lower_role(one: str, other: str) -> str:
    """The lesser of two roles."""
    return min(one, other, key=ROLES.index)


def check_role(role: str) -> str:
    """Return the role, or raise BadRequest that lists the roles."""
    if role not in ROLES:
        raise BadRequest(f"there is no role {role!r} (there are {', '.join(ROLES)})", field="role")
    return role


def is_user_name(name: str) -> bool:
    """True when a user could have this name."""
    return len(name) <= MAX_NAME and _NAME.match(name) is not None


def check_user_name(name: str) -> str:
    """Return the name, or raise BadRequest."""
    if not 1 <= len(name) <= MAX_NAME:
        raise BadRequest(f"a user's name has 1 to {MAX_NAME} characters", field="name", limit=MAX_NAME)
    if not _NAME.match(name):
        raise BadRequest("a user's name is letters, digits and . _ @ - and begins with a letter or digit", field="name")
    return name


def check_password(password: str, name: str, field: str = "password") -> str:
    """Return the password, or raise BadRequest that says what it lacks."""
    if len(password) < MIN_PASSWORD:
        raise BadRequest(f"a password has at least {MIN_PASSWORD} characters", field=field, limit=MIN_PASSWORD)
    if len(password) > MAX_PASSWORD:
        raise BadRequest(f"a password has at most {MAX_PASSWORD} characters", field=field, limit=MAX_PASSWORD)
    if name.lower() in password.lower() and len(password) < len(name) + MIN_PASSWORD:
        raise BadRequest("a password must not be little more than the user's name", field=field)
    if len(set(password)) < 4:
        raise BadRequest("a password has at least 4 different characters", field=field, limit=4)
    return password


def check_note(note: str) -> str:
    """Return the note, or raise BadRequest."""
    if len(note) > MAX_NOTE:
        raise BadRequest(f"a note has at most {MAX_NOTE} characters", field="note", limit=MAX_NOTE)
    return note


def one_time_password() -> str:
    """A password to be changed at the first sign-in: 20 letters that are hard to confuse, over 110 bits."""
    return "-".join("".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(5)) for _ in range(4))


def new_token_id() -> str:
    """The public part of a token: 60 random bits, so that a row can be found without searching by the secret."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(12))


def token_text(id: str, secret: str, prefix: str = TOKEN_PREFIX) -> str:
    """What the person gets, once."""
    return f"{prefix}_{id}_{secret}"


def split_token(text: str, kind: str = TOKEN_PREFIX) -> tuple[str, str] | None:
    """The id and the secret of a token's text; None when it can't be one."""
    prefix, _, rest = text.partition("_")
    id, _, secret = rest.partition("_")
    if prefix != kind or not _TOKEN_ID.match(id) or not _TOKEN_SECRET.match(secret):
        return None
    return id, secret


def role_now(token: ApiToken, user: User | None, now: int) -> str:
    """The role that a token gives at `now` (us): the lower of its own and its owner's; "" when it gives none."""
    if user is None or user.disabled or (token.expires and token.expires <= now):
        return ""
    return lower_role(token.role, user.role)


def keeps_an_admin(users: list[User], name: str, role: str, disabled: bool) -> None:
    """Raise Conflict when giving `name` this role and state ("" role: removing it) takes away the last active admin."""
    admins = {user.name for user in users if user.role == ADMIN and not user.disabled}
    if admins == {name} and (role != ADMIN or disabled):
        raise Conflict(f"{name} is the only admin left: make another one first", code="last-admin")
