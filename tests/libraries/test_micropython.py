"""The MicroPython library, by Debian's micropython: what it computes, and that it harms nobody whatever is wrong."""

import hashlib
import json
import random
import socket
import ssl
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from email.utils import formatdate

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from micropython import LIBRARY, TOP, MicroPython
from private_authority import PrivateAuthority

VECTORS = TOP / "tests" / "vectors"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return MicroPython(tmp_path_factory.mktemp("micropython"))


def computed(python, script, given):
    """What the script makes of each of `given`, JSON."""
    (python.folder / "given.json").write_text(json.dumps(given))
    head = "import json\nfrom binascii import unhexlify, hexlify\nfrom dvic import clock, ed25519, paper, sha512\n"
    return json.loads(python.run(f"{head}\ndef made(g):\n    {script}\n"
                                 "print(json.dumps([made(g) for g in json.load(open('given.json'))]))\n"))


def test_its_sha512_is_sha512_at_every_length(python):
    pieces = [random.Random(length).randbytes(length).hex() for length in (*range(0, 261), 1000, 4095)]
    digests = computed(python, "return hexlify(sha512.sha512(unhexlify(g))).decode()", pieces)
    assert digests == [hashlib.sha512(bytes.fromhex(piece)).hexdigest() for piece in pieces]


def test_its_signatures_are_those_of_another_implementation(python):
    chosen = random.Random(8032)
    given = [(chosen.randbytes(32).hex(), chosen.randbytes(chosen.randrange(300)).hex()) for _ in range(40)]
    given.append((bytes(32).hex(), ""))
    given.append((b"\xff".hex() * 32, "00"))
    script = ("s, m = [unhexlify(x) for x in g]; p = ed25519.public_of(s)\n"
              "    return [hexlify(p).decode(), hexlify(ed25519.sign(s, p, m)).decode()]")
    for (seed, message), (public, signature) in zip(given, computed(python, script, given), strict=True):
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        assert public == key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        assert signature == key.sign(bytes.fromhex(message)).hex()


