"""A private certificate authority for one hub, where no public one signs its name: a LAN, a lab, a bare address.

    ca.pem             what machines and people trust; the install line carries it to the machines
    ca.key             its key: it can sign for this hub's name and no other (RFC 5280, 4.2.1.10), so that whoever
                       steals it gets no more than with hub.key, which lies beside it
    hub.pem, hub.key   what nginx shows

All lie in one folder, keys 0600. Nothing here is what nodes trust a hub for: they pin its own key (identity.py).
"""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dvic_hub.errors import Conflict, HubError

AUTHORITY_DAYS = 30 * 365
"""Days that the authority is valid. Machines hold it, so a new one is a walk to each of them."""

CERTIFICATE_DAYS = 10 * 365
"""Days that the hub's certificate is valid. Its authority's key lies beside it: a shorter time would protect nobody."""

RENEW_DAYS = 365
"""Days before its end at which the hub's certificate is made anew."""

NO_NAME = "dvic-hub.invalid"
"""What nobody can be called (RFC 2606): the only DNS name that an address's authority may sign. The certificate has it
for its common name, since GnuTLS checks that one against the constraints where it finds no DNS name."""

_EARLIER = dt.timedelta(days=1)  # valid from then, for machines whose clock is behind


@dataclass(frozen=True)
class Files:
    """Where everything lies."""

    ca: Path
    ca_key: Path
    certificate: Path
    key: Path


def prepare(folder: Path, host: str, now: dt.datetime) -> Files:
    """Make what is missing, and the hub's certificate anew when it ends soon or is another host's.

    `host` is a name or an address. Raises Conflict where the authority there is for another host, HubError where files
    can't be read or written.
    """
    made = Files(folder / "ca.pem", folder / "ca.key", folder / "hub.pem", folder / "hub.key")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        if not made.ca.exists():
            _found(made, host, now)
        authority = x509.load_pem_x509_certificate(made.ca.read_bytes())
        if not _may_sign(authority, host):
            raise Conflict(f"the authority in {folder} is for another host than {host}: move that folder away for a "
                           "new one, and enrol the machines again")
        if not _serves(made, authority, host, now):
            _issue(made, authority, host, now)
    except OSError as error:
        raise HubError(f"{error.filename or folder}: {error.strerror}", code="authority") from error
    except ValueError as error:
        raise HubError(f"{folder}: {error}", code="authority") from error
    return made


def _found(made: Files, host: str, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"DVIC authority {x509.random_serial_number() % 16**8:08x}")
    usage = {"key_cert_sign": True, "crl_sign": True, "digital_signature": False}
    certificate = (_builder(name, name, key.public_key(), now, AUTHORITY_DAYS, usage)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                   .add_extension(_only(host), critical=True)
                   .sign(key, hashes.SHA256()))
    _write_key(made.ca_key, key)
    _write(made.ca, _pem(certificate), 0o644)  # last: where it is, its key is


def _issue(made: Files, authority: x509.Certificate, host: str, now: dt.datetime) -> None:
    ca_key = serialization.load_pem_private_key(made.ca_key.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    usage = {"digital_signature": True}
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    certificate = (_builder(_named(NO_NAME), authority.subject, key.public_key(), now, CERTIFICATE_DAYS, usage)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                   .add_extension(x509.SubjectAlternativeName([_general(host)]), critical=False)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                   .add_extension(signer, critical=False)
                   .sign(ca_key, hashes.SHA256()))
    made.certificate.unlink(missing_ok=True)  # never one beside another's key
    _write_key(made.key, key)
    _write(made.certificate, _pem(certificate), 0o644)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int,
             usage: dict[str, bool]) -> x509.CertificateBuilder:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER).not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.KeyUsage(**{name: usage.get(name, False) for name in every}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _only(host: str) -> x509.NameConstraints:
    """For nothing but this host."""
    general = _general(host)
    if isinstance(general, x509.IPAddress):
        network = ipaddress.ip_network(general.value)
        return x509.NameConstraints([x509.IPAddress(network), x509.DNSName(NO_NAME)], None)
    anywhere = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("0.0.0.0/0", "::/0")]
    return x509.NameConstraints([general], anywhere)


def _may_sign(authority: x509.Certificate, host: str) -> bool:
    """Whether the authority is for this host; one that somebody brought along, without constraints, is for any."""
    try:
        held = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return True
    return held == _only(host)


def _serves(made: Files, authority: x509.Certificate, host: str, now: dt.datetime) -> bool:
    """Whether the hub's certificate is of this authority, for this host, and goes on for a while."""
    if not made.certificate.exists() or not made.key.exists():
        return False
    held = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    long_enough = held.not_valid_after_utc - now > dt.timedelta(days=RENEW_DAYS)
    return held.issuer == authority.subject and _general(host) in names and long_enough


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                   serialization.NoEncryption()), 0o600)


def _write(path: Path, data: bytes, mode: int) -> None:
    """The file whole, with this mode from its first moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as to:
        os.fchmod(handle, mode)
        to.write(data)
        to.flush()
        os.fsync(handle)
    beside.replace(path)


def end_of(certificate: bytes) -> float:
    """When a certificate (DER) ends, in Unix seconds; raises ValueError for what is none."""
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
