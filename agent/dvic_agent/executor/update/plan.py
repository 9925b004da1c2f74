"""What an update of this machine's own package does next: pure.

The journal (one small file, replaced whole) says how far it is; `decide` says from it, and from what is known now, what
comes next. Whoever carries the update does only that, writes the journal down, and asks again, so that a power cut at
any moment loses no more than the thing that was being done, and that one can be done again.

    downloading   nothing on the machine has changed; can be cancelled     -> installing | failed | cancelled
    installing    apt and dpkg are at work                                 -> confirming | rolling-back
    confirming    waits until the hub has welcomed the new agent           -> updated | rolling-back
    rolling-back  the package from before is put back                      -> rolled-back | failed

The phases are states of dvic_wire.updates (which is not imported: what carries on after a power cut must not need a
library that the power cut may have spoilt). Other versions read the journal too: fields are added, never changed.
"""

from dataclasses import asdict, dataclass, fields, replace

DOWNLOADING = "downloading"
INSTALLING = "installing"
CONFIRMING = "confirming"
ROLLING_BACK = "rolling-back"
UPDATED = "updated"
ROLLED_BACK = "rolled-back"
FAILED = "failed"
CANCELLED = "cancelled"

ENDS = {UPDATED: "finished", ROLLED_BACK: "failed", FAILED: "failed", CANCELLED: "cancelled"}
"""Phases that are the end, and how the run of the update ends then."""

TOLD = (DOWNLOADING, INSTALLING, CONFIRMING, ROLLING_BACK, ROLLED_BACK, UPDATED)
"""Phases that are told as a step in the run's stream."""

MAX_TRIES = 3
"""Times that installing, or putting back, is begun, power cuts between them."""

MAX_DOWNLOADS = 6
"""Times that downloading, or keeping the package from before, is begun, power cuts between them."""

MAX_BOOTS = 3
"""Starts of the machine after which a new agent that was never welcomed is given up."""

LEAST_CONFIRM, MOST_CONFIRM = 30, 3600
"""Seconds in which the new agent must have been welcomed."""


@dataclass(frozen=True)
class Journal:
    """An update. `url` of the package, `ca_file` for TLS ("": the system's). `previous`: version from before.
    `confirm` in seconds. `begun` in Unix seconds. `tries`: times that this phase's work was begun. `problem`: what it
    failed of. `reason`: why it is rolled back, at the end why it ended so. `boot`, `deadline`: the boot in which the
    waiting was begun and when it is over (seconds of CLOCK_BOOTTIME); `boots` counts them."""

    run: str
    package: str
    version: str
    architecture: str
    size: int
    sha256: str
    url: str
    ca_file: str
    previous: str
    confirm: int
    begun: int = 0
    phase: str = DOWNLOADING
    tries: int = 0
    problem: str = ""
    reason: str = ""
    boot: str = ""
    deadline: float = 0.0
    boots: int = 0

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "Journal":
        """Fields of a newer version are passed over; raises TypeError where one that every version has is missing."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: part for name, part in value.items() if name in known})

    @property
    def name(self) -> str:
        return f"{self.package} {self.version}"


@dataclass(frozen=True)
class Known:
    """What can be seen now. `installed`: the version that is whole on the machine, "" when none is; `removed`: not even
    a broken one is there. `fetched`, `kept`: the new and the former package lie ready. `agent`: what systemd says of
    the agent, for people."""

    boot: str
    cancelled: str | None = None
    fetched: bool = False
    kept: bool = False
    installed: str = ""
    removed: bool = False
    confirmed: bool = False
    agent: str = ""


FETCH = "fetch"
KEEP = "keep"
INSTALL = "install"
PUT_BACK = "put-back"
WAIT = "wait"


@dataclass(frozen=True)
class Do:
    """Do this; what it fails of becomes the journal's `problem`. Unless it is WAIT, note `begun` first."""

    what: str


@dataclass(frozen=True)
class Become:
    """Write this journal down before anything else is done. `text` explains a new phase to people."""

    journal: Journal
    text: str = ""


