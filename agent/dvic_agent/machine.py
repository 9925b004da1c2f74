"""What this machine is: the facts that it tells the hub when it joins and at every connection. Its own words, short."""

import os
import socket
from pathlib import Path

MAX_FACT = 256
"""Characters of one fact."""


def machine_facts(root: Path = Path("/")) -> dict[str, str]:
    """os, kernel, arch, hostname, machine_id, boot_id, model: what can't be found out is left out."""
    kernel = os.uname()
    facts = {
        "os": _os(root),
        "kernel": kernel.release,
        "arch": kernel.machine,
        "hostname": socket.gethostname(),
        "machine_id": _line(root / "etc/machine-id"),
        "boot_id": _line(root / "proc/sys/kernel/random/boot_id").replace("-", ""),
        "model": _model(root),
    }
    return {name: text[:MAX_FACT] for name, text in facts.items() if text}


def _os(root: Path) -> str:
    """As `debian 12`: the words that selectors use (`os:debian`)."""
    values = {}
    for line in _text(root / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        values[name.strip()] = value.strip().strip("\"'")
    return f"{values.get('ID', 'linux')} {values.get('VERSION_ID', '')}".strip()


def _model(root: Path) -> str:
    """The device tree's word (small boards), or the mainboard's maker and product."""
    board = _line(root / "proc/device-tree/model").rstrip("\0")
    if board:
        return board
    dmi = root / "sys/class/dmi/id"
    return f"{_line(dmi / 'sys_vendor')} {_line(dmi / 'product_name')}".strip()


def _line(path: Path) -> str:
    return _text(path).partition("\n")[0].strip()


def _text(path: Path) -> str:
    try:
        return path.read_bytes()[:4096].decode("utf-8", "replace")
    except OSError:
        return ""
