"""What a door is: one row of the table in `routes.py`, from which come the server, its checks and the OpenAPI page.

A handler takes the services (`Doors`) and a `Call` whose input is checked already, and returns a msgspec Struct (sent
as JSON), None (204), or a response of its own. It raises HubError or WireError; nothing else is its caller's fault.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from dvic_hub.domain.people import PUBLIC, Actor

if TYPE_CHECKING:
    from dvic_hub.api.doors import Doors

DEFAULT_BODY = 64 * 1024
"""Bytes of a request's body, where a route does not say more."""

ACTOR: web.RequestKey[Actor] = web.RequestKey("actor", Actor)
ADDRESS: web.RequestKey[str] = web.RequestKey("address", str)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
TOKEN: web.RequestKey[str] = web.RequestKey("token", str)


@dataclass(frozen=True)
class Call:
    """One request with its input checked. `actor` has no name and no role where the route is public."""

    request: web.Request
    actor: Actor
    path: dict[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None

    @property
    def address(self) -> str:
        """Where the caller is, past proxies that are trusted."""
        return self.actor.address


ROUTE_TABLE: web.AppKey[tuple["Route", ...]] = web.AppKey("route_table", tuple)
"""The routes that an application serves."""

Handler = Callable[["Doors", Call], Awaitable[web.StreamResponse | msgspec.Struct | None]]


@dataclass(frozen=True)
class Route:
    """One URL and method. `role`: public, viewer, operator or admin. `query`, `body`, `answer`: msgspec Structs.

    `problems`: the statuses, besides those that every route can give, that a caller should expect.
    `content`: the media type of the answer where it is not JSON; `socket`: the answer is a WebSocket.
    `upload`: the media type of a body that the handler reads itself, piece by piece (of several: `one, other`).
    `shared`: pages of the sites that embed_origins names may use it too.
    """

    method: str
    path: str
    role: str
    handler: Handler
    summary: str
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    status: int = 200
    problems: tuple[int, ...] = ()
    content: str = "application/json"
    max_body: int = DEFAULT_BODY
    socket: bool = False
    upload: str = ""
    shared: bool = False
    description: str = ""

    @property
    def public(self) -> bool:
        return self.role == PUBLIC

    @property
    def parameters(self) -> list[str]:
        """Names in the path, in order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def operation(self) -> str:
        """The operation's name for generated clients: the handler's."""
        return self.handler.__name__
