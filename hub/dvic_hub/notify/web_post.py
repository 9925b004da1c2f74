"""One POST of JSON, as webhooks and Telegram get them: no redirect is followed, no more is read than is needed."""

import asyncio

import aiohttp
import msgspec

from .channel import Undelivered

ANSWER_SECONDS = 25
"""Seconds in which a web server must have answered."""

MAX_ANSWER = 64 * 1024
"""Bytes that are read of an answer."""


async def post(http: aiohttp.ClientSession, url: str, body: dict, where: str, *, within: float = ANSWER_SECONDS,
               most: int = MAX_ANSWER) -> tuple[int, bytes, str]:
    """Status, the body's first `most` bytes and Retry-After. `where` names the server in errors: the address may be a
    secret. Raises Undelivered where there was no answer `within` so many seconds."""
    try:
        async with asyncio.timeout(within), http.post(
                url, data=msgspec.json.encode(body), headers={"Content-Type": "application/json"},
                allow_redirects=False) as answer:
            data = bytearray()
            async for chunk in answer.content.iter_any():
                data += chunk
                if len(data) >= most:
                    break
            return answer.status, bytes(data[:most]), answer.headers.get("Retry-After", "")
    except TimeoutError:
        raise Undelivered(f"{where} did not answer within {within:g} s") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise Undelivered(f"the certificate of {where} is not accepted: {error.certificate_error}") from None
    except aiohttp.ClientConnectorError as error:
        raise Undelivered(f"{where} can't be reached: {error.os_error.strerror or error.os_error}") from None
    except aiohttp.ClientError as error:
        raise Undelivered(f"{where}: {type(error).__name__}") from None  # its text may hold the address
    except ValueError:
        raise Undelivered(f"{where} is no address that can be used", final=True) from None


def seconds_of(retry_after: str) -> float:
    """What a Retry-After header in seconds asks for; 0 without one."""
    return float(min(int(retry_after), 86_400)) if retry_after.isdecimal() and len(retry_after) < 9 else 0.0
