"""Fetches the package that a manifest names, from the hub that this machine was enrolled at.

Nothing that comes is believed: it may be no longer than the manifest says and must have its hash, however it came. The
hub's TLS is checked as the agent checks it: against hub.ca_file of agent.toml, or hub-ca.pem, or the system's.
"""

import errno
import hashlib
import http.client
import os
import shutil
import ssl
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..errors import Refusal, Untrusted
from ..trusted import read_config
from .folder import put_in_place
from .plan import Journal

SILENCE_SECONDS = 30
"""Seconds without a byte after which the hub counts as not reachable."""

PATIENCE_SECONDS = 180
"""Seconds in which a hub that is not reachable is asked again; it may just be restarting."""

DOWNLOAD_SECONDS = 3600
"""Seconds that a download may take in all."""

SPARE_BYTES = 16 * 1024 * 1024
"""Bytes that must stay free besides what is needed."""

CHUNK = 64 * 1024

_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses after which asking again helps."""


class DownloadFailed(Exception):
    """Says why; nothing of the download is left."""


class Stopped(Exception):
    """Somebody wants it to end: it was cancelled, or the machine is being stopped."""


def find_ca(config_dir: Path) -> str:
    """The certificates that the hub's TLS is checked against, "" for the system's; raises Refusal."""
    try:
        data = read_config(config_dir, "agent.toml")
        table = tomllib.loads((data or b"").decode("utf-8")).get("hub", {})
        named = table.get("ca_file", "") if isinstance(table, dict) else ""
        own = config_dir / "hub-ca.pem"
        return str(named) or (str(own) if own.is_file() else "")
    except (Untrusted, ValueError) as error:
        raise Refusal("config", f"agent.toml can't be used: {error}") from None


def check_room(folder: Path, needed: int) -> None:
    """Raise DownloadFailed unless `needed` bytes and some to spare are free where `folder` is."""
    if shutil.disk_usage(folder).free < needed + SPARE_BYTES:
        raise DownloadFailed(no_room(folder, needed))


def no_room(folder: Path, needed: int) -> str:
    """What people are told."""
    free = shutil.disk_usage(folder).free
    return f"no room: {needed + SPARE_BYTES} bytes are needed in {folder}, {free} are free"


def fetch(journal: Journal, part: Path, target: Path, stopped: Callable[[], bool], *,
          patience: float = PATIENCE_SECONDS, pause: float = 5.0) -> None:
    """Download into `part`, check, and give it the name `target`. Raises DownloadFailed, or Stopped as soon as
    `stopped()` is true. `patience` and `pause` (between two tries) in seconds."""
    check_room(part.parent, journal.size)
    begun = time.monotonic()
    while True:
        try:
            _fetch_once(journal, part, stopped, begun + DOWNLOAD_SECONDS)
            put_in_place(part, target)
            return
        except _Unreachable as error:
            if time.monotonic() + pause > begun + patience:
                raise DownloadFailed(str(error)) from None
            _sleep(pause, stopped)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                part.unlink(missing_ok=True)
                raise DownloadFailed(no_room(part.parent, journal.size)) from None
            raise DownloadFailed(f"the package can't be written: {error}") from None
        finally:
            part.unlink(missing_ok=True)


def is_whole(path: Path, journal: Journal) -> bool:
    """Whether exactly the package of the manifest lies there."""
    try:
        if path.stat().st_size != journal.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == journal.sha256
    except OSError:
        return False


class _Unreachable(Exception):
    pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _fetch_once(journal: Journal, part: Path, stopped: Callable[[], bool], deadline: float) -> None:
    digest, got = hashlib.sha256(), 0
    with _open(journal) as answer, part.open("wb") as file:
        if (length := answer.headers.get("Content-Length", "")).isdigit() and int(length) < journal.size:
            raise DownloadFailed(f"{journal.url} is truncated at the hub: {length} of {journal.size} bytes")
        while data := _read(answer, journal.url):
            if stopped():
                raise Stopped
            if time.monotonic() > deadline:
                raise DownloadFailed(f"only {got} of {journal.size} bytes came within {DOWNLOAD_SECONDS} s")
            got += len(data)
            if got > journal.size:
                raise DownloadFailed(f"{journal.url} is longer than the {journal.size} bytes that were signed")
            digest.update(data)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if got < journal.size:
        raise _Unreachable(f"{journal.url}: the connection broke after {got} of {journal.size} bytes")
    if digest.hexdigest() != journal.sha256:
        raise DownloadFailed(f"{journal.url} is not the package that was signed: its sha256 is {digest.hexdigest()}, "
                             f"not {journal.sha256}")


def _open(journal: Journal) -> http.client.HTTPResponse:
    try:
        context = ssl.create_default_context(cafile=journal.ca_file or None)
    except OSError as error:
        raise DownloadFailed(f"the certificates in {journal.ca_file} can't be read: {error}") from None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect(),
                                         urllib.request.HTTPSHandler(context=context))
    try:
        return opener.open(journal.url, timeout=SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _PASSING:
            raise _Unreachable(f"{journal.url}: the hub answers with HTTP {error.code}") from None
        raise DownloadFailed(f"{journal.url}: the hub answers with HTTP {error.code}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadFailed(f"{journal.url}: the certificate does not hold: {error.reason}") from None
        raise _Unreachable(f"{journal.url}: the hub is not reachable: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Unreachable(f"{journal.url}: the hub is not reachable: {error!r}") from None


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Unreachable(f"{url}: the connection broke: {error!r}") from None


def _sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if stopped():
            raise Stopped
        time.sleep(0.1)
