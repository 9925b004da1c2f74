"""People: Ada is admin, Otto operator, Vera viewer. Mallory has no business here."""

import asyncio
import hashlib
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from memory_store import MemoryStore

from dvic_hub.domain import people as rules
from dvic_hub.domain.attempts import Allowance, Attempts
from dvic_hub.domain.model import ApiToken, User
from dvic_hub.domain.people import ADMIN, OPERATOR, VIEWER, Actor
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound, NotSignedIn, TooMany
from dvic_hub.services import people
from dvic_hub.services.audit import AuditService
from dvic_hub.services.people import PeopleService, network_of

ADA = Actor("ada", ADMIN, "192.0.2.1")
PASSWORD = "correct horse battery"


class Scene:
    """A people service on a store in memory, with a clock of its own and a cheap hash."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.time = 1_800_000_000.0
        self.audit = AuditService(self.store.audit, lambda: self.time)
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.service = PeopleService(self.store.people, self.audit, lambda: self.time, hasher)

    async def add(self, name: str, role: str, password: str = PASSWORD) -> User:
        user, _ = await self.service.add_user(name, role, password, ADA)
        return user

    async def signed_in(self, name: str, password: str = PASSWORD) -> Actor:
        login = await self.service.sign_in(name, password, "192.0.2.7")
        return await self.service.authenticate(login.text, "192.0.2.7")

    async def trail(self) -> list[tuple[str, str, str]]:
        page = await self.audit.list(100)
        return [(entry.actor, entry.action, entry.outcome) for entry in reversed(page.items)]


def played(scene_of):
    def test():
        asyncio.run(scene_of(Scene()))

    test.__name__, test.__doc__ = scene_of.__name__, scene_of.__doc__
    return test


# ---- rules

def test_each_role_includes_the_one_before():
    assert [rules.allows(OPERATOR, needed) for needed in (VIEWER, OPERATOR, ADMIN)] == [True, True, False]


@pytest.mark.parametrize(("role", "needed"), [("", VIEWER), ("root", VIEWER), (ADMIN, "root"), (ADMIN, "")])
def test_an_unknown_role_allows_nothing(role, needed):
    assert not rules.allows(role, needed)


@pytest.mark.parametrize("name", ["ada", "a", "Ada.Lovelace@example.org", "x" * 64])
def test_a_plain_name_is_taken(name):
    assert rules.check_user_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "-rf", "a b", "a/b", "../x", "a\0", "a\n", "é", "a\u202e"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name):
    with pytest.raises(BadRequest) as refused:
        rules.check_user_name(name)
    assert refused.value.field == "name"


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "aaaaaaaaaaaaaaaa", "lovelace12"])
def test_a_poor_password_is_refused(password):
    with pytest.raises(BadRequest):
        rules.check_password(password, "lovelace")


def test_a_one_time_password_is_a_good_password_and_never_the_same():
    made = {rules.one_time_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        rules.check_password(password, "ada")


@pytest.mark.parametrize("text", ["", "dvic", "dvic__", "dvic_abc_def", "DVIC_aaaaaaaaaaaa_" + "x" * 43,
                                  "dvic_aaaaaaaaaaaa_" + "x" * 42, "dvic_aaaaaaaaaaaa_" + "x" * 43 + "\n",
                                  "dvic_aaaaaaaaaaa1_" + "é" * 43])
def test_what_is_no_token_is_known_without_asking_the_store(text):
    assert rules.split_token(text) is None


def test_a_token_never_gives_more_than_its_owner_has_now():
    token = ApiToken("id", b"", "otto", ADMIN, 0)
    otto = User("otto", OPERATOR, "", 0)
    assert rules.role_now(token, otto, 1) == OPERATOR
    assert rules.role_now(replace(token, role=VIEWER), otto, 1) == VIEWER
    assert rules.role_now(token, None, 1) == ""
    assert rules.role_now(token, replace(otto, disabled=1), 1) == ""
    assert rules.role_now(replace(token, expires=5), otto, 5) == ""


def test_attempts_come_back_with_time_and_are_remembered_for_a_bounded_number_of_keys():
    book = Attempts(Allowance(burst=2, seconds=10), max_keys=3)
    assert [book.take("a", 0) > 0 for _ in range(3)] == [False, False, True]
    assert book.take("a", 5) == pytest.approx(5)
    assert book.take("a", 10) == 0
    for key in "bcd":
        book.take(key, 11)
    assert book.take("a", 11) == 0, "forgotten: the least recently used key made room"


def test_a_good_attempt_is_given_back_and_a_clock_set_back_gives_nothing():
    book = Attempts(Allowance(burst=1, seconds=10))
    assert book.take("a", 100) == 0
    book.give_back("a", 100)
    assert book.take("a", 100) == 0
    assert book.take("a", 0) > 0


def test_one_customers_ipv6_addresses_count_as_one():
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("fe80::1%eth0") == "fe80::/64"


# ---- signing in

@played
async def test_the_first_start_makes_an_admin_once(scene):
    name, password = await scene.service.ensure_admin()
    assert await scene.service.ensure_admin() is None
    with pytest.raises(Forbidden) as refused:
        await scene.service.sign_in(name, password, "")
    assert refused.value.code == "password-change-needed"
    login = await scene.service.sign_in(name, password, "", new_password="a much better one")
    assert login.token.role == ADMIN
    with pytest.raises(NotSignedIn):
        await scene.service.sign_in(name, password, "")
    await scene.service.sign_in(name, "a much better one", "")


@played
async def test_a_one_time_password_can_not_be_kept(scene):
    _, made = await scene.service.add_user("vera", VIEWER, "", ADA)
    with pytest.raises(BadRequest) as refused:
        await scene.service.sign_in("vera", made, "", new_password=made)
    assert refused.value.field == "new_password"


@played
async def test_wrong_unknown_and_disabled_are_not_told_apart(scene):
    await scene.add("vera", VIEWER)
    await scene.add("gone", VIEWER)
    await scene.service.change_user("gone", ADA, disabled=True)
    said = set()
    for name, password in (("vera", "wrong password"), ("nobody", PASSWORD), ("gone", PASSWORD), ("' OR 1=1 --", "x")):
        with pytest.raises(NotSignedIn) as refused:
            await scene.service.sign_in(name, password, "192.0.2.9")
        said.add((str(refused.value), refused.value.code))
    assert len(said) == 1


@played
async def test_what_was_typed_in_place_of_a_name_is_not_written_down(scene):
    with pytest.raises(NotSignedIn):
        await scene.service.sign_in("my secret passphrase", "", "192.0.2.9")
    assert (await scene.trail())[-1] == ("(not a name)", "sign-in", "not-signed-in: refused")


@played
async def test_guessing_is_slowed_for_the_guesser_and_not_for_the_user(scene):
    await scene.add("vera", VIEWER)
    for _ in range(people.PAIR_ALLOWANCE.burst):
        with pytest.raises(NotSignedIn):
            await scene.service.sign_in("vera", "guess number 1", "203.0.113.5")
    with pytest.raises(TooMany) as refused:
        await scene.service.sign_in("vera", PASSWORD, "203.0.113.5")
    assert refused.value.retry >= 1
    assert await scene.service.sign_in("vera", PASSWORD, "192.0.2.7")
    scene.time += refused.value.retry
    assert await scene.service.sign_in("vera", PASSWORD, "203.0.113.5")


@played
async def test_guesses_at_the_same_moment_all_count(scene):
    await scene.add("vera", VIEWER)
    results = await asyncio.gather(*(scene.service.sign_in("vera", "guess number 1", "203.0.113.5") for _ in range(20)),
                                   return_exceptions=True)
    assert sum(isinstance(result, NotSignedIn) for result in results) == people.PAIR_ALLOWANCE.burst
    assert sum(isinstance(result, TooMany) for result in results) == 20 - people.PAIR_ALLOWANCE.burst


@played
async def test_only_a_hash_of_a_token_is_kept(scene):
    await scene.add("vera", VIEWER)
    login = await scene.service.sign_in("vera", PASSWORD, "")
    secret = login.text.split("_", 2)[2]
    assert login.token.hash == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(await scene.store.people.tokens())


@played
async def test_a_wrong_secret_with_a_known_id_is_refused(scene):
    await scene.add("vera", VIEWER)
    login = await scene.service.sign_in("vera", PASSWORD, "")
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(login.text[:-1] + ("a" if login.text[-1] != "a" else "b"))


@played
async def test_a_login_expires_and_signing_out_ends_it_at_once(scene):
    await scene.add("vera", VIEWER)
    first = await scene.service.sign_in("vera", PASSWORD, "")
    second = await scene.service.sign_in("vera", PASSWORD, "")
    await scene.service.sign_out(await scene.service.authenticate(first.text))
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(first.text)
    scene.time += people.LOGIN_TTL
    with pytest.raises(NotSignedIn) as refused:
        await scene.service.authenticate(second.text)
    assert refused.value.code == "token-expired"


@played
async def test_a_user_who_signs_in_for_ever_keeps_a_bounded_number_of_logins(scene):
    await scene.add("vera", VIEWER)
    for _ in range(people.MAX_TOKENS_PER_USER + 5):
        scene.time += 60
        newest = await scene.service.sign_in("vera", PASSWORD, "")
    assert len(await scene.store.people.tokens("vera")) == people.MAX_TOKENS_PER_USER
    assert await scene.service.authenticate(newest.text)


# ---- users

@played
async def test_only_an_admin_manages_people(scene):
    await scene.add("otto", OPERATOR)
    otto = await scene.signed_in("otto")
    for forbidden in (scene.service.add_user("mallory", ADMIN, PASSWORD, otto),
                      scene.service.change_user("otto", otto, role=ADMIN), scene.service.remove_user("otto", otto)):
        with pytest.raises(Forbidden):
            await forbidden


@played
async def test_the_last_admin_can_neither_go_nor_be_shut_out(scene):
    await scene.add("ada", ADMIN)
    for attempt in (scene.service.remove_user("ada", ADA), scene.service.change_user("ada", ADA, role=VIEWER),
                    scene.service.change_user("ada", ADA, disabled=True)):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "last-admin"
    await scene.add("grace", ADMIN)
    await scene.service.change_user("ada", ADA, role=VIEWER)


@played
async def test_two_admins_who_remove_each_other_at_once_do_not_both_succeed(scene):
    await scene.add("ada", ADMIN)
    await scene.add("grace", ADMIN)
    results = await asyncio.gather(scene.service.remove_user("ada", ADA), scene.service.remove_user("grace", ADA),
                                   return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]


@played
async def test_disabling_a_user_stops_all_their_tokens_and_enabling_gives_back_those_of_programs(scene):
    await scene.add("ada", ADMIN)
    await scene.add("otto", OPERATOR)
    login = await scene.service.sign_in("otto", PASSWORD, "")
    otto = await scene.service.authenticate(login.text)
    program, _ = await scene.service.add_token(otto, "ci")
    await scene.service.change_user("otto", ADA, disabled=True)
    for text in (login.text, program):
        with pytest.raises(NotSignedIn):
            await scene.service.authenticate(text)
    await scene.service.change_user("otto", ADA, disabled=False)
    assert (await scene.service.authenticate(program)).role == OPERATOR
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(login.text)


@played
async def test_a_lower_role_counts_at_once_for_tokens_that_exist(scene):
    await scene.add("ada", ADMIN)
    await scene.add("otto", OPERATOR)
    login = await scene.service.sign_in("otto", PASSWORD, "")
    await scene.service.change_user("otto", ADA, role=VIEWER)
    assert (await scene.service.authenticate(login.text)).role == VIEWER


@played
async def test_a_reset_password_ends_logins_and_is_good_for_one_sign_in(scene):
    await scene.add("ada", ADMIN)
    await scene.add("vera", VIEWER)
    login = await scene.service.sign_in("vera", PASSWORD, "")
    user, made = await scene.service.change_user("vera", ADA, password="")
    assert made and user.must_change
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(login.text)
    with pytest.raises(Forbidden):
        await scene.service.sign_in("vera", made, "")


@played
async def test_removing_a_user_removes_what_signs_in_as_them(scene):
    await scene.add("ada", ADMIN)
    await scene.add("vera", VIEWER)
    login = await scene.service.sign_in("vera", PASSWORD, "")
    await scene.service.remove_user("vera", ADA)
    await scene.add("vera", VIEWER)
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(login.text)


@played
async def test_a_taken_name_and_an_unknown_user_are_named(scene):
    await scene.add("vera", VIEWER)
    with pytest.raises(Conflict) as taken:
        await scene.add("vera", ADMIN)
    assert taken.value.code == "name-taken"
    with pytest.raises(NotFound):
        await scene.service.change_user("nobody", ADA, role=VIEWER)


# ---- tokens of programs

@played
async def test_nobody_gives_out_more_than_they_have(scene):
    await scene.add("otto", OPERATOR)
    otto = await scene.signed_in("otto")
    text, token = await scene.service.add_token(otto, "reader", VIEWER, 60)
    assert (await scene.service.authenticate(text)).role == VIEWER
    with pytest.raises(Forbidden):
        await scene.service.add_token(otto, "more", ADMIN)
    reader = await scene.service.authenticate(text)
    with pytest.raises(Forbidden):
        await scene.service.add_token(reader, "climbing", OPERATOR)
    scene.time += 60
    with pytest.raises(NotSignedIn):
        await scene.service.authenticate(text)


@played
async def test_others_tokens_are_neither_seen_nor_revoked_but_by_an_admin(scene):
    await scene.add("otto", OPERATOR)
    await scene.add("vera", VIEWER)
    otto, vera = await scene.signed_in("otto"), await scene.signed_in("vera")
    _, token = await scene.service.add_token(otto, "ci")
    assert {known.user for known in await scene.service.tokens(vera)} == {"vera"}
    with pytest.raises(NotFound):
        await scene.service.remove_token(token.id, vera)
    assert {known.user for known in await scene.service.tokens(ADA)} == {"otto", "vera"}
    await scene.service.remove_token(token.id, ADA)
    with pytest.raises(NotFound):
        await scene.service.remove_token(token.id, otto)


@played
async def test_when_a_token_was_used_is_noted_once_a_minute(scene):
    await scene.add("vera", VIEWER)
    login = await scene.service.sign_in("vera", PASSWORD, "")
    await scene.service.authenticate(login.text)
    first = (await scene.store.people.token(login.token.id)).last_used
    scene.time += people.TOUCH_EVERY / 2
    await scene.service.authenticate(login.text)
    assert (await scene.store.people.token(login.token.id)).last_used == first
    scene.time += people.TOUCH_EVERY
    await scene.service.authenticate(login.text)
    assert (await scene.store.people.token(login.token.id)).last_used > first


@played
async def test_everything_that_changes_is_in_the_audit_log_and_no_secret_is(scene):
    await scene.add("ada", ADMIN)
    await scene.add("vera", VIEWER)
    vera = await scene.signed_in("vera")
    text, token = await scene.service.add_token(vera, "ci")
    await scene.service.remove_token(token.id, vera)
    await scene.service.change_user("vera", ADA, password="another good one")
    await scene.service.remove_user("vera", ADA)
    assert [action for _, action, _ in await scene.trail()] == [
        "user.add", "user.add", "sign-in", "api-token.add", "api-token.remove", "user.change", "user.remove"]
    written = repr((await scene.audit.list(100)).items)
    assert text.split("_", 2)[2] not in written and PASSWORD not in written and "another good one" not in written
