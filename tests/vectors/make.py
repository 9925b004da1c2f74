"""Writes the vectors beside it: what every implementation of the protocol, in any language, must agree with.

Ed25519 signatures are deterministic, so a run changes nothing unless the protocol changed; the suite checks that.

    python tests/vectors/make.py            write the files
    python tests/vectors/make.py --check    say which would change, exit 1 if any
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from dvic_wire import codec, messages
from dvic_wire.pushing import SECRET, HostKey, Target, about
from dvic_wire.sealing import SealingKey, seal
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign
from dvic_wire.streams import accept
from dvic_wire.tokens import EnrolmentToken

HERE = Path(__file__).parent
NOW = 1_763_632_800

RFC8037_SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
CAST = {"hub": bytes(range(32)), "node ada": bytes([7] * 32), "mallory": bytes([66] * 32)}
"""The named cast; mallory must always be refused."""


def keys() -> dict:
    """Seeds with everything that is derived from them."""
    listed = []
    for owner, seed in CAST.items():
        key = PrivateKey.from_seed(seed).public
        listed.append({"owner": owner, "seed": b64encode(seed), "jwk": key.jwk(), "fingerprint": key.fingerprint,
                       "node_id": key.node_id})
    return {"about": "Ed25519 keys: seed (base64url), public JWK (RFC 8037), RFC 7638 thumbprint, node id",
            "rfc8037": {"source": "RFC 8037, appendix A", "d": RFC8037_SEED,
                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                        "thumbprint": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                        "payload": "Example of Ed25519 signing",
                        "jws": "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPO"
                               "t7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
            "keys": listed}


def signed() -> dict:
    """Signed messages that hold, and signed messages that must be refused."""
    hub, ada, mallory = (PrivateKey.from_seed(seed) for seed in CAST.values())
    node, hub_id = ada.public.node_id, hub.fingerprint
    claims = {
        Purpose.HUB_PROOF: (hub, {"iss": hub_id, "aud": node, "nonce": "AAAAAAAAAAAAAAAAAAAAAA",
                                  "hub_nonce": "BBBBBBBBBBBBBBBBBBBBBA", "protocol": 1}),
        Purpose.NODE_PROOF: (ada, {"iss": node, "aud": hub_id, "nonce": "BBBBBBBBBBBBBBBBBBBBBA", "instance": "i-1"}),
        Purpose.KEEPALIVE_WS: (ada, {"iss": node, "aud": hub_id, "serial": 42, "period": 10}),
        Purpose.KEEPALIVE_POST: (ada, {"iss": node, "aud": hub_id, "serial": 43, "period": 60,
                                       "numbers": {"temperature": 21.5}, "status": "measuring"}),
        Purpose.KEEPALIVE_UDP: (ada, {"iss": node, "aud": hub_id, "serial": 44, "period": 10}),
        Purpose.RUN: (hub, {"iss": hub_id, "aud": node, "jti": "0123456789abcdef",
                            "spec": {"argv": ["uname", "-a"]}, "by": "alice"}),
        Purpose.CANCEL: (hub, {"iss": hub_id, "aud": node, "jti": "0123456789abcdef", "by": "alice"}),
    }
    good, texts = [], {}
    for purpose, (key, content) in claims.items():
        texts[purpose] = sign(key, purpose, content, now=NOW, ttl=120)
        good.append({"purpose": purpose, "key": key.public.jwk(), "audience": content["aud"], "now": NOW + 5,
                     "jws": texts[purpose], "claims": {**content, "iat": NOW, "exp": NOW + 120}})
    run, audience, jwk = texts[Purpose.RUN], node, hub.public.jwk()
    header, payload, signature = run.split(".")

    def refused(why: str, jws: str, *, purpose: str = Purpose.RUN, key: dict = jwk, aud: str = audience,
                now: int = NOW + 5) -> dict:
        return {"why": why, "purpose": purpose, "key": key, "audience": aud, "now": now, "jws": jws}

    none = b64encode(b'{"alg":"none","typ":"dvic-run+jws"}')
    hmac = b64encode(b'{"alg":"HS256","typ":"dvic-run+jws"}')
    more = b64encode(json.dumps({"alg": "EdDSA", "typ": "dvic-run+jws", "jwk": mallory.public.jwk()}).encode())
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    bad = [
        refused("expired", run, now=NOW + 120 + 61),
        refused("issued in the future", run, now=NOW - 61),
        refused("another audience", run, aud=mallory.public.node_id),
        refused("another purpose", run, purpose=Purpose.CANCEL),
        refused("a keepalive heard on UDP, posted", texts[Purpose.KEEPALIVE_UDP], purpose=Purpose.KEEPALIVE_POST,
                key=ada.public.jwk(), aud=hub_id),
        refused("another key", sign(mallory, Purpose.RUN, claims[Purpose.RUN][1], now=NOW, ttl=120)),
        refused("one bit of the signature changed", f"{header}.{payload}.{flipped}"),
        refused("the algorithm none", f"{none}.{payload}."),
        refused("another algorithm in the header", f"{hmac}.{payload}.{signature}"),
        refused("a key in the header", f"{more}.{payload}.{signature}"),
        refused("two parts", f"{header}.{payload}"),
        refused("four parts", f"{run}.x"),
        refused("padding", f"{header}.{payload}.{signature}=="),
        refused("the other base64 alphabet", f"{header}.{payload}.{'+' + signature[1:]}"),
        refused("a header that is no object", f"{b64encode(b'[]')}.{payload}.{signature}"),
        refused("empty", ""),
    ]
    return {"about": "compact JWS, EdDSA; `now` is Unix seconds; leeway is 60 s", "accepted": good, "refused": bad}


def frames() -> dict:
    """Every message as its text frame, and frames that must be refused with their error code."""
    cast = [
        messages.Hello("n-ada", [1], "AAAAAAAAAAAAAAAAAAAAAA", "i-1", "0.1.0"),
        messages.HubProof("h.p.s"), messages.NodeProof("h.p.s", {"os": "debian 12"}),
        messages.Welcome("n-ada", "ada", {"journal": "s=1;i=2"}, 42, NOW * 1_000_000, ["0123456789abcdef"], {}),
        messages.Refused("revoked", "the key of this node was revoked", 3600),
        messages.Batch("journal", "", "s=1;i=2", "journal",
                       [{"time": NOW * 1_000_000, "level": "info", "message": "grüße\nzwei", "pid": 1}]),
        messages.Batch("file:2049:17", "0;0:", "12;12:a948904f2f0f479b", "dvic_log_x",
                       [{"time": NOW * 1_000_000, "level": "error", "message": "broken"}],
                       {"path": "/tmp/dvic_log_x", "owner": "ada", "uid": 1000, "header": {}}, True),
        messages.Ack("journal", "s=1;i=2"), messages.Ack("journal", "", False, False, "disk-full", 10),
        messages.KeepAlive("h.p.s"), messages.Settings({"keepalive_period": 10}),
        messages.RunRequest("0123456789abcdef", "h.p.s"), messages.RunCancel("0123456789abcdef", "h.p.s"),
        messages.RunRequest("0123456789abcdef", "h.p.s", "update"),
        messages.RunRequest("0123456789abcdef", "h.p.s", "enroll"), messages.RunAnswer("0123456789abcdef", "h.p.s"),
        messages.RunReply("0123456789abcdef", "refused", "policy: no user root"),
        messages.UpdateConfirm("0123456789abcdef", "h.p.s"), messages.Leave("h.p.s"),
        messages.Problem("malformed", "batch.records: must be list", "batch"), messages.Goodbye(),
    ]
    good = [{"message": type(m).__name__, "fields": asdict(m), "frame": codec.encode(m)} for m in cast]
    bad = [
        {"why": "not JSON", "frame": "{", "code": "malformed"},
        {"why": "empty", "frame": "", "code": "malformed"},
        {"why": "no object", "frame": "[]", "code": "malformed"},
        {"why": "no kind", "frame": "{}", "code": "malformed"},
        {"why": "unknown kind", "frame": '{"kind":"exec"}', "code": "malformed"},
        {"why": "kind is no text", "frame": '{"kind":["batch"]}', "code": "malformed"},
        {"why": "field is missing", "frame": '{"kind":"hub_proof"}', "code": "malformed"},
        {"why": "field of another type", "frame": '{"kind":"hub_proof","jws":1}', "code": "malformed"},
        {"why": "true is no number", "frame": '{"kind":"refused","code":"x","reason":"y","retry":true}',
         "code": "malformed"},
        {"why": "NaN", "frame": '{"kind":"settings","values":{"a":NaN}}', "code": "malformed"},
        {"why": "a key twice", "frame": '{"kind":"goodbye","reason":"a","reason":"b"}', "code": "malformed"},
        {"why": "nested too deeply", "frame": '{"kind":"settings","values":{"a":' + "[" * 40 + "]" * 40 + "}}",
         "code": "limit"},
        {"why": "a cursor of 513 characters", "frame": json.dumps(
            {"kind": "ack", "stream": "journal", "cursor": "x" * 513}), "code": "limit"},
    ]
    return {"about": "text frames; binary frames hold the same JSON, zlib-compressed", "accepted": good, "refused": bad}


def batches() -> dict:
    """The compare-and-set rule played through: the hub's cursor, a batch, what must come of it."""
    story = [("first batch", "", "a"), ("the next", "a", "b"), ("the same again: a lost acknowledgement", "a", "b"),
             ("from the beginning: the agent forgot", "", "a"), ("from the future: the hub was put back", "z", "zz"),
             ("nothing new", "b", "b"), ("goes on", "b", "c")]
    held, steps = "", []
    for what, start, end in story:
        verdict = accept(held, start, end)
        steps.append({"what": what, "held": held, "from": start, "to": end, "stored": verdict.accepted,
                      "answer": verdict.cursor})
        held = verdict.cursor
    return {"about": "one stream; `held` is the hub's cursor before the batch, `answer` the acknowledgement's",
            "steps": steps}


