"""The hub's own certificate authority, believed by OpenSSL for this hub and for no other host."""

import datetime as dt
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from dvic_hub import authority
from dvic_hub.errors import Conflict, HubError

NOW = dt.datetime.now(dt.UTC)


def handshake(made: authority.Files, host: str) -> str:
    """What a client that trusts ca.pem says of a server with hub.pem under the name `host`: "" when all is well."""
    ours, theirs = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)

    def serve() -> None:
        try:
            context.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        ssl.create_default_context(cafile=str(made.ca)).wrap_socket(ours, server_hostname=host).close()
        return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        server.join(10)


@pytest.mark.parametrize("host", ["dvic.example.org", "hub", "10.83.4.1", "fd00::7"])
def test_a_client_that_trusts_the_authority_believes_the_hub_under_its_name(tmp_path, host):
    made = authority.prepare(tmp_path / "tls", host, NOW)
    assert handshake(made, host) == ""
    assert "mismatch" in handshake(made, "other.example.org")


@pytest.mark.parametrize(("host", "other"), [("dvic.example.org", "bank.example"), ("dvic.example.org", "10.0.0.1"),
                                             ("10.83.4.1", "10.83.4.2"), ("10.83.4.1", "dvic.example.org")])
def test_a_thief_of_the_authoritys_key_can_sign_for_no_other_host(tmp_path, host, other):
    made = authority.prepare(tmp_path, host, NOW)
    held = x509.load_pem_x509_certificate(made.ca.read_bytes())
    authority._issue(made, held, other, NOW)  # as the thief would, without asking

    assert "subtree" in handshake(made, other)


def test_keys_are_for_root_and_certificates_for_everybody(tmp_path):
    made = authority.prepare(tmp_path / "tls", "hub.test", NOW)

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert [mode(path) for path in (made.ca_key, made.key)] == [0o600, 0o600]
    assert [mode(path) for path in (made.ca, made.certificate)] == [0o644, 0o644]
    assert mode(tmp_path / "tls") == 0o755


def test_a_second_time_nothing_changes_until_the_certificate_nears_its_end(tmp_path):
    made = authority.prepare(tmp_path, "hub.test", NOW)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    authority.prepare(tmp_path, "hub.test", NOW + dt.timedelta(days=30))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first

    late = NOW + dt.timedelta(days=authority.CERTIFICATE_DAYS - 100)
    authority.prepare(tmp_path, "hub.test", late)
    assert made.ca.read_bytes() == first["ca.pem"] and made.certificate.read_bytes() != first["hub.pem"]
    assert handshake(made, "hub.test") in ("", "certificate is not yet valid")


def test_a_certificate_whose_making_was_cut_off_is_made_again(tmp_path):
    made = authority.prepare(tmp_path, "hub.test", NOW)
    made.certificate.unlink()
    authority.prepare(tmp_path, "hub.test", NOW)
    assert handshake(made, "hub.test") == ""


def test_another_host_needs_another_authority_and_is_told_so(tmp_path):
    authority.prepare(tmp_path, "hub.test", NOW)
    with pytest.raises(Conflict, match="another host than other.test"):
        authority.prepare(tmp_path, "other.test", NOW)


def test_without_the_authoritys_key_a_certificate_that_ends_soon_is_a_fault_that_names_the_file(tmp_path):
    made = authority.prepare(tmp_path, "hub.test", NOW)
    made.ca_key.unlink()
    authority.prepare(tmp_path, "hub.test", NOW)  # nothing to be signed yet
    with pytest.raises(HubError, match=r"ca\.key"):
        authority.prepare(tmp_path, "hub.test", NOW + dt.timedelta(days=authority.CERTIFICATE_DAYS))
