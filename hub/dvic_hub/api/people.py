"""Signing in, users and the tokens of programs."""

from typing import Annotated, Literal

import msgspec
from aiohttp import web

from dvic_hub.api.credentials import sign_in_cookie, sign_out_cookie
from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Name, Note, Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.model import ROLES, ApiToken, User
from dvic_hub.domain.people import MAX_PASSWORD, USER_NAME
from dvic_hub.services.people import LOGIN_TTL, MAX_TOKEN_TTL
from dvic_wire.limits import MAX_NAME

Password = Annotated[str, msgspec.Meta(max_length=MAX_PASSWORD)]
Role = Literal[ROLES]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME, pattern=USER_NAME)]
Ttl = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKEN_TTL, description="Seconds that it lasts; 0: until it is revoked.")]


class LoginBody(msgspec.Struct, forbid_unknown_fields=True):
    """`new_password` replaces the password; it is needed when that was good for one sign-in."""

    user: Name
    password: Password
    new_password: Password = ""
    note: Note = ""


class LoginAnswer(msgspec.Struct):
    """`token` is what to send as `Authorization: Bearer` from now on; it is shown this once."""

    token: str
    user: str
    role: str
    expires: Time | None


class Me(msgspec.Struct):
    """Whom the token that was sent stands for."""

    user: str
    role: str
    token: str
    address: str


class OwnPassword(msgspec.Struct, forbid_unknown_fields=True):
    """`password` is the one that holds."""

    password: Password
    new_password: Password


class UserItem(msgspec.Struct):
    """`must_change`: the password is good for one sign-in. `disabled`: since when, or null."""

    name: str
    role: str
    created: Time | None
    must_change: bool
    disabled: Time | None


class UserList(msgspec.Struct):
    items: list[UserItem]
    next: str


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """Without a password one is made, shown in the answer, and must be changed at the first sign-in."""

    name: UserName
    role: Role
    password: Password = ""


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is absent stays. An empty password makes a one-time one, shown in the answer."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class UserAnswer(msgspec.Struct, omit_defaults=True):
    """`password`: the one-time password, when one was made."""

    user: UserItem
    password: str = ""


class ApiTokenItem(msgspec.Struct):
    """`kind`: token, or login for what a sign-in made. `current`: the one that this request came with."""

    id: str
    user: str
    role: str
    kind: str
    note: str
    created: Time | None
    expires: Time | None
    last_used: Time | None
    current: bool


class ApiTokenList(msgspec.Struct):
    items: list[ApiTokenItem]
    next: str


class NewApiToken(msgspec.Struct, forbid_unknown_fields=True):
    """`role`: at most your own, which it is when absent."""

    note: Note
    role: Literal[("", *ROLES)] = ""
    ttl: Ttl = 0


class ApiTokenAnswer(msgspec.Struct):
    """`token` is shown this once."""

    id: str
    token: str
    role: str
    note: str
    expires: Time | None


async def login(doors: Doors, call: Call) -> LoginAnswer:
    body: LoginBody = call.body
    made = await doors.people.sign_in(body.user, body.password, call.address,
                                      new_password=body.new_password, note=body.note)
    return LoginAnswer(made.text, made.user.name, made.token.role, show_time(made.token.expires))


async def logout(doors: Doors, call: Call) -> None:
    await doors.people.sign_out(call.actor)


async def begin_session(doors: Doors, call: Call) -> web.Response:
    """As login, for the hub's own page: the token goes into a cookie that no script can read."""
    body: LoginBody = call.body
    made = await doors.people.sign_in(body.user, body.password, call.address,
                                      new_password=body.new_password, note=body.note or "web page")
    who = Me(made.user.name, made.token.role, made.token.id, call.address)
    response = web.json_response(body=msgspec.json.encode(who))
    sign_in_cookie(response, doors, made.text, LOGIN_TTL)
    return response


async def end_session(doors: Doors, call: Call) -> web.Response:
    await doors.people.sign_out(call.actor)
    response = web.Response(status=204)
    sign_out_cookie(response, doors)
    return response


async def end_logins(doors: Doors, call: Call) -> web.Response:
    await doors.people.sign_out_everywhere(call.actor)
    response = web.Response(status=204)
    sign_out_cookie(response, doors)
    return response


async def me(doors: Doors, call: Call) -> Me:
    return Me(call.actor.name, call.actor.role, call.actor.token_id, call.address)


async def change_own_password(doors: Doors, call: Call) -> None:
    """Other sign-ins end, this one and tokens for programs go on."""
    body: OwnPassword = call.body
    await doors.people.change_own_password(call.actor, body.password, body.new_password)


async def list_users(doors: Doors, call: Call) -> UserList:
    shown, following = page_of(await doors.people.users(), lambda user: user.name, call.query)
    return UserList([show_user(user) for user in shown], following)


async def add_user(doors: Doors, call: Call) -> UserAnswer:
    body: NewUser = call.body
    user, made = await doors.people.add_user(body.name, body.role, body.password, call.actor)
    return UserAnswer(show_user(user), made)


async def change_user(doors: Doors, call: Call) -> UserAnswer:
    body: UserChange = call.body
    user, made = await doors.people.change_user(call.path["user"], call.actor, role=body.role, password=body.password,
                                                disabled=body.disabled)
    return UserAnswer(show_user(user), made)


async def remove_user(doors: Doors, call: Call) -> None:
    await doors.people.remove_user(call.path["user"], call.actor)


async def list_api_tokens(doors: Doors, call: Call) -> ApiTokenList:
    tokens = await doors.people.tokens(call.actor)
    shown, following = page_of(tokens, lambda token: f"{token.user}/{token.created:020d}/{token.id}", call.query)
    return ApiTokenList([show_token(token, call) for token in shown], following)


async def add_api_token(doors: Doors, call: Call) -> ApiTokenAnswer:
    body: NewApiToken = call.body
    text, token = await doors.people.add_token(call.actor, body.note, body.role, body.ttl)
    return ApiTokenAnswer(token.id, text, token.role, token.note, show_time(token.expires))


async def remove_api_token(doors: Doors, call: Call) -> None:
    await doors.people.remove_token(call.path["token"], call.actor)


def show_user(user: User) -> UserItem:
    """A user as the API shows one: never the password's hash."""
    return UserItem(user.name, user.role, show_time(user.created), user.must_change, show_time(user.disabled))


def show_token(token: ApiToken, call: Call) -> ApiTokenItem:
    """A token as the API shows one: never its secret or hash."""
    return ApiTokenItem(token.id, token.user, token.role, token.kind, token.note, show_time(token.created),
                        show_time(token.expires), show_time(token.last_used), token.id == call.actor.token_id)
