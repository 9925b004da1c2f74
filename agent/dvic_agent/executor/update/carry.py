"""Carries an update from its journal to its end: looks, asks plan.decide, does it, again.

It is a process in a unit of its own (dvic-run-<id>.service), started from program.pyz, so that neither the agent's nor
the executor's restart, nor the exchange of their files, touches it. It may be killed at any moment: whoever starts it
again (systemd, dvic-update-resume.service after a power cut, a sweep) goes on from the journal.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..rundir import RunDir, StateDir
from . import plan
from .download import DownloadFailed, Stopped, check_room, fetch, is_whole
from .folder import UpdateDir, put_in_place
from .machine import Machine
from .packages import PackageProblem, read_deb
from .plan import Become, Do, End, Journal, Known
from .telling import Teller

TOLD_TO_STOP = 75
"""Exit code of an update that was stopped and is to go on (sysexits.h: EX_TEMPFAIL)."""

POLL_SECONDS = 0.25
"""Between two looks whether the hub's word has come."""

LOOKS = 20
"""Tries to become the one that carries it."""


@dataclass
class Signals:
    """Whether SIGTERM has come."""

    stopped: bool = False

    def catch(self) -> None:
        signal.signal(signal.SIGTERM, self._told)

    def _told(self, *_: object) -> None:
        self.stopped = True


class Carrier:
    """One update. `run`: its directory, None when somebody removed it: then it is carried all the same, untold."""

    def __init__(self, folder: UpdateDir, journal: Journal, run: RunDir | None, teller: Teller, machine: Machine,
                 stopped: Callable[[], bool]):
        self._folder = folder
        self._journal = journal
        self._run = run
        self._teller = teller
        self._machine = machine
        self._stopped = stopped

    def carry(self) -> int:
        """Until the end; returns the exit code. Raises OSError when the disk does not even take the end."""
        if self._teller.resumed:
            self._teller.say("the update goes on after it was cut off")
        self._tell(f"{self._journal.name}, {self._journal.size} bytes")
        while True:
            now = self._machine.now()
            step = plan.decide(self._journal, self._look(now), now)
            if isinstance(step, End):
                self._end(step)
                return 0
            if self._stopped():
                return TOLD_TO_STOP
            if isinstance(step, Become):
                self._become(step)
            elif step.what == plan.WAIT:
                time.sleep(POLL_SECONDS)
            else:
                self._do(step)

    def _look(self, now: float) -> Known:
        """What the journal's phase needs to know, and no more: some of it costs a process."""
        journal, known = self._journal, Known(self._machine.boot())
        if journal.phase == plan.DOWNLOADING:
            cancelled = self._run.cancelled() if self._run else None
            return replace(known, cancelled=cancelled, fetched=is_whole(self._folder.new, journal),
                           kept=self._folder.previous.is_file())
        if journal.phase == plan.CONFIRMING:
            over = now >= journal.deadline and known.boot == journal.boot
            return replace(known, confirmed=self._folder.confirmed(journal.run),
                           agent=self._machine.agent_state() if over else "")
        if journal.phase in plan.ENDS:
            return known
        found = self._machine.present(journal.package)
        return replace(known, installed=found.whole, removed=found.removed)

    def _become(self, step: Become) -> None:
        changed = step.journal.phase != self._journal.phase
        if step.journal.phase == plan.ROLLING_BACK and changed:
            self._folder.new.unlink(missing_ok=True)  # the disk may be full
        try:
            self._folder.save(step.journal)
            self._journal = step.journal
        except OSError as error:
            if self._journal.phase == plan.DOWNLOADING and step.journal.phase not in plan.ENDS:
                reason = f"the update's journal can't be written: {error}"
                self._journal = replace(self._journal, phase=plan.FAILED, reason=reason)
            else:  # better on without it than left half-way
                self._journal = step.journal
        if changed:
            self._tell(step.text)

    def _tell(self, text: str) -> None:
        if self._journal.phase in plan.TOLD:
            self._teller.step(self._journal.phase, text)

    def _do(self, step: Do) -> None:
        self._become(Become(plan.begun(self._journal)))
        if self._journal.phase in plan.ENDS:
            return
        try:
            problem = {plan.FETCH: self._fetch, plan.KEEP: self._keep, plan.INSTALL: self._install,
                       plan.PUT_BACK: self._put_back}[step.what]()
        except (DownloadFailed, PackageProblem) as error:
            problem = str(error)
        except OSError as error:
            problem = f"the disk does not take it: {error}"
        except Stopped:
            return
        if problem:
            self._become(Become(plan.failed(self._journal, problem)))

    def _fetch(self) -> str:
        journal, new = self._journal, self._folder.new
        new.unlink(missing_ok=True)
        fetch(journal, self._folder.part, new, lambda: self._stopped() or self._was_cancelled())
        deb = read_deb(new)
        if (deb.package, deb.version, deb.architecture) != (journal.package, journal.version, journal.architecture):
            return f"the package says that it is {deb.package} {deb.version} {deb.architecture}, unlike its manifest"
        check_room(Path("/usr"), deb.unpacked)
        return ""

    def _was_cancelled(self) -> bool:
        return self._run is not None and self._run.cancelled() is not None

    def _keep(self) -> str:
        """Have the package that is installed now as a file, before anything happens to it."""
        kept, journal = self._folder.installed, self._journal
        with suppress(PackageProblem):
            if kept.is_file() and read_deb(kept).version == journal.previous:
                kept.rename(self._folder.previous)
                return ""
        self._machine.repack(journal.package, self._folder.staging, self._folder.previous)
        return ""

    def _install(self) -> str:
        return self._machine.install(self._folder.new, self._journal.package, self._journal.tries > 1)

    def _put_back(self) -> str:
        return self._machine.put_back(self._folder.previous, self._journal.package, self._journal.previous)

    def _end(self, end: End) -> None:
        if self._journal.phase == plan.UPDATED and self._folder.new.is_file():
            put_in_place(self._folder.new, self._folder.installed)
        elif self._folder.previous.is_file():
            put_in_place(self._folder.previous, self._folder.installed)
        self._folder.new.unlink(missing_ok=True)
        if self._run is not None:
            self._run.finish(end.state, end.exit_code, end.reason, self._teller.cut)
        self._machine.disarm()
        self._folder.clear()


def carry(state: StateDir) -> int:
    """Carry the update that the journal names, unless somebody does; returns the exit code."""
    folder, signals = UpdateDir(state.path), Signals()
    signals.catch()
    if folder.journal() is None:
        return 0
    if not _take(folder.lock):
        print("dvic-update: it is carried already", file=sys.stderr)
        return 0
    journal = folder.journal()
    if journal is None:
        return 0
    with state.opened(journal.run) as run:
        if run is not None:
            run.hold()
        teller = Teller(run)
        return Carrier(folder, journal, run, teller, Machine(teller), lambda: signals.stopped).carry()


def _take(lock: Path) -> bool:
    """Hold the lock until this process ends; False when another carrier does (who only looks lets go at once)."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(LOOKS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
    return False
