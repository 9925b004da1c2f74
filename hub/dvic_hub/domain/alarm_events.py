"""What happened and is over, and somebody should know: runs that failed, updates that were rolled back. Pure.

Nothing can make a failed run well again. So its alarm is cleared when somebody acknowledges it, or after the rule's
`window`.
"""

from .alarm_conditions import Finding, plain
from .alarm_watch import SECOND, Watch, node_subject
from .liveness import NodeView


class _EventWatch(Watch):
    def seen(self, subject: str) -> None:
        self.conditions.good(subject, "somebody has seen it")

    def tick(self, now: int) -> None:
        window = self.rule.number("window") * SECOND
        for subject, alarm in list(self.conditions.open.items()):
            if alarm.acknowledged:
                self.seen(subject)
            elif now - alarm.raised > window:
                self.conditions.good(subject, "it was long ago")


class RunWatch(_EventWatch):
    def run(self, id: str, command: str, failed: int, nodes: int, by: str, now: int) -> None:
        """A run has ended; `failed` of its `nodes` ended badly."""
        if failed:
            self.conditions.bad(Finding(f"run:{id}", plain(
                f"{command} (by {by}) failed on {failed} of {nodes} node{'s' * (nodes != 1)}"), str(failed)), now)


class UpdateWatch(_EventWatch):
    def update(self, view: NodeView, rollout: str, bad: bool, reason: str, now: int) -> None:
        """An update of a node has ended."""
        subject = node_subject(view, "update")
        if bad:
            self.conditions.bad(Finding(subject, plain(f"the update of {view.name} did not hold: "
                                                       f"{reason or 'it was rolled back'} (rollout {rollout})"),
                                        node=view.id), now)
        else:
            self.conditions.good(subject)
