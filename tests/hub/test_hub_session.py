"""The hub's side of a connection: what may come when, and what is proved by it."""

import pytest

from dvic_hub.domain import session as rules
from dvic_hub.domain.session import HubSession, Left, LookUp, Proved, Spoke, tidy_facts
from dvic_wire.errors import MalformedMessage
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
    RunReply,
    Welcome,
)
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign, verify

NOW = 1_763_632_800.0
HUB = PrivateKey.from_seed(bytes(32))
ADA = PrivateKey.from_seed(bytes([1] * 32))
MALLORY = PrivateKey.from_seed(bytes([13] * 32))
AGENT_NONCE = b64encode(bytes(16))
HUB_NONCE = b64encode(bytes([2] * 16))
HELLO = Hello(ADA.public.node_id, [1], AGENT_NONCE, "i-1", "0.1")


def proof(key=ADA, *, purpose=Purpose.NODE_PROOF, now=NOW, facts=None, **changes) -> NodeProof:
    claims = {"iss": ADA.public.node_id, "aud": HUB.fingerprint, "nonce": HUB_NONCE, "instance": "i-1", **changes}
    return NodeProof(sign(key, purpose, claims, now=now, ttl=60), facts or {})


def challenged(revoked=False, nonce=HUB_NONCE) -> HubSession:
    session = HubSession(HUB, nonce)
    assert session.receive(HELLO, NOW).event == LookUp(ADA.public.node_id)
    session.introduce(ADA.public, revoked, NOW)
    return session


def standing() -> HubSession:
    session = challenged()
    session.receive(proof(), NOW)
    session.welcome(Welcome(ADA.public.node_id, "ada", {}, 0, 0))
    return session


def refusal(step) -> str:
    assert len(step.send) == 1 and isinstance(step.send[0], Refused) and step.event is None, step
    return step.send[0].code


def test_hub_and_node_prove_their_keys_to_each_other():
    session = HubSession(HUB, HUB_NONCE)
    session.receive(HELLO, NOW)
    (hub_proof,) = session.introduce(ADA.public, False, NOW).send
    claims = verify(hub_proof.jws, HUB.public, Purpose.HUB_PROOF, audience=ADA.public.node_id, now=NOW)
    assert (claims["iss"], claims["nonce"], claims["hub_nonce"], claims["protocol"]) == (
        HUB.fingerprint, AGENT_NONCE, HUB_NONCE, 1)
    event = session.receive(proof(facts={"os": "debian 12"}), NOW).event
    assert event == Proved(ADA.public.node_id, "i-1", "0.1", {"os": "debian 12"}, 0)
    welcome = Welcome(ADA.public.node_id, "ada", {}, 0, 0)
    assert session.welcome(welcome).send == (welcome,) and session.standing


def test_a_standing_connection_carries_what_agents_say():
    for message in (Batch("journal", "", "a", "journal", []), KeepAlive("x"), RunReply("r", "running"),
                    Problem("limit", "too big")):
        assert standing().receive(message, NOW).event == Spoke(message)


def test_a_goodbye_ends_it_and_so_does_an_agent_that_refuses_the_hub():
    session = standing()
    assert session.receive(Goodbye("stopping"), NOW).event == Left("stopping") and session.ended
    session = challenged()
    assert session.receive(Refused("signature", "not my hub"), NOW).event == Left("signature: not my hub")
    assert session.ended


@pytest.mark.parametrize("message", [proof(), KeepAlive("x"), Batch("journal", "", "a", "journal", []),
                                     Ack("journal", ""),
                                     Welcome("n", "n", {}, 0, 0), HubProof("x"), Goodbye()])
def test_nothing_but_hello_comes_first(message):
    assert refusal(HubSession(HUB, HUB_NONCE).receive(message, NOW)) == "order"


@pytest.mark.parametrize("message", [HELLO, KeepAlive("x"), Batch("journal", "", "a", "journal", []), Goodbye()])
def test_nothing_but_the_proof_comes_second(message):
    session = challenged()
    assert refusal(session.receive(message, NOW)) == "order" and session.ended


def test_a_message_while_the_node_is_being_looked_up_is_out_of_order():
    session = HubSession(HUB, HUB_NONCE)
    session.receive(HELLO, NOW)
    assert refusal(session.receive(proof(), NOW)) == "order"


