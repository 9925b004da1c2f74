"""Joining: tokens, the two signatures, names, and keys that never come back."""

import asyncio

import pytest
from hub_parts import ADMIN, HUB_KEY, NOW, OPERATOR, HubParts, Line, key_of, with_hub
from hypothesis import given
from hypothesis import strategies as st

from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.domain.model import Token
from dvic_hub.domain.naming import check_name, check_tags, free_name
from dvic_hub.errors import BadRequest, Conflict, Forbidden, Gone, HubError, NotFound, StoreFull
from dvic_hub.services.enrolment import MAX_TOKENS
from dvic_wire.errors import MalformedMessage, WireError
from dvic_wire.limits import MAX_NAME
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey, PublicKey, Purpose, sign, verify
from dvic_wire.tokens import EnrolmentToken

NONCE = "n" * 22


async def token(hub: HubParts, **options) -> EnrolmentToken:
    given = {"ttl": 3600, "uses": 1, "tags": {}, "note": "", **options}
    return EnrolmentToken.decode((await hub.enrolment.create_token(actor=OPERATOR, **given))[0])


def request(secret: EnrolmentToken, number: int = 0, *, name="ada", now=NOW, hub=HUB_KEY.fingerprint, signer=None,
            inner=None, purpose=Purpose.ENROL_TOKEN, **outer) -> str:
    """A request to join, right unless `inner` changes what the node signs, or a keyword what the token signs."""
    key = key_of(number)
    proof = sign(key, Purpose.ENROL_NODE, {"iss": key.public.node_id, "jwk": key.public.jwk(), "aud": hub,
                                           "token": secret.id, "nonce": NONCE, **(inner or {})}, now=now, ttl=300)
    return sign(signer or secret.key, purpose, {
        "iss": secret.id, "token_jwk": secret.key.public.jwk(), "aud": hub, "nonce": NONCE, "name": name,
        "facts": {"os": "debian 12"}, "node": proof, **outer}, now=now, ttl=300)


async def refused(hub: HubParts, jws: str, code: str) -> None:
    with pytest.raises((HubError, WireError)) as error:
        await hub.enrolment.enrol(jws, "10.0.0.9")
    assert error.value.code == code, error.value
    assert await hub.store.nodes.all() == []


# ---- joining

def test_a_machine_with_a_token_joins_and_gets_a_signed_answer():
    async def test(hub):
        secret = await token(hub, tags={"room": "lab"})
        reply = await hub.enrolment.enrol(request(secret), "10.0.0.9")
        node = key_of(0).public.node_id
        claims = verify(reply, HUB_KEY.public, Purpose.ENROLLED, audience=node, now=NOW)
        assert (claims["iss"], claims["nonce"], claims["name"], claims["time"]) == (
            HUB_KEY.fingerprint, NONCE, "ada", int(NOW * 1e6))
        assert PublicKey.from_jwk(claims["jwk"]) == HUB_KEY.public
        view = hub.fleet.view("ada")
        assert (view.id, view.tags, view.os, view.state) == (node, {"room": "lab"}, "debian 12", "never")
        assert ("node.enrol", "ok: ada") in hub.audited()
    with_hub(test)


def test_the_hub_keeps_nothing_from_which_a_token_could_be_made():
    async def test(hub):
        text, row = await hub.enrolment.create_token(3600, 1, {}, "", OPERATOR)
        secret = EnrolmentToken.decode(text)
        assert row.id == secret.id
        kept = repr(hub.store.tokens.rows) + repr(hub.store.audit.entries)
        assert text not in kept and text.split(".")[1] not in kept and secret.seed.hex() not in kept
    with_hub(test)


def test_the_same_machine_may_ask_again_and_uses_nothing_up():
    async def test(hub):
        secret = await token(hub)
        for _ in range(3):
            await hub.enrolment.enrol(request(secret), "10.0.0.9")
        await refused_other(hub, secret, "token-used")
        assert len(await hub.store.nodes.all()) == 1
    with_hub(test)


async def refused_other(hub, secret, code):
    with pytest.raises(Gone) as error:
        await hub.enrolment.enrol(request(secret, 1), "10.0.0.9")
    assert error.value.code == code