def test_rfc_8032_and_the_vectors_of_all_languages_hold(python):
    """RFC 8032, section 7.1, test 3; and every keepalive of signed.json by a key whose seed keys.json has."""
    rfc = computed(python, "return hexlify(ed25519.sign(*[unhexlify(x) for x in g])).decode()", [(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82")])
    assert rfc == ["6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                   "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"]
    keys = json.loads((VECTORS / "keys.json").read_text())["keys"]
    seeds = {key["jwk"]["x"]: key["seed"] for key in keys}
    signed = [case for case in json.loads((VECTORS / "signed.json").read_text())["accepted"]
              if case["key"].get("x") in seeds]
    assert any(case["purpose"] == "dvic-keepalive-post+jws" for case in signed)
    given = [(seeds[case["key"]["x"]], case["jws"].rsplit(".", 1)[0]) for case in signed]
    script = "return g[1] + '.' + paper.encoded(paper.Ed25519Key(paper.decoded(g[0])).sign(g[1].encode()))"
    assert computed(python, script, given) == [case["jws"] for case in signed]
    nodes = computed(python, "return paper.Ed25519Key(paper.decoded(g)).node", [key["seed"] for key in keys])
    assert nodes == [key["node_id"] for key in keys]


def test_dates_of_http_are_read_and_others_are_none(python):
    times = [0, 951782399, 951782400, 1767225600, 1772323199, 1772323200, 1835351999, 1835395200, 4102444800]
    assert computed(python, "return clock.read_date(g)", [formatdate(at, usegmt=True) for at in times]) == times
    others = ["", "now", "Sun, 06 Foo 1994 08:49:37 GMT", "a b c d e f"]
    assert computed(python, "return clock.read_date(g)", others) == [0] * 4


def test_nothing_that_is_wrong_reaches_the_program(python):
    """Each line is a fault: what beat says, and what problem() says of it."""
    folder = python.folder
    (folder / "none.key").write_text("no key")
    (folder / "some.key").write_text("A" * 43)
    ask = "    print(json.dumps([d.beat(), d.problem]))\n"
    nobody = "http://127.0.0.1:1"
    faults = [(nobody, "absent.key", None, "OSError"), (nobody, "none.key", None, "hubctl node add"),
              (nobody, "some.key", None, "ECONNREFUSED"), ("ftp://x", "some.key", None, "http://"),
              ("https://127.0.0.1:1", "some.key", None, '"ca"'),
              ("https://127.0.0.1:1", "some.key", "absent.der", "OSError"), (None, "some.key", None, "Error")]
    said = python.run("import json\nfrom dvic import Device\n"
                      f"for url, key, ca, _ in json.loads({json.dumps(json.dumps(faults))}):\n"
                      "    d = Device(url, 'hub', key, ca=ca, timeout=2)\n"
                      "    d.log('loud', object(), x=object())\n" + ask).splitlines()
    for line, fault in zip(said, faults, strict=True):
        answer, problem = json.loads(line)
        assert answer is False, fault
        assert fault[3] in problem or "[Errno 111]" in problem, (fault, problem)


@contextmanager
def answering(*answers, context=None):
    """A port that answers each connection with the next of `answers`, bytes, and hangs up; yields its number."""
    def serve():
        for answer in answers:
            peer, _ = port.accept()
            try:
                peer = context.wrap_socket(peer, server_side=True) if context else peer
                peer.recv(65536)
                peer.sendall(answer)
            except OSError:
                pass  # the other side had enough of it, which is what the tests are about
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as port:
        port.settimeout(60)
        server = threading.Thread(target=serve)
        server.start()
        yield port.getsockname()[1]
        server.join(60)
        assert not server.is_alive()


def test_what_answers_in_the_hubs_place_can_only_make_it_say_false(python):
    (python.folder / "some.key").write_text("A" * 43)
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    bad = [b"", b"\0" * 100, b"HTTP/1.1", b"HTTP/1.1 200 OK\r\nDate: now\r\n" + b"x" * 1_000_000,
           b"HTTP/1.1 x y\r\n\r\n{}", b"HTTP/1.1 500 x\r\nDate: \xff\xfe\r\n\r\n{", ok + b'{"serial": "x"}',
           ok + b'{"time": []}', b'HTTP/1.1 409 x\r\n\r\n{"code": "replay", "limit": []}']
    with answering(*bad) as port:
        said = python.run(f"""
from dvic import Device
for _ in range({len(bad)}):
    d = Device("http://127.0.0.1:{port}", "hub", "some.key", ntp=False, timeout=30)
    print(d.beat(), bool(d.problem))
""")
    assert said.splitlines() == ["False True"] * len(bad)


def test_https_speaks_to_whom_the_certificate_names_and_to_nobody_else(python):
    """One that the authority signed, one that another signed, one for another host; and anybody where that was said."""
    folder = python.folder
    (folder / "some.key").write_text("A" * 43)
    (folder / "other").mkdir()
    right, other = PrivateAuthority(folder), PrivateAuthority(folder / "other")
    der = subprocess.run(["openssl", "x509", "-in", right.ca, "-outform", "DER"], check=True, capture_output=True)
    (folder / "ca.der").write_bytes(der.stdout)
    said = []
    for authority, host, ca in ((right, "localhost", "ca.der"), (other, "localhost", "ca.der"),
                                (right, "example.org", "ca.der"), (other, "localhost", "any")):
        authority.issue(host, folder / "hub.pem", folder / "hub.key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "hub.pem", folder / "hub.key")
        with answering(b'HTTP/1.1 200 OK\r\n\r\n{"name": "x"}', context=context) as port:
            said.append(python.run(f"""
from dvic import Device
d = Device("https://localhost:{port}", "hub", "some.key", ca="{ca}", ntp=False, timeout=30)
print(d.beat(), d.problem)
""")[:5].strip())
    assert said == ["True", "False", "False", "True"]


def test_a_program_without_settings_goes_on(python):
    (python.folder / "dvic.json").unlink(missing_ok=True)
    said = python.run("import dvic\ndvic.log('info', 'x')\nprint(dvic.beat(), dvic.problem())\n")
    assert said.startswith("False dvic.json can't be used")


def test_a_clock_that_nobody_set_asks_ntp_and_one_that_was_set_is_left_alone(python):
    said = python.run("""
from dvic.clock import Clock
def fail(): raise OSError(110)
def ntp(): now[0] = 1800000000 - e
import dvic.clock; e = dvic.clock._EPOCH
now, sets = [5], []
c = Clock(lambda: now[0], fail, lambda s: sets.append(s))
print(c.known(), c.ask_ntp(), c.told(1800000000), c.known(), c.now(), sets)
c = Clock(lambda: now[0], ntp, lambda s: sets.append(s))
print(c.ask_ntp(), c.now(), c.told(1800000002), c.told(1800000900), c.now(), sets, c.told(5))
""")
    assert said.splitlines() == ["False False True True 1800000000 [1800000000]",
                                 "True 1800000000 False True 1800000900 [1800000000] False"]


def test_the_archive_holds_the_package_and_is_the_same_each_time(tmp_path):
    made = []
    for folder in ("one", "two"):
        done = subprocess.run([LIBRARY / "build.sh", tmp_path / folder], check=True, capture_output=True, text=True)
        made.append(done.stdout.strip())
    assert open(made[0], "rb").read() == open(made[1], "rb").read()
    with tarfile.open(made[0]) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if name.endswith((".py", ".md"))]
    assert sorted(names) == sorted(["README.md", *(f"dvic/{file.name}" for file in (LIBRARY / "dvic").glob("*.py"))])
