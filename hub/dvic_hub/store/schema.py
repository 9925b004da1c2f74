"""What the database looks like, as numbered migrations; and the tables of one day.

    names of tables   what they hold
    service, cycle    monitoring services and their cycles; step_events: what was committed and not yet applied to them
    service_share     what lets others look at one of them
    alarm, flip       alarms and their changes; alarm_rule: rules that people changed; delivery: messages about alarms
    channel, route    by what people are told of alarms, and which go where; told: what each was told last
    value             small settings of the hub, and the highest id that compaction or retention took away
    node ... audit    state: one row a thing
    stream            the cursor of each open stream
    latest, demo      newest hardware sample of a node, newest state of each of its demo processes
    container         newest state of each container of a node
    package ...       histogram packages: the newest state, snapshots, objects by the time in which they were so
    glance            what a list of all nodes shows of one (domain/glance.py)
    day               which days there are; a day that is not listed here is being taken away
    string_D          texts of day D as numbers: nodes, sources, streams
    index_D           what a block or batch of logs or run output holds; data_D: its token filter and bytes
    metrics_D         samples, states of demos and of containers

History is cut by the day on which it arrived, so that a day goes as a whole. Ids are given once, over all tables.
A migration is never changed once released; a new one is added behind it.
"""

import re

import apsw

from dvic_hub.errors import StoreError

APPLICATION_ID = 0x44564943
"""`DVIC`, in the header of the file."""

PAGE_SIZE = 4096

_STATE = """
CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE node (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, public_key BLOB NOT NULL, tags TEXT NOT NULL,
    facts TEXT NOT NULL, agent_version TEXT NOT NULL, address TEXT NOT NULL, enrolled INTEGER NOT NULL,
    last_seen INTEGER NOT NULL, period INTEGER NOT NULL, serial INTEGER NOT NULL, serial_window TEXT NOT NULL,
    revoked INTEGER NOT NULL, conflict TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE forbidden_key (id TEXT PRIMARY KEY, public_key BLOB NOT NULL, name TEXT NOT NULL,
    time INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE token (id TEXT PRIMARY KEY, expires INTEGER NOT NULL, uses INTEGER NOT NULL, tags TEXT NOT NULL,
    created INTEGER NOT NULL, created_by TEXT NOT NULL, note TEXT NOT NULL, revoked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE token_use (token TEXT NOT NULL, node TEXT NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (token, node)) WITHOUT ROWID;

CREATE TABLE run (id TEXT PRIMARY KEY, selector TEXT NOT NULL, spec TEXT NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL, reason TEXT NOT NULL, batch TEXT NOT NULL, max_failures INTEGER NOT NULL,
    queue_until INTEGER NOT NULL, cancelled INTEGER NOT NULL, ended INTEGER NOT NULL,
    operator TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX run_created ON run (created, id);
CREATE INDEX run_active ON run (id) WHERE ended = 0;
CREATE TABLE run_node (run TEXT NOT NULL, node TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, exit_code INTEGER NOT NULL, dispatched INTEGER NOT NULL, started INTEGER NOT NULL,
    ended INTEGER NOT NULL, cut INTEGER NOT NULL, PRIMARY KEY (run, node)) WITHOUT ROWID;
CREATE INDEX run_node_active ON run_node (node) WHERE state IN ('queued', 'dispatched', 'running');

CREATE TABLE user (name TEXT PRIMARY KEY, role TEXT NOT NULL, password_hash TEXT NOT NULL, created INTEGER NOT NULL,
    must_change INTEGER NOT NULL, disabled INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE api_token (id TEXT PRIMARY KEY, hash BLOB NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL, note TEXT NOT NULL,
    kind TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX api_token_user ON api_token (user);
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL,
    address TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, outcome TEXT NOT NULL);

CREATE TABLE stream (node TEXT NOT NULL, name TEXT NOT NULL, cursor TEXT NOT NULL, source TEXT NOT NULL,
    about TEXT NOT NULL, PRIMARY KEY (node, name)) WITHOUT ROWID;
CREATE TABLE latest (node TEXT PRIMARY KEY, time INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE demo (node TEXT NOT NULL, file TEXT NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (node, file)) WITHOUT ROWID;
CREATE TABLE day (day TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_UPDATES = """
ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'run';
ALTER TABLE run ADD COLUMN detail TEXT NOT NULL DEFAULT '{}';

