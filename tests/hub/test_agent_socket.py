"""The agents' WebSocket against every sort of peer, over real sockets and the real database."""

import json
import struct
import zlib

import aiohttp
import pytest
from served_hub import ADMIN, ServedHub, a_batch, nonce, with_served_hub
from simulated_agent import Declined

from dvic_hub.domain.admission import Admission
from dvic_hub.domain.model import LogQuery
from dvic_hub.domain.session import HANDSHAKE_TIMEOUT
from dvic_wire import codec, records
from dvic_wire.limits import MAX_DEPTH, MAX_FRAME_BYTES, MAX_HANDSHAKE_BYTES, MAX_MESSAGE_BYTES
from dvic_wire.messages import (
    Ack,
    Batch,
    Goodbye,
    Hello,
    HubProof,
    KeepAlive,
    NodeProof,
    Problem,
    Refused,
    RunCancel,
    RunReply,
    RunRequest,
    Settings,
)
from dvic_wire.signing import PrivateKey, Purpose, sign, verify


def hello(node: str, instance: str = "i-1") -> Hello:
    return Hello(node, [1], nonce(), instance, "0")


async def challenged(hub: ServedHub, raw, node: str) -> dict:
    """The claims of the hub's proof after a Hello."""
    await raw.say(hello(node))
    proof = await raw.hear()
    assert isinstance(proof, HubProof)
    return verify(proof.jws, hub.doors.identity.public, Purpose.HUB_PROOF, audience=node, now=None)


async def said(raw, code: str) -> Refused:
    """The hub refuses with this code, and closes."""
    answer = await raw.hear()
    assert isinstance(answer, Refused) and answer.code == code, answer
    assert await raw.hear() is None
    return answer


async def problem(agent, code: str) -> Problem:
    """The hub can't use a message, and the connection goes on."""
    answer = await agent.receive()
    assert isinstance(answer, Problem) and answer.code == code, answer
    await agent.socket.send_str(a_batch("journal", "", "proof that it goes on"))
    assert isinstance(await agent.receive(), Ack)
    return answer


async def stored(hub: ServedHub, node: str) -> list[str]:
    page = await hub.doors.store.streams.search(LogQuery(nodes=frozenset({node}), limit=1000))
    return [item.record["message"] for item in page.items]


# ---- before anybody has proved anything

@pytest.mark.parametrize("frame", ["", "{}", "[]", "null", "not json", '{"kind":"nothing"}', '{"kind":"hello"}',
                                   '{"kind":3}',
                                   '{"kind":"hello","node":1,"protocols":[1],"nonce":"x","instance":"i","agent_version":"0"}',
                                   '{"kind":"hello","kind":"hello"}', '{"kind":NaN}', "\ud7ff", '{"a":"\\ud800"}'])
def test_a_first_frame_that_is_no_message_is_refused_as_malformed(tmp_path, frame):
    async def test(hub):
        async with hub.socket() as raw:
            await raw.text(frame)
            await said(raw, "malformed")
    with_served_hub(tmp_path, test)


def test_bytes_that_are_no_utf8_no_zlib_or_too_deep_are_refused(tmp_path):
    async def test(hub):
        async with hub.socket() as raw:
            await raw.socket.send_bytes(b"\x00\x01rubbish")
            await said(raw, "malformed")
        async with hub.socket() as raw:
            await raw.text('{"kind":"hello","x":' + "[" * 5000 + "]" * 5000 + "}")
            assert "MAX_DEPTH" in (await said(raw, "limit")).reason
        async with hub.socket() as raw:
            await raw.socket.send_bytes(zlib.compress(b" " * (MAX_HANDSHAKE_BYTES + 1)))
            assert "MAX_MESSAGE_BYTES" in (await said(raw, "limit")).reason
        async with hub.socket() as raw:
            await raw.socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
            await said(raw, "malformed")
    with_served_hub(tmp_path, test)


def test_a_frame_over_the_handshakes_limit_is_refused_by_its_name_before_it_is_read(tmp_path):
    async def test(hub):
        async with hub.socket() as raw:
            await raw.text("x" * (MAX_HANDSHAKE_BYTES + 1))
            assert "MAX_HANDSHAKE_BYTES" in (await said(raw, "limit")).reason
    with_served_hub(tmp_path, test)


@pytest.mark.parametrize("frame", [a_batch(), codec.encode(KeepAlive("x")), codec.encode(RunReply("r", "running")),
                                   codec.encode(NodeProof("x", {})), codec.encode(Goodbye()),
                                   codec.encode(Ack("journal", ""))])