def sealed() -> dict:
    """Sealed texts that open, and some that must not. `sender` is the private half of the fresh key of each."""
    receiver, mallory = (SealingKey.from_bytes(seed) for seed in (CAST["node ada"], CAST["mallory"]))
    once = bytes(range(64, 96))
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjoiSSJBmSZqAKbhtlmbLTuxfUSJTx4Q1zS0WWpwmtu"
    of = about(SECRET, "0123456789abcdef", Target("pi", "lab-8", 2222), HostKey.parse(host_key).fingerprint)
    cases = [("correct horse", of), ("", ""), ("grüße", "run 1")]
    good = [{"what": f"{len(text.encode())} bytes", "key": b64encode(CAST["node ada"]), "public": receiver.public,
             "sender": b64encode(once), "about": about_, "data": b64encode(text.encode()),
             "sealed": seal(receiver.public, text.encode(), about_, sender=SealingKey.from_bytes(once))}
            for text, about_ in cases]
    text = good[0]["sealed"]
    bad = [{"why": "another key", "key": b64encode(CAST["mallory"]), "about": of, "sealed": text},
           {"why": "about something else", "key": b64encode(CAST["node ada"]), "about": of + "x", "sealed": text},
           {"why": "one letter changed", "key": b64encode(CAST["node ada"]), "about": of,
            "sealed": text[:60] + ("A" if text[60] != "A" else "B") + text[61:]},
           {"why": "cut off", "key": b64encode(CAST["node ada"]), "about": of, "sealed": text[:60]},
           {"why": "a point of small order", "key": b64encode(CAST["node ada"]), "about": of,
            "sealed": b64encode(bytes(32)) + text[43:]}]
    return {"about": "X25519 with a fresh key (`sender`), HKDF-SHA256 without salt, info: `dvic-sealed-1`, sender's "
                     "public key, receiver's public key; ChaCha20-Poly1305 with a nonce of zeros and `about` as "
                     "associated data; sealed: the sender's public key and the ciphertext, base64url",
            "mallory": mallory.public, "host_key": host_key, "fingerprint": HostKey.parse(host_key).fingerprint,
            "accepted": good, "refused": bad}


