"""The agent's half of a connection, against a hub's half in memory."""

import json

import pytest
from fake_hub import HubHalf, HubMemory

from dvic_agent.identity import PinnedHub
from dvic_agent.session import ACCEPTS, HANDSHAKE_SECONDS, NEXT, Ended, Session
from dvic_wire import codec, messages
from dvic_wire.limits import MAX_HANDSHAKE_BYTES, MAX_STREAMS
from dvic_wire.signing import PrivateKey, Purpose, peek, sign


class Pair:
    """Both halves; `run` carries frames to and fro until both are silent, and returns the agent's events."""

    def __init__(self, memory: HubMemory | None = None):
        self.memory = memory or HubMemory()
        self.key = PrivateKey.generate()
        self.memory.enrolled(self.key)
        self.pin = PinnedHub("http://hub", self.memory.key.public, self.key.public.node_id, "ada")
        self.agent = self.session()
        self.hub = HubHalf(self.memory)

    def session(self, nonce: str = "") -> Session:
        return Session(self.key, self.pin, facts={"os": "debian 12"}, version="0.1.0", instance="i-1", nonce=nonce)

    def run(self, now: float = 0.0) -> list:
        events = []
        while frames := self.agent.take_frames():
            for frame in frames:
                for message in self.hub.receive(frame):
                    events += self.say(message, now)
        return events

    def open(self) -> list:
        self.agent.open(0.0)
        return self.run()

    def say(self, message: messages.Message, now: float = 0.0) -> list:
        return self.agent.receive(codec.encode(message), now, 1000.0)

    def sent(self) -> list[messages.Message]:
        return [codec.decode(frame) for frame in self.agent.take_frames()]

    def proof(self, key: PrivateKey | None = None, purpose: Purpose = Purpose.HUB_PROOF, **claims) -> messages.HubProof:
        hello = codec.decode(self.agent.take_frames()[0])
        told = {"iss": self.memory.key.fingerprint, "aud": hello.node, "nonce": hello.nonce, "hub_nonce": "h" * 22,
                "protocol": 1, **claims}
        return messages.HubProof(sign(key or self.memory.key, purpose, told, now=1000, ttl=60))


MESSAGES = {
    messages.Hello: messages.Hello("n", [1], "n", "i", "1"),
    messages.HubProof: messages.HubProof("x.y.z"),
    messages.NodeProof: messages.NodeProof("x.y.z", {}),
    messages.Welcome: messages.Welcome("n", "ada", {}, 0, 0),
    messages.Refused: messages.Refused("revoked", "go away", 3600),
    messages.Batch: messages.Batch("journal", "", "1", "journal", []),
    messages.Ack: messages.Ack("journal", "1"),
    messages.KeepAlive: messages.KeepAlive("x.y.z"),
    messages.Settings: messages.Settings({}),
    messages.RunRequest: messages.RunRequest("abc", "x.y.z"),
    messages.RunCancel: messages.RunCancel("abc", "x.y.z"),
    messages.RunAnswer: messages.RunAnswer("abc", "x.y.z"),
    messages.RunReply: messages.RunReply("abc", "running"),
    messages.UpdateConfirm: messages.UpdateConfirm("abc", "x.y.z"),
    messages.Leave: messages.Leave("x.y.z"),
    messages.Problem: messages.Problem("malformed", "what?"),
    messages.Goodbye: messages.Goodbye(),
}


def test_the_table_knows_every_state_it_leads_to():
    assert {state for state, _ in NEXT} <= set(ACCEPTS)
    assert set(NEXT.values()) <= set(ACCEPTS)
    assert all(kind in ACCEPTS[state] for state, kind in NEXT)


def test_a_handshake_opens_the_session_on_both_sides():
    pair = Pair()
    pair.memory.cursors[pair.key.public.node_id] = {"journal": "s=1"}
    events = pair.open()
    assert [type(event) for event in events] == [messages.Welcome]
    assert events[0].cursors == {"journal": "s=1"}
    assert pair.agent.is_open and pair.hub.open
    hello, proof = pair.memory.heard
    assert hello.node == pair.key.public.node_id
    assert proof.facts == {"os": "debian 12"}


def test_the_cursors_of_as_many_streams_as_a_node_may_have_are_taken():
    pair = Pair()
    cursors = {f"file:2049:{number:020}": f"{number:018};256:0123456789abcdef" for number in range(MAX_STREAMS)}
    pair.memory.cursors[pair.key.public.node_id] = cursors
    [welcome] = pair.open()
    assert isinstance(welcome, messages.Welcome), welcome
    assert welcome.cursors == cursors and pair.agent.is_open