@pytest.mark.parametrize("message", [HELLO, proof(), Ack("journal", ""), Welcome("n", "n", {}, 0, 0)])
def test_a_standing_connection_takes_no_second_handshake_and_no_word_of_the_hubs_own(message):
    assert refusal(standing().receive(message, NOW)) == "order"


def test_an_ended_session_takes_nothing_more():
    session = standing()
    session.receive(Goodbye(), NOW)
    assert refusal(session.receive(KeepAlive("x"), NOW)) == "order"


@pytest.mark.parametrize("wrong", [
    proof(MALLORY), proof(nonce=AGENT_NONCE), proof(iss=MALLORY.public.node_id), proof(aud="another-hub"),
    proof(instance="i-2"), proof(purpose=Purpose.KEEPALIVE_WS), NodeProof("a.b.c", {}), NodeProof("", {}),
])
def test_a_proof_that_does_not_hold_is_refused_without_saying_why(wrong):
    session = challenged()
    (answer,) = session.receive(wrong, NOW).send
    assert (answer.code, answer.reason) == ("signature", "the proof does not hold") and session.ended


def test_a_proof_overheard_on_another_connection_is_worth_nothing():
    assert refusal(challenged(nonce=b64encode(bytes([3] * 16))).receive(proof(), NOW)) == "signature"


def test_a_revoked_node_is_told_so_only_after_it_proved_to_be_that_node():
    assert refusal(challenged(revoked=True).receive(proof(MALLORY), NOW)) == "signature"
    assert refusal(challenged(revoked=True).receive(proof(), NOW)) == "revoked"


def test_an_unknown_node_gets_the_hubs_proof_and_then_the_refusal_so_that_it_can_believe_it():
    session = HubSession(HUB, HUB_NONCE)
    session.receive(HELLO, NOW)
    sent = session.introduce(None, False, NOW).send
    assert isinstance(sent[0], HubProof) and sent[1].code == "unknown" and session.ended


def test_a_machine_with_a_wrong_clock_connects_and_the_difference_is_known():
    assert challenged().receive(proof(now=NOW - 3600), NOW).event.clock == -3600


@pytest.mark.parametrize("hello", [
    Hello("n-short", [1], AGENT_NONCE, "i", "0"), Hello(ADA.public.node_id, [1], "AAAA", "i", "0"),
    Hello(ADA.public.node_id, [1], "not base64!", "i", "0"), Hello(ADA.public.node_id, [1], AGENT_NONCE, "", "0"),
    Hello("../../etc/passwd", [1], AGENT_NONCE, "i", "0"),
])
def test_a_hello_that_is_none_is_malformed(hello):
    assert refusal(HubSession(HUB, HUB_NONCE).receive(hello, NOW)) == "malformed"


@pytest.mark.parametrize("offered", [[], [2], ["1"], [[1]], [None]])
def test_an_agent_of_another_protocol_is_told_the_versions(offered):
    (answer,) = HubSession(HUB, HUB_NONCE).receive(Hello(ADA.public.node_id, offered, AGENT_NONCE, "i", "0"), NOW).send
    assert answer.code == "protocol" and "1" in answer.reason


def test_an_unusable_frame_ends_a_handshake_but_not_a_standing_connection():
    error = MalformedMessage("unknown kind", "kind")
    assert refusal(challenged().unusable(error)) == "malformed"
    session = standing()
    assert session.unusable(error, "journal").send == (Problem("malformed", "kind: unknown kind", "journal"),)
    assert session.standing


def test_an_agent_that_sends_nothing_but_rubbish_is_sent_away():
    session = standing()
    for _ in range(rules.MAX_PROBLEMS):
        assert isinstance(session.unusable(MalformedMessage("x")).send[0], Problem)
    assert refusal(session.unusable(MalformedMessage("x"))) == "malformed"


def test_facts_are_bounded_texts_that_a_terminal_can_show():
    facts = tidy_facts({"os": "debian\x1b[31m 12", "n": 3, "": "x", "k" * 65: "x", "long": "y" * 1000})
    assert facts == {"os": "debian[31m 12", "long": "y" * rules.MAX_FACT_TEXT}
    assert len(tidy_facts({f"k{number}": "v" for number in range(500)})) == rules.MAX_FACTS
