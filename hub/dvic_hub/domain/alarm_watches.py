"""The watches of nodes: silent ones, measurements, disks that fill; and every kind by its name. Pure."""

from collections.abc import Sequence

from .alarm_conditions import Finding, spelled
from .alarm_demos import EndedWatch, RestartsWatch
from .alarm_events import RunWatch, UpdateWatch
from .alarm_hub import CertificateWatch, HubDiskWatch
from .alarm_logs import LogWatch
from .alarm_packages import ObjectWatch, StoppedWatch
from .alarm_rules import Rule
from .alarm_slope import full_in
from .alarm_steps import StepWatch
from .alarm_watch import SECOND, Watch, globbed, node_subject
from .hosts import ALIVE, SILENT, Host
from .liveness import SILENT as NODE_SILENT
from .liveness import NodeView

GRACE = 90
"""Seconds after the hub's start, or after it was held up, in which no node is said to be silent: it was the hub that
did not hear."""

STALE = 900
"""Seconds after which a measurement that a node no longer tells, while it tells others, is no longer wrong."""

CALM_FACTOR = 2
"""How many times the days of its rule a disk must be from being full, for its alarm to be cleared."""

_DAY = 86_400


class NodeSilentWatch(Watch):
    """`hold(now)` after a time in which the hub heard nobody."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._held_until = 0

    def hold(self, now: int) -> None:
        self._held_until = now + GRACE * SECOND
        self.conditions.begin_anew()

    def node(self, view: NodeView, now: int) -> None:
        subject = node_subject(view)
        if view.state != NODE_SILENT:
            self.conditions.good(subject)
        elif not self._held_until - GRACE * SECOND <= now < self._held_until:
            self.conditions.bad(Finding(subject, f"{view.name} is silent", node=view.id), now)


class HostSilentWatch(Watch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._address = globbed(self.rule.text("address"))

    def host(self, host: Host, now: int) -> None:
        subject = f"host:{host.address}"
        if host.state == ALIVE:
            self.conditions.good(subject)
        elif host.state == SILENT and self._address(host.address):
            self.conditions.bad(Finding(subject, f"host {host.address} is silent (unverified heartbeats)"), now)

    def known(self, addresses: set[str]) -> None:
        """Those that are remembered; of others nothing is said any more."""
        for subject, _ in self.conditions.subjects():
            if subject.removeprefix("host:") not in addresses:
                self.conditions.good(subject, "the host was forgotten")


class MetricWatch(Watch):
    confirmed = True

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._name = globbed(self.rule.text("metric"))
        self._above, self._below = self.rule.number("above"), self.rule.number("below")
        bound = self._above if self._above is not None else self._below
        clear = self.rule.number("clear")
        self._clear = bound if clear is None else clear
        self._told: dict[str, dict[str, int]] = {}

    def wants_metric(self, name: str) -> bool:
        return bool(self._name(name))

    def sample(self, view: NodeView, name: str, value: float, now: int) -> None:
        subject = node_subject(view, name)
        if (value > self._above) if self._above is not None else (value < self._below):
            self.conditions.bad(self._finding(view, subject, name, value), now)
        elif not self.conditions.knows(subject):
            return
        elif subject not in self.conditions.open:
            self.conditions.unsure(subject)
        elif (value <= self._clear) if self._above is not None else (value >= self._clear):
            self.conditions.good(subject)
            self._told.get(view.id, {}).pop(subject, None)
            return
        if subject in self.conditions.open:
            self._told.setdefault(view.id, {})[subject] = now

    def complete(self, view: NodeView, now: int) -> None:
        """A sample was told as a whole: open alarms of this node whose measurement has not come for long are over."""
        for subject, told in list(self._told.get(view.id, {}).items()):
            if now - told > STALE * SECOND:
                self.conditions.good(subject, "it is no longer measured")
                del self._told[view.id][subject]

    def opened_before(self, now: int) -> None:
        """After a restart: those that are open were told until now."""
        for subject, alarm in self.conditions.open.items():
            self._told.setdefault(alarm.node, {}).setdefault(subject, now)

    def gone(self, node: str) -> None:
        super().gone(node)
        self._told.pop(node, None)

    def _finding(self, view: NodeView, subject: str, name: str, value: float) -> Finding:
        bound = f"above {self._above:g}" if self._above is not None else f"below {self._below:g}"
        lasting = self.rule.number("seconds")
        return Finding(subject, f"{name} of {view.name} is {bound}" + (f" for {spelled(lasting)}" if lasting else ""),
                       f"{value:.4g}", view.id)


class DiskFullWatch(Watch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._name = globbed(self.rule.text("metric"))
        self._days, self._above = self.rule.number("days"), self.rule.number("above")
        self.near: dict[str, str] = {}
        """Subjects that are filled enough to be looked at, and their nodes."""

    def wants_metric(self, name: str) -> bool:
        return bool(self._name(name))

    def sample(self, view: NodeView, name: str, value: float, now: int) -> None:
        subject = node_subject(view, name)
        if value >= self._above:
            self.near[subject] = view.id
        elif self.near.pop(subject, None) or self.conditions.knows(subject):
            self.conditions.good(subject)

    def gone(self, node: str) -> None:
        super().gone(node)
        self.near = {subject: id for subject, id in self.near.items() if id != node}

    def fillings(self, view: NodeView, name: str, times: Sequence[int], values: Sequence[float], now: int) -> None:
        if not values:
            return
        subject, left = node_subject(view, name), full_in(times, values)
        soon = left is not None and left <= self._days * _DAY
        if soon and values[-1] >= self._above:
            self.conditions.bad(Finding(subject, f"{name.removesuffix('.percent')} of {view.name} is full in "
                                        f"{_lasting(left)} at the present slope", f"{values[-1]:.4g}", view.id), now)
        elif left is None or left > CALM_FACTOR * self._days * _DAY or values[-1] < self._above:
            self.conditions.good(subject)


def _lasting(seconds: float) -> str:
    return f"{seconds / _DAY:.1f} days" if seconds >= _DAY else f"{seconds / 3600:.0f} h"


WATCHES: dict[str, type[Watch]] = {
    "node-silent": NodeSilentWatch, "host-silent": HostSilentWatch, "metric": MetricWatch, "disk-full": DiskFullWatch,
    "log": LogWatch, "demo-ended": EndedWatch, "demo-restarts": RestartsWatch, "step-error": StepWatch,
    "step-overdue": StepWatch, "run-failed": RunWatch, "update-rolled-back": UpdateWatch,
    "certificate": CertificateWatch, "hub-disk": HubDiskWatch,
    "package-stopped": StoppedWatch, "package-mean": ObjectWatch, "package-empty-bin": ObjectWatch,
    "package-hot-bin": ObjectWatch, "package-chi2": ObjectWatch, "package-kolmogorov": ObjectWatch}


def watch_of(rule: Rule, opened: Sequence = ()) -> Watch:
    """What watches for a rule; `opened`: its open alarms."""
    return WATCHES[rule.kind](rule, opened)