def test_every_connection_asks_a_new_question():
    pair = Pair()
    nonces = set()
    for _ in range(20):
        session = pair.session()
        session.open(0.0)
        nonces.add(json.loads(session.take_frames()[0])["nonce"])
    assert len(nonces) == 20


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind is not messages.HubProof])
def test_before_the_hub_proved_itself_nothing_but_the_proof_is_accepted(kind):
    pair = Pair()
    pair.agent.open(0.0)
    pair.agent.take_frames()
    [ended] = pair.say(MESSAGES[kind])
    assert isinstance(ended, Ended) and not ended.proved
    assert ended.retry == 0, "who has proved nothing can't send us away"
    assert not pair.agent.is_open
    assert pair.say(messages.Ack("journal", "1")) == []


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind not in ACCEPTS["proof-sent"]])
def test_before_the_welcome_only_welcome_refused_or_goodbye_may_come(kind):
    pair = Pair()
    pair.agent.open(0.0)
    assert pair.say(pair.proof()) == []
    pair.agent.take_frames()
    [ended] = pair.say(MESSAGES[kind])
    assert ended.code == "order"
    [refused] = pair.sent()
    assert (refused.code, type(refused)) == ("order", messages.Refused)


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind not in ACCEPTS["open"]])
def test_on_an_open_connection_a_message_of_the_handshake_or_of_an_agent_ends_it(kind):
    pair = Pair()
    pair.open()
    [ended] = pair.say(MESSAGES[kind])
    assert (ended.code, ended.proved) == ("order", True)
    assert pair.sent()[0].code == "order"


def test_a_hub_with_another_key_is_not_believed():
    memory = HubMemory(proof_key=PrivateKey.generate())
    pair = Pair(memory)
    [ended] = pair.open()
    assert (ended.code, ended.proved) == ("not-the-hub", False)
    assert not any(isinstance(message, messages.NodeProof) for message in memory.heard), "told a stranger something"


def test_a_replayed_proof_is_not_believed():
    memory = HubMemory()
    first = Pair(memory)
    first.agent.open(0.0)
    old = first.proof()
    second = Pair(memory)
    memory.replayed_proof = old.jws
    [ended] = second.open()
    assert ended.code == "not-the-hub"


def test_a_proof_replayed_to_the_same_node_is_not_believed():
    pair = Pair()
    pair.agent.open(0.0)
    old = pair.proof()
    pair.agent = pair.session()
    pair.agent.open(0.0)
    pair.agent.take_frames()
    [ended] = pair.say(old)
    assert "replayed" in ended.reason


@pytest.mark.parametrize("wrong", [
    {"iss": "x" * 43}, {"aud": "n-somebodyelse"}, {"nonce": "x" * 22}, {"hub_nonce": ""}, {"hub_nonce": 5},
    {"hub_nonce": "x" * 1000}])
def test_a_proof_with_a_wrong_claim_is_not_believed(wrong):
    pair = Pair()
    pair.agent.open(0.0)
    [ended] = pair.say(pair.proof(**wrong))
    assert (ended.code, ended.proved) == ("not-the-hub", False)
    assert [message.code for message in pair.sent()] == ["signature"]


def test_a_signature_for_another_purpose_is_no_proof():
    pair = Pair()
    pair.agent.open(0.0)
    [ended] = pair.say(pair.proof(purpose=Purpose.RUN))
    assert ended.code == "not-the-hub"


def test_a_hub_of_another_protocol_is_told_so():
    pair = Pair()
    pair.agent.open(0.0)
    [ended] = pair.say(pair.proof(protocol=7))
    assert (ended.code, ended.proved) == ("protocol", True)


@pytest.mark.parametrize("frame", ["", "{", "[]", "null", '{"kind":"nonsense"}', '{"kind":"hub_proof"}', b"not zlib",
                                   '{"kind":"hub_proof","jws":5}', "[" * 5000])
def test_a_frame_that_is_no_message_ends_the_handshake(frame):
    pair = Pair()
    pair.agent.open(0.0)
    pair.agent.take_frames()
    [ended] = pair.agent.receive(frame, 0.0, 0.0)
    assert ended.code in ("malformed", "limit")
    assert not pair.agent.is_open