def test_a_token_lets_in_as_many_machines_as_it_has_uses_even_at_once():
    async def test(hub):
        secret = await token(hub, uses=3)
        answers = await asyncio.gather(*(hub.enrolment.enrol(request(secret, number), "x") for number in range(8)),
                                       return_exceptions=True)
        assert sum(isinstance(answer, str) for answer in answers) == 3
        assert {error.code for error in answers if not isinstance(error, str)} == {"token-used"}
        names = sorted(node.name for node in await hub.store.nodes.all())
        assert names == ["ada", "ada-2", "ada-3"]
    with_hub(test)


def test_a_token_without_a_count_lets_everyone_in_until_it_expires():
    async def test(hub):
        secret = await token(hub, uses=-1, ttl=60)
        for number in range(5):
            await hub.enrolment.enrol(request(secret, number), "x")
        hub.clock.now += 61
        with pytest.raises(Gone) as error:
            await hub.enrolment.enrol(request(secret, 6, now=NOW + 61), "x")
        assert error.value.code == "token-expired"
    with_hub(test)


def test_a_revoked_token_is_refused_and_revoking_twice_says_so():
    async def test(hub):
        secret = await token(hub)
        assert await hub.enrolment.revoke_token(secret.id, OPERATOR)
        assert not await hub.enrolment.revoke_token(secret.id, OPERATOR)
        assert not await hub.enrolment.revoke_token("none", OPERATOR)
        await refused(hub, request(secret), "token-revoked")
    with_hub(test)


def test_a_token_of_another_hub_is_refused():
    async def test(hub):
        foreign = EnrolmentToken.make("http://other", "f" * 43)
        await refused(hub, request(foreign, hub="f" * 43), "wrong-hub")
        await refused(hub, request(foreign), "token-unknown")
    with_hub(test)


def test_a_machine_with_a_wrong_clock_is_told_the_hubs():
    async def test(hub):
        secret = await token(hub)
        for wrong in (NOW - 3600, NOW + 3600):
            with pytest.raises(BadRequest, match=str(int(NOW))) as error:
                await hub.enrolment.enrol(request(secret, now=wrong), "x")
            assert error.value.code == "clock"
    with_hub(test)


@pytest.mark.parametrize(("code", "changes"), [
    ("signature", {"signer": key_of(9)}),
    ("signature", {"purpose": Purpose.ENROL_NODE}),
    ("token-unknown", {"iss": "another"}),
    ("token-unknown", {"token_jwk": key_of(9).public.jwk()}),
    ("malformed", {"token_jwk": None}),
    ("malformed", {"token_jwk": {"kty": "RSA"}}),
    ("malformed", {"nonce": "short"}),
    ("malformed", {"nonce": 3}),
    ("malformed", {"node": None}),
    ("malformed", {"node": "a.b"}),
    ("malformed", {"facts": []}),
    ("malformed", {"name": 3}),
    ("signature", {"inner": {"nonce": "m" * 22}}),
    ("signature", {"inner": {"token": "another"}}),
    ("signature", {"inner": {"iss": key_of(9).public.node_id}}),
    ("signature", {"inner": {"jwk": key_of(9).public.jwk()}}),
    ("malformed", {"inner": {"jwk": {**key_of(0).public.jwk(), "d": "x"}}}),
    ("signature", {"inner": {"aud": "another"}}),
])
def test_a_request_that_does_not_hold_is_refused(code, changes):
    async def test(hub):
        await refused(hub, request(await token(hub), **changes), code)
    with_hub(test)


@pytest.mark.parametrize("jws", ["", "x", "a.b.c", "e30.e30." + "A" * 86, "é.é.é"])
def test_rubbish_is_refused(jws):
    async def test(hub):
        with pytest.raises((HubError, MalformedMessage)):
            await hub.enrolment.enrol(jws, "x")
    with_hub(test)


def test_with_a_full_disk_nobody_joins_and_the_token_is_good_afterwards():
    async def test(hub):
        secret = await token(hub)
        hub.store.full = True
        with pytest.raises(StoreFull):
            await hub.enrolment.enrol(request(secret), "x")
        hub.store.full = False
        assert await hub.enrolment.enrol(request(secret), "x")
    with_hub(test)


