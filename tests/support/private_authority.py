"""A certificate authority that is not the hub's own, made with openssl."""

import subprocess
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class PrivateAuthority:
    """Its certificate is `ca`; its key lies beside."""

    def __init__(self, folder: Path):
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl("req", "-x509", *_EC, "-days", "30", "-subj", "/CN=Test authority", "-addext",
                 "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
                 "-keyout", self._key, "-out", self.ca)

    def issue(self, host: str, certificate: Path, key: Path) -> None:
        """A certificate for a host name or an address, with a new key."""
        kind = "IP" if host.replace(".", "").isdecimal() else "DNS"
        request = certificate.with_suffix(".csr")
        _openssl("req", *_EC, "-subj", f"/CN={host}", "-addext", f"subjectAltName={kind}:{host}", "-keyout", key,
                 "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", "30",
                 "-copy_extensions", "copy", "-out", certificate)


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)
