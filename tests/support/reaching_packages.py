"""How the host reaches Debian's, Python's and npm's packages, to be given to a machine that shares its network.

A test's machine is fresh, the network around it is not: where the host needs a proxy, another index or an authority of
its own, so does the machine.
"""

import configparser
import io
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

AUTHORITIES = "/etc/authorities-of-the-network.crt"
"""Where the machine finds whom the host trusts: its own ca-certificates are installed only later, by whom we test."""

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")
_PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


@dataclass(frozen=True)
class Way:
    """`files` to write (path to text), `folders` to show read-only at their own place, `environ` to set."""

    files: dict[str, str]
    folders: tuple[str, ...]
    environ: dict[str, str]


def way_to_packages() -> Way:
    """What this host has for it."""
    environ = {name: value for name, value in os.environ.items()
               if name.startswith(("PIP_", "npm_config_")) or name.lower() in _PROXIES}
    pip = _pip_settings()
    files = {"/etc/pip.conf": pip, "/etc/apt/apt.conf.d/99-the-host": _apt_settings()}
    if _BUNDLE.is_file():
        files[AUTHORITIES] = _BUNDLE.read_text()
        environ |= {"PIP_CERT": AUTHORITIES, "NODE_EXTRA_CA_CERTS": AUTHORITIES}
    return Way(files, _folders_in(" ".join([pip, *environ.values()])), environ)


def apt_patience() -> str:
    """What the host's apt says about old package lists (a mirror that stands still), for machines with another way."""
    return "".join(line for line in _apt_settings().splitlines(keepends=True) if "Proxy" not in line)


def _pip_settings() -> str:
    merged = configparser.RawConfigParser()
    merged.read(Path(name).expanduser() for name in _PIP_FILES)
    text = io.StringIO()
    merged.write(text)
    return text.getvalue()


def _folders_in(settings: str) -> tuple[str, ...]:
    """Indexes that lie on this host. The pages of one usually point out of its `simple` into a folder beside it."""
    named = {Path(path) for path in re.findall(r"(?:file://|(?<!\S))(/[^\s,]+)", settings)}
    return tuple(sorted({str(path.parent if path.name == "simple" else path) for path in named if path.is_dir()}))


def _apt_settings() -> str:
    """Proxies, and whether old package lists are taken (a mirror that stands still)."""
    known = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return "".join(line for line in known.splitlines(keepends=True)
                   if re.match(r"Acquire::(\w+::Proxy\b|Check-|Max-ValidTime|Retries)", line))
