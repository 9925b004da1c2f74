"""A real SMTP server (aiosmtpd) in the test's own event loop, with STARTTLS or TLS from the first byte, and accounts.

    async with MailServer(tmp_path) as server:
        channel = {"host": server.host, "port": server.port, "tls": "starttls", ...}
        letter = await server.next_letter()          # .sender, .recipients, .message, .secured
        server.refuse["a@example.org"] = "550 no such user"
        server.hold()                                # connections hang until server.let_go()
        await server.close(); await server.listen()  # down, and up again at the same port
"""

import asyncio
import email
import ssl
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from private_authority import PrivateAuthority


@dataclass
class Letter:
    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes
    secured: bool
    user: str


class MailServer:
    """`mode` starttls, tls or none; `certified`: the name in its certificate; `accounts`: who must sign in."""

    def __init__(self, folder: Path, mode: str = "starttls", certified: str = "127.0.0.1",
                 accounts: dict[str, str] | None = None):
        self.host, self.port, self.mode = "127.0.0.1", 0, mode
        self.accounts = accounts or {}
        self.letters: list[Letter] = []
        self.refuse: dict[str, str] = {}
        self.refuse_data = ""
        self.connections = 0
        self._seen = 0
        self._news = asyncio.Condition()
        self._free = asyncio.Event()
        self._free.set()
        self._server: asyncio.Server | None = None
        self._context = None
        self.authority = ""
        """The certificates (PEM) by which its own checks."""
        if mode != "none":
            authority = PrivateAuthority(folder)
            authority.issue(certified, folder / "mail.pem", folder / "mail.key")
            self.authority = authority.ca.read_text("ascii")
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(folder / "mail.pem", folder / "mail.key")

    async def __aenter__(self) -> "MailServer":
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go()
        await self.close()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._speaker, self.host, self.port, ssl=self._context if self.mode == "tls" else None)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def hold(self) -> None:
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    async def next_letter(self) -> Letter:
        async with self._news:
            await self._news.wait_for(lambda: len(self.letters) > self._seen)
        self._seen += 1
        return self.letters[self._seen - 1]

    async def connected(self, times: int = 1) -> None:
        """Wait until somebody has begun to speak so often."""
        async with self._news:
            await self._news.wait_for(lambda: self.connections >= times)

    # ---- what aiosmtpd calls

    def _speaker(self) -> SMTP:
        starttls = self.mode == "starttls"
        return SMTP(self, tls_context=self._context if starttls else None, require_starttls=starttls,
                    auth_required=bool(self.accounts), auth_require_tls=starttls, authenticator=self._signs_in,
                    hostname="mail.test", enable_SMTPUTF8=True)

    def _signs_in(self, server, session, envelope, mechanism, data) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        good = self.accounts.get(user) == password
        if good:
            session.user = user
        return AuthResult(success=good, handled=False)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        await self._tell()
        await self._free.wait()
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refuse_data:
            return self.refuse_data
        secured = session.ssl is not None or self.mode == "tls"
        self.letters.append(Letter(envelope.mail_from, envelope.rcpt_tos,
                                   email.message_from_bytes(envelope.content, policy=policy.default),
                                   envelope.content, secured, getattr(session, "user", "")))
        await self._tell()
        return "250 OK"

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