def test_nothing_is_looked_at_before_the_handshake(tmp_path, frame):
    async def test(hub):
        agent = await hub.enrolled("ada")
        async with hub.socket() as raw:
            await raw.text(frame)
            await said(raw, "order")
        assert await stored(hub, agent.id) == []
    with_served_hub(tmp_path, test)


def test_a_batch_instead_of_the_proof_is_out_of_order_and_not_stored(tmp_path):
    async def test(hub):
        agent = await hub.enrolled("ada")
        async with hub.socket() as raw:
            await challenged(hub, raw, agent.id)
            await raw.text(a_batch())
            await said(raw, "order")
        assert await stored(hub, agent.id) == []
    with_served_hub(tmp_path, test)


def test_a_node_that_is_not_enrolled_gets_the_hubs_proof_and_a_no(tmp_path):
    async def test(hub):
        async with hub.socket() as raw:
            await challenged(hub, raw, PrivateKey.generate().public.node_id)
            await said(raw, "unknown")
    with_served_hub(tmp_path, test)


def test_one_node_cant_come_in_as_another(tmp_path):
    async def test(hub):
        ada, bob = await hub.enrolled("ada"), await hub.enrolled("bob")
        for signer, iss in ((bob, ada.id), (bob, bob.id)):
            async with hub.socket() as raw:
                claims = await challenged(hub, raw, ada.id)
                jws = sign(signer.key, Purpose.NODE_PROOF, {"iss": iss, "aud": hub.fingerprint, "instance": "i-1",
                                                            "nonce": claims["hub_nonce"]}, now=hub.clock(), ttl=60)
                await raw.say(NodeProof(jws, {}))
                assert (await said(raw, "signature")).reason == "the proof does not hold"
        assert not hub.doors.agents.connected(ada.id)
    with_served_hub(tmp_path, test)


def test_a_proof_overheard_on_one_connection_opens_no_other(tmp_path):
    async def test(hub):
        ada = await hub.enrolled("ada")
        async with hub.socket() as first, hub.socket() as second:
            claims = await challenged(hub, first, ada.id)
            await challenged(hub, second, ada.id)
            jws = sign(ada.key, Purpose.NODE_PROOF, {"iss": ada.id, "aud": hub.fingerprint, "instance": "i-1",
                                                     "nonce": claims["hub_nonce"]}, now=hub.clock(), ttl=60)
            await second.say(NodeProof(jws, {}))
            await said(second, "signature")
    with_served_hub(tmp_path, test)


