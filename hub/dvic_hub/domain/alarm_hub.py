"""The hub's own troubles: its certificate, its disk. Pure."""

from .alarm_conditions import Finding, plain
from .alarm_watch import Watch

_DAY = 86_400


class CertificateWatch(Watch):
    def certificate(self, host: str, ends: float | None, problem: str, now: int) -> None:
        """What was found at the hub's own address: when its certificate ends (Unix seconds; None: nothing could be
        found out, and nothing is said), and why a client would refuse it."""
        subject = "hub certificate"
        left = None if ends is None else ends - now / 1_000_000
        if left is not None and left <= self.rule.number("days") * _DAY:
            when = f"ends in {max(0.0, left) / _DAY:.1f} days" if left > 0 else "has ended"
            self.conditions.bad(Finding(subject, f"the certificate of {host} {when}", f"{left / _DAY:.1f}"), now)
        elif problem:
            self.conditions.bad(Finding(subject, plain(f"the certificate of {host} is refused: {problem}")), now)
        elif left is not None:
            self.conditions.good(subject)


class HubDiskWatch(Watch):
    def disk(self, used: float, trouble: str, now: int) -> None:
        """How full the disk with the database is, in percent, and why nothing is stored at the moment ("": it is)."""
        full, failing = "hub disk", "hub store"
        if used > self.rule.number("above"):
            self.conditions.bad(Finding(full, "the hub's disk is nearly full", f"{used:.4g}"), now)
        elif used <= self.rule.number("clear"):
            self.conditions.good(full)
        else:
            self.conditions.unsure(full)
        if trouble:
            self.conditions.bad(Finding(failing, plain(f"the hub stores nothing: {trouble}")), now)
        else:
            self.conditions.good(failing)
