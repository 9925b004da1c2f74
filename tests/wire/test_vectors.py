"""This implementation agrees with the vectors that every other one must pass."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dvic_wire import codec, selectors
from dvic_wire.errors import InvalidSelector, InvalidToken, LimitExceeded, WireError
from dvic_wire.pushing import HostKey
from dvic_wire.sealing import SealingKey, seal
from dvic_wire.signing import PrivateKey, PublicKey, b64decode, b64encode, verify
from dvic_wire.streams import accept
from dvic_wire.tokens import EnrolmentToken

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> dict:
    return json.loads((VECTORS / name).read_text())


def why(case: dict) -> str:
    return case.get("why") or case.get("selector") or case.get("message") or case.get("purpose") or case["what"]


def test_the_files_are_what_their_maker_writes():
    done = subprocess.run([sys.executable, VECTORS / "make.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_rfc_8037_signs_and_verifies():
    example = load("keys.json")["rfc8037"]
    key = PrivateKey.from_seed(b64decode(example["d"]))
    assert key.public.jwk()["x"] == example["x"]
    assert key.fingerprint == example["thumbprint"]
    header, payload, signature = example["jws"].split(".")
    assert b64decode(payload).decode() == example["payload"]
    assert b64encode(key.sign_bytes(f"{header}.{payload}".encode())) == signature
    Ed25519PublicKey.from_public_bytes(key.public.raw).verify(b64decode(signature), f"{header}.{payload}".encode())


def test_fingerprints_and_node_ids_come_from_the_keys():
    for case in load("keys.json")["keys"]:
        key = PrivateKey.from_seed(b64decode(case["seed"])).public
        assert (key.jwk(), key.fingerprint, key.node_id) == (case["jwk"], case["fingerprint"], case["node_id"])


@pytest.mark.parametrize("case", load("signed.json")["accepted"], ids=why)
def test_signed_messages_hold(case):
    key = PublicKey.from_jwk(case["key"])
    assert verify(case["jws"], key, case["purpose"], audience=case["audience"], now=case["now"]) == case["claims"]


@pytest.mark.parametrize("case", load("signed.json")["refused"], ids=why)
def test_signed_messages_that_must_be_refused_are(case):
    with pytest.raises(WireError):
        key = PublicKey.from_jwk(case["key"])
        verify(case["jws"], key, case["purpose"], audience=case["audience"], now=case["now"])


@pytest.mark.parametrize("case", load("frames.json")["accepted"], ids=why)
def test_frames_are_read_and_written_alike(case):
    message = codec.decode(case["frame"])
    assert (type(message).__name__, asdict(message)) == (case["message"], case["fields"])
    assert codec.encode(message) == case["frame"]
    assert codec.decode(codec.encode_compressed(message)) == message


@pytest.mark.parametrize("case", load("frames.json")["refused"], ids=why)
def test_frames_that_must_be_refused_are_with_their_code(case):
    with pytest.raises(WireError) as refusal:
        codec.decode(case["frame"])
    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("step", load("batches.json")["steps"], ids=why)
def test_batches_follow_the_compare_and_set_rule(step):
    verdict = accept(step["held"], step["from"], step["to"])
    assert (verdict.accepted, verdict.cursor) == (step["stored"], step["answer"])


def test_tokens_are_read_and_damaged_ones_refused():
    vectors = load("tokens.json")
    for case in vectors["accepted"]:
        token = EnrolmentToken.decode(case["token"])
        assert (token.url, token.hub, b64encode(token.seed), token.id) == tuple(
            case[name] for name in ("url", "hub", "seed", "id"))
        assert case["seed"] not in repr(token)
    for case in vectors["refused"]:
        with pytest.raises(InvalidToken):
            EnrolmentToken.decode(case["token"])


@pytest.mark.parametrize("case", load("selectors.json")["accepted"], ids=why)
def test_selectors_name_their_nodes(case):
    fleet = [SimpleNamespace(**node) for node in load("selectors.json")["fleet"]]
    selector = selectors.parse(case["selector"])
    assert [node.id for node in fleet if selector.matches(node)] == case["nodes"]


@pytest.mark.parametrize("text", load("selectors.json")["refused"], ids=lambda text: text[:20] or "empty")
def test_selectors_that_must_be_refused_are(text):
    with pytest.raises((InvalidSelector, LimitExceeded)):
        selectors.parse(text)


@pytest.mark.parametrize("case", load("sealed.json")["accepted"], ids=why)
def test_sealed_texts_open_and_are_sealed_alike(case):
    key, data = SealingKey.from_bytes(b64decode(case["key"])), b64decode(case["data"])
    sender = SealingKey.from_bytes(b64decode(case["sender"]))
    assert (key.public, key.open(case["sealed"], case["about"])) == (case["public"], data)
    assert seal(key.public, data, case["about"], sender=sender) == case["sealed"]


@pytest.mark.parametrize("case", load("sealed.json")["refused"], ids=why)
def test_sealed_texts_that_must_not_open_do_not(case):
    with pytest.raises(WireError):
        SealingKey.from_bytes(b64decode(case["key"])).open(case["sealed"], case["about"])


def test_the_fingerprint_of_a_host_key_is_the_hash_of_its_bytes():
    vectors = load("sealed.json")
    assert HostKey.parse(vectors["host_key"]).fingerprint == vectors["fingerprint"]