def test_an_oversized_frame_ends_the_handshake():
    pair = Pair()
    pair.agent.open(0.0)
    frame = json.dumps({"kind": "hub_proof", "jws": "x.y.z", "padding": "x" * MAX_HANDSHAKE_BYTES})
    [ended] = pair.agent.receive(frame, 0.0, 0.0)
    assert (ended.code, ended.proved) == ("limit", False)


def test_a_compressed_bomb_ends_the_handshake():
    pair = Pair()
    pair.agent.open(0.0)
    bomb = codec.encode_compressed(messages.Batch("journal", "", "1", "j", [{"message": "a" * 1_000_000}]))
    assert len(bomb) < MAX_HANDSHAKE_BYTES
    [ended] = pair.agent.receive(bomb, 0.0, 0.0)
    assert ended.code == "limit"


def test_a_proved_hub_that_refuses_is_obeyed():
    memory = HubMemory(refusal=messages.Refused("conflict", "another agent with this key is connected", 60))
    [ended] = Pair(memory).open()
    assert (ended.code, ended.retry, ended.proved) == ("conflict", 60, True)


def test_a_node_that_the_hub_does_not_know_hears_it_from_the_proved_hub():
    pair = Pair()
    pair.memory.nodes.clear()
    [ended] = pair.open()
    assert (ended.code, ended.proved) == ("unknown", True)


def test_a_handshake_that_takes_too_long_is_given_up():
    pair = Pair()
    pair.agent.open(5.0)
    assert pair.agent.deadline == 5.0 + HANDSHAKE_SECONDS
    assert pair.agent.expire(5.0 + HANDSHAKE_SECONDS - 0.1) == []
    [ended] = pair.agent.expire(5.0 + HANDSHAKE_SECONDS)
    assert ended.code == "timeout"


def test_an_open_connection_has_no_deadline():
    pair = Pair()
    pair.open()
    assert pair.agent.deadline is None
    assert pair.agent.expire(1e9) == []


def test_on_an_open_connection_a_broken_frame_is_answered_and_passed_over():
    pair = Pair()
    pair.open()
    assert pair.agent.receive('{"kind":"from the future"}', 0.0, 0.0) == []
    [problem] = pair.sent()
    assert (type(problem), problem.code) == (messages.Problem, "malformed")
    assert pair.agent.is_open
    assert pair.say(messages.Ack("journal", "1")) == [messages.Ack("journal", "1")]


def test_what_may_come_on_an_open_connection_arrives():
    pair = Pair()
    pair.open()
    for message in (messages.Ack("journal", "1", False), messages.RunRequest("r", "j"), messages.RunCancel("r", "j"),
                    messages.RunRequest("r", "j", "update"), messages.UpdateConfirm("r", "j"),
                    messages.RunAnswer("r", "j"),
                    messages.Settings({"keepalive_period": 5}), messages.Problem("malformed", "x", "journal")):
        assert pair.say(message) == [message]


def test_the_hubs_clock_counts_and_not_this_machines():
    pair = Pair()
    pair.agent.open(100.0)
    pair.say(pair.proof())
    pair.say(messages.Welcome("n", "ada", {}, 0, 5_000_000_000), now=101.0)
    assert pair.agent.hub_time(111.0) == 5010.0


def test_nothing_is_sent_before_the_session_is_open_nor_after_it_ended():
    pair = Pair()
    assert not pair.agent.send(messages.RunReply("r", "running"))
    pair.agent.open(0.0)
    pair.agent.take_frames()
    assert not pair.agent.send(messages.RunReply("r", "running"))
    assert pair.agent.take_frames() == []
    pair = Pair()
    pair.open()
    pair.agent.close()
    assert [type(message) for message in pair.sent()] == [messages.Goodbye]
    assert not pair.agent.send(messages.RunReply("r", "running"))


def test_the_hubs_goodbye_ends_it():
    pair = Pair()
    pair.open()
    [ended] = pair.say(messages.Goodbye("restarting"))
    assert (ended.code, ended.proved) == ("goodbye", True)


def test_the_nodes_proof_is_signed_for_this_hub_and_its_question():
    pair = Pair()
    pair.agent.open(0.0)
    pair.say(pair.proof())
    [proof] = pair.sent()
    header, claims = peek(proof.jws)
    assert header["typ"] == "dvic-node-proof+jws"
    assert (claims["aud"], claims["nonce"], claims["instance"]) == (pair.memory.key.fingerprint, "h" * 22, "i-1")


def test_a_session_opens_once():
    pair = Pair()
    pair.agent.open(0.0)
    with pytest.raises(RuntimeError):
        pair.agent.open(0.0)
