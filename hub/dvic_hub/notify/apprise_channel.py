"""Whatever else apprise knows (github.com/caronc/apprise): a hundred services, each by an address.

apprise blocks, and some of its services wait long. So each channel has one thread at a time, which is nobody else's:
while one hangs, its channel says so and no other is held up. Threads are daemons: the hub never waits for one to end.

Messages go as plain text; what markup of chats could make of a log line's words (mentions that call everybody, links
that show another text) is taken apart by an invisible character.
"""

import asyncio
import itertools
import logging
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dvic_hub.errors import BadRequest

from .channel import Journey, Notice, Undelivered

if TYPE_CHECKING:
    import apprise

_SEVERITIES = {"info": "info", "warning": "warning", "critical": "failure"}

_CALLS = re.compile(r"@(?=[\w&!])|<(?=[!@#])")

MAX_LINES = 5
"""Lines of what apprise says, that are kept as the reason of a failure."""

def _load() -> Any:
    """apprise, set up: it takes its time and memory, so only a hub that has such a channel loads it."""
    import apprise  # noqa: PLC0415 (250 ms and 30 MiB, for what most hubs don't use)

    log = logging.getLogger("apprise")
    log.propagate = False  # what it says is in the delivery's result
    log.setLevel(logging.WARNING)  # and is there whatever the hub itself logs
    return apprise


def make_service(url: str) -> "apprise.Apprise":
    """apprise with this one address; raises BadRequest. Blocks."""
    apprise = _load()
    asset = apprise.AppriseAsset(app_id="DVIC", app_desc="DVIC", app_url="", async_mode=False, secure_logging=True,
                                 storage_mode=apprise.PersistentStoreMode.MEMORY)
    asset.interpret_emojis = asset.interpret_escapes = False
    try:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # plugins raise what they like over an address
        service = None
    if service is None:
        raise BadRequest("apprise knows no such address, or it lacks a part", code="address", field="secret")
    one = apprise.Apprise(asset=asset)  # it escapes what a service takes as HTML or Markdown; a service alone does not
    one.add(service)
    return one


def defused(text: str) -> str:
    """Words that look the same, and that no chat takes for a mention or a link."""
    return _CALLS.sub("\\g<0>\u200b", text)


class AppriseSender:
    """`make`: what makes apprise's sender of the address; it is called in the channel's own thread."""

    def __init__(self, url: str, make: Callable[[str], Any] = make_service) -> None:
        self._url = url
        self._make = make
        self._busy = threading.Event()

    async def send(self, notice: Notice, journey: Journey) -> None:
        if journey.behind(""):
            return
        if self._busy.is_set():
            raise Undelivered("the try before has not come back yet")
        await journey.handing_over()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()

        def tell(reason: str) -> None:
            if not done.done():
                done.set_result(reason)

        def work() -> None:
            reason = self._deliver(notice)
            self._busy.clear()
            try:
                loop.call_soon_threadsafe(tell, reason)
            except RuntimeError:
                pass  # the hub has ended meanwhile

        self._busy.set()
        threading.Thread(target=work, name="dvic apprise", daemon=True).start()
        reason = await done
        if reason:
            await journey.not_taken()
            raise Undelivered(reason)

    async def close(self) -> None:
        """A thread that hangs ends with the hub."""

    def _deliver(self, notice: Notice) -> str:
        """Why it did not go out, "" when it did. In the channel's thread."""
        try:
            service = self._make(self._url)
            body, title = defused(notice.body), defused(notice.title)
            result = service.notify(body=body, title=title, notify_type=_notify_type(notice), body_format="text")
        except Exception as error:  # a plugin's own fault is its channel's and nobody else's
            return f"{type(error).__name__} in apprise"
        if result:
            return ""
        lines = [entry.message for entry in itertools.islice(result.logs(), MAX_LINES)]
        return "; ".join(lines).replace(self._url, "****") or "apprise could not deliver it and does not say why"


def _notify_type(notice: Notice) -> str:
    return "success" if notice.kind == "cleared" else _SEVERITIES.get(notice.severity, "info")