@dataclass(frozen=True)
class End:
    """It is over: write the run's end, then forget the journal."""

    state: str
    exit_code: int
    reason: str


def decide(journal: Journal, known: Known, now: float) -> Do | Become | End:
    """What comes next; `now` in seconds of CLOCK_BOOTTIME."""
    if journal.phase in ENDS:
        return End(ENDS[journal.phase], 0 if journal.phase == UPDATED else -1, journal.reason)
    if journal.phase == DOWNLOADING:
        return _downloading(journal, known)
    if journal.phase == INSTALLING:
        return _installing(journal, known, now)
    if journal.phase == CONFIRMING:
        return _confirming(journal, known, now)
    return _rolling_back(journal, known)


def begun(journal: Journal) -> Journal:
    """The journal to write down before something is done."""
    return replace(journal, tries=journal.tries + 1)


def failed(journal: Journal, problem: str) -> Journal:
    """The journal after something could not be done."""
    return replace(journal, problem=problem)


def _downloading(journal: Journal, known: Known) -> Do | Become:
    if known.cancelled is not None:
        return _go(journal, CANCELLED, reason=known.cancelled)
    if journal.problem:
        return _go(journal, FAILED, reason=journal.problem)
    if known.fetched and known.kept:
        return _go(journal, INSTALLING, f"{journal.package} {journal.previous} becomes {journal.version}")
    if journal.tries >= MAX_DOWNLOADS:
        return _go(journal, FAILED, reason=f"it was cut off {journal.tries} times while it downloaded")
    return Do(KEEP if known.fetched else FETCH)


def _installing(journal: Journal, known: Known, now: float) -> Do | Become:
    if known.installed == journal.version:
        waiting = replace(journal, boot=known.boot, deadline=now + journal.confirm, boots=1)
        return _go(waiting, CONFIRMING, f"{journal.name} is installed, waiting for the hub's word")
    if journal.problem:
        return _back(journal, f"{journal.name} can't be installed: {journal.problem}")
    if journal.tries >= MAX_TRIES:
        return _back(journal, f"it was cut off {journal.tries} times while {journal.name} was installed")
    return Do(INSTALL)


def _confirming(journal: Journal, known: Known, now: float) -> Do | Become:
    if known.confirmed:
        return _go(journal, UPDATED, f"the hub has welcomed {journal.name}")
    if known.boot != journal.boot:
        if journal.boots >= MAX_BOOTS:
            return _back(journal, f"the machine was started {journal.boots} times without the hub welcoming "
                                  f"{journal.name}")
        return Become(replace(journal, boot=known.boot, deadline=now + journal.confirm, boots=journal.boots + 1))
    if now >= journal.deadline:
        said = f" ({known.agent})" if known.agent else ""
        return _back(journal, f"{journal.name} was installed, but the hub did not welcome it within "
                              f"{journal.confirm} s{said}")
    return Do(WAIT)


def _rolling_back(journal: Journal, known: Known) -> Do | Become:
    if journal.tries and known.installed == journal.previous:
        text = f"{journal.package} {journal.previous} is installed again"
        return _go(journal, ROLLED_BACK, text, f"rolled back to {journal.previous}: {journal.reason}")
    if known.removed or known.installed not in ("", journal.version, journal.previous):
        what = f"installed {known.installed}" if known.installed else f"removed {journal.package}"
        return _go(journal, FAILED, reason=f"{journal.reason}; somebody else has {what} meanwhile, and it is left so")
    if journal.tries >= MAX_TRIES:
        why = f"; and then: {journal.problem}" if journal.problem else ""
        # What matters first: what the tools said is long, and cut where a run's end has no room for it.
        return _go(journal, FAILED, reason=f"{journal.previous} could not be put back: somebody has to look at this "
                                           f"machine. {journal.reason}{why}")
    return Do(PUT_BACK)


def _back(journal: Journal, reason: str) -> Become:
    return _go(journal, ROLLING_BACK, reason, reason)


def _go(journal: Journal, phase: str, text: str = "", reason: str = "") -> Become:
    return Become(replace(journal, phase=phase, tries=0, problem="", reason=reason), text)
