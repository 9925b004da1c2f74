"""AgentConfig: what agent.toml says, read once. Every key has a default, so the file may be absent or empty.

    [journal]
    from = "now"                  # only what is logged from now on; "start" (default) sends every boot that is kept
    [log_files]
    folders = ["/tmp"]
    [hub]
    ca_file = "/etc/ssl/our-ca.pem"

A key that is not known, of the wrong type or past its limit is a ConfigError that names it: a typing error never
becomes a silent default. Paths on the command line win over everything here.
"""

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from .errors import ConfigError

CONFIG_DIR = Path("/etc/dvic-agent")
STATE_DIR = Path("/var/lib/dvic-agent")
CA_FILE = "hub-ca.pem"
"""What the install script writes where the hub has a private authority."""


@dataclass(frozen=True)
class AgentConfig:
    """The agent's settings. Periods in seconds, sizes in bytes. `config_dir` and `state_dir` come from the command
    line, the rest from agent.toml by the names in KEYS."""

    config_dir: Path = CONFIG_DIR
    state_dir: Path = STATE_DIR

    keepalive_period: int = 10
    """The next sign of life is promised within this; the hub may ask for another (Settings)."""

    executor_socket: Path = Path("/run/dvic-executor.sock")
    ca_file: Path | None = None
    """Certificates that the hub's TLS is checked against, instead of the system's; `hub-ca.pem` beside agent.toml where
    there is one and nothing else is said."""

    log_levels_file: Path = Path("/run/dvic-agent/log_levels")
    """Where programs look at which level they shall log (log_levels.py); beside it, in `packages`, at what could not be
    used of the packages that they publish."""

    journal: bool = True
    journal_from: str = "start"
    """start: every boot that the journal keeps; now: what is logged after the first start."""
    journal_folder: Path | None = None
    """Another folder of journal files than the machine's own."""

    log_files: bool = True
    log_folders: tuple[Path, ...] = (Path("/tmp"),)  # noqa: S108 (read, not written: where programs log)
    log_pattern: str = "dvic_log_*"

    containers: bool = True
    """Log files and packages in other mount namespaces too, where the agent may look into them (CAP_SYS_PTRACE)."""
    container_sockets: tuple[Path, ...] = ()
    """Sockets of container engines that are asked for names, images and exit codes. Who may use one is as good as root;
    the agent sends nothing but GET."""

    hardware: bool = True
    hardware_period: float = 10.0
    demos: bool = True
    demos_period: float = 10.0
    packages: bool = True
    """Histogram packages, in the folders of log files."""
    ring_bytes: int = 8 * 1024 * 1024
    """Room on disk for samples that the hub has not stored yet, for each of hardware, demos and containers."""

    batch_delay: float = 0.05
    """A batch leaves when it is full or this old."""
    batch_records: int = 1000
    batch_bytes: int = 256 * 1024
    """Text of the records in one batch, roughly."""
    stream_batches: int = 8
    """Batches of one stream that may be under way unacknowledged."""
    flight_bytes: int = 2 * 1024 * 1024
    """Compressed bytes of all streams together that may be under way."""
    lines_per_second: int = 0
    """Records a second of one stream; the rest waits in its source. 0: as fast as the hub takes them."""

    @property
    def container_states(self) -> bool:
        """Whether states of containers are told: by the kernel, by their engines, or by both."""
        return self.containers or bool(self.container_sockets)

    @property
    def private_dir(self) -> Path:
        """What only the agent's user may read: key, serials, rings."""
        return self.state_dir / "state"

    @property
    def runs_dir(self) -> Path:
        """The executor's run directories, readable for the agent."""
        return self.state_dir / "runs"


@dataclass(frozen=True)
class Key:
    """Where a setting stands in agent.toml (`table.name`) and what it may be."""

    name: str
    setting: str
    kind: type
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = field(default=())


