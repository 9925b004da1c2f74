"""What a bus promises: every event published reaches every subscriber of this hub (or of all hubs), in the order of
each publisher, at most once. What must not be lost is in the store; the bus only tells that it is there."""

from collections.abc import Callable
from typing import Protocol

from dvic_hub.domain.events import Event

Listener = Callable[[Event], None]


class Bus(Protocol):
    def publish(self, event: Event) -> None:
        """Tell everyone; never blocks and never raises for a listener's fault."""

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` (in the event loop, must not block) for each event; returns how to stop it."""