def tokens() -> dict:
    """An enrolment token and ways to damage it."""
    hub = PrivateKey.from_seed(CAST["hub"]).fingerprint
    token = EnrolmentToken("https://hub.example:8420/dvic", hub, bytes([9] * 32))
    text = token.encode()
    return {"about": "enrolment tokens", "accepted": [{"token": text, "url": token.url, "hub": token.hub,
                                                       "seed": b64encode(token.seed), "id": token.id}],
            "refused": [{"why": "truncated", "token": text[:-10]}, {"why": "empty", "token": ""},
                        {"why": "a letter changed", "token": text[:20] + ("A" if text[20] != "A" else "B") + text[21:]},
                        {"why": "another prefix", "token": "dvic9" + text[5:]}]}


def selectors() -> dict:
    """Selectors over a small fleet: the ids that each means, and texts that must be refused."""
    fleet = [{"id": "n-1", "name": "web-1", "tags": {"room": "lab"}, "os": "debian 12", "state": "online"},
             {"id": "n-2", "name": "web-2", "tags": {"room": "hall", "demo": ""}, "os": "debian 13", "state": "silent"},
             {"id": "n-3", "name": "all", "tags": {}, "os": "ubuntu 24.04", "state": "late"}]
    means = {"all": [1, 2, 3], "web-*": [1, 2], "WEB-1": [1], "name:all": [3], "id:n-2": [2], "tag:room=lab": [1],
             "tag:room": [1, 2], "tag:demo=": [2], "os:debian*": [1, 2], "state:online or state:late": [1, 3],
             "not web-1": [2, 3], "not not web-1": [1], "web-* and not tag:room=hall": [1],
             "web-1 or web-2 and state:silent": [1, 2], "(web-1 or web-2) and state:silent": [2], "web-[12]": [1, 2],
             "nobody": []}
    refused = ["", "and", "web-1 web-2", "(web-1", "web-1)", "not", "tag:", "tag:=x", "state:sleeping", "color:red",
               "a;b", "$(reboot)", "web-1 and", "(" * 200 + "all" + ")" * 200, "x" * 1001]
    return {"about": "selectors", "fleet": fleet,
            "accepted": [{"selector": s, "nodes": [f"n-{i}" for i in ids]} for s, ids in means.items()],
            "refused": refused}


LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
HARD = 'quote " backslash \\ tab \t line\nend é 😀 \u2028 \x01 \x7f </script> %s %d {} $(x)'
LONG = "é" * 9000
"""Longer than what one write of a buffered stream holds."""


def logging() -> dict:
    """What a program asks of its language's logging library, and the records that the hub must have of it."""
    actions = [
        *(["log", level, f"at {level}"] for level in LEVELS),
        ["log", "info", HARD, f"text={HARD}"],
        ["log", "info", LONG],
        ["log", "info", "with fields", "whole=17", "negative=-3", "decimal=1200.5", "truth=true", "lie=false",
         "zeros=007", "empty=", "equation=a=b"],
        ["logger", "readout", "", "", "", ""], ["log", "warning", "by a logger"],
        ["logger", "main", "conform", "decode", "c-1", "msu-mr"], ["start"], ["log", "info", "within"],
        ["done", "17 frames"], ["skip"], ["fail", "no carrier"],
        ["logger", "main", "conform-quiet", "decode", "c-1", ""], ["log", "info", "below the level"],
        ["log", "error", "above the level"], ["start"],
        ["logger", "main", "conform-quiet", "loud", "c-1", ""], ["log", "debug", "a component's own level"]]
    place = {"logger": "main", "service": "conform", "component": "decode", "cycle": "c-1", "source": "msu-mr"}
    quiet = {"logger": "main", "service": "conform-quiet", "component": "decode", "cycle": "c-1"}
    records = {
        "six levels": [[level, f"at {level}", {}] for level in LEVELS],
        "any characters": [["info", HARD, {"text": HARD}]],
        "long lines whole": [["info", LONG, {}]],
        "fields keep their types": [["info", "with fields", {
            "whole": 17, "negative": -3, "decimal": 1200.5, "truth": True, "lie": False, "zeros": "007", "empty": "",
            "equation": "a=b"}]],
        "the logger's name": [["warning", "by a logger", {"logger": "readout"}]],
        "steps of a service": [
            ["info", "started", {**place, "step": "start"}], ["info", "within", place],
            ["info", "17 frames", {**place, "step": "done"}], ["info", "skipped", {**place, "step": "skip"}],
            ["error", "no carrier", {**place, "step": "fail"}]],
        "the level set at the hub": [
            ["error", "above the level", quiet], ["info", "started", {**quiet, "step": "start"}],
            ["debug", "a component's own level", {**quiet, "component": "loud"}]]}
    return {"about": "actions: what a program does with its library, in turn: log LEVEL TEXT [KEY=VALUE]..., where "
                     "VALUE is an integer, a decimal, true, false, or text; logger NAME SERVICE COMPONENT CYCLE "
                     "SOURCE, the logger of what follows; start|done|fail|skip [TEXT]. levels: as they are set at "
                     "the hub. records: level, message and fields of what must come of them, in order, by what they "
                     "show",
            "levels": {"conform-quiet": "warning", "conform-quiet/loud": "debug"},
            "actions": actions, "records": records}


FILES = {"keys.json": keys, "signed.json": signed, "frames.json": frames, "batches.json": batches,
         "tokens.json": tokens, "selectors.json": selectors, "sealed.json": sealed,
         "logging.json": logging}


def text_of(name: str) -> str:
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    stale = [name for name in FILES if not (HERE / name).exists() or (HERE / name).read_text() != text_of(name)]
    if "--check" in sys.argv:
        print("\n".join(f"{name} is not what make.py writes" for name in stale) or "vectors are up to date")
        return bool(stale)
    for name in stale:
        (HERE / name).write_text(text_of(name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
