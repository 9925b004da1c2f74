"""HTTP to a hub: one request, one answer, every failure named.

Plain http.client: it loads in 20 ms where aiohttp takes 180, and `hubctl nodes` has half a second for everything.
(Live streams, which wait for minutes anyway, use aiohttp: see stream.py.)

- The token goes in a header, never in an address, and never to another host: redirects are not followed.
- GET is tried once more when a kept connection turns out to be dead; nothing else is ever sent twice.
"""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from .context import Context
from .errors import HubctlError, NotReachable, NotSignedIn, Refused, Usage

API = "/api/v1"
TIMEOUT = 30.0
"""Seconds to wait for a connection, and for each piece of an answer."""

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer."""

PAGE = 1000
"""Items asked for at a time."""

NEVER_SENT = (ConnectionRefusedError, socket.gaierror, ssl.SSLError)
"""What fails before a request has left."""

HUB_RUNNING = "is the hub running? On its machine: systemctl status dvic-hub"
CHECK_ADDRESS = "check the address: hubctl context ls"


class Client:
    """Talks to one hub as one person. Usable from several threads, one request at a time."""

    def __init__(self, context: Context, timeout: float = TIMEOUT):
        self.context = context
        self._timeout = timeout
        self._base = checked_url(context.url)
        if not context.token.isprintable() or not context.token.isascii():
            raise Usage("the token has characters that no token has", "copy the whole of it, and nothing else")
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()
        self._clock_offset = 0.0

    def get(self, *path: str, **query: object) -> dict:
        """GET /api/v1/<path>; empty query values are left out. Raises NotReachable, Refused, NotSignedIn, Usage."""
        return self._request("GET", path, query)

    def post(self, *path: str, body: dict | None = None) -> dict:
        return self._request("POST", path, {}, body or {})

    def patch(self, *path: str, body: dict) -> dict:
        return self._request("PATCH", path, {}, body)

    def put(self, *path: str, body: dict) -> dict:
        return self._request("PUT", path, {}, body)

    def upload(self, file: Path, *path: str, method: str = "POST", **query: object) -> dict:
        """Send a file as it is, piece by piece; empty query values are left out. Raises Usage when it can't be read."""
        try:
            with file.open("rb") as body:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
                return self._request(method, path, query, body, headers)
        except OSError as error:
            raise Usage(f"{file} can't be read: {error.strerror}", "give another file") from None

    def put_bytes(self, *path: str, data: bytes, **query: object) -> dict:
        """PUT bytes as they are."""
        return self._request("PUT", path, query, data, {"Content-Type": "application/octet-stream"})

    def part(self, *path: str, start: int, end: int) -> bytes:
        """The bytes of an answer from `start` to before `end`, by Range."""
        return self._exchanged("GET", path, {}, None, {"Accept": "*/*", "Range": f"bytes={start}-{end - 1}"})[2]

    def text(self, *path: str) -> str:
        """An answer that is no JSON but text."""
        return self._exchanged("GET", path, {}, None, {"Accept": "*/*"})[2].decode("utf-8", "replace")

    def delete(self, *path: str, **query: object) -> dict:
        return self._request("DELETE", path, query)

    def items(self, *path: str, limit: int = 0, page: int = PAGE, **query: object) -> Iterator[dict]:
        """All items of a list, `page` at a time, at most `limit` where it is set. A page without `next` is the last."""
        cursor, left = "", limit
        while True:
            answer = self.get(*path, limit=min(left, page) if limit else page, cursor=cursor, **query)
            items, before, cursor = answer.get("items", []), cursor, answer.get("next", "")
            yield from items[:left] if limit else items
            left -= len(items)
            if not cursor or cursor == before or (limit and left <= 0):
                return

    def hub_now(self) -> float:
        """Unix seconds by the hub's clock, as far as its answers told (to the second); ours before the first."""
        return time.time() + self._clock_offset

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _request(self, method: str, path: tuple[str, ...], query: dict, body: dict | bytes | BinaryIO | None = None,
                 more_headers: dict[str, str] | None = None) -> dict:
        return read_answer(self.context, *self._exchanged(method, path, query, body, more_headers))

    def _exchanged(self, method: str, path: tuple[str, ...], query: dict, body: dict | bytes | BinaryIO | None = None,
                   more_headers: dict[str, str] | None = None) -> tuple:
        """Status, headers and content of a good answer; what a bad one means is raised."""
        if any(part in ("", ".", "..") for part in path):
            raise Usage("a name is empty", "see --help of this command")
        target = self._base.path.rstrip("/") + API + "".join("/" + quote(part, safe="") for part in path)
        asked = {key: value for key, value in query.items() if value not in ("", None)}
        if asked:
            target += "?" + urlencode(asked)
        headers = {"Accept": "application/json", "User-Agent": "hubctl", **(more_headers or {})}
        if self.context.token:
            headers["Authorization"] = f"Bearer {self.context.token}"
        data = body
        if isinstance(body, dict):
            data = json.dumps(body, ensure_ascii=True).encode()
            headers["Content-Type"] = "application/json"
        with self._lock:
            status, answer_headers, content = self._exchange(method, target, data, headers)
        self._notice_clock(answer_headers.get("Date", ""))
        if not 200 <= status < 300:
            read_answer(self.context, status, answer_headers, content)
        return status, answer_headers, content

    def _exchange(self, method: str, target: str, data: bytes | BinaryIO | None, headers: dict) -> tuple:
        for kept in (self._connection is not None, False):
            if method != "GET" or not kept:
                self.close()
            try:
                if not self._connection:
                    self._connection = self._connect()
                self._connection.request(method, target, data, headers)
                response = self._connection.getresponse()
                content = response.read(MAX_ANSWER + 1)
                if len(content) > MAX_ANSWER:
                    raise http.client.HTTPException("the answer is too large")
                if response.will_close:
                    self.close()
                return response.status, response.headers, content
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not (kept and method == "GET") or isinstance(error, TimeoutError):
                    fault = unreachable(self.context.url, error)
                    if method != "GET" and not isinstance(error, NEVER_SENT):
                        fault.next_step = "it may have been carried out all the same: look before you try again"
                    raise fault from None
        raise AssertionError("the second try returns or raises")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._base.hostname or "", self._base.port
        if self._base.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=tls(self.context))

    def _notice_clock(self, date: str) -> None:
        try:
            # the header is cut to whole seconds: half a second is the best guess of the rest
            self._clock_offset = parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
        except (ValueError, TypeError):
            pass


