"""TLS as a second wall: certificates of the operator's own, and what is not signed by them."""

import asyncio
import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fake_hub import FakeHub

from dvic_agent.backoff import Backoff
from dvic_agent.clock import Clock
from dvic_agent.errors import NetworkError
from dvic_agent.http import ask
from dvic_agent.identity import Identity, PinnedHub
from dvic_agent.link import Link
from dvic_wire.signing import PrivateKey


def certificate(folder, name: str):
    """A self-signed certificate for 127.0.0.1; returns its file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2020, 1, 1)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=36500))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .sign(key, hashes.SHA256()))
    file = folder / f"{name}.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, folder / f"{name}.key")
    return file, context


class Outcome:
    def __init__(self) -> None:
        self.known: asyncio.Future = asyncio.get_running_loop().create_future()

    def opened(self, session, welcome) -> None:
        self._tell("connected")

    def received(self, message) -> None: ...

    def closed(self, ended, wait) -> None:
        self._tell(ended.reason)

    def _tell(self, what: str) -> None:
        if not self.known.done():
            self.known.set_result(what)


async def outcome(hub: FakeHub, ca_file) -> str:
    key = PrivateKey.generate()
    hub.memory.enrolled(key)
    identity = Identity(key, PinnedHub(hub.url, hub.memory.key.public, key.public.node_id, "ada"))
    told = Outcome()
    link = Link(lambda: identity, told, facts=dict, version="1", clock=Clock(), ca_file=ca_file,
                backoff=Backoff(lambda low, high: 60.0))
    task = asyncio.create_task(link.run())
    try:
        return await asyncio.wait_for(told.known, 20)
    finally:
        await link.stop()
        await asyncio.wait_for(task, 10)


def test_a_hub_with_a_certificate_of_the_operators_own_is_reached(tmp_path):
    async def scene():
        ours, context = certificate(tmp_path, "ours")
        async with FakeHub(tls=context) as hub:
            assert hub.url.startswith("https://")
            assert await outcome(hub, ours) == "connected"
            assert (await ask("GET", hub.url + "/api/v1/hub-key", ca_file=ours)).status == 200
    asyncio.run(scene())


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    async def scene():
        _, context = certificate(tmp_path, "theirs")
        ours, _ = certificate(tmp_path, "ours")
        async with FakeHub(tls=context) as hub:
            for trusted in (ours, None):
                assert "certificate" in await outcome(hub, trusted)
                try:
                    await ask("GET", hub.url + "/api/v1/hub-key", ca_file=trusted)
                except NetworkError as error:
                    assert "certificate" in str(error)
                else:
                    raise AssertionError("it was asked all the same")
            assert hub.memory.heard == []
    asyncio.run(scene())
