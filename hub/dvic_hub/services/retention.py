"""How long history is kept, and when it is joined into larger blocks.

History goes by whole days: a day is dropped when its last moment is older than the retention. Joining waits for a quiet
moment, so that it never takes the core from what comes in, but not for ever: after LONGEST_WAIT it goes on anyway, in
small bites.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

QUIET_BATCHES = 50
"""Batches a second up to which the hub counts as quiet."""

LONGEST_WAIT = 600.0
"""Seconds of noise after which joining goes on all the same."""

REST_QUIET = 0.02
"""Seconds between two bites while the hub is quiet."""

REST_BUSY = 0.5
"""Seconds between two bites while it is not."""

LOOK_AGAIN = 30.0
"""Seconds until the next look, when there was nothing to do or no time for it."""


def oldest_kept(now: float, retention_days: int) -> str:
    """The first day (YYYYMMDD, UTC) that is kept at `now` (Unix seconds). Today is kept whatever the retention."""
    today = datetime.fromtimestamp(now, UTC)
    return (today - timedelta(days=max(retention_days, 0))).strftime("%Y%m%d")


@dataclass
class Pace:
    """When the next bite of joining is due. Times are seconds that only grow; `batches` counts all that ever came."""

    noisy_since: float = -1.0
    _seen_at: float = -1.0
    _seen: float = 0.0

    def may_work(self, now: float, batches: float) -> bool:
        """Whether to join some blocks now."""
        quiet = self._is_quiet(now, batches)
        if quiet:
            self.noisy_since = -1.0
            return True
        if self.noisy_since < 0:
            self.noisy_since = now
        return now - self.noisy_since >= LONGEST_WAIT

    def rest(self, worked: bool) -> float:
        """Seconds until to ask again; `worked`: the last bite found something to do."""
        if not worked:
            return LOOK_AGAIN
        return REST_QUIET if self.noisy_since < 0 else REST_BUSY

    def _is_quiet(self, now: float, batches: float) -> bool:
        known, seconds, came = self._seen_at >= 0, now - self._seen_at, batches - self._seen
        if not known or seconds >= 1.0:
            self._seen_at, self._seen = now, batches
        return known and came / max(seconds, 1.0) < QUIET_BATCHES
