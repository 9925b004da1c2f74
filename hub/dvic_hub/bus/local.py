"""The bus of one hub process: a list of listeners, called in turn.

A listener that fails is logged and does not keep the others from hearing; it stays subscribed, since a fault over one
event says nothing about the next.
"""

import logging
from collections.abc import Callable

from dvic_hub.domain.events import Event

from .port import Listener

log = logging.getLogger(__name__)


class LocalBus:
    """Implements bus.port.Bus within one event loop; call it from the loop's thread only."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()

    def publish(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed over %s", type(event).__name__)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Listeners may come and go while an event is being told: they count from the next event on."""
        entry = _Entry(listener)
        self._listeners = (*self._listeners, entry)

        def stop() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not entry)

        return stop


class _Entry:
    """One subscription: the same function subscribed twice is told twice, and stopped one at a time."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def __call__(self, event: Event) -> None:
        self.listener(event)
