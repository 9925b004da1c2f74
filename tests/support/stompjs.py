"""@stomp/stompjs in a page that is open, as package-lock.json of the page has it."""

from functools import cache

from axe import DASHBOARD, fetch_tools


@cache
def source() -> str:
    """The library's text: it makes `window.StompJs`."""
    fetch_tools()
    return (DASHBOARD / "node_modules" / "@stomp" / "stompjs" / "bundles" / "stomp.umd.min.js").read_text("utf-8")
