"""The table of routes as a web application. Every request to a route passes the same steps, in this order:

    middleware (id, problems, origin, role)  ->  path, query  ->  body, up to its limit  ->  handler  ->  answer

so that nothing of a body is read before its sender has been let in.
"""

import msgspec
from aiohttp import hdrs, web

from dvic_hub.api.addresses import parse_networks
from dvic_hub.api.credentials import cookie_name
from dvic_hub.api.doors import Doors
from dvic_hub.api.libraries import LIBRARY_ROUTES
from dvic_hub.api.middleware import add_security_headers, naming, own_pages_only, permitting, problems
from dvic_hub.api.pages import PAGE_ROUTES
from dvic_hub.api.params import read_body, read_path, read_query
from dvic_hub.api.route import ACTOR, ROUTE_TABLE, Call, Route
from dvic_hub.api.routes import ROUTES


def make_application(doors: Doors, routes: tuple[Route, ...] = ROUTES) -> web.Application:
    """The application that serves `routes`; whoever runs it starts and stops the services."""
    opened = frozenset({"/metrics"}) if doors.config.metrics_public else frozenset()
    application = web.Application(middlewares=[
        naming(parse_networks(doors.config.trusted_proxies)),
        problems,
        own_pages_only(doors.config.url, doors.config.embed_origins),
        permitting(doors.people, cookie_name(doors.identity.fingerprint), opened),
    ])
    application[ROUTE_TABLE] = routes
    application.on_response_prepare.append(add_security_headers)
    for route in (*routes, *PAGE_ROUTES, *LIBRARY_ROUTES):
        handler = bind(doors, route)
        application.router.add_route(route.method, route.path, handler)
        if route.method == hdrs.METH_GET and not route.socket:
            application.router.add_route(hdrs.METH_HEAD, route.path, handler)
    return application


def bind(doors: Doors, route: Route):
    """The route as aiohttp calls it; `route` hangs on it, for the middleware that asks who may pass."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(
            request=request, actor=request[ACTOR], path=read_path(request.match_info),
            query=read_query(request.query, route.query) if route.query else None,
            body=await read_body(request, route.body, route.max_body) if route.body else None)
        result = await route.handler(doors, call)
        if isinstance(result, web.StreamResponse):
            return result
        if result is None:
            return web.Response(status=204)
        return web.Response(status=route.status, body=msgspec.json.encode(result), content_type=route.content)

    handle.route = route
    return handle
