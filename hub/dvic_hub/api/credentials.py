"""Where a request's token is read from: the Authorization header, or the cookie of a page that is signed in.

A browser sends cookies by itself, so what changes something, and every WebSocket, counts with a cookie only when the
browser says that the hub's own page sent it (Origin). The cookie is out of scripts' reach (HttpOnly), goes with no
request that another site started (SameSite=Strict) and behind TLS never in the clear (Secure).
"""

from urllib.parse import urlsplit

from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.errors import Forbidden, NotSignedIn

SAFE_METHODS = ("GET", "HEAD")


def cookie_name(fingerprint: str) -> str:
    """The cookie's name. Cookies know no ports, so that two hubs on one host need two names."""
    return f"dvic_{fingerprint[:8]}"


def token_of(request: web.Request, cookie: str) -> str:
    """The token that a request carries; raises NotSignedIn, or Forbidden for a cookie that no page of ours sent."""
    given = request.headers.getall("Authorization", [])
    if given:
        return _bearer(given)
    if not (text := request.cookies.get(cookie, "")):
        raise NotSignedIn("send a token: Authorization: Bearer dvic_...")
    risky = request.method not in SAFE_METHODS or "upgrade" in request.headers
    if risky and "Origin" not in request.headers:  # a wrong one has been refused before (middleware.own_pages_only)
        raise Forbidden("with a cookie, only the hub's own page may do this", code="origin", field="Origin")
    return text


def sign_in_cookie(response: web.Response, doors: Doors, text: str, seconds: int) -> None:
    """Hand a token to the browser."""
    response.set_cookie(cookie_name(doors.identity.fingerprint), text, max_age=seconds, path=_path(doors),
                        httponly=True, samesite="Strict", secure=urlsplit(doors.config.url).scheme == "https")


def sign_out_cookie(response: web.Response, doors: Doors) -> None:
    """Take it back."""
    response.del_cookie(cookie_name(doors.identity.fingerprint), path=_path(doors), httponly=True, samesite="Strict",
                        secure=urlsplit(doors.config.url).scheme == "https")


def _path(doors: Doors) -> str:
    return urlsplit(doors.config.url).path.rstrip("/") + "/"


def _bearer(given: list[str]) -> str:
    """The token of the Authorization header (RFC 6750)."""
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer":
        raise NotSignedIn("one Authorization header with a Bearer token is read, nothing else")
    return token.strip()
