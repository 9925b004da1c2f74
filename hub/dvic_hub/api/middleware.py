"""What every request passes, outermost first.

    named       gets an id and the caller's address
    problems    whatever is raised becomes a problem document (RFC 9457); what isn't the caller's fault tells no details
    own_pages   a browser page of another site can't act through its visitor (Origin)
    permitted   deny by default: the route names a role, and the token that is sent must give it

Security headers go on every answer, sockets' too.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from dvic_hub.api.addresses import Network, client_address, origin_allowed
from dvic_hub.api.credentials import token_of
from dvic_hub.api.route import ACTOR, ADDRESS, REQUEST_ID, TOKEN, Route
from dvic_hub.domain import people as rules
from dvic_hub.domain.people import Actor
from dvic_hub.errors import Forbidden, HubError, TooMany
from dvic_hub.services.people import PeopleService
from dvic_wire.errors import InvalidSelector, LimitExceeded, MalformedMessage, SignatureRefused, WireError

log = logging.getLogger("dvic.api")

PROBLEM_TYPE = "application/problem+json"

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

_TITLES = {400: "The request can't be used", 404: "There is nothing at this address", 405: "Not with this method",
           408: "The request took too long", 413: "A limit was passed", 426: "A WebSocket is served here"}
_CODES = {404: "not-found", 405: "method", 408: "timeout", 413: "limit"}


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457. `code` is for programs, `title` and `detail` for people; `field` and `limit` name bad input."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    field: str = ""
    limit: int | float | None = None
    retry: int | None = None


def describe(error: Exception, request_id: str) -> Problem:
    """The problem document of an error. Pure."""
    extra: dict = {}
    if isinstance(error, HubError):
        status, code, title, detail = error.status, error.code, error.title, str(error)
        extra = {"field": error.field, "limit": error.limit}
        if isinstance(error, TooMany):
            extra["retry"] = error.retry
        if status == 500:
            detail = "it is written in the hub's log under this request's id"
    elif isinstance(error, WireError):
        status, title, detail, code = 400, _TITLES[400], str(error), error.code
        if isinstance(error, SignatureRefused):
            status, title, detail = 401, "The signature does not hold", "see the hub's log for why"
        elif isinstance(error, LimitExceeded):
            status, title, extra = 413, _TITLES[413], {"field": error.limit, "limit": error.allowed}
        elif isinstance(error, MalformedMessage):
            extra = {"field": error.field}
        elif isinstance(error, InvalidSelector):
            extra = {"field": "selector"}
    elif isinstance(error, web.HTTPException):
        status, detail = error.status, error.reason
        code, title = _CODES.get(status, "http"), _TITLES.get(status, error.reason)
    else:
        status, code, title = 500, HubError.code, HubError.title
        detail = "it is written in the hub's log under this request's id"
    return Problem(type=f"urn:dvic:problem:{code}", title=title, status=status, detail=detail, code=code,
                   instance=f"urn:dvic:request:{request_id}" if request_id else "", **extra)


def answer_problem(error: Exception, request_id: str = "") -> web.Response:
    """The response that tells an error."""
    problem = describe(error, request_id)
    response = web.Response(status=problem.status, body=msgspec.json.encode(problem), content_type=PROBLEM_TYPE)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="dvic"'
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ",".join(sorted(error.allowed_methods))
    return response


def _place(request: web.Request) -> str:
    """The request's path as the log may have it: an address with an enrolment token in it only as its route."""
    route: Route | None = getattr(request.match_info.handler, "route", None)
    return route.path if route is not None and "secret" in route.parameters else request.path


def naming(trusted: tuple[Network, ...]) -> Callable:
    """Give each request an id and the address of its caller."""

    @web.middleware
    async def named(request: web.Request, handler: Next) -> web.StreamResponse:
        request[REQUEST_ID] = secrets.token_hex(8)
        peer = request.transport.get_extra_info("peername") if request.transport else None
        host = peer[0] if isinstance(peer, tuple) and peer else ""
        request[ADDRESS] = client_address(host, ",".join(request.headers.getall("X-Forwarded-For", [])), trusted)
        return await handler(request)

    return named


@web.middleware
async def problems(request: web.Request, handler: Next) -> web.StreamResponse:
    """Turn what is raised into a problem document."""
    id = request[REQUEST_ID]
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer_problem(error, id)
    except (HubError, WireError) as error:
        if isinstance(error, SignatureRefused) or getattr(error, "status", 0) >= 500:
            log.warning("request %s, %s %s from %s: %s", id, request.method, _place(request), request[ADDRESS], error)
        return answer_problem(error, id)
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("request %s, %s %s from %s failed", id, request.method, _place(request), request[ADDRESS])
        return answer_problem(error, id)


def own_pages_only(hub_url: str, others: tuple[str, ...] = ()) -> Callable:
    """Refuse what another site's page sends: all that can change something, and every WebSocket. `others`: origins
    whose pages may use routes that are shared."""

    @web.middleware
    async def own_pages(request: web.Request, handler: Next) -> web.StreamResponse:
        risky = request.method not in ("GET", "HEAD") or "upgrade" in request.headers
        origin, route = request.headers.get("Origin"), getattr(request.match_info.handler, "route", None)
        known = origin in others and route is not None and route.shared
        if risky and not known and not origin_allowed(origin, hub_url):
            raise Forbidden(f"only the hub's own page may do this, and that one is at {hub_url}", code="origin",
                            field="Origin")
        return await handler(request)

    return own_pages


def permitting(people: PeopleService, cookie: str, public_too: frozenset[str] = frozenset()) -> Callable:
    """Deny by default. `cookie`: the name of the page's; `public_too`: paths that the hub's settings open although
    their route names a role."""

    @web.middleware
    async def permitted(request: web.Request, handler: Next) -> web.StreamResponse:
        if request.match_info.http_exception is not None:
            raise request.match_info.http_exception
        route: Route | None = getattr(request.match_info.handler, "route", None)
        if route is None:
            raise Forbidden("this address declares no role, so nobody may use it")
        if route.public or route.path in public_too:
            request[ACTOR] = Actor("", "", request[ADDRESS])
        else:
            request[TOKEN] = token_of(request, cookie)
            request[ACTOR] = await people.authenticate(request[TOKEN], request[ADDRESS])
            rules.require(request[ACTOR], route.role)
        return await handler(request)

    return permitted


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for on_response_prepare."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if "frame-ancestors 'none'" not in response.headers["Content-Security-Policy"]:
        del response.headers["X-Frame-Options"]  # it knows of no single sites
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["Server"] = "dvic-hub"
