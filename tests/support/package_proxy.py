"""A way to Debian's packages for machines on a lab network, which has no other way out: a small HTTP proxy on the host.

    with PackageProxy(network.address, tmp_path) as proxy:
        machine.write("/etc/apt/apt.conf.d/99-lab", proxy.apt_settings())

It fetches as the host does, so whatever the host needs for that counts here too, and keeps what it fetched: the second
machine gets the same file from here. Only apt is told of it, and only for Debian's own server: nothing else of a
machine gets out.
"""

import hashlib
import http.server
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from reaching_packages import apt_patience

MIRROR = "deb.debian.org"
FETCH_SECONDS = 120


class PackageProxy:
    """Serves from `with` to its end. `kept`: a folder for what was fetched, for several one after the other."""

    def __init__(self, address: str, kept: Path, mirror: str = MIRROR):
        self._mirror = mirror
        self._kept = kept
        self._kept.mkdir(parents=True, exist_ok=True)
        self._locks: dict[str, threading.Lock] = {}
        self._all = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self) -> None:
                proxy.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> "PackageProxy":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}"

    def apt_settings(self) -> str:
        """For apt.conf.d: this proxy for Debian's server alone."""
        return f'Acquire::http::Proxy::{self._mirror} "{self.url}";\n{apt_patience()}'

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        target = urllib.parse.urlsplit(request.path)
        if target.scheme != "http" or target.hostname != self._mirror:
            request.send_error(403, "only Debian's packages")
            return
        try:
            file = self._fetched(request.path)
        except urllib.error.HTTPError as error:
            request.send_error(error.code)
            return
        except OSError as error:
            request.send_error(502, str(error)[:100])
            return
        request.send_response(200)
        request.send_header("Content-Length", str(file.stat().st_size))
        request.end_headers()
        with file.open("rb") as data:
            shutil.copyfileobj(data, request.wfile)

    def _fetched(self, url: str) -> Path:
        """The file, fetched once however many ask at the same time."""
        file = self._kept / hashlib.sha256(url.encode()).hexdigest()
        with self._all:
            lock = self._locks.setdefault(url, threading.Lock())
        with lock:
            if not file.exists():
                beside = file.with_suffix(".part")
                with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer, beside.open("wb") as to:
                    shutil.copyfileobj(answer, to)
                beside.rename(file)
        return file
