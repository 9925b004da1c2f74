"""What a hub gives for updates: signed orders and papers, and a server of packages. For tests that play the hub."""

import hashlib
import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from running_executor import Hub

from dvic_wire.signing import PrivateKey, Purpose, sign
from dvic_wire.updates import KeySet, Manifest


class PackageServer:
    """Serves what lies in `folder` under /apt/pool/, over TLS with `context`. `before` and `half` are called before and
    in mid answer; the next `breaks` answers break off in their middle; `redirect` is where everybody is sent."""

    def __init__(self, folder: Path, address: str, context: ssl.SSLContext | None = None):
        self.folder = folder
        self.before: Callable[[], object] | None = None
        self.half: Callable[[], object] | None = None
        self.alter: Callable[[bytes], bytes] = bytes
        """What really leaves."""
        self.breaks = 0
        self.redirect = ""
        self.asked: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                path = folder / self.path.removeprefix("/apt/pool/")
                if not self.path.startswith("/apt/pool/") or not path.is_file():
                    self.send_error(404)
                    return
                if server.redirect:
                    self.send_response(302)
                    self.send_header("Location", server.redirect)
                    self.end_headers()
                    return
                if server.before:
                    server.before()
                data = server.alter(path.read_bytes())
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[:len(data) // 2])
                if server.half:
                    self.wfile.flush()
                    server.half()
                if server.breaks:
                    server.breaks -= 1
                    return
                self.wfile.write(data[len(data) // 2:])

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # the machine lost its power in the middle

        self._server = Server((address, 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if context else 'http'}://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class SigningHub(Hub):
    """The hub's identity, a signing key, and the papers that it gives."""

    url: str = ""
    node: str = "n-anna"
    signing: PrivateKey = field(default_factory=PrivateKey.generate)
    serial: int = 1

    def __post_init__(self) -> None:
        Hub.__init__(self, self.node)

    def pin(self, config_dir: Path) -> None:
        super().pin(config_dir)
        file = config_dir / "hub.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"url": self.url}))

    def keys(self, serial: int = 0, *keys: PrivateKey) -> str:
        public = tuple(key.public for key in keys or (self.signing,))
        return KeySet(serial or self.serial, public).sign(self.key, now=time.time())

    def update(self, run: str, release: Manifest, *, signer: PrivateKey | None = None, now: float = 0,
               **claims: object) -> str:
        """A signed order to update; keyword arguments replace or add claims."""
        now = now or time.time()
        content = {"iss": self.key.fingerprint, "aud": self.node, "jti": run, "by": "olga", "older": True,
                   "confirm": 120, "manifest": release.sign(signer or self.signing, now=now), "keys": self.keys()}
        return sign(self.key, Purpose.UPDATE, content | claims, now=now, ttl=120)

    def confirmation(self, run: str, version: str) -> str:
        content = {"iss": self.key.fingerprint, "aud": self.node, "jti": run, "version": version}
        return sign(self.key, Purpose.UPDATE_CONFIRM, content, now=time.time(), ttl=300)


def manifest_of(deb: Path, **changed: object) -> Manifest:
    """What a signer would say of a package file."""
    form = "--showformat=${Package}\n${Version}\n${Architecture}"
    said = subprocess.run(["dpkg-deb", "--show", form, str(deb)], capture_output=True, text=True, check=True).stdout
    data = deb.read_bytes()
    return replace(Manifest(*said.split("\n"), len(data), hashlib.sha256(data).hexdigest()), **changed)