def test_a_full_hub_takes_no_more_but_knows_its_own():
    async def test(hub):
        secret = await token(hub, uses=-1)
        for number in range(20):
            await hub.enrolment.enrol(request(secret, number), "x")
        with pytest.raises(Conflict):
            await hub.enrolment.enrol(request(secret, 21), "x")
        assert await hub.enrolment.enrol(request(secret, 3), "x")
    with_hub(test)


@pytest.mark.parametrize("options", [{"ttl": 0}, {"ttl": 10**9}, {"uses": 0}, {"uses": -2}, {"tags": {"": "x"}},
                                     {"tags": {"a b": "x"}}, {"tags": {"a": "x" * 65}}])
def test_a_token_beyond_its_bounds_is_refused(options):
    async def test(hub):
        with pytest.raises(BadRequest) as error:
            await token(hub, **options)
        assert error.value.field == next(iter(options))
    with_hub(test)


def test_ten_thousand_tokens_are_kept_and_those_that_are_over_make_room():
    async def test(hub):
        for number in range(MAX_TOKENS):
            await hub.store.tokens.add(Token(f"t{number}", int((NOW + 3600) * 1e6), 1, {}, 1, "ada"))
        with pytest.raises(Conflict) as error:
            await token(hub)
        assert (error.value.code, error.value.limit) == ("limit", MAX_TOKENS) and "revoke" in str(error.value)
        await hub.enrolment.revoke_token("t7", OPERATOR)
        secret = await token(hub)
        assert len(await hub.enrolment.tokens()) == MAX_TOKENS
        hub.clock.now += 3601
        await refused(hub, request(secret, now=hub.clock.now), "token-expired")
        await token(hub)
        assert len(await hub.enrolment.tokens()) == 1
        await refused(hub, request(secret, now=hub.clock.now), "token-unknown")
    with_hub(test)


# ---- nodes

def test_a_revoked_key_is_cut_off_and_never_comes_back():
    async def test(hub):
        secret = await token(hub, uses=-1)
        await hub.enrolment.enrol(request(secret), "x")
        node = hub.fleet.view("ada").node
        line = await hub.connect(node)
        await hub.enrolment.revoke(node.id, ADMIN)
        assert line.closed[0] == "revoked" and hub.fleet.view("ada").state == "revoked"
        with pytest.raises(Forbidden) as error:
            await hub.enrolment.enrol(request(secret), "x")
        assert error.value.code == "key-forbidden"
        assert (await hub.enrolment.revoke(node.id, ADMIN)).revoked
        assert hub.audited().count(("node.revoke", "ok")) == 1
    with_hub(test)


def test_a_removed_node_is_gone_and_its_name_is_free_but_its_key_is_not():
    async def test(hub):
        secret = await token(hub, uses=-1)
        await hub.enrolment.enrol(request(secret), "x")
        node = hub.fleet.view("ada")
        await hub.enrolment.remove(node.id, ADMIN)
        assert hub.fleet.view("ada") is None and hub.fleet.view(node.id) is None
        with pytest.raises(Forbidden):
            await hub.enrolment.enrol(request(secret), "x")
        await hub.enrolment.enrol(request(secret, 1), "x")
        assert hub.fleet.view("ada").id == key_of(1).public.node_id
    with_hub(test)


def test_the_runs_of_a_revoked_node_are_lost():
    async def test(hub):
        node = await hub.node()
        await hub.connect(node)
        run = await hub.runs.create(RunOrder("all", RunSpec(("true",))), OPERATOR)
        await hub.runs.tick(hub.clock())
        await hub.enrolment.revoke(node.id, ADMIN)
        assert (await hub.store.runs.nodes(run.id))[0].state == "lost"
    with_hub(test)


