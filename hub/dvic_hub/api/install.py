"""One line that makes a machine a node: `curl -fsSL https://HUB/install/TOKEN | sudo sh`.

The answer is a POSIX sh script (templates/install.sh) with the token, the hub's address, the key of its apt repository
and, where it has one, its private authority in it. A token that lets nobody in any more answers with a script that says
so and fails; what is no token at all is not found.
"""

import base64
import shlex
from importlib.resources import files

from aiohttp import web

from dvic_hub.api.doors import Doors
from dvic_hub.api.route import Call
from dvic_hub.errors import NotFound
from dvic_wire.errors import InvalidToken

SCRIPT_TYPE = "text/x-shellscript"


async def install_script(doors: Doors, call: Call) -> web.Response:
    token = call.path["secret"]
    try:
        fault = await doors.enrolment.token_fault(token)
    except InvalidToken as error:
        raise NotFound(str(error), code="token-unknown") from None
    if fault:
        return web.Response(text=refusing_script(fault), content_type=SCRIPT_TYPE)
    text = make_script(token, doors.config.url, await doors.releases.public_key(), doors.config.ca_text())
    return web.Response(text=text, content_type=SCRIPT_TYPE)


def make_script(token: str, url: str, apt_key: str, ca: str) -> str:
    """The script for one token. Whatever is put in is quoted for the shell."""
    text = files("dvic_hub").joinpath("templates/install.sh").read_text("utf-8")
    for name, value in (("TOKEN", token), ("URL", url), ("APT_KEY", apt_key), ("CA", ca)):
        text = text.replace(f"{name}=@{name}@", f"{name}={shlex.quote(value)}", 1)
    return text


def refusing_script(fault: str) -> str:
    """A script that only says why, and fails."""
    advice = "make a new one on the hub: hubctl token create"
    return f"#!/bin/sh\nprintf 'dvic: %s; %s\\n' {shlex.quote(fault)} {shlex.quote(advice)} >&2\nexit 1\n"


def install_command(url: str, token: str, ca: str) -> str:
    """What to run on the new machine. A private authority's certificates go along, so that nothing is downloaded from
    whoever else answers at that address."""
    fetch = f"curl -fsSL {shlex.quote(f'{url}/install/{token}')}"
    if ca:
        packed = base64.b64encode(ca.encode()).decode()
        fetch = f"echo {packed} | base64 -d | {fetch} --cacert /dev/stdin"
    return f"{fetch} | sudo sh"
