"""What tests in a browser share: who may sign in, how to sign in by hand, and how Chromium is started."""

import re
import shutil

PASSWORD = "a password for tests"
PEOPLE = (("vera", "viewer"), ("otto", "operator"), ("anna", "admin"))

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
"""As root, and without anything that asks the internet."""


def sign_in(page, user: str, password: str = PASSWORD) -> None:
    """Fill in the form that is shown."""
    page.get_by_label("User").fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def is_fault(message) -> bool:
    """Of a console message: refused by the policy of contents, or thrown; not that the hub was away or said no, which
    tests bring about."""
    return message.type == "error" and not re.search(r"Failed to load resource|WebSocket connection", message.text)