def test_a_device_is_added_by_its_key_or_with_one_made_for_it_once(tmp_path):
    async def test(hub):
        node, pem = await hub.enrolment.add_device("esp", {"room": "roof"}, key_of(5).public, "", ADMIN)
        assert node.id == key_of(5).public.node_id and pem == ""
        node, pem = await hub.enrolment.add_device("esp-2", {}, None, "ed25519", ADMIN)
        (tmp_path / "key.pem").write_text(pem)
        assert PrivateKey.load(tmp_path / "key.pem").public.node_id == node.id
        assert pem not in repr(hub.store.nodes.rows) + repr(hub.store.audit.entries)
        for name, key in (("esp", key_of(6).public), ("other", key_of(5).public)):
            with pytest.raises(Conflict):
                await hub.enrolment.add_device(name, {}, key, "", ADMIN)
        for key, generate in ((None, ""), (key_of(7).public, "ed25519")):
            with pytest.raises(BadRequest):
                await hub.enrolment.add_device("x", {}, key, generate, ADMIN)
    with_hub(test)


def test_nodes_are_renamed_and_tagged_and_names_are_unique_whatever_their_case():
    async def test(hub):
        ada, bob = await hub.node(0, "ada"), await hub.node(1, "bob")
        await hub.enrolment.rename(ada.id, "Lovelace", OPERATOR)
        assert hub.fleet.view("lovelace").id == ada.id and hub.fleet.view("ada") is None
        await hub.enrolment.rename(ada.id, "LOVELACE", OPERATOR)
        with pytest.raises(Conflict) as error:
            await hub.enrolment.rename(bob.id, "lovelace", OPERATOR)
        assert error.value.code == "name-taken"
        await hub.enrolment.tag(ada.id, {"room": "lab", "rack": "3"}, OPERATOR)
        await hub.enrolment.tag(ada.id, {"rack": None, "none": None}, OPERATOR)
        assert hub.fleet.view("lovelace").tags == {"room": "lab"}
        with pytest.raises(NotFound):
            await hub.enrolment.tag("n-none", {"a": "b"}, OPERATOR)
    with_hub(test)


def test_a_refused_change_is_in_the_audit_log_too():
    async def test(hub):
        await hub.node(0, "ada")
        bob = await hub.node(1, "bob")
        with pytest.raises(Conflict):
            await hub.enrolment.rename(bob.id, "ada", OPERATOR)
        assert hub.audited()[-1][0] == "node.rename" and hub.audited()[-1][1].startswith("name-taken")
    with_hub(test)


def test_when_the_audit_log_cant_be_written_nothing_is_done():
    async def test(hub):
        node = await hub.node(0, "ada")
        line = await hub.connect(node, Line())
        hub.store.full = True
        with pytest.raises(StoreFull):
            await hub.enrolment.revoke(node.id, ADMIN)
        assert line.closed is None and not hub.store.nodes.rows[node.id].revoked
    with_hub(test)


# ---- names

@pytest.mark.parametrize("name", ["", "x" * 65, "-a", ".a", "a b", "a/b", "a\n", "é", "n-" + "a" * 20, "N-" + "A" * 20,
                                  "a:b"])
def test_names_that_could_be_taken_for_something_else_are_refused(name):
    with pytest.raises(BadRequest):
        check_name(name)


@pytest.mark.parametrize(("wanted", "name"), [
    ("ada", "ada"), ("ada.example.org", "ada"), ("my host!", "my-host-"), ("", "node-abcdef"), ("...", "node-abcdef"),
    ("\x1b[31m", "31m"), ("n-" + "a" * 20, "node-abcdef"), ("x" * 200, "x" * 64), ("../../etc", "etc"),
    ("привет", "node-abcdef"),
])
def test_a_hosts_own_name_becomes_one_that_can_be_used(wanted, name):
    assert free_name(wanted, "n-abcdefgh", lambda text: False) == name


@given(st.text(max_size=100), st.sets(st.text(max_size=70)))
def test_whatever_a_machine_calls_itself_it_gets_a_free_and_valid_name(wanted, taken):
    taken = taken | {free_name(wanted, "n-abcdefgh", lambda text: False)}
    name = free_name(wanted, "n-abcdefgh", taken.__contains__)
    assert check_name(name) not in taken and len(name) <= MAX_NAME


def test_tags_are_what_selectors_can_name():
    assert check_tags({"room": "lab-3", "a/b": "x:y@z", "empty": ""})
    for bad in ({"a=b": "x"}, {"a": "x y"}, {"a": "(x)"}, {"a": "\n"}, {f"t{number}": "" for number in range(65)}):
        with pytest.raises(BadRequest):
            check_tags(bad)
