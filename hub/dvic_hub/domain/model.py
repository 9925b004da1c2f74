"""The nouns of the hub, as frozen records: what the store keeps and the services hand around.

Times are whole microseconds since 1970 (UTC); 0 means never.
"""

from dataclasses import dataclass, field

from dvic_hub.domain.packages import PackageChange
from dvic_wire.runs import QUEUED, RunSpec
from dvic_wire.signing import PublicKey, SharedKey
from dvic_wire.updates import PENDING

ROLES = ("viewer", "operator", "admin")
"""What a person may do, each including the one before: look; act on nodes; manage people, tokens and the hub."""


@dataclass(frozen=True)
class Node:
    """A machine or device. `state` is derived from the rest and now (domain.liveness), never stored."""

    id: str
    name: str
    public_key: bytes
    tags: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    agent_version: str = ""
    address: str = ""
    enrolled: int = 0
    last_seen: int = 0
    period: int = 0
    """Seconds in which the node promised its next keepalive; 0: none promised yet."""
    serial: int = 0
    serial_window: int = 0
    """Bit i set: serial - i was seen (see limits.REPLAY_WINDOW)."""
    revoked: int = 0
    conflict: str = ""
    """Set while two agents use this node's key: says who."""
    status: str = ""
    secret: bytes = field(default=b"", repr=False)
    """Of a device that signs with a key which the hub knows too; it has no `public_key` then."""

    @property
    def public(self) -> PublicKey | None:
        """What a machine proves itself with; None for a device with a shared key, which holds no connection."""
        return PublicKey(self.public_key) if self.public_key else None

    @property
    def key(self) -> PublicKey | SharedKey:
        """What its keepalives are verified with."""
        return SharedKey(self.secret) if self.secret else PublicKey(self.public_key)

    @property
    def os(self) -> str:
        return self.facts.get("os", "")


@dataclass(frozen=True)
class BarredKey:
    """A node's key that never comes back. `removed_by` and `reason`: of a removed node. `public_key` is empty for a
    shared key: its id says which it was."""

    id: str
    public_key: bytes
    name: str
    time: int
    removed_by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Token:
    """An enrolment token as the hub keeps it: `id` is the fingerprint of its public half. `uses` left, -1 unlimited."""

    id: str
    expires: int
    uses: int
    tags: dict[str, str]
    created: int
    created_by: str
    note: str = ""
    revoked: int = 0


@dataclass(frozen=True)
class Run:
    """One order to many nodes. `batch`: "" (all at once), "10" or "25%". `max_failures`: -1 none counted; when more
    than this many nodes ended badly no further node is started. `queue_until`: how long nodes that are offline are
    waited for."""

    id: str
    selector: str
    spec: RunSpec
    created: int
    created_by: str
    reason: str = ""
    batch: str = ""
    max_failures: int = -1
    queue_until: int = 0
    cancelled: int = 0
    ended: int = 0
    operator: str = ""
    """The operator's own JWS, passed on to the executors that ask for one."""
    kind: str = "run"
    """run, update or enroll: then `detail` holds what the order is made of (services/run_signing.py)."""
    detail: dict = field(default_factory=dict)


@dataclass(frozen=True)
class RunNode:
    """One node in a run. `position` is its place in the order of dispatch."""

    run: str
    node: str
    position: int
    state: str = QUEUED
    reason: str = ""
    exit_code: int = -1
    dispatched: int = 0
    started: int = 0
    ended: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Rollout:
    """One package to many nodes. `manifest`: its JWS. `canary`, `batch`: "" or `10` or `25%`. `max_failures` -1: not
    given. `soak`, `confirm` in seconds. `halted`, `cancelled`, `ended`: since when; `halt_reason` is for people."""

    id: str
    selector: str
    package: str
    version: str
    manifest: str
    created: int
    created_by: str
    older: bool = False
    confirm: int = 180
    canary: str = ""
    batch: str = ""
    max_failures: int = -1
    halt_on_error: bool = False
    soak: int = 60
    queue_until: int = 0
    reason: str = ""
    halted: int = 0
    halt_reason: str = ""
    cancelled: int = 0
    ended: int = 0


@dataclass(frozen=True)
class RolloutNode:
    """One node in a rollout. `state` is one of dvic_wire.updates.STATES, `run` the id of its update ("": none yet),
    `sent` when that was ordered. `forgiven`: somebody resumed the rollout after this node's failure."""

    rollout: str
    node: str
    position: int
    wave: int
    state: str = PENDING
    reason: str = ""
    run: str = ""
    from_version: str = ""
    to_version: str = ""
    sent: int = 0
    changed: int = 0
    ended: int = 0
    forgiven: int = 0


@dataclass(frozen=True)
class TerminalSession:
    """A terminal that people share; its id is that of the run which carries it. `key`: seed of the key that signs what
    is typed, b"" when it is over. `starts`: how often a hub took it up. `offset`: bytes of output that are safe here;
    `recording`: bytes of its recording, 0 where there is none (any more). `why` it was ended, where somebody did."""

    id: str
    node: str
    node_name: str
    user: str
    argv: list[str]
    title: str
    created: int
    created_by: str
    cols: int
    rows: int
    key: bytes
    starts: int = 1
    offset: int = 0
    recorded: bool = False
    recording: int = 0
    ended: int = 0
    why: str = ""


