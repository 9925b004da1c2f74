"""The web page: one document for every address of PAGES, and the files that it loads.

The page is built by hub/dashboard/build.sh into web/static: index.html and assets/ with a hash in each name, and beside
them embed.html and static/dvic-live.js for pages of other sites. It is read
once, when it is first asked for. Nothing of it needs a sign-in: it shows nothing that it does not ask the API for.
"""

import html
import mimetypes
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call, Route
from dvic_hub.domain.people import PUBLIC
from dvic_hub.errors import NotFound

PAGES = ("/", "/fleet", "/hosts", "/measurements", "/nodes/{node}", "/logs", "/runs", "/runs/{run}", "/updates",
         "/updates/{rollout}", "/histograms", "/histograms/{package}", "/sessions", "/sessions/{session}", "/services",
         "/services/{service}", "/alarms", "/alarms/{alarm}", "/channels", "/rules", "/enrol", "/people", "/tokens",
         "/audit", "/hub", "/account")
"""The page's own addresses; hub/dashboard/src/core/pages.ts has the same (a test compares them)."""

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"),
    "Cache-Control": "no-cache",
}
"""No script but our own files. Styles may be inline: the terminal and the plots make theirs as they go."""

_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_NOT_BUILT = "The web page is not built: run hub/dashboard/build.sh. (The API and hubctl work without it.)\n"


async def page(doors: Doors, call: Call) -> web.Response:
    """The document. `<base>` makes it work below any path that the hub's url has."""
    return _document(doors, "index.html", PAGE_HEADERS)


async def embed(doors: Doors, call: Call) -> web.Response:
    """The diagram of one service alone, for an iframe of the sites that embed_origins names."""
    origins = " ".join(doors.config.embed_origins)
    policy = PAGE_HEADERS["Content-Security-Policy"]
    if origins:
        policy = policy.replace("frame-ancestors 'none'", f"frame-ancestors {origins}")
    return _document(doors, "embed.html", {**PAGE_HEADERS, "Content-Security-Policy": policy})


async def library(doors: Doors, call: Call) -> web.Response:
    """dvic-live.js: the same for every site; it is public, and what it may do the socket decides."""
    body = _files().get(f"static/{call.path['library']}")
    if body is None:
        raise NotFound("there is no such file")
    return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers={
        "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin"})


async def asset(doors: Doors, call: Call) -> web.Response:
    """A file that the page loads; compressed where the client takes that."""
    name = f"assets/{call.path['file']}"
    known = _files()
    if name not in known or name.endswith(".gz"):
        raise NotFound("there is no such file")
    headers = {**_FOREVER, "Vary": "Accept-Encoding"}
    packed = known.get(f"{name}.gz") if "gzip" in call.request.headers.get("Accept-Encoding", "") else None
    if packed is not None:
        headers["Content-Encoding"] = "gzip"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return web.Response(body=packed or known[name], content_type=kind, headers=headers)


PAGE_ROUTES: tuple[Route, ...] = (
    *(Route("GET", path, PUBLIC, page, "The web page", content="text/html") for path in PAGES),
    Route("GET", "/embed/services/{service}", PUBLIC, embed, "The diagram of a shared service", content="text/html"),
    Route("GET", "/static/{library}", PUBLIC, library, "The library for pages of others", content="text/javascript"),
    Route("GET", "/assets/{file}", PUBLIC, asset, "A file of the web page", content="application/octet-stream"),
)
"""Served beside routes.ROUTES; they are no part of the API and its document."""


def _document(doors: Doors, name: str, headers: dict[str, str]) -> web.Response:
    document = _files().get(name)
    if document is None:
        return web.Response(status=503, text=_NOT_BUILT)
    base = html.escape(urlsplit(doors.config.url).path.rstrip("/") + "/", quote=True)
    return web.Response(body=document.replace(b"@BASE@", base.encode()), content_type="text/html", charset="utf-8",
                        headers=headers)


@cache
def _files() -> dict[str, bytes]:
    """Every file of the built page by its path."""
    found: dict[str, bytes] = {}
    top = files("dvic_hub").joinpath("web", "static")
    for folder in ("", "assets", "static"):
        place = top.joinpath(folder) if folder else top
        for each in place.iterdir() if place.is_dir() else ():
            if each.is_file():
                found[f"{folder}/{each.name}" if folder else each.name] = each.read_bytes()
    return found
