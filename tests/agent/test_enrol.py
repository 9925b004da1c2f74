"""From a token to a pinned hub."""

import asyncio
import time
from dataclasses import replace

import pytest
from fake_hub import FakeHub, HubMemory

from dvic_agent.clock import Clock
from dvic_agent.config import AgentConfig
from dvic_agent.enrol import accept_reply, enrol, enrol_found, request
from dvic_agent.errors import HubNotTrusted, HubRefused, IdentityError, NetworkError, NotEnrolled
from dvic_agent.http import Answer
from dvic_agent.identity import load_hub, load_identity
from dvic_wire.signing import PrivateKey, Purpose, peek, sign, verify
from dvic_wire.tokens import EnrolmentToken


def config(tmp_path) -> AgentConfig:
    return AgentConfig(config_dir=tmp_path / "etc", state_dir=tmp_path / "var")


def test_a_token_makes_an_enrolled_node(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            pinned = await enrol(config(tmp_path), hub.make_token(), name="ada", facts={"os": "debian 12"})
            identity = load_identity(tmp_path / "etc", tmp_path / "var/state")
            assert identity.hub == pinned
            assert (pinned.url, pinned.fingerprint, pinned.name) == (hub.url, hub.memory.key.fingerprint, "ada")
            assert list(hub.memory.nodes) == [identity.key.public.node_id]
    asyncio.run(scene())


def test_enrolling_again_with_the_same_token_is_harmless(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            token = hub.make_token(uses=1)
            first = await enrol(config(tmp_path), token, name="ada", facts={})
            assert await enrol(config(tmp_path), token, name="ada", facts={}) == first
            assert hub.memory.tokens[token.id] == 0
    asyncio.run(scene())


def test_a_used_up_token_enrols_no_second_machine(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            token = hub.make_token(uses=1)
            await enrol(config(tmp_path / "a"), token, name="a", facts={})
            with pytest.raises(HubRefused, match="make a new one") as caught:
                await enrol(config(tmp_path / "mallory"), token, name="b", facts={})
            assert caught.value.code == "token-used"
            with pytest.raises(NotEnrolled):
                load_hub(tmp_path / "mallory/etc")
    asyncio.run(scene())


def test_a_token_for_another_hub_is_refused_by_the_hub(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            token = EnrolmentToken.make(hub.url, PrivateKey.generate().fingerprint)
            with pytest.raises(HubRefused) as caught:
                await enrol(config(tmp_path), token, name="a", facts={})
            assert caught.value.code == "wrong-hub"
    asyncio.run(scene())


def test_a_hub_that_answers_with_another_key_is_not_pinned(tmp_path):
    async def scene():
        async with FakeHub(HubMemory(proof_key=PrivateKey.generate())) as hub:
            with pytest.raises(HubNotTrusted):
                await enrol(config(tmp_path), hub.make_token(), name="a", facts={})
            with pytest.raises(NotEnrolled):
                load_hub(tmp_path / "etc")
    asyncio.run(scene())


def test_a_hub_that_is_not_there_is_a_fault_of_the_network(tmp_path):
    token = EnrolmentToken.make("http://127.0.0.1:9", PrivateKey.generate().fingerprint)
    with pytest.raises(NetworkError, match="127.0.0.1:9"):
        asyncio.run(enrol(config(tmp_path), token, name="a", facts={}))


def test_another_kind_of_server_is_named_as_such(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            token = EnrolmentToken.make(hub.url + "/elsewhere", hub.memory.key.fingerprint)
            with pytest.raises(NetworkError, match="is it a DVIC hub"):
                await enrol(config(tmp_path), token, name="a", facts={})
    asyncio.run(scene())


def test_waiting_tries_until_the_hub_is_there(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            port = int(hub.url.rsplit(":", 1)[1])
            token = hub.make_token()
            await hub.stop()
            waiting = asyncio.create_task(enrol(config(tmp_path), token, name="ada", facts={}, wait=True))
            await asyncio.sleep(0)
            await hub.start(port)
            assert (await asyncio.wait_for(waiting, 20)).name == "ada"
    asyncio.run(scene())


def test_waiting_does_not_wait_for_a_refusal_to_go_away(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            token = EnrolmentToken.make(hub.url, hub.memory.key.fingerprint)  # never made at this hub
            with pytest.raises(HubRefused) as caught:
                await asyncio.wait_for(enrol(config(tmp_path), token, name="a", facts={}, wait=True), 10)
            assert caught.value.code == "token-unknown"
    asyncio.run(scene())


def test_a_machine_moves_to_another_hub_only_when_told_so(tmp_path):
    async def scene():
        async with FakeHub() as old, FakeHub() as new:
            await enrol(config(tmp_path), old.make_token(), name="ada", facts={})
            with pytest.raises(IdentityError, match="--replace"):
                await enrol(config(tmp_path), new.make_token(), name="ada", facts={})
            await enrol(config(tmp_path), new.make_token(), name="ada", facts={}, replace=True)
            assert load_hub(tmp_path / "etc").url == new.url
    asyncio.run(scene())


def test_a_machine_joins_as_a_new_node_with_a_new_key(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            before = await enrol(config(tmp_path), hub.make_token(), name="ada", facts={})
            after = await enrol(config(tmp_path), hub.make_token(), name="ada-2", facts={}, new_key=True)
            assert after.node != before.node
            assert load_identity(tmp_path / "etc", tmp_path / "var/state").hub == after
            assert sorted(path.name for path in (tmp_path / "var/state").iterdir()) == ["node.key"]
    asyncio.run(scene())


def test_the_old_key_stays_until_the_hub_has_accepted_the_new_one(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            before = await enrol(config(tmp_path), hub.make_token(), name="ada", facts={})
            with pytest.raises(HubRefused):
                await enrol(config(tmp_path), hub.make_token(uses=0), name="ada", facts={}, new_key=True)
            assert load_identity(tmp_path / "etc", tmp_path / "var/state").hub == before
    asyncio.run(scene())


def test_an_enrolment_with_a_new_key_that_is_cut_off_anywhere_is_finished_by_whoever_comes_next(tmp_path):
    async def scene():
        state = tmp_path / "var/state"
        async with FakeHub() as hub:
            await enrol(config(tmp_path), hub.make_token(), name="ada", facts={})
            old = (state / "node.key").read_bytes()
            token = hub.make_token(uses=1)
            after = await enrol(config(tmp_path), token, name="ada-2", facts={}, new_key=True)
            new, pin = (state / "node.key").read_bytes(), (tmp_path / "etc/hub.json").read_bytes()

            def cut(pinned: bytes) -> None:
                (state / "node.key").write_bytes(old)
                (state / "node.key.new").write_bytes(new)
                (state / "node.key.new").chmod(0o600)
                (tmp_path / "etc/hub.json").write_bytes(pinned)

            cut(pin)  # behind the pin, before the key took its place: the agent goes on
            assert load_identity(tmp_path / "etc", state).hub == after
            cut(pin)  # or the same line does
            assert await enrol(config(tmp_path), token, name="ada-2", facts={}) == after
            cut(pin.replace(after.node.encode(), b"n-" + b"a" * 20))  # the hub has answered, nothing is written yet
            assert await enrol(config(tmp_path), token, name="ada-2", facts={}, new_key=True) == after
            assert load_identity(tmp_path / "etc", state).hub == after
            assert not (state / "node.key.new").exists()
    asyncio.run(scene())


def test_the_secret_of_the_token_does_not_travel():
    token = EnrolmentToken.make("http://hub", PrivateKey.generate().fingerprint)
    key = PrivateKey.generate()
    text = request(token, key, "ada", {"os": "debian 12"}, "nonce", 1000)
    claims = verify(text, token.key.public, Purpose.ENROL_TOKEN, audience=token.hub, now=1000)
    assert claims["iss"] == token.id
    assert (claims["name"], claims["facts"]) == ("ada", {"os": "debian 12"})
    inner = verify(claims["node"], key.public, Purpose.ENROL_NODE, audience=token.hub, now=1000)
    assert (inner["iss"], inner["token"], inner["nonce"]) == (key.public.node_id, token.id, claims["nonce"])
    assert token.encode().split(".")[1] not in text
    assert token.seed not in str(peek(text)).encode()


def reply(hub: PrivateKey, key: PrivateKey, signer: PrivateKey | None = None, purpose: Purpose = Purpose.ENROLLED,
          **changes: object) -> str:
    claims = {"iss": hub.fingerprint, "aud": key.public.node_id, "nonce": "nonce", "name": "ada",
              "jwk": hub.public.jwk(), "time": 1, **changes}
    return sign(signer or hub, purpose, claims, now=time.time(), ttl=300)


@pytest.mark.parametrize("changes", [
    {"nonce": "another"}, {"aud": "n-another"}, {"iss": "x" * 43}, {"name": 5}, {"jwk": {}}, {"jwk": None},
    {"signer": PrivateKey.generate()}, {"purpose": Purpose.HUB_PROOF}, {"jwk": PrivateKey.generate().public.jwk()}])
def test_a_reply_that_does_not_hold_in_everything_is_not_believed(changes):
    hub, key = PrivateKey.generate(), PrivateKey.generate()
    token = EnrolmentToken.make("http://hub", hub.fingerprint)
    assert accept_reply(reply(hub, key), token, key, "nonce").fingerprint == hub.fingerprint
    with pytest.raises(HubNotTrusted):
        accept_reply(reply(hub, key, **changes), token, key, "nonce")


@pytest.mark.parametrize("answer", [None, 5, "", "a.b", "a.b.c", [], {}])
def test_a_reply_that_is_none_is_not_believed(answer):
    token = EnrolmentToken.make("http://hub", PrivateKey.generate().fingerprint)
    with pytest.raises(HubNotTrusted):
        accept_reply(answer, token, PrivateKey.generate(), "nonce")


def test_a_machine_whose_clock_is_wrong_joins_by_the_hubs_time(tmp_path):
    async def scene():
        async with FakeHub() as hub:
            wrong = Clock(wall=lambda: 1_000.0)  # a board without a clock of its own, just switched on
            pinned = await enrol(config(tmp_path), hub.make_token(), name="ada", facts={}, clock=wrong)
            assert pinned.node in hub.memory.nodes
    asyncio.run(scene())


def test_a_wrong_clock_is_told_with_what_to_do(tmp_path):
    async def post(url: str, body: dict) -> Answer:
        return Answer(400, {"code": "clock", "detail": "the hub's is 1763632800"})

    token = EnrolmentToken.make("http://hub", PrivateKey.generate().fingerprint)
    with pytest.raises(HubRefused, match="timedatectl"):
        asyncio.run(enrol(config(tmp_path), token, name="a", facts={}, clock=Clock(), post=post))


def test_of_the_addresses_that_were_found_the_one_of_the_tokens_hub_is_joined(tmp_path):
    async def scene():
        async with FakeHub() as hub, FakeHub() as liar:
            token = replace(hub.make_token(), url="http://192.0.2.1:9")
            found = ["http://127.0.0.1:1", liar.url, hub.url]
            pinned = await enrol_found(config(tmp_path), token, found, name="ada", facts={})
            assert (pinned.url, pinned.fingerprint) == (hub.url, hub.memory.key.fingerprint)
            assert not liar.memory.nodes
    asyncio.run(scene())


def test_where_only_others_answer_nothing_is_pinned(tmp_path):
    async def scene():
        async with FakeHub() as hub, FakeHub() as liar:
            for found in ([], [liar.url]):
                with pytest.raises((NetworkError, HubRefused, HubNotTrusted)):
                    await enrol_found(config(tmp_path), hub.make_token(), found, name="ada", facts={})
            with pytest.raises(NotEnrolled):
                load_hub(tmp_path / "etc")
    asyncio.run(scene())
