"""How a hub says on the local network where it is: a DNS-SD service (RFC 6763) whose TXT record has `url` and `hub`.

An announcement is anybody's word: it helps to find an address, and is never a reason to trust. Trust comes with the
enrolment token, which names the hub's key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SERVICE = "_dvic-hub._tcp.local."

MAX_TEXT = 200
"""Characters of anything announced that are looked at."""


@dataclass(frozen=True)
class FoundHub:
    """`url` and `fingerprint` as announced; `url` is made of address and port where none was."""

    name: str
    url: str
    fingerprint: str


def properties(url: str, fingerprint: str) -> dict[str, str]:
    """What a hub puts into its TXT record."""
    return {"url": url, "hub": fingerprint}


def read_announcement(name: str, server: str, port: int, addresses: Sequence[str],
                      said: Mapping[bytes, bytes | None]) -> FoundHub:
    """What was announced, made harmless to show."""
    host = addresses[0] if addresses else server.rstrip(".")
    url = _text(said, b"url") or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return FoundHub(_shown(name.removesuffix("." + SERVICE)), url, _text(said, b"hub"))


def candidates(found: Iterable[FoundHub], fingerprint: str, token_url: str) -> list[str]:
    """Addresses worth asking for the hub with this key, each once, the token's own first if it is among them. Where the
    token says https nobody on the network can talk us into plain http."""
    urls = [hub.url.rstrip("/") for hub in found if hub.fingerprint == fingerprint]
    allowed = ("https://",) if token_url.startswith("https://") else ("https://", "http://")
    fit = [url for url in dict.fromkeys(urls) if url.startswith(allowed)]
    return sorted(fit, key=lambda url: url != token_url)


def _text(said: Mapping[bytes, bytes | None], key: bytes) -> str:
    return _shown((said.get(key) or b"").decode("utf-8", "replace"))


def _shown(text: str) -> str:
    """What comes off the network can't move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:MAX_TEXT]
