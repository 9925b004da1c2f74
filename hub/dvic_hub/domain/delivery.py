"""The life of a delivery, and when it is tried again. Pure.

    waiting   -> sending       it is its turn, and was just now handed over to a target
    sending   -> sent          every target took it, or refused it for good while others took it
    waiting, sending -> waiting    it did not go out; tried again later
    waiting, sending -> given-up   no other try would help, it is GIVE_UP old, or its channel is gone or off
    sending   -> unknown       the hub ended in between: it may have arrived, and is not sent again

A hub that ends between handing a message over and hearing that it was taken can't know which it was. It says so, and
sends the message no second time; alarms of it that are still open and that nobody acknowledges are told again a little
later (domain/telling.py), so that nothing is lost by it either.
"""

WAITING, SENDING, SENT, GIVEN_UP, UNKNOWN = "waiting", "sending", "sent", "given-up", "unknown"
STATES = (WAITING, SENDING, SENT, GIVEN_UP, UNKNOWN)

GIVE_UP = 24 * 3600
"""Seconds after which a message that did not go out is given up."""

FIRST_PAUSE = 5
"""Seconds after the first failed try; each further pause is twice as long."""

MOST_PAUSE = 300
"""Seconds between two tries at most, unless the other side asks for more."""

SEND_SECONDS = 60
"""Seconds that one try may take."""

MAX_WAITING = 1000
"""Messages that may wait for one channel; what comes beyond is given up at once."""

KEEP_DAYS = 30
"""Days for which deliveries that ended are kept."""


def pause(failures: int, asked: float = 0.0) -> float:
    """Seconds to wait after so many failed tries in a row (1 or more). `asked`: what the other side asks for."""
    return max(min(FIRST_PAUSE * 2.0 ** min(failures - 1, 20), MOST_PAUSE), asked)
