"""What a store promises. Services know only this; SQLite (and, later, PostgreSQL) are behind it.

- Every method that changes something returns after the change is on the disk (synchronous=FULL), committed in groups.
- Nothing here decides: rules are in domain/. Conditional updates take what must still be true, and return whether it
  was.
- StoreFull is raised, and nothing kept, when the disk has no room; StoreError for what else the database says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Protocol

from dvic_hub.domain.blocks import Key
from dvic_hub.domain.cycle_model import Cycle, Service, Share, WaitingEvents
from dvic_hub.domain.glance import Glance
from dvic_hub.domain.keepalive import Seen
from dvic_hub.domain.model import (
    EVERY_RUN,
    EVERY_SESSION,
    ApiToken,
    Around,
    AuditEntry,
    BarredKey,
    IncomingBatch,
    KeptManifest,
    LevelCounts,
    LogQuery,
    Node,
    Page,
    Rollout,
    RolloutNode,
    Run,
    RunNode,
    RunQuery,
    Series,
    SessionQuery,
    SigningKey,
    TerminalSession,
    Token,
    User,
)
from dvic_hub.domain.packages import ObjectChange, Package, PackageObject, Reference, Snapshot
from dvic_hub.errors import HubError
from dvic_wire.streams import Verdict

from .alarms_port import Alarms, Silences
from .notices_port import Notices


class Streams(Protocol):
    """Records and cursors."""

    async def cursors(self, node: str) -> dict[str, str]: ...

    async def about(self, node: str) -> dict[str, dict]:
        """Of each open stream, by name: its `source` and what the node said `about` it."""

    async def commit(self, batch: IncomingBatch) -> Verdict:
        """Records and cursor in one transaction, by dvic_wire.streams.accept; a closed batch removes the cursor.
        With `run_end`, the run node's terminal state is written in the same transaction (if it is not terminal yet)."""

    async def search(self, query: LogQuery) -> Page:
        """Log records (LogItem), newest first."""

    async def around(self, query: LogQuery, key: Key, after: int) -> Around:
        """The last `query.limit` records up to `key` (time, batch, position), that one included, and the first `after`
        records behind it, of those that the query wants; its times and cursor don't count."""

    async def levels(self, query: LogQuery, buckets: int) -> LevelCounts:
        """How many records of each level there were over time, in at most `buckets` (3 or more) buckets; `until` must
        be given. Without `since` from the first day that there is."""

    async def run_output(self, run: str, node: str, after: str, limit: int) -> Page:
        """Records of a run's stream on one node, oldest first, as dicts with their `place`; `after` is the paging
        cursor."""

    async def series(self, nodes: list[str], names: list[str], since: int, until: int, step: int) -> list[Series]:
        """Metrics; `names` are globs (empty: all), `step` seconds of each bucket (0: as sampled)."""

    async def latest(self, node: str) -> dict:
        """The newest hardware sample: {time, values}; {} when there is none."""

    async def glances(self, after: int = 0) -> list[Glance]:
        """What a list of all nodes shows of each: of those whose newest sample was stored after the number `after`."""

    async def demos(self, node: str) -> list[dict]:
        """The newest known state of each demo process whose log file is there."""

    async def containers(self, node: str) -> list[dict]:
        """The newest known state of each container that is there, or has ended and is not forgotten yet."""

    async def drop_before(self, day: str) -> int:
        """Forget whole days before `day` (YYYYMMDD); returns how many were dropped."""

    async def compact(self) -> int:
        """Join small blocks into large ones, a bounded piece of work; returns how many were joined."""


class Nodes(Protocol):
    async def add(self, node: Node) -> None:
        """Raises Conflict when the id or the name exists."""

    async def get(self, id_or_name: str) -> Node | None: ...
    async def all(self) -> list[Node]: ...

    async def update(self, id: str, **changes: object) -> Node | None:
        """Change fields of Node by name; None when there is no such node; Conflict when a name is taken."""

    async def seen(self, seen: Sequence[Seen]) -> None:
        """Keepalives counted. Written with the next group commit, in the order of calls; returns when they are on the
        disk."""

    async def remove(self, id: str) -> bool:
        """The node, its cursors and its runs' rows; its history goes with its days."""

    async def forbid_key(self, key: BarredKey) -> None:
        """Remember a removed or revoked key, so that it can't come back."""

    async def forbidden_key(self, id: str) -> BarredKey | None:
        """The key that was so remembered under this node's id."""


