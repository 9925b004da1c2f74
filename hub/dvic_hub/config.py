"""HubConfig: everything that can be set of the hub, read once from hub.toml, each with its unit and bounds.

    listen = "127.0.0.1:8420"          # or "unix:/run/dvic-hub/hub.sock"
    url = "https://dvic.example.org"   # how machines and people reach it
    retention_days = 90

A key that is not here is refused with the nearest one that is, so a mistyped setting can't be silently without effect.
There are no secrets among them: those are files of their own in `state_dir`. `docs/settings.md` lists them all.
"""

import difflib
import ipaddress
import re
import ssl
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from dvic_hub.errors import HubError

DEFAULT_FILE = Path("/etc/dvic-hub/hub.toml")


class ConfigError(HubError):
    """A setting can't be used; str(error) names the file and the key."""

    code, title = "config", "A setting can't be used"


def _setting(default: object, unit: str, about: str, least: int | None = None, most: int | None = None):
    return field(default=default, metadata={"unit": unit, "about": about, "least": least, "most": most})


@dataclass(frozen=True)
class HubConfig:
    """The hub's settings. Units and bounds are in each field's metadata."""

    listen: str = _setting("127.0.0.1:8420", "address:port, or unix:/path", "Where the hub listens, behind nginx.")
    url: str = _setting("", "URL",
                        "The hub's base address as machines and people reach it; empty: http:// and `listen`.")
    state_dir: Path = _setting(Path("/var/lib/dvic-hub"), "path", "Where key, database and history are kept.")
    libraries_dir: Path = _setting(
        Path("/usr/share/dvic-hub/libraries"), "path", "What is served at /libraries/, for whoever writes programs.")
    retention_days: int = _setting(30, "days", "Logs, metrics and output of runs older than this are dropped.", 1, 3650)
    keepalive_period: int = _setting(10, "s", "How often nodes are asked to send a keepalive.", 1, 3600)
    hardware_period: int = _setting(10, "s", "How often nodes are asked to sample their hardware.", 1, 3600)
    metrics_public: bool = _setting(False, "yes or no", "Serve /metrics without a token.")
    trusted_proxies: tuple[str, ...] = _setting(
        (), "addresses, networks", "Proxies whose X-Forwarded-For is believed; over a unix socket it always is.")
    ca_file: str = _setting(
        "", "path", "Certificates (PEM) of the private authority that signed the hub's; empty: a public one did.")
    heartbeat_listen: str = _setting(
        "", "address:port", "Where signed heartbeats of devices are heard over UDP, such as `0.0.0.0:43278`; "
        "empty: nowhere.")
    heartbeat_networks: tuple[str, ...] = _setting(
        (), "addresses, networks", "Whose unsigned heartbeats (`Thump!`, on the same port) are shown.")
    heartbeat_timeout: int = _setting(
        30, "s", "A host with unsigned heartbeats is silent after so long without one; they come every 10 s.",
        11, 86_400)
    heartbeat_url: str = _setting(
        "", "URL", "An address that the hub asks (GET) again and again while it is well, so that another system can "
        "watch it; empty: none.")
    heartbeat_every: int = _setting(60, "s", "How often `heartbeat_url` is asked.", 10, 86_400)
    stomp_listen: str = _setting(
        "", "address:port", "Where STOMP is served over TCP, without TLS, such as `127.0.0.1:61613`; empty: nowhere.")
    embed_origins: tuple[str, ...] = _setting(
        (), "origins", "Sites that may show shared monitoring services in their pages, such as `https://www.example.org`.")
    announce: bool = _setting(False, "yes or no", "Announce the hub on the local network (mDNS).")
    push_from_hub: bool = _setting(
        True, "yes or no", "Let operators enrol machines by ssh from the hub's own machine, not only from nodes.")
    record: bool = _setting(True, "yes or no", "Record what terminals show, unless somebody asks for none.")
    require_recording: bool = _setting(
        False, "yes or no", "Open no terminal that can't be recorded, and end one that no longer can be.")
    recording_days: int = _setting(90, "days", "Recordings of terminals older than this are dropped.", 1, 3650)
    recording_mib: int = _setting(256, "MiB", "What one terminal's recording may hold.", 1, 65_536)
    session_idle: int = _setting(
        3600, "s", "A terminal with neither input nor output for so long is ended.", 10, 604_800)
    session_hours: int = _setting(24, "h", "A terminal is ended after so long, whatever happens in it.", 1, 720)
    max_sessions: int = _setting(100, "terminals", "Terminals that may be open at a time.", 1, 10_000)
    copy_mib: int = _setting(4096, "MiB", "What one file that is copied to or from machines may have.", 1, 1_048_576)
    copy_spool_mib: int = _setting(
        16_384, "MiB", "What files on their way may have together on the hub's disk.", 1, 16_777_216)
    copy_keep_hours: int = _setting(24, "h", "Files on their way that nobody used for so long are dropped.", 1, 8760)
    package_last: int = _setting(20, "states", "How many of each package are kept, whatever their age.", 1, 1000)
    package_every: int = _setting(
        60, "s", "Of each package one state in so many seconds is kept for `package_days`.", 1, 86_400)
    package_days: int = _setting(2, "days", "For how long those are kept. References are kept until they are removed.",
                                 1, 3650)
    package_mib: int = _setting(
        2048, "MiB", "What all packages may have together, compressed; past it the oldest states go.", 16, 16_777_216)
    max_nodes: int = _setting(10_000, "nodes", "Nodes that may be enrolled.", 1, 1_000_000)
    max_agents: int = _setting(5_000, "connections", "Agents that may be connected at a time.", 1, 100_000)
    max_active_runs: int = _setting(500, "runs", "Runs that may go on at a time.", 1, 10_000)

    def __post_init__(self) -> None:
        self.endpoint()
        for name in ("heartbeat_listen", "stomp_listen"):
            if getattr(self, name):
                endpoint_of(getattr(self, name), name)
        if not self.url:
            kind, _ = self.endpoint()
            object.__setattr__(self, "url", f"http://{self.listen}" if kind == "tcp" else "http://localhost")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"url: {self.url!r} is not an http or https address", field="url")
        object.__setattr__(self, "url", self.url.rstrip("/"))
        for origin in self.embed_origins:
            if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", origin):
                raise ConfigError(f"embed_origins: {origin!r} is no origin, such as https://www.example.org",
                                  field="embed_origins")
        watcher = urlsplit(self.heartbeat_url)
        if self.heartbeat_url and (watcher.scheme not in ("http", "https") or not watcher.hostname):
            raise ConfigError(f"heartbeat_url: {self.heartbeat_url!r} is not an http or https address",
                              field="heartbeat_url")
        for name in ("trusted_proxies", "heartbeat_networks"):
            for network in getattr(self, name):
                try:
                    ipaddress.ip_network(network, strict=False)
                except ValueError:
                    raise ConfigError(f"{name}: {network!r} is no network", field=name) from None

    def ca_text(self) -> str:
        """The private authority's certificates, PEM; "" where there is none. Raises ConfigError."""
        return _read_ca(self.ca_file) if self.ca_file else ""

    def endpoint(self) -> tuple[str, tuple[str, int] | str]:
        """Where to listen: ("tcp", (host, port)) or ("unix", path)."""
        if self.listen.startswith("unix:"):
            path = self.listen.removeprefix("unix:")
            if not path.startswith("/"):
                raise ConfigError("listen: unix: needs an absolute path", field="listen")
            return "unix", path
        try:
            return "tcp", endpoint_of(self.listen, "listen")
        except ConfigError:
            raise ConfigError(f"listen: {self.listen!r} is neither address:port nor unix:/path",
                              field="listen") from None


