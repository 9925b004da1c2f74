"""GET /libraries/: the libraries' files (libraries/build.sh), for whoever writes programs; nothing of it is secret.

`libraries_dir` is read at each request, so what is put there is served. Only its regular files, by plain names: no
link, no hidden file, nothing of a folder below it.
"""

import asyncio
import html
import re
import stat
from pathlib import Path

from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call, Route
from dvic_hub.domain.people import PUBLIC
from dvic_hub.errors import NotFound

MAX_LIBRARY_FILES = 200
"""Files that the page of libraries lists."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}\Z")

_USES = (
    (r"\.whl\Z", "Python", "pip install {address}"),
    (r"^dvic-micropython-.*\.tgz\Z", "MicroPython", "curl -fO {address}, and unpack it on the device"),
    (r"\.tgz\Z", "JavaScript", "npm install {address}"),
    (r"\.jar\Z", "Java", "curl -fO {address}, and put it on the class path"),
    (r"dvic-log\Z", "shell", "curl -fO {address} && chmod +x dvic-log"),
    (r"\.deb\Z", "C and C++", "curl -fO {address} && sudo apt-get install ./{name}"),
    (r"\.tar\.gz\Z", "C and C++", "curl -fO {address}, and copy what is in it into the program"),
    (r"\.zip\Z", "Arduino", "Sketch, Include Library, Add .ZIP Library"),
)
"""What fits the name first."""

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            "Cache-Control": "no-cache"}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>DVIC: libraries</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ text-align: left; padding: .3rem 1rem .3rem 0; vertical-align: top }}
code {{ overflow-wrap: anywhere }}
</style>
<h1>Libraries</h1>
<p>A program that logs by one of these is in <code>hubctl logs -f</code>, with its level, owner and process.</p>
{content}
<p>Where a machine does not know the authority of the hub's certificate, it has to be told:
<code>curl --cacert ca.pem</code>, <code>pip install --cert ca.pem</code>, <code>npm install --cafile ca.pem</code>;
a private one is in <code>/etc/dvic-hub/tls/ca.pem</code> of the hub's machine.</p>
</html>
"""


async def index(doors: Doors, call: Call) -> web.Response:
    found = await asyncio.to_thread(listed, doors.config.libraries_dir)
    rows = [_row(doors.config.url, name, size) for name, size in found]
    content = ("<table>\n<tr><th>for<th>file<th>bytes<th>how\n" + "\n".join(rows) + "\n</table>" if rows else
               "<p>This hub has none: build them by <code>libraries/build.sh</code> into its "
               "<code>libraries_dir</code>; into <code>.dvic/hub/libraries</code>, where <code>install/try.sh</code> "
               "started it.</p>")
    return web.Response(text=_PAGE.format(content=content), content_type="text/html", charset="utf-8", headers=_HEADERS)


async def download(doors: Doors, call: Call) -> web.StreamResponse:
    path = await asyncio.to_thread(find, doors.config.libraries_dir, call.path["library"])
    if path is None:
        raise NotFound("there is no such library: GET /libraries/ lists them")
    return web.FileResponse(path, headers={"Content-Type": "application/octet-stream", "Cache-Control": "no-cache",
                                           "Content-Disposition": f'attachment; filename="{path.name}"'})


LIBRARY_ROUTES: tuple[Route, ...] = (
    Route("GET", "/libraries/", PUBLIC, index, "The libraries to log with, and how each is had", content="text/html"),
    Route("GET", "/libraries/{library}", PUBLIC, download, "One of them", content="application/octet-stream"),
)
"""Served beside routes.ROUTES, as the web page is."""


def listed(folder: Path) -> list[tuple[str, int]]:
    """Names and bytes of what is served, in order; nothing where there is no such folder."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
    paths = [path for name in names if (path := find(folder, name))]
    return [(path.name, path.stat().st_size) for path in paths[:MAX_LIBRARY_FILES]]


def find(folder: Path, name: str) -> Path | None:
    """The file of this name; None for what is not served."""
    if not _NAME.match(name):
        return None
    path = folder / name
    try:
        return path if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def _row(url: str, name: str, size: int) -> str:
    address = f"{url}/libraries/{name}"
    language, use = next(((language, use) for pattern, language, use in _USES if re.search(pattern, name)), ("", ""))
    how = f"<code>{html.escape(use.format(address=address, name=name))}</code>" if use else ""
    shown = html.escape(name)
    return f'<tr><td>{language}<td><a href="{shown}">{shown}</a><td>{size:,}<td>{how}'