class Tokens(Protocol):
    async def add(self, token: Token) -> None: ...
    async def get(self, id: str) -> Token | None: ...
    async def all(self) -> list[Token]: ...

    async def enrol(self, id: str, node: Node, now: int) -> str:
        """Use the token once and add the node, in one transaction. Returns "ok", "known" (the node is here already: its
        row stays and nothing is used up), "expired", "used-up", "revoked", "unknown", "name-taken"."""

    async def used_by(self, id: str, limit: int) -> list[tuple[str, int]]:
        """(node id, when) of those that used the token, newest first, removed ones too."""

    async def revoke(self, id: str, now: int) -> bool: ...

    async def forget_over(self, now: int) -> int:
        """Remove the tokens that let nobody in any more: expired, revoked, used up. Returns how many."""


class Runs(Protocol):
    async def add(self, run: Run, nodes: list[RunNode]) -> None: ...
    async def get(self, id: str) -> Run | None: ...

    async def list(self, limit: int, before: str = "", query: RunQuery = EVERY_RUN) -> Page:
        """Newest first, those that the query wants."""

    async def counts(self, runs: list[str]) -> dict[str, dict[str, int]]:
        """Of each run, how many of its nodes are in which state."""

    async def nodes(self, run: str) -> list[RunNode]: ...

    async def active(self, kind: str = "") -> list[str]:
        """Ids of runs that have not ended; `kind` "": of every kind."""

    async def active_on(self, node: str) -> list[RunNode]:
        """Rows of this node that are not terminal."""

    async def move(self, run: str, node: str, from_states: frozenset[str], to: str, **changes: object) -> bool:
        """Conditional update of one node's state; False when it was in none of `from_states`."""

    async def update(self, id: str, **changes: object) -> None: ...


class Rollouts(Protocol):
    async def add(self, rollout: Rollout, nodes: list[RolloutNode]) -> None:
        """Raises Conflict when one of this id exists."""

    async def get(self, id: str) -> Rollout | None: ...

    async def list(self, limit: int, before: str = "") -> Page:
        """Newest first."""

    async def nodes(self, rollout: str) -> list[RolloutNode]:
        """By position. They stay when a node is removed."""

    async def runs(self, rollout: str) -> dict[str, RunNode]:
        """How the updates that its rows name stand, by node; a node without one is not in it."""

    async def active(self) -> list[str]:
        """Ids of rollouts that have not ended."""

    async def open_nodes(self) -> dict[str, str]:
        """Nodes whose row in a rollout has not ended, each with that rollout's id."""

    async def move(self, rollout: str, node: str, from_state: str, to: str, **changes: object) -> bool:
        """Conditional update of one node's row; False when it was in another state."""

    async def forgive(self, rollout: str, nodes: list[str]) -> None:
        """Mark rows as forgiven, all at once."""

    async def update(self, id: str, **changes: object) -> bool:
        """False when it has ended, or there is none."""


class Releases(Protocol):
    """Signing keys and manifests. Each change of the keys raises the key set's serial, to `time` (Unix seconds) at
    least: so that a hub which was put back from a backup gets past what machines have seen."""

    async def keys(self) -> tuple[int, list[SigningKey]]:
        """The serial (0: there never was a key) and the keys, the oldest first, of one moment."""

    async def add_key(self, key: SigningKey, time: int) -> bool:
        """False when it is there already."""

    async def remove_key(self, id: str, time: int) -> bool:
        """False when it is not there, or when it is the only one."""

    async def manifests(self) -> dict[str, KeptManifest]:
        """By the package's file name."""

    async def put_manifest(self, manifest: KeptManifest) -> None:
        """In the place of the one that the package had."""

    async def remove_manifest(self, name: str) -> bool: ...


class Sessions(Protocol):
    """Terminals."""

    async def add(self, session: TerminalSession) -> None: ...
    async def get(self, id: str) -> TerminalSession | None: ...

    async def open(self) -> list[TerminalSession]:
        """Those that have not ended."""

    async def list(self, limit: int, before: str = "", query: SessionQuery = EVERY_SESSION) -> Page:
        """Newest first."""

    async def recorded_before(self, time: int) -> list[TerminalSession]:
        """Those that ended before `time` and have a recording."""

    async def update(self, id: str, **changes: object) -> None: ...


