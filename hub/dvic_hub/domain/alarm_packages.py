"""Histogram packages that are not updated any more, and histograms that are not as they should be. Pure.

A package that stops is one that came regularly: REGULAR updates were told since the hub began to watch, and now none
for the rule's seconds and for PATIENCE times the usual pause. One whose file is gone, or whose node is silent, did not
stop: that is another rule's affair.
"""

from collections import deque
from statistics import median

from .alarm_conditions import Finding
from .alarm_judging import BAD, GOOD, Judged
from .alarm_watch import SECOND, Watch, globbed
from .liveness import ONLINE, NodeView
from .packages import Package

REGULAR = 10
"""Updates that a package must have had to be missed."""

PATIENCE = 5
"""Times the usual pause between two updates that one waits at least."""


class PackageWatch(Watch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._package = globbed(self.rule.text("package"))

    def wants(self, package: Package, view: NodeView) -> bool:
        return self.means(view) and bool(self._package(package.name) or self._package(package.id))

    def ended(self, package: str, why: str) -> None:
        """The package, or its file, is gone: of it nothing is said any more."""
        for subject, _ in self.conditions.subjects():
            if subject.split(" ", 1)[0] == f"package:{package}":
                self.conditions.good(subject, why)


class StoppedWatch(PackageWatch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._times: dict[str, deque[int]] = {}

    def updated(self, package: Package, now: int) -> None:
        times = self._times.setdefault(package.id, deque(maxlen=REGULAR))
        times.append(now)
        self.conditions.good(f"package:{package.id}")

    def look(self, package: Package, view: NodeView, now: int) -> None:
        """Called now and then for each package that it `wants`."""
        subject, times = f"package:{package.id}", self._times.get(package.id, ())
        if view.state != ONLINE or len(times) < REGULAR:
            self.conditions.unsure(subject)
            return
        pauses = [max(0, after - before) for before, after in zip(times, list(times)[1:], strict=False)]
        if now - times[-1] > PATIENCE * median(pauses):
            lasting = (now - times[-1]) // SECOND
            self.conditions.bad(Finding(subject, f"package {package.name} of {view.name} is not updated any more "
                                        f"(limit: {self.rule.number('seconds'):g} s)", f"{lasting} s", view.id),
                                times[-1])

    def hold(self, _now: int) -> None:
        """After a time in which the hub heard nobody: regular is what comes regularly from now on."""
        self._times.clear()
        self.conditions.begin_anew()

    def ended(self, package: str, why: str) -> None:
        super().ended(package, why)
        self._times.pop(package, None)


class ObjectWatch(PackageWatch):
    """`unjudged`: of which objects nothing could be said, and why."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._object = globbed(self.rule.text("object"))
        self.unjudged: dict[str, str] = {}

    def wants_object(self, name: str) -> bool:
        return bool(self._object(name))

    def judged(self, package: Package, view: NodeView, name: str, judged: Judged, now: int) -> None:
        subject = f"package:{package.id} {name}"
        self.unjudged.pop(subject, None)
        if judged.state == BAD:
            self.conditions.bad(Finding(subject, f"{package.name} {name} on {view.name}: {judged.text}", judged.value,
                                        view.id), now)
        elif judged.state == GOOD:
            self.conditions.good(subject)
        else:
            self.conditions.unsure(subject)
            if judged.why:
                self.unjudged[subject] = f"{package.name} {name}: {judged.why}"

    def shows(self, package: str, names: set[str]) -> None:
        """The objects that a package has: of others nothing is said any more."""
        kept = {f"package:{package} {name}" for name in names}
        for subject, _ in self.conditions.subjects():
            if subject.startswith(f"package:{package} ") and subject not in kept:
                self.conditions.good(subject, "it is no longer published")
        self.unjudged = {subject: why for subject, why in self.unjudged.items()
                         if subject in kept or not subject.startswith(f"package:{package} ")}

    def ended(self, package: str, why: str) -> None:
        super().ended(package, why)
        self.shows(package, set())