KEYS = (
    Key("keepalive_period", "keepalive_period", int, 1, 3600),
    Key("executor_socket", "executor_socket", Path),
    Key("hub.ca_file", "ca_file", Path),
    Key("log_levels_file", "log_levels_file", Path),
    Key("journal.enabled", "journal", bool),
    Key("journal.from", "journal_from", str, choices=("start", "now")),
    Key("journal.folder", "journal_folder", Path),
    Key("log_files.enabled", "log_files", bool),
    Key("log_files.folders", "log_folders", tuple),
    Key("log_files.pattern", "log_pattern", str),
    Key("containers.enabled", "containers", bool),
    Key("containers.sockets", "container_sockets", tuple, 1, 8),
    Key("hardware.enabled", "hardware", bool),
    Key("hardware.period", "hardware_period", float, 1, 3600),
    Key("demos.enabled", "demos", bool),
    Key("demos.period", "demos_period", float, 1, 3600),
    Key("packages.enabled", "packages", bool),
    Key("ring_bytes", "ring_bytes", int, 64 * 1024, 1024**3),
    Key("sending.delay", "batch_delay", float, 0, 10),
    Key("sending.records", "batch_records", int, 1, 2000),
    Key("sending.bytes", "batch_bytes", int, 1024, 1024 * 1024),
    Key("sending.stream_batches", "stream_batches", int, 1, 64),
    Key("sending.flight_bytes", "flight_bytes", int, 64 * 1024, 64 * 1024 * 1024),
    Key("sending.lines_per_second", "lines_per_second", int, 0, 1_000_000),
)
"""Every key of agent.toml; docs/settings.md lists the same."""

_BY_NAME = {key.name: key for key in KEYS}
_TABLES = {name.split(".")[0] for name in _BY_NAME if "." in name}


def load(config_dir: Path = CONFIG_DIR, state_dir: Path = STATE_DIR) -> AgentConfig:
    """Read `config_dir`/agent.toml; raises ConfigError that names the file and the key."""
    path = config_dir / "agent.toml"
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None
    try:
        config = parse(text, config_dir, state_dir)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    own = config_dir / CA_FILE
    return replace(config, ca_file=own) if config.ca_file is None and own.is_file() else config


def parse(text: str, config_dir: Path = CONFIG_DIR, state_dir: Path = STATE_DIR) -> AgentConfig:
    """The config that a TOML text describes; raises ConfigError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}") from None
    settings = {}
    for name, value in _flatten(tables):
        key = _BY_NAME.get(name)
        if key is None:
            raise ConfigError(f"unknown key {name}; known are: {', '.join(sorted(_BY_NAME))}")
        settings[key.setting] = _read(key, value)
    return AgentConfig(config_dir=config_dir, state_dir=state_dir, **settings)


def _flatten(tables: dict) -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    for name, value in tables.items():
        if name in _TABLES and isinstance(value, dict):
            flat += [(f"{name}.{inner}", setting) for inner, setting in value.items()]
        else:
            flat.append((name, value))
    return flat


def _read(key: Key, value: object) -> object:
    if key.kind is Path:
        return _path(key.name, value)
    if key.kind is tuple:
        if not isinstance(value, list) or not value:
            raise ConfigError(f"{key.name} must be a list of paths")
        if key.most and len(value) > key.most:
            raise ConfigError(f"{key.name} may hold {key.most:g} paths at most")
        return tuple(_path(key.name, each) for each in value)
    if key.kind is float and type(value) is int:
        value = float(value)
    if type(value) is not key.kind:
        wanted = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}[key.kind]
        raise ConfigError(f"{key.name} must be {wanted}")
    if key.choices and value not in key.choices:
        raise ConfigError(f"{key.name} must be one of: {', '.join(key.choices)}")
    # written so that nan fails too
    if key.most and not key.least <= value <= key.most:
        raise ConfigError(f"{key.name} must lie between {key.least:g} and {key.most:g}")
    if key.kind is str and (not value or "/" in value or "\0" in value):
        raise ConfigError(f"{key.name} must be a name without / in it")
    return value


def _path(name: str, value: object) -> Path:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ConfigError(f"{name} must be an absolute path")
    return Path(value)