class Services(Protocol):
    """Monitoring services and their cycles."""

    async def add(self, service: Service) -> None:
        """Raises Conflict when there is one of this name."""

    async def get(self, name: str) -> Service | None: ...

    async def all(self) -> list[Service]:
        """By name."""

    async def remove(self, name: str) -> bool:
        """With its cycles and shares."""

    async def change(self, service: Service, cycles: list[Cycle]) -> bool:
        """Its description and switches, and its open cycles as they are with these, all at once; False when it is not
        there."""

    async def cycles(self, service: str, limit: int, before: str = "") -> Page:
        """Newest first."""

    async def cycle(self, service: str, number: int) -> Cycle | None: ...

    async def results(self, service: str, limit: int) -> list[tuple[int, str]]:
        """The number and the result of the newest cycles, newest first; "" of those that are open."""

    async def relevant(self, names: Mapping[str, Set[str]]) -> list[Cycle]:
        """Of each service its open cycles, those that have one of these names, the newest, and the last one that ended
        without a name."""

    async def add_share(self, share: Share, most: int) -> bool:
        """False, and nothing has changed, when its service has `most` already."""

    async def shares(self, service: str) -> list[Share]:
        """Oldest first."""

    async def share(self, id: str) -> Share | None: ...

    async def remove_share(self, id: str) -> bool: ...

    async def put_events(self, body: bytes) -> None:
        """Events that came without a batch: they wait as those of batches do (IncomingBatch.steps)."""

    async def waiting(self, limit: int) -> list[WaitingEvents]:
        """What waits to be applied, in the order in which it was committed."""

    async def settle(self, applied: list[WaitingEvents], services: list[Service], cycles: list[Cycle],
                     keep: int) -> bool:
        """Write what came of `applied` (of services `last`, `due` and `counted`) and take them
        away, all at once; False, and nothing has changed, when some are gone already. Of a service that was removed
        nothing is written. The newest `keep` cycles of each stay."""


class Packages(Protocol):
    """Histogram packages; updates come with batches (IncomingBatch.package). `number` is that of a snapshot."""

    async def all(self) -> list[Package]: ...
    async def ids(self) -> frozenset[str]: ...

    async def objects(self, id: str, number: int) -> list[PackageObject]:
        """The objects of a snapshot, in the publisher's order."""

    async def data(self, id: str, number: int, names: list[str] | None, known: Set[str]) -> list[ObjectChange]:
        """The objects themselves, without those whose hash is in `known`; `names` None: all."""

    async def snapshot(self, id: str, number: int) -> Snapshot | None: ...

    async def snapshot_at(self, id: str, time: int) -> Snapshot | None:
        """The newest that was stored at or before `time`."""

    async def history(self, id: str, since: int, until: int, limit: int, before: str = "") -> Page:
        """Snapshots, newest first; `until` 0: no end."""

    async def references(self, id: str) -> list[Reference]: ...

    async def add_reference(self, reference: Reference, most: int) -> None:
        """Raises Conflict when the name is taken or there are `most`, NotFound when the snapshot is gone."""

    async def remove_reference(self, id: str, name: str) -> bool: ...

    async def upload_layout(self, id: str, text: str, now: int, by: str) -> bool:
        """"" takes it back. False when there is no such package."""

    async def remove(self, id: str) -> bool:
        """With its history. What its file holds now does not come back; its next update does."""

    async def prune(self, before: int, gone_before: int, most_bytes: int) -> int:
        """Drop snapshots from before `before` that are no references, packages whose file is gone since before
        `gone_before`, and, while all data is more than `most_bytes`, the oldest snapshots, a bounded piece of work.
        Returns how many went."""


class People(Protocol):
    async def add_user(self, user: User) -> None: ...
    async def user(self, name: str) -> User | None: ...
    async def users(self) -> list[User]: ...
    async def update_user(self, name: str, **changes: object) -> bool: ...
    async def remove_user(self, name: str) -> bool: ...
    async def add_token(self, token: ApiToken) -> None: ...
    async def token(self, id: str) -> ApiToken | None: ...
    async def tokens(self, user: str = "") -> list[ApiToken]: ...
    async def remove_token(self, id: str) -> bool: ...
    async def remove_tokens_of(self, user: str) -> int: ...
    async def touch_token(self, id: str, now: int) -> None: ...


class Audit(Protocol):
    async def add(self, entry: AuditEntry) -> int:
        """Returns the entry's id; the `id` given is ignored."""

    async def outcome(self, id: int, outcome: str) -> None: ...

    async def list(self, limit: int, before: str = "", actor: str = "", action: str = "", target: str = "") -> Page: ...


class Store(Protocol):
    streams: Streams
    nodes: Nodes
    tokens: Tokens
    runs: Runs
    rollouts: Rollouts
    releases: Releases
    services: Services
    sessions: Sessions
    alarms: Alarms
    notices: Notices
    silences: Silences
    packages: Packages
    people: People
    audit: Audit

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def get_value(self, key: str) -> str | None:
        """Small settings of the hub itself."""

    async def set_value(self, key: str, value: str) -> None: ...

    async def backup(self, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
        """A consistent copy while serving; `progress(done, total)` in pages."""

    async def check(self) -> list[str]:
        """What is wrong with the database, in sentences; empty when all is well."""

    def trouble(self) -> HubError | None:
        """Why the last commit was not stored (StoreFull while the disk has no room); None when it was."""

    def stats(self) -> dict[str, float]:
        """For /metrics: sizes in bytes, counters of commits, batches, records."""
