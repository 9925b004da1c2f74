"""What an update does next: every way through it, with the power cut at each step of the way."""

from dataclasses import dataclass, field, replace

import pytest

from dvic_agent.executor.update import plan
from dvic_agent.executor.update.plan import Become, Do, End, Journal, Known, decide
from dvic_wire import updates
from dvic_wire.runs import TERMINAL

OLD, NEW = "1.0", "2.0"

JOURNAL = Journal("r" * 12, "dvic-agent", NEW, "all", 100, "0" * 64, "http://hub/x.deb", "", OLD, 60)


@dataclass
class World:
    """A machine that does what it is told, save for what `broken` says; `crash_at` cuts its power before that step."""

    broken: dict = field(default_factory=dict)
    confirms: bool = True
    journal: Journal = JOURNAL
    installed: str = OLD
    fetched: bool = False
    kept: bool = False
    boot: int = 1
    now: float = 1000.0
    cancelled: str | None = None
    steps: int = 0
    crash_at: int = -1
    told: list = field(default_factory=list)

    def known(self) -> Known:
        welcomed = self.confirms and self.installed == NEW
        return Known(str(self.boot), self.cancelled, self.fetched, self.kept, self.installed, confirmed=welcomed)

    def power_cut(self) -> None:
        self.boot += 1
        self.now = 10.0

    def run(self) -> End:
        for _ in range(2000):
            step = decide(self.journal, self.known(), self.now)
            if isinstance(step, End):
                return step
            if isinstance(step, Become):
                self.write(step.journal)
            elif step.what == plan.WAIT:
                self.now += 7
            else:
                self.write(plan.begun(self.journal))
                self.do(step.what)
        raise AssertionError("it never ends")

    def write(self, journal: Journal) -> None:
        if self.cut():
            return
        if journal.phase != self.journal.phase:
            updates.advance(self.journal.phase, journal.phase)
            self.told.append(journal.phase)
        self.journal = journal

    def cut(self) -> bool:
        """Whether the power goes now."""
        self.steps += 1
        if self.steps != self.crash_at:
            return False
        self.power_cut()
        return True

    def do(self, what: str) -> None:
        if what in (plan.INSTALL, plan.PUT_BACK):
            self.installed = ""  # neither is whole while dpkg is at work
        if self.cut():
            return
        if problem := self.broken.get(what):
            self.write(plan.failed(self.journal, problem))
            return
        if what == plan.FETCH:
            self.fetched = True
        elif what == plan.KEEP:
            self.kept = True
        else:
            self.installed = NEW if what == plan.INSTALL else OLD
        self.cut()


def test_the_phases_are_the_states_that_everybody_knows():
    assert set(plan.TOLD) == set(updates.STEPS)
    assert set(plan.TOLD) | set(plan.ENDS) <= set(updates.STATES)
    assert set(plan.ENDS.values()) <= TERMINAL


def test_all_goes_well():
    world = World()
    assert world.run() == End("finished", 0, "")
    assert (world.installed, world.told) == (NEW, ["installing", "confirming", "updated"])


@pytest.mark.parametrize(("broken", "told", "reason"), [
    ({plan.FETCH: "hash wrong"}, ["failed"], "hash wrong"),
    ({plan.KEEP: "no room"}, ["failed"], "no room"),
    ({plan.INSTALL: "apt said no"}, ["installing", "rolling-back", "rolled-back"],
     "rolled back to 1.0: dvic-agent 2.0 can't be installed: apt said no"),
    ({plan.INSTALL: "apt said no", plan.PUT_BACK: "dpkg said no"}, ["installing", "rolling-back", "failed"],
     "1.0 could not be put back: somebody has to look at this machine. dvic-agent 2.0 can't be installed: apt said no; "
     "and then: dpkg said no"),
])
def test_what_fails_is_named_and_the_version_from_before_is_there(broken, told, reason):
    world = World(broken)
    assert world.run() == End("failed", -1, reason)
    assert world.told == told
    assert world.installed == ("" if plan.PUT_BACK in broken else OLD)


def test_an_agent_that_nobody_welcomes_is_taken_back_with_what_it_says_itself():
    world = World(confirms=False)
    assert world.run().reason == ("rolled back to 1.0: dvic-agent 2.0 was installed, but the hub did not welcome it "
                                  "within 60 s")
    waiting = replace(JOURNAL, phase="confirming", boot="1", deadline=10.0)
    step = decide(waiting, Known("1", agent="it is failed"), 11.0)
    assert step.journal.reason.endswith("within 60 s (it is failed)")


@pytest.mark.parametrize("broken", [{}, {plan.INSTALL: "no"}, {plan.FETCH: "no"}])
@pytest.mark.parametrize("confirms", [True, False])
@pytest.mark.parametrize("crash_at", range(1, 25))
def test_a_power_cut_anywhere_ends_in_one_whole_version(broken, confirms, crash_at):
    world = World(broken, confirms, crash_at=crash_at)
    end = world.run()
    assert world.installed == (NEW if end.state == "finished" else OLD)
    assert (end.state == "finished") == (confirms and not broken)
    assert world.told[-1] in plan.ENDS and len(world.told) == len(set(world.told))


def test_a_machine_that_loses_its_power_again_and_again_gives_up():
    for phase, version, end in (("downloading", OLD, "failed"), ("installing", "", "rolling-back"),
                                ("rolling-back", "", "failed")):
        journal = replace(JOURNAL, phase=phase)
        for boot in range(20):
            step = decide(journal, Known(str(boot), installed=version), 0.0)
            if isinstance(step, Become):
                break
            journal = plan.begun(journal)
        assert step.journal.phase == end and 3 <= boot <= 6


def test_an_agent_that_takes_the_machine_down_with_it_is_given_up():
    journal = replace(JOURNAL, phase="confirming", boot="1", deadline=60.0, boots=1)
    for boot in range(2, 10):
        journal = decide(journal, Known(str(boot), installed=NEW), 5.0).journal
        if journal.phase != "confirming":
            break
        assert decide(journal, Known(str(boot), installed=NEW), 6.0) == Do(plan.WAIT)
    assert (journal.phase, boot) == ("rolling-back", 4)
    assert "started 3 times" in journal.reason


def test_it_can_be_cancelled_until_something_is_changed():
    world = World(cancelled="cancelled by olga")
    assert world.run() == End("cancelled", -1, "cancelled by olga")
    assert (world.installed, world.told) == (OLD, ["cancelled"])
    late = World(cancelled="cancelled by olga", journal=replace(JOURNAL, phase="installing"))
    assert late.run().state == "finished"


@pytest.mark.parametrize(("seen", "said"), [(Known("1", removed=True), "removed dvic-agent"),
                                            (Known("1", installed="3.0"), "installed 3.0")])
def test_what_somebody_else_did_meanwhile_is_left_so(seen, said):
    step = decide(replace(JOURNAL, phase="rolling-back", reason="too late"), seen, 0.0)
    assert step.journal.phase == "failed"
    assert step.journal.reason == f"too late; somebody else has {said} meanwhile, and it is left so"


def test_the_journal_of_a_newer_version_is_read_and_one_that_lacks_what_is_needed_is_not():
    assert Journal.from_json({**JOURNAL.to_json(), "invented": 1}) == JOURNAL
    with pytest.raises(TypeError):
        Journal.from_json({"run": "r"})
