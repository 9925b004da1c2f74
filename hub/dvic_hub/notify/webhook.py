"""A webhook: the notice as JSON, POSTed to an address of somebody's own program.

    {"version": 1, "id": "...", "kind": "raised", "severity": "critical", "title": "...", "text": "...",
     "alarms": ["..."]}

`id` is the same at every try, so that the receiver can tell one that it has. 2xx counts as taken; 408, 425, 429 and 5xx
are tried again, whatever else it says is final.
"""

from urllib.parse import urlsplit

import aiohttp

from .channel import Journey, Notice, Undelivered
from .web_post import post, seconds_of

VERSION = 1
"""Of the JSON that is sent."""

_AGAIN = (408, 425, 429)


class WebhookSender:
    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def send(self, notice: Notice, journey: Journey) -> None:
        if journey.behind(""):
            return
        where = urlsplit(self._url).netloc.rpartition("@")[2]
        body = {"version": VERSION, "id": notice.id, "kind": notice.kind, "severity": notice.severity,
                "title": notice.title, "text": notice.body, "alarms": list(notice.alarms)}
        await journey.handing_over()
        try:
            status, _, retry_after = await post(self._http, self._url, body, where)
            if not 200 <= status < 300:
                raise Undelivered(f"{where} answered {status}", final=status < 500 and status not in _AGAIN,
                                  wait=seconds_of(retry_after))
        except Undelivered:
            await journey.not_taken()
            raise

    async def close(self) -> None:
        """The session is its maker's."""