@dataclass(frozen=True)
class SigningKey:
    """Whose manifests count. `id` is the fingerprint, `public_key` 32 bytes."""

    id: str
    public_key: bytes
    note: str
    added: int
    added_by: str


@dataclass(frozen=True)
class KeptManifest:
    """The manifest of a package that the hub serves, by the package's file name. `signer`: fingerprint of the key;
    `expires`: Unix seconds."""

    name: str
    sha256: str
    text: str
    signer: str
    version: str
    minimum_hub: str
    expires: int


@dataclass(frozen=True)
class RunQuery:
    """Which runs. Empty fields don't filter. `by`: who ordered it. `node`: an id. `text`: what its command, selector,
    reason or id holds, case ignored. `active`: not over yet; `failed`: a node of it ended badly.
    `kind`: run, update ..."""

    by: str = ""
    node: str = ""
    text: str = ""
    active: bool = False
    failed: bool = False
    kind: str = ""


EVERY_RUN = RunQuery()


@dataclass(frozen=True)
class SessionQuery:
    """Which terminals. Empty fields don't filter. `node`: an id. `by`: who opened it. `open`: whether it goes on."""

    node: str = ""
    by: str = ""
    open: bool | None = None


EVERY_SESSION = SessionQuery()


@dataclass(frozen=True)
class User:
    name: str
    role: str
    password_hash: str
    created: int
    must_change: bool = False
    disabled: int = 0


@dataclass(frozen=True)
class ApiToken:
    """A token for programs, and what a login gives. `hash`: SHA-256 of the secret. `expires` 0: never."""

    id: str
    hash: bytes
    user: str
    role: str
    created: int
    expires: int = 0
    last_used: int = 0
    note: str = ""
    kind: str = "token"
    """token (made by hand) or login."""


@dataclass(frozen=True)
class Silence:
    """Nobody is to be troubled about some nodes until then. `fixed`: it means `nodes` (ids) and no others; else
    whatever its selector names while it lasts. Over, its row goes: what was is in the audit log."""

    id: str
    selector: str
    until: int
    created: int
    created_by: str
    reason: str = ""
    fixed: bool = False
    nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, written before it is carried out. `outcome`: "" until known, then ok or the error."""

    id: int
    time: int
    actor: str
    address: str
    action: str
    target: str
    detail: dict
    outcome: str = ""


@dataclass(frozen=True)
class LogQuery:
    """Which log records. Empty fields don't filter. `nodes`: ids (None: all). `level`: least level. `grep`: text that
    the message holds, case ignored. `sources`/`units`: globs. `before`: paging cursor, opaque. `arrived`: the number of
    a batch, of which and of later ones the records are wanted, whatever their time."""

    nodes: frozenset[str] | None = None
    since: int = 0
    until: int = 0
    level: str = ""
    source: str = ""
    unit: str = ""
    grep: str = ""
    limit: int = 100
    before: str = ""
    arrived: int = 0


@dataclass(frozen=True)
class LogItem:
    """A stored log record: `record` is as in dvic_wire.records. `place`: the batch that brought it and where in it
    (hexadecimal numbers joined by a dot); no other record has it, and it grows as records arrive."""

    node: str
    source: str
    record: dict
    place: str = field(default="", compare=False)


@dataclass(frozen=True)
class Around:
    """The records before and after one moment or record, oldest first, and whether there are more on either side."""

    items: list[LogItem]
    more_before: bool = False
    more_after: bool = False


@dataclass(frozen=True)
class LevelCounts:
    """How many records of each level there were over time: `counts[level][bucket]`, levels as in LEVELS. Buckets are
    `step` microseconds long, from `start` on. Before `complete_since` there may be more than was counted."""

    start: int
    step: int
    counts: list[list[int]]
    since: int
    until: int
    complete_since: int = 0


@dataclass(frozen=True)
class Page:
    """A page of whatever is listed. `next` is the cursor of the following page, "" at the end."""

    items: list
    next: str = ""


@dataclass(frozen=True)
class IncomingBatch:
    """A batch as it is committed. `records_json` is the JSON array of records as it came; `frame` the zlib frame that
    held it (b"" where it came as text): stored as it is, so nothing is compressed twice."""

    node: str
    stream: str
    from_cursor: str
    to_cursor: str
    source: str
    about: dict
    closed: bool
    records_json: bytes
    count: int
    first_time: int
    last_time: int
    levels: int
    """Bit i set: a record of level LEVELS[i] is in it."""
    frame: bytes = b""
    run_end: dict | None = None  # of a run's last batch: its `end`; the run node's state is committed with it
    run_start: int = 0  # time of a run's `start` in this batch: the run node becomes running with it
    facts: dict | None = None  # the newest of a hardware batch: they become the node's
    package: PackageChange | None = None  # what a batch of a package's stream says
    steps: bytes = b""
    """Events of monitoring services in this batch (domain/step_events.py); they wait in the store to be applied."""


@dataclass(frozen=True)
class Series:
    """One metric of one node: equally long lists. `values` are means where `step` made buckets."""

    node: str
    name: str
    times: list[int]
    values: list[float]
