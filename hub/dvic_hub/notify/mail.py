"""Mail by SMTP (aiosmtplib): one message a notice, to all recipients at once.

Nothing is said on a connection that should be secured and is not; a certificate that does not check ends it. The
message is plain text, its headers are built by the standard library's policy, which takes no line break into one. Its
Message-ID is the delivery's, so that a message which arrives twice after a broken connection is known as one.
"""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
from aiosmtplib import errors

from dvic_hub.domain.channels import PORTS, STARTTLS, TLS, EmailOptions

from .channel import Journey, Notice, Undelivered
from .trust import trusting

STEP_SECONDS = 20
"""Seconds that a mail server may take for one step of the conversation."""


class EmailSender:
    """`host`: the hub's name, for Message-IDs; `authority`: certificates (PEM) that count besides the system's;
    `clock` gives Unix seconds."""

    def __init__(self, options: EmailOptions, password: str, host: str, clock: Callable[[], float],
                 authority: str = "") -> None:
        self._options = options
        self._password = password
        self._host = host
        self._clock = clock
        self._authority = authority

    async def send(self, notice: Notice, journey: Journey) -> None:
        options = self._options
        if journey.behind(""):
            return
        smtp = aiosmtplib.SMTP(
            hostname=options.host, port=options.port or PORTS[options.tls], timeout=STEP_SECONDS,
            use_tls=options.tls == TLS, start_tls=options.tls == STARTTLS, tls_context=trusting(self._authority),
            username=options.user or None, password=self._password or None, local_hostname=self._host)
        try:
            await smtp.connect()
            await journey.handing_over()
            refused, _ = await smtp.send_message(self.message(notice), sender=options.sender,
                                                 recipients=list(options.to))
            if refused:
                journey.remark("; ".join(f"{address} was refused: {code} {text}"
                                         for address, (code, text) in refused.items()))
        except (errors.SMTPException, OSError) as error:
            await journey.not_taken()
            raise why(error, options) from None
        finally:
            smtp.close()

    async def close(self) -> None:
        """Every message has a connection of its own."""

    def message(self, notice: Notice) -> EmailMessage:
        """The notice as mail."""
        message = EmailMessage(policy=policy.SMTP)
        message["Subject"] = " ".join(notice.title.split())
        message["From"] = Address("DVIC", addr_spec=self._options.sender)
        message["To"] = [Address(addr_spec=address) for address in self._options.to]
        message["Date"] = format_datetime(datetime.fromtimestamp(self._clock(), UTC))
        message["Message-ID"] = f"<{notice.id}.notice@{self._host}>"
        if notice.thread:
            message["References"] = f"<{notice.thread}.alarm@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice comes back
        message.set_content(notice.body + "\n")
        return message


def why(error: Exception, options: EmailOptions) -> Undelivered:
    """What went wrong, for people. Refusals that the server calls lasting (5xx) are final, save for those that a change
    of the channel's settings can mend."""
    where = f"{options.host}:{options.port or PORTS[options.tls]}"
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        return Undelivered(f"the certificate of {where} is not accepted: {certificate.verify_message}")
    secured = _cause(error, ssl.SSLError)
    if secured is not None:
        return Undelivered(f"{where} can't be spoken to by TLS ({options.tls}): {secured.reason or secured}")
    if isinstance(error, errors.SMTPAuthenticationError):
        return Undelivered(f"{where} does not let {options.user} in: {error.code} {error.message}")
    if isinstance(error, errors.SMTPRecipientsRefused):
        said = "; ".join(f"{each.recipient}: {each.code} {each.message}" for each in error.recipients)
        return Undelivered(f"every recipient was refused: {said}", final=all(e.code >= 500 for e in error.recipients))
    if isinstance(error, errors.SMTPSenderRefused | errors.SMTPDataError):
        return Undelivered(f"{where} refused the message: {error.code} {error.message}", final=error.code >= 500)
    if isinstance(error, errors.SMTPNotSupported):
        return Undelivered(f"{where}: {error.message}")
    if isinstance(error, TimeoutError):
        return Undelivered(f"{where} did not answer within {STEP_SECONDS} s")
    return Undelivered(f"{where}: {getattr(error, 'message', '') or error}")


def _cause(error: BaseException | None, kind: type) -> BaseException | None:
    """The error itself, or what it came from, that is of this kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
