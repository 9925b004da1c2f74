"""The rules that every hub begins with; each can be changed or switched off, and put back as it is here."""

from .alarm_model import CRITICAL, INFO, WARNING
from .alarm_rules import Rule, checked


def _rule(name: str, kind: str, severity: str, title: str, on: bool = True,
          **settings: float | str) -> Rule:
    return checked(Rule(name, kind, severity=severity, on=on, title=title, settings=settings))


DEFAULTS = (
    _rule("node-silent", "node-silent", CRITICAL, "A machine or device is silent"),
    _rule("host-silent", "host-silent", WARNING, "A host with unsigned heartbeats is silent"),
    _rule("cpu-busy", "metric", WARNING, "A machine is busy without a break", metric="cpu.total", above=95, clear=80,
          seconds=1800),
    _rule("memory-full", "metric", WARNING, "Memory is nearly used up", metric="memory.percent", above=95, clear=90,
          seconds=300),
    _rule("disk-high", "metric", WARNING, "A disk is nearly full", metric="disk.*.percent", above=90, clear=87,
          seconds=60),
    _rule("disk-critical", "metric", CRITICAL, "A disk is full", metric="disk.*.percent", above=98, clear=95,
          seconds=0),
    _rule("disk-filling", "disk-full", WARNING, "A disk will be full within days"),
    _rule("too-hot", "metric", WARNING, "A sensor shows heat", metric="temp.*", above=95, clear=85, seconds=120),
    _rule("log-critical", "log", CRITICAL, "A program says that it can't go on", level="critical"),
    _rule("log-errors", "log", WARNING, "Many errors in the logs", level="error", count=50, window=300),
    _rule("demo-ended", "demo-ended", WARNING, "A program that ran for long has ended"),
    _rule("demo-restarts", "demo-restarts", WARNING, "A program starts again and again"),
    _rule("step-error", "step-error", CRITICAL, "A step of a service failed"),
    _rule("step-overdue", "step-overdue", WARNING, "A step of a service is overdue"),
    _rule("run-failed", "run-failed", INFO, "A command failed on some nodes"),
    _rule("update-rolled-back", "update-rolled-back", WARNING, "An update did not hold"),
    _rule("certificate", "certificate", CRITICAL, "The hub's certificate ends soon"),
    _rule("hub-disk", "hub-disk", CRITICAL, "The hub's own disk is nearly full"),
    # a program that ends leaves its package's file: whether that was meant only people know
    _rule("package-stopped", "package-stopped", WARNING, "A histogram package is not updated any more", on=False),
)

BY_NAME = {rule.name: rule for rule in DEFAULTS}
