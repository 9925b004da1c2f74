"""Steps of monitoring services that failed or are overdue. Pure.

An alarm is of a step, not of a cycle: the same step that fails in ten cycles in a row is one alarm, cleared when it is
ok again. What an older cycle says later changes nothing.
"""

from collections.abc import Mapping, Set

from .alarm_conditions import Finding, plain
from .alarm_watch import Watch, globbed
from .step_states import ERROR, OFF, OK, OVERDUE, RUNNING, SKIPPED, WARNING

_WANTED = {"step-error": ERROR, "step-overdue": OVERDUE}
_WELL = {"step-error": frozenset({OK, WARNING, OFF}),
         "step-overdue": frozenset({OK, WARNING, OFF, RUNNING, ERROR, SKIPPED})}


class StepWatch(Watch):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._service, self._component = globbed(self.rule.text("service")), globbed(self.rule.text("component"))
        self._cycles: dict[str, int] = {}

    def step(self, service: str, component: str, source: str, state: str, cycle: int, message: str,
             now: int) -> None:
        """A step of a cycle is in a state."""
        subject = step_subject(service, component, source)
        if cycle < self._cycles.get(subject, 0):
            return
        if state == _WANTED[self.rule.kind]:
            if self._service(service) and self._component(component):
                self._cycles[subject] = cycle
                self.conditions.bad(self._finding(subject, service, component, source, message), now)
        elif state in _WELL[self.rule.kind]:
            self._cycles.pop(subject, None)
            self.conditions.good(subject)

    def known(self, services: Mapping[str, Set[str]]) -> None:
        """The services that are on, each with its components that are on: of others nothing is wrong."""
        for subject, _ in self.conditions.subjects():
            service, component = subject.removeprefix("service:").split("/")[:2]
            if component not in services.get(service, ()):
                self.conditions.good(subject, "it was switched off or removed")
                self._cycles.pop(subject, None)

    def _finding(self, subject: str, service: str, component: str, source: str, message: str) -> Finding:
        step = f"{component} ({source})" if source else component
        text = f"{service}: {step} {'failed' if self.rule.kind == 'step-error' else 'is overdue'}"
        said = message.strip().partition("\n")[0]  # of a traceback that follows, the log has the rest
        return Finding(subject, plain(f"{text}: {said}" if said else text), service=service,
                       component=component)


def step_subject(service: str, component: str, source: str) -> str:
    return f"service:{service}/{component}/{source}"
