"""A real Debian machine for tests: its own systemd as pid 1, its own processes, files, users and journal.

    with Machine("bookworm") as machine:
        machine.run("systemctl", "is-system-running")
        machine.cut_power()
        machine.boot()

A base image is made once by debootstrap and kept in DVIC_MACHINES (default /var/cache/dvic-machines); a machine is a
throw-away overlay on it in memory, booted by systemd-nspawn without any network. Needs root and Debian's packages
debootstrap, systemd-container and util-linux.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

BASE_PACKAGES = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "ca-certificates", "procps", "python3")

PACKAGES = ("curl", "python3-aiohttp", "python3-cryptography", "python3-psutil", "python3-pytest", "python3-sdnotify",
            "python3-systemd", "python3-zeroconf")
"""What a machine carries besides: curl, the agent's dependencies and pytest, as Debian has them."""

SUITES = ("bookworm", "trixie")
BOOT_SECONDS = 90
BUILD_SECONDS = 1200


class Machine:
    """One machine, from `with` to its end. `suite`: which Debian."""

    def __init__(self, suite: str = "bookworm"):
        self._suite = suite
        self._folder = Path()
        self._spawn: subprocess.Popen | None = None

    def __enter__(self) -> "Machine":
        base = base_image(self._suite)
        self._folder = Path(tempfile.mkdtemp(prefix="dvic-machine-"))
        _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self._folder)
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        _call("mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={base},upperdir={self._folder}/upper,workdir={self._folder}/work", self.root)
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        _call("umount", "--lazy", self.root)
        _call("umount", "--lazy", self._folder)
        self._folder.rmdir()

    @property
    def root(self) -> Path:
        """The machine's file system as seen from here."""
        return self._folder / "root"

    @property
    def leader(self) -> int:
        """The pid, seen from here, of the machine's pid 1."""
        return self._leader()

    def boot(self) -> None:
        """Start it with the disk that it has; returns when systemd has settled."""
        console = (self._folder / "console").open("ab")
        with console:
            self._spawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--directory", self.root, "--boot", "--register=no", "--keep-unit",
                 "--private-network", f"--machine=dvic-{secrets.token_hex(4)}"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env={**os.environ, "UNIFIED_CGROUP_HIERARCHY": "1"})
        deadline = time.monotonic() + BOOT_SECONDS
        while self._inside("systemctl", "is-system-running").stdout.strip() not in ("running", "degraded"):
            if time.monotonic() > deadline or self._spawn.poll() is not None:
                raise RuntimeError(f"the machine did not boot:\n{(self._folder / 'console').read_text()[-3000:]}")
            time.sleep(0.2)

    def cut_power(self) -> None:
        """SIGKILL to its pid 1: the kernel ends every process in it at once."""
        if self._spawn is None:
            return
        leader = self._leader()
        if leader:
            os.kill(leader, signal.SIGKILL)
        else:
            self._spawn.kill()
        self._spawn.wait(BOOT_SECONDS)
        self._spawn = None

    def put(self, source: Path, target: str) -> None:
        """Copy a file or a tree into the machine."""
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)

    def write(self, target: str, text: str) -> None:
        place = self.root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def run(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess:
        """Execute a command as a service of the machine's own systemd; returns its outcome, text captured."""
        return self._inside("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--", *argv, timeout=timeout)

    def _inside(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess:
        leader = self._leader()
        if not leader:
            return subprocess.CompletedProcess(argv, 1, "", "it is not booted")
        return subprocess.run(["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", *argv],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=timeout, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def _leader(self) -> int:
        """The pid, seen from here, of the machine's pid 1; 0 while there is none."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            except OSError:
                continue
            if lines.get("PPid") == str(self._spawn.pid) and lines.get("NSpid", "").split()[-1:] == ["1"]:
                return int(lines["Pid"])
        return 0


def base_image(suite: str) -> Path:
    """The folder of a suite's base image, made when it is missing; whoever comes meanwhile waits for it."""
    store = Path(os.environ.get("DVIC_MACHINES", "/var/cache/dvic-machines"))
    store.mkdir(parents=True, exist_ok=True)
    name = f"{suite}-{hashlib.sha256(' '.join(BASE_PACKAGES + PACKAGES).encode()).hexdigest()[:8]}"
    with (store / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        base = store / name
        if not base.is_dir():
            making = store / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            _call("debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", suite, making,
                  timeout=BUILD_SECONDS)
            # Not by debootstrap: it configures packages without minding their order.
            _call("env", "DEBIAN_FRONTEND=noninteractive", "chroot", making, "apt-get", "-qy", "install",
                  "--no-install-recommends", *PACKAGES, timeout=BUILD_SECONDS)
            _call("chroot", making, "apt-get", "clean")
            making.rename(base)
        return base


def _call(*argv: object, timeout: float = 60) -> None:
    done = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
