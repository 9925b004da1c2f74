"""Debian packages for tests, built by dpkg-deb: any small one, and one of the checkout's agent with its units."""

import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]

_AGENT_POSTINST = """#!/bin/sh
set -e
id dvic-agent >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin dvic-agent
mkdir -p /etc/dvic-agent
install -d -m 755 /var/lib/dvic-agent
install -d -m 700 -o dvic-agent -g dvic-agent /var/lib/dvic-agent/state
"""

_AGENT_UNIT = """[Service]
Type=notify
User=dvic-agent
ExecStart=/usr/bin/dvic-agent run
Restart=always
[Install]
WantedBy=multi-user.target
"""

_EXECUTOR_SOCKET = """[Socket]
ListenStream=/run/dvic-executor.sock
SocketGroup=dvic-agent
SocketMode=0660
Accept=yes
[Install]
WantedBy=sockets.target
"""

_EXECUTOR_UNIT = """[Service]
ExecStart=/usr/bin/dvic-executor
StandardInput=socket
"""


def make_deb(folder: Path, package: str, version: str, architecture: str = "all", *, depends: str = "",
             files: dict[str, str] | None = None, postinst: str = "", compression: str = "xz",
             fields: dict[str, str] | None = None) -> Path:
    """Build a package in `folder`; `files` is path to text, those in bin/ can be executed; `fields` of its control
    file."""
    tree = folder / f"{package}-{version}-tree"
    (tree / "DEBIAN").mkdir(parents=True)
    lines = [f"Package: {package}", f"Version: {version}", f"Architecture: {architecture}",
             "Maintainer: Tests <tests@example.org>", "Description: made by a test", " and for nothing else"]
    if depends:
        lines.insert(3, f"Depends: {depends}")
    lines[3:3] = [f"{name}: {value}" for name, value in (fields or {}).items()]
    (tree / "DEBIAN" / "control").write_text("\n".join(lines) + "\n")
    if postinst:
        (tree / "DEBIAN" / "postinst").write_text(postinst)
        (tree / "DEBIAN" / "postinst").chmod(0o755)
    for name, text in (files or {}).items():
        path = tree / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if "bin" in path.parts else 0o644)
    target = folder / f"{package}_{version.partition(':')[2] or version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", f"-Z{compression}", "-b", str(tree), str(target)],
                   check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    return target


def make_agent_deb(folder: Path, version: str) -> Path:
    """The checkout's agent as a package that depends on Debian's own packages only."""
    files = {}
    for part in ("wire/dvic_wire", "agent/dvic_agent"):
        for path in (TOP / part).rglob("*.py"):
            files[f"usr/lib/python3/dist-packages/{path.relative_to(TOP / part.split('/')[0])}"] = path.read_text()
    for name, module in (("dvic-agent", "dvic_agent"), ("dvic-executor", "dvic_agent.executor")):
        files[f"usr/bin/{name}"] = (f"#!/usr/bin/python3\nimport sys\nfrom {module}.__main__ import main\n"
                                    "sys.exit(main())\n")
    files |= {"lib/systemd/system/dvic-agent.service": _AGENT_UNIT,
              "lib/systemd/system/dvic-executor.socket": _EXECUTOR_SOCKET,
              "lib/systemd/system/dvic-executor@.service": _EXECUTOR_UNIT}
    return make_deb(folder, "dvic-agent", version, depends="python3-aiohttp, python3-cryptography, python3-psutil, "
                    "python3-sdnotify, python3-systemd", files=files, postinst=_AGENT_POSTINST)