def test_a_web_page_and_a_plain_request_are_turned_away(tmp_path):
    async def test(hub):
        for headers, status in (({"Origin": "http://evil.example"}, 403), ({"Origin": hub.url}, 403)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                async with hub.socket(**headers):
                    pass
            assert error.value.status == status
        async with hub.http.get(f"{hub.url}/api/v1/agent") as answer:
            assert answer.status == 426
    with_served_hub(tmp_path, test)


def test_handshakes_under_way_are_bounded_and_give_their_place_back(tmp_path):
    async def test(hub):
        hub.doors.agents.admission = Admission(total=10, of_address=2)
        async with hub.socket(), hub.socket():
            with pytest.raises(aiohttp.WSServerHandshakeError) as error:
                async with hub.socket():
                    pass
            assert error.value.status == 429 and error.value.headers["Retry-After"]
        await hub.until(lambda: hub.doors.agents.admission.under_way() == 0, "no handshake under way")
        await hub.agent("ada")
        assert hub.doors.agents.admission.under_way() == 0
    with_served_hub(tmp_path, test)


@pytest.mark.faults
def test_a_peer_that_never_finishes_the_handshake_is_sent_away(tmp_path):
    async def test(hub):
        async with hub.socket() as raw:
            assert str(HANDSHAKE_TIMEOUT) in (await said(raw, "order")).reason
    with_served_hub(tmp_path, test)


# ---- a standing connection and what a broken or hostile agent sends over it

def test_an_agent_connects_reports_and_is_seen(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_str(a_batch("journal", "", "a", "first", "second"))
        assert await ada.receive() == Ack("journal", "a")
        await ada.send(KeepAlive(ada.keepalive(status="fine")))
        await hub.until(lambda: hub.doors.fleet.node(ada.id).serial == 1, "the keepalive counts")
        view = hub.doors.fleet.view("ada")
        assert (view.state, view.os, hub.doors.agents.connected(ada.id)) == ("online", "simulated", True)
        assert await stored(hub, ada.id) == ["second", "first"]
    with_served_hub(tmp_path, test)


@pytest.mark.parametrize("frame", ["not json", "[]", '{"kind":"nothing"}', '{"kind":"keepalive"}',
                                   '{"kind":"keepalive","jws":3}',
                                   '{"kind":"batch"}', '{"kind":"batch","stream":"journal"}',
                                   '{"kind":"run_reply","run":"x"}',
                                   a_batch("no-such-stream"), a_batch(records=[{"level": "info"}]),
                                   a_batch(from_cursor=7),
                                   a_batch(records="x"), a_batch(stream="../../etc"), a_batch(stream="run:../../x")])
def test_a_message_that_cant_be_used_is_named_and_the_connection_goes_on(tmp_path, frame):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_str(frame)
        await problem(ada, "malformed")
    with_served_hub(tmp_path, test)


def test_a_faulty_batch_is_named_by_its_stream_and_field(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_str(a_batch(records=[{"time": 1, "level": "loud", "message": "x"}]))
        answer = await problem(ada, "malformed")
        assert answer.about == "journal" and "records[0].level" in answer.reason
    with_served_hub(tmp_path, test)


def test_limits_are_named_and_a_bomb_is_never_inflated(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_bytes(zlib.compress(b" " * (MAX_MESSAGE_BYTES + 1)))
        assert "MAX_MESSAGE_BYTES" in (await problem(ada, "limit")).reason
        deep = "[" * 30_000 + "]" * 30_000
        await ada.socket.send_str(f'{{"kind":"problem","code":"x","reason":"y","x":{deep}}}')
        assert "MAX_DEPTH" in (await problem(ada, "limit")).reason
        await ada.socket.send_str(a_batch(about={"x": json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)}))
        assert "MAX_DEPTH" in (await problem(ada, "limit")).reason
        await ada.socket.send_str(a_batch(records=[{"time": 1, "level": "info", "message": "x"}] * 2001))
        assert "MAX_RECORDS" in (await problem(ada, "limit")).reason
        await ada.socket.send_bytes(zlib.compress(a_batch().encode())[:-3])
        await problem(ada, "malformed")
    with_served_hub(tmp_path, test)


def test_a_few_kilobytes_that_are_seconds_of_work_are_refused_unread(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        for kind in ("keepalive", "problem", "run_reply"):
            data = b'{"kind":"%s","jws":"x","x":[%s{}]}' % (kind.encode(), b"{}," * 2_700_000)
            frame = zlib.compress(data)
            assert len(frame) < 10_000 and len(data) < MAX_MESSAGE_BYTES
            await ada.socket.send_bytes(frame)
            assert "MAX_CONTROL_BYTES" in (await problem(ada, "limit")).reason
    with_served_hub(tmp_path, test)


def test_after_the_handshake_large_frames_are_taken_up_to_their_limit(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_str(a_batch("journal", "", "big", "x" * 1_000_000))
        assert await ada.receive() == Ack("journal", "big")
        # The header alone, which is what is judged: whoever still sends the rest may be reset before he reads why.
        text, masked, length64 = 0x81, 0x80, 127
        ada.socket._writer.transport.write(struct.pack("!BBQ4x", text, masked | length64, MAX_FRAME_BYTES + 1))
        refused = await ada.receive()
        assert refused.code == "limit" and "MAX_FRAME_BYTES" in refused.reason
        await hub.until(lambda: not hub.doors.agents.connected(ada.id), "it is disconnected")
        bob = await hub.agent("bob")
        await bob.socket.send_str(a_batch())
        assert isinstance(await bob.receive(), Ack)
    with_served_hub(tmp_path, test)


@pytest.mark.parametrize("message", [Hello("n", [1], "x", "i", "0"), NodeProof("x", {}), Ack("journal", ""),
                                     Settings({}), RunRequest("r", "x"), RunCancel("r", "x")])
def test_a_message_out_of_order_ends_the_connection(tmp_path, message):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.send(message)
        answer = await ada.receive()
        assert isinstance(answer, Refused) and answer.code == "order"
        with pytest.raises(Declined):
            await ada.receive()
        assert not hub.doors.agents.connected(ada.id)
    with_served_hub(tmp_path, test)


def test_a_batch_that_is_sent_twice_is_stored_once(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        for _ in range(2):
            await ada.socket.send_str(a_batch("journal", "", "a", "once"))
        await ada.socket.send_str(a_batch("journal", "b", "c", "from another cursor"))
        assert [await ada.receive() for _ in range(3)] == [
            Ack("journal", "a"), Ack("journal", "a", stored=False), Ack("journal", "a", stored=False)]
        assert await stored(hub, ada.id) == ["once"]
    with_served_hub(tmp_path, test)


def test_many_batches_under_way_are_stored_in_the_order_in_which_they_came(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        for number in range(200):
            message = Batch("journal", str(number or ""), str(number + 1), "journal",
                            [records.log(1_763_632_800_000_000 + number, "info", f"m{number}")])
            await ada.send(message, compressed=number % 2 == 0)
        assert [await ada.receive() for _ in range(200)] == [Ack("journal", str(number + 1)) for number in range(200)]
        assert await stored(hub, ada.id) == [f"m{number}" for number in reversed(range(200))]
    with_served_hub(tmp_path, test)


def test_the_cursors_are_handed_back_at_the_next_connection(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await ada.socket.send_str(a_batch("file:1:2", "", "5;5:x"))
        await ada.receive()
        again = hub.again(ada)
        assert (await again.connect(hub.http)).cursors == {"file:1:2": "5;5:x"}
    with_served_hub(tmp_path, test)


def test_what_one_node_sends_is_never_another_nodes(tmp_path):
    async def test(hub):
        ada, bob = await hub.agent("ada"), await hub.agent("bob")
        await ada.socket.send_str(a_batch("journal", "", "a", "mine", node=bob.id))
        assert await ada.receive() == Ack("journal", "a")
        assert (await stored(hub, ada.id), await stored(hub, bob.id)) == (["mine"], [])
        await ada.send(KeepAlive(bob.keepalive()))
        assert (await problem(ada, "signature")).about == "keepalive"
        assert hub.doors.fleet.node(bob.id).serial == 0
    with_served_hub(tmp_path, test)


def test_a_replayed_keepalive_is_refused_and_counted_over_every_transport(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        jws = ada.keepalive()
        await ada.send(KeepAlive(jws))
        await ada.send(KeepAlive(jws))
        await problem(ada, "replay")
        assert hub.doors.agents.replays == 1
        ada.serial = 0
        status, body = await hub.post("keepalive", {"keepalive": ada.keepalive(Purpose.KEEPALIVE_POST)})
        assert (status, body["code"]) == (409, "replay")
        status, body = await hub.post("keepalive", {"keepalive": ada.keepalive(Purpose.KEEPALIVE_POST)})
        assert (status, body["serial"], body["name"]) == (200, 2, "ada")
        status, body = await hub.post("keepalive", {"keepalive": jws})
        assert (status, body["code"]) == (403, "signature")
    with_served_hub(tmp_path, test)


def test_a_machine_with_a_wrong_clock_connects_is_told_the_time_and_its_keepalives_count(tmp_path):
    async def test(hub):
        ada = await hub.enrolled("ada")
        hub.ahead = 3600
        welcome = await ada.connect(hub.http)
        assert abs(welcome.time / 1e6 - hub.clock()) < 60
        assert hub.doors.fleet.node(ada.id).facts["clock_offset"].startswith("-3600")
        await ada.send(KeepAlive(ada.keepalive()))
        await hub.until(lambda: hub.doors.fleet.node(ada.id).serial == 1, "the keepalive counts")
        status, body = await hub.post("keepalive", {"keepalive": ada.keepalive(Purpose.KEEPALIVE_POST)})
        assert (status, body["code"]) == (400, "clock"), "by post anybody may send it, and later"
    with_served_hub(tmp_path, test)


def test_a_revoked_node_is_cut_off_at_once_and_never_comes_back(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await hub.doors.enrolment.revoke(ada.id, ADMIN)
        assert (await ada.receive()).code == "revoked"
        with pytest.raises(Declined, match="revoked"):
            await hub.again(ada).connect(hub.http)
        status, body = await hub.post("keepalive", {"keepalive": ada.keepalive(Purpose.KEEPALIVE_POST)})
        assert (status, body["code"]) == (403, "revoked")
        status, body = await hub.post("enroll", {"request": ada.enrolment(await hub.token())})
        assert (status, body["code"]) == (403, "key-forbidden")
    with_served_hub(tmp_path, test)