def checked_url(url: str):
    """The parts of a hub's address; raises Usage unless it is plain http(s)."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        valid = False
    if not valid or parts.username or parts.query or parts.fragment:
        raise Usage(f"{url!r} is no address of a hub", "write it as https://hub.example or http://127.0.0.1:8420")
    return parts


def tls(context: Context) -> ssl.SSLContext:
    """System authorities, or the context's own; raises Usage where its file can't be read."""
    try:
        return ssl.create_default_context(cafile=context.ca or None)
    except OSError as error:
        raise Usage(f"the certificate file {context.ca} can't be used: {error}", "give a PEM file with --ca") from None


def unreachable(url: str, error: Exception) -> NotReachable:
    """Say what kept us from the hub, and what to look at."""
    look = "check the network and the hub's machine, then try again"
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotReachable(f"the certificate of {url} can't be trusted: {error.verify_message}",
                            f"for a private authority: hubctl login {url} --ca FILE.pem")
    if isinstance(error, ssl.SSLError):
        return NotReachable(f"no TLS at {url}: {error.reason or error}", "is it http:// and not https://?")
    if isinstance(error, socket.gaierror):
        return NotReachable(f"the name in {url} can't be resolved", CHECK_ADDRESS)
    if isinstance(error, ConnectionRefusedError):
        return NotReachable(f"nothing listens at {url}", HUB_RUNNING)
    if isinstance(error, TimeoutError):
        return NotReachable(f"{url} does not answer in time", look)
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        return NotReachable(f"what answers at {url} is no hub ({type(error).__name__})", CHECK_ADDRESS)
    return NotReachable(f"the connection to {url} failed: {error}", look)


def read_answer(context: Context, status: int, headers, content: bytes) -> dict:
    """The JSON object of a good answer; raises what a bad one means."""
    try:
        value = json.loads(content) if content.strip() else {}
    except (ValueError, RecursionError):
        value = None
    if 200 <= status < 300:
        if isinstance(value, dict):
            return value
        raise NotReachable(f"what answers at {context.url} is no hub", CHECK_ADDRESS)
    if 300 <= status < 400:
        raise Refused(f"the hub says that it moved to {headers.get('Location', 'somewhere else')}",
                      "sign in there: hubctl login URL", status)
    raise problem(context, status, value if isinstance(value, dict) else {})


def problem(context: Context, status: int, document: dict) -> HubctlError:
    """An RFC 9457 problem document (or the bare status, where a proxy answered) as what hubctl raises."""
    code = _text(document, "code")
    what = _text(document, "detail") or _text(document, "title") or f"HTTP status {status}"
    if document.get("field"):
        what = what if str(document["field"]) in what else f"{document['field']}: {what}"
    if status in (502, 503, 504) and not code:
        return NotReachable(f"{context.url} answers, but the hub behind it does not ({status})",
                            HUB_RUNNING)
    if status == 401:
        return NotSignedIn(what, f"sign in: hubctl login {context.url}", status, code)
    if status in (400, 422):
        return Usage(what, "look what there is: hubctl nodes" if code == "no-nodes" else "see --help of this command")
    if status == 404 and not code:
        return NotReachable(f"what answers at {context.url} is no hub (404)", CHECK_ADDRESS)
    return Refused(what, _next_step(status, code, context), status, code)


def _next_step(status: int, code: str, context: Context) -> str:
    if code == "password-change-needed":
        return f"choose a new password: hubctl login {context.url}"
    by_code = {"no-release": "look what the hub serves: hubctl release ls",
               "rollout-open": "look how it goes: hubctl updates", "not-halted": "look how it goes: hubctl updates",
               "own-rule": "look what there is: hubctl rules", "alarm-cleared": "look what is open: hubctl alarms",
               "last-key": "hubctl release keys new, or hubctl release keys add"}
    if code in by_code:
        return by_code[code]
    steps = {403: "ask an admin of the hub for the role, or use another context: hubctl context ls",
             404: "look what there is: hubctl nodes, hubctl runs ls, hubctl token ls",
             409: "look how things stand now, then try again",
             413: "send less at a time",
             429: "wait a moment, then try again",
             507: "make room on the hub's disk, then try again"}
    return steps.get(status, "look into the hub's log: journalctl -u dvic-hub" if status >= 500 else "see --help")


def _text(document: dict, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
