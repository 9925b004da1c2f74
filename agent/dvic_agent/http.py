"""Plain HTTP to a hub, for what happens without a connection: enrolling and the doctor's look. One request a call."""

import asyncio
import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp

from .errors import NetworkError
from .link import explain, tls_context

ANSWER_SECONDS = 20.0
MAX_ANSWER = 256 * 1024
"""Bytes of an answer; a hub's are far smaller."""


@dataclass(frozen=True)
class Answer:
    """`body` is {} where the answer was not a JSON object. `time`: the other side's clock, Unix seconds."""

    status: int
    body: dict = field(default_factory=dict)
    time: float | None = None


async def ask(method: str, url: str, *, body: dict | None = None, ca_file: Path | None = None) -> Answer:
    """One request; raises NetworkError when there is no answer, whatever the reason."""
    tls = {"ssl": tls_context(ca_file)} if ca_file else {}
    try:
        async with asyncio.timeout(ANSWER_SECONDS), aiohttp.ClientSession() as http, http.request(
                method, url, json=body, allow_redirects=False, **tls) as answer:
            data = await answer.content.read(MAX_ANSWER)
            return Answer(answer.status, _object(data), read_date(answer.headers.get("Date", "")))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise NetworkError(f"{url} is not reachable: {explain(error)}") from None


def read_date(header: str) -> float | None:
    """The time in a Date header; None when it holds none."""
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _object(data: bytes) -> dict:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