CREATE TABLE release_key (id TEXT PRIMARY KEY, public_key BLOB NOT NULL, note TEXT NOT NULL, added INTEGER NOT NULL,
    added_by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE manifest (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, text TEXT NOT NULL, signer TEXT NOT NULL,
    version TEXT NOT NULL, minimum_hub TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE rollout (id TEXT PRIMARY KEY, selector TEXT NOT NULL, package TEXT NOT NULL, version TEXT NOT NULL,
    manifest TEXT NOT NULL, created INTEGER NOT NULL, created_by TEXT NOT NULL, older INTEGER NOT NULL,
    confirm INTEGER NOT NULL, canary TEXT NOT NULL, batch TEXT NOT NULL, max_failures INTEGER NOT NULL,
    halt_on_error INTEGER NOT NULL, soak INTEGER NOT NULL, queue_until INTEGER NOT NULL, reason TEXT NOT NULL,
    halted INTEGER NOT NULL, halt_reason TEXT NOT NULL, cancelled INTEGER NOT NULL,
    ended INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX rollout_created ON rollout (created, id);
CREATE INDEX rollout_active ON rollout (id) WHERE ended = 0;
CREATE TABLE rollout_node (rollout TEXT NOT NULL, node TEXT NOT NULL, position INTEGER NOT NULL,
    wave INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, run TEXT NOT NULL, from_version TEXT NOT NULL,
    to_version TEXT NOT NULL, sent INTEGER NOT NULL, changed INTEGER NOT NULL, ended INTEGER NOT NULL,
    forgiven INTEGER NOT NULL, PRIMARY KEY (rollout, node)) WITHOUT ROWID;
CREATE INDEX rollout_node_open ON rollout_node (node) WHERE ended = 0;
"""
"""Self-update: runs of another kind, and what is rolled out to whom."""

_WHO_REMOVED = """
ALTER TABLE forbidden_key ADD COLUMN removed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE forbidden_key ADD COLUMN reason TEXT NOT NULL DEFAULT '';
"""

_GLANCE = """
CREATE TABLE glance (node TEXT PRIMARY KEY, number INTEGER NOT NULL, time INTEGER NOT NULL, figures TEXT NOT NULL,
    minute INTEGER NOT NULL, history BLOB NOT NULL) WITHOUT ROWID;
"""

_TERMINALS = """
CREATE TABLE terminal (id TEXT PRIMARY KEY, node TEXT NOT NULL, node_name TEXT NOT NULL, user TEXT NOT NULL,
    argv TEXT NOT NULL, title TEXT NOT NULL, created INTEGER NOT NULL, created_by TEXT NOT NULL, cols INTEGER NOT NULL,
    rows INTEGER NOT NULL, key BLOB NOT NULL, starts INTEGER NOT NULL, offset INTEGER NOT NULL,
    recorded INTEGER NOT NULL, recording INTEGER NOT NULL, ended INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX terminal_created ON terminal (created, id);
CREATE INDEX terminal_open ON terminal (id) WHERE ended = 0;
"""

_SILENCES = """
CREATE TABLE silence (id TEXT PRIMARY KEY, selector TEXT NOT NULL, until INTEGER NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL, reason TEXT NOT NULL, fixed INTEGER NOT NULL, nodes TEXT NOT NULL) WITHOUT ROWID;
"""

_SERVICES = """
CREATE TABLE service (name TEXT PRIMARY KEY, description TEXT NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL, changed INTEGER NOT NULL, off INTEGER NOT NULL, components_off TEXT NOT NULL,
    levels TEXT NOT NULL, last INTEGER NOT NULL, due INTEGER NOT NULL,
    counted TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cycle (service TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, started INTEGER NOT NULL,
    heard INTEGER NOT NULL, ended INTEGER NOT NULL, result TEXT NOT NULL, late INTEGER NOT NULL, steps TEXT NOT NULL,
    PRIMARY KEY (service, number)) WITHOUT ROWID;
CREATE INDEX cycle_open ON cycle (service) WHERE result = '';
CREATE INDEX cycle_name ON cycle (service, name);
CREATE TABLE step_events (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, body BLOB NOT NULL);
"""
"""Monitoring services; step_events are those that wait to be applied to their cycles."""

_SHARED_KEYS = """
ALTER TABLE node ADD COLUMN secret BLOB NOT NULL DEFAULT x'';
"""

_PACKAGES = """
CREATE TABLE package (id TEXT PRIMARY KEY, node TEXT NOT NULL, stream TEXT NOT NULL, name TEXT NOT NULL,
    title TEXT NOT NULL, owner TEXT NOT NULL, uid INTEGER NOT NULL, path TEXT NOT NULL, instance TEXT NOT NULL,
    serial INTEGER NOT NULL, skipped INTEGER NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL,
    gone INTEGER NOT NULL, problem TEXT NOT NULL, snapshot INTEGER NOT NULL, kept INTEGER NOT NULL,
    layout TEXT NOT NULL, layout_hash TEXT NOT NULL, layout_changed INTEGER NOT NULL, layout_problem TEXT NOT NULL,
    layout_line INTEGER NOT NULL, uploaded TEXT NOT NULL, uploaded_at INTEGER NOT NULL,
    uploaded_by TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX package_node ON package (node);
CREATE TABLE package_snapshot (number INTEGER PRIMARY KEY AUTOINCREMENT, package TEXT NOT NULL, instance TEXT NOT NULL,
    serial INTEGER NOT NULL, skipped INTEGER NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL,
    kept INTEGER NOT NULL, objects INTEGER NOT NULL);
CREATE INDEX package_snapshot_number ON package_snapshot (package, number);
CREATE INDEX package_snapshot_short ON package_snapshot (package, number) WHERE kept = 0;
CREATE TABLE package_object (id INTEGER PRIMARY KEY, package TEXT NOT NULL, until INTEGER NOT NULL,
    since INTEGER NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, position INTEGER NOT NULL, about TEXT NOT NULL,
    data BLOB NOT NULL);
CREATE INDEX package_object_until ON package_object (package, until, since);
CREATE TABLE package_reference (package TEXT NOT NULL, name TEXT NOT NULL, snapshot INTEGER NOT NULL,
    time INTEGER NOT NULL, note TEXT NOT NULL, created INTEGER NOT NULL, created_by TEXT NOT NULL,
    PRIMARY KEY (package, name)) WITHOUT ROWID;
"""
"""Histogram packages; an object is kept once for all snapshots since `since` and before `until` (0: it still is), its
`data` by zstd."""

_SHARES = """
CREATE TABLE service_share (id TEXT PRIMARY KEY, hash BLOB NOT NULL, service TEXT NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
"""
"""What lets others look at one monitoring service."""

_ALARMS = """
CREATE TABLE alarm (id TEXT PRIMARY KEY, rule TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL,
    summary TEXT NOT NULL, raised INTEGER NOT NULL, changed INTEGER NOT NULL, node TEXT NOT NULL, service TEXT NOT NULL,
    component TEXT NOT NULL, value TEXT NOT NULL, acknowledged INTEGER NOT NULL, acknowledged_by TEXT NOT NULL,
    cleared INTEGER NOT NULL, silenced INTEGER NOT NULL, tags TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX alarm_open ON alarm (rule, subject) WHERE cleared = 0;
CREATE INDEX alarm_cleared ON alarm (cleared) WHERE cleared != 0;
CREATE TABLE flip (id INTEGER PRIMARY KEY AUTOINCREMENT, alarm TEXT NOT NULL, kind TEXT NOT NULL,
    time INTEGER NOT NULL, claimed INTEGER NOT NULL);
CREATE INDEX flip_alarm ON flip (alarm);
CREATE INDEX flip_unclaimed ON flip (id) WHERE claimed = 0;
CREATE TABLE alarm_rule (name TEXT PRIMARY KEY, body TEXT NOT NULL, changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE delivery (id TEXT PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL, alarms TEXT NOT NULL,
    title TEXT NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL, due INTEGER NOT NULL,
    attempts INTEGER NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL, ended INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (due) WHERE ended = 0;
"""
"""Alarms and their changes, the rules that people changed, and what is to be told."""

_WINDOWS = """
CREATE TABLE maintenance_window (name TEXT PRIMARY KEY, selector TEXT NOT NULL, seconds INTEGER NOT NULL,
    begin INTEGER NOT NULL, cron TEXT NOT NULL, zone TEXT NOT NULL, reason TEXT NOT NULL, created INTEGER NOT NULL,
    created_by TEXT NOT NULL) WITHOUT ROWID;
"""

_NOTICES = """
ALTER TABLE delivery ADD COLUMN severity TEXT NOT NULL DEFAULT 'warning';
ALTER TABLE delivery ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN thread TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN handed TEXT NOT NULL DEFAULT '[]';
CREATE INDEX delivery_waiting ON delivery (channel, due, id) WHERE ended = 0;
CREATE INDEX delivery_created ON delivery (created);
CREATE INDEX alarm_raised ON alarm (rule, subject, raised);
CREATE TABLE channel (name TEXT PRIMARY KEY, kind TEXT NOT NULL, enabled INTEGER NOT NULL, options TEXT NOT NULL,
    secret TEXT NOT NULL, created INTEGER NOT NULL, created_by TEXT NOT NULL, changed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE route (name TEXT PRIMARY KEY, severity TEXT NOT NULL, selector TEXT NOT NULL, services TEXT NOT NULL,
    rules TEXT NOT NULL, channels TEXT NOT NULL, repeat INTEGER NOT NULL, recovery INTEGER NOT NULL,
    enabled INTEGER NOT NULL, changed INTEGER NOT NULL, changed_by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE told (channel TEXT NOT NULL, rule TEXT NOT NULL, subject TEXT NOT NULL, alarm TEXT NOT NULL,
    state TEXT NOT NULL, time INTEGER NOT NULL, again INTEGER NOT NULL,
    PRIMARY KEY (channel, rule, subject)) WITHOUT ROWID;
CREATE INDEX told_subject ON told (rule, subject);
CREATE INDEX told_again ON told (again) WHERE again != 0;
ALTER TABLE service ADD COLUMN muted TEXT NOT NULL DEFAULT '[]';
"""
"""By what people are told, who is told of what, and what each was told last; media that are off for a service."""

_CONTAINERS = """
CREATE TABLE container (node TEXT NOT NULL, engine TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (node, engine, id)) WITHOUT ROWID;
"""

_PACKAGE_CONTAINERS = """
ALTER TABLE package ADD COLUMN container TEXT NOT NULL DEFAULT '';
"""
"""Packages of programs in containers."""

MIGRATIONS: tuple[str, ...] = (_STATE, _UPDATES, _WHO_REMOVED, _GLANCE, _TERMINALS, _SILENCES, _SERVICES, _SHARED_KEYS,
                               _PACKAGES, _SHARES, _ALARMS, _NOTICES, _WINDOWS,
                               _PACKAGE_CONTAINERS, _CONTAINERS)
"""The database's user_version counts how many of these it has been through."""

_DAY = """
CREATE TABLE IF NOT EXISTS string_{day} (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS index_{day} (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, node INTEGER NOT NULL,
    source INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    levels INTEGER NOT NULL, count INTEGER NOT NULL, codec INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS index_{day}_last ON index_{day} (last) WHERE kind = 0;
CREATE INDEX IF NOT EXISTS index_{day}_stream ON index_{day} (stream) WHERE kind = 1;
CREATE TABLE IF NOT EXISTS data_{day} (id INTEGER PRIMARY KEY, filter BLOB NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS metrics_{day} (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, node INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, codec INTEGER NOT NULL,
    step INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS metrics_{day}_node ON metrics_{day} (node, kind, last);
"""

DAY_TABLES = ("data", "index", "metrics", "string")

_DAY_NAME = re.compile(r"[0-9]{8}\Z")


def checked_day(day: str) -> str:
    """A day's name stands inside SQL, so nothing else may pass for one."""
    if not _DAY_NAME.match(day):
        raise StoreError(f"a day is written YYYYMMDD, not {day!r}")
    return day


def migrate(connection: apsw.Connection) -> None:
    """Bring the database to the newest version; raises StoreError for a file of another program or a newer hub."""
    version = connection.pragma("user_version")
    identity = connection.pragma("application_id")
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").get
    if identity != APPLICATION_ID and not (empty and not identity):
        raise StoreError("the file is no DVIC database")
    if version > len(MIGRATIONS):
        raise StoreError(f"the database is of a newer hub (version {version}, this hub knows {len(MIGRATIONS)})")
    with connection:
        connection.pragma("application_id", APPLICATION_ID)
        for script in MIGRATIONS[version:]:
            connection.execute(script)
        connection.pragma("user_version", len(MIGRATIONS))


def create_day(connection: apsw.Connection, day: str) -> None:
    """The tables of a day, and its line in the list. They may exist: a clock can be set back to a day that was being
    taken away, and what is left of it is whole, each block with its bytes."""
    connection.execute(_DAY.format(day=checked_day(day)))
    connection.execute("INSERT INTO day VALUES (?)", (day,))


def days(connection: apsw.Connection) -> list[str]:
    """The days that there are, oldest first."""
    return [day for (day,) in connection.execute("SELECT day FROM day ORDER BY day")]


def leftover_days(connection: apsw.Connection) -> list[str]:
    """The days that are no longer listed but still have tables: they are being taken away, piece by piece."""
    listed, found = set(days(connection)), set()
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        table, _, day = name.partition("_")
        if table in DAY_TABLES and _DAY_NAME.match(day):
            found.add(day)
    return sorted(found - listed)