def endpoint_of(text: str, field: str) -> tuple[str, int]:
    """Host and port of address:port; raises ConfigError that names the setting `field`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{field}: {text!r} is not address:port", field=field)
    return host, int(port)


def _read_ca(path: str) -> str:
    try:
        text = Path(path).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"ca_file: {path} can't be read: {error}", field="ca_file") from None
    if "-----BEGIN CERTIFICATE-----" not in text or "PRIVATE KEY" in text:
        raise ConfigError(f"ca_file: {path} must hold certificates (PEM) and nothing secret", field="ca_file")
    try:
        ssl.create_default_context(cadata=text)
    except ssl.SSLError as error:
        raise ConfigError(f"ca_file: {path} holds no certificate that can be used: {error}", field="ca_file") from None
    return text


def load(path: Path | None = None, **overrides: object) -> HubConfig:
    """Read a file (None: the default one, which may be absent) and put `overrides` that are not None over it.

    Raises ConfigError that names the key. A relative `state_dir` counts from the file's folder.
    """
    file = path or DEFAULT_FILE
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if path is not None:
            raise ConfigError(f"{file} does not exist") from None
        values = {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    try:
        checked = {name: _checked(name, value) for name, value in values.items()}
        if "state_dir" in checked:
            checked["state_dir"] = file.parent / checked["state_dir"]
        checked.update({name: value for name, value in overrides.items() if value is not None})
        return HubConfig(**checked)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}", field=error.field) from None


def _checked(name: str, value: object) -> object:
    """The value as its field wants it; raises ConfigError."""
    known = {each.name: each for each in fields(HubConfig)}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise ConfigError(f"there is no setting {name!r}" + (f" (did you mean {near[0]}?)" if near else ""), field=name)
    wanted = known[name]
    if isinstance(wanted.default, Path) and isinstance(value, str):
        return Path(value)
    if isinstance(wanted.default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{name}: must be a list of texts", field=name)
        return tuple(value)
    if type(value) is not type(wanted.default):
        raise ConfigError(f"{name}: must be a {_KIND[type(wanted.default)]}, got {value!r}", field=name)
    least, most = wanted.metadata["least"], wanted.metadata["most"]
    if least is not None and not least <= value <= most:
        unit = wanted.metadata["unit"]
        raise ConfigError(f"{name}: must be {least} to {most} ({unit}), got {value}", field=name, limit=most)
    return value


_KIND = {bool: "true or false", int: "whole number", str: "text", Path: "text with a path"}
