"""A real Debian machine for tests: its own systemd as pid 1, its own processes, files, users and journal.

    with Machine("bookworm") as machine:
        machine.run("systemctl", "is-system-running")
        machine.cut_power()
        machine.boot()

A base image is made once by debootstrap and kept in DVIC_MACHINES (default /var/cache/dvic-machines); a machine is a
throw-away overlay on it in memory, run by systemd-nspawn: without any network, or with the host's one and what the host
needs to reach Debian's and Python's packages over it. Needs root and Debian's packages debootstrap, systemd-container
and util-linux.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reaching_packages import way_to_packages
from terminal import Terminal

BASE_PACKAGES = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "ca-certificates", "procps", "python3")

PACKAGES = ("curl", "python3-aiohttp", "python3-cryptography", "python3-psutil", "python3-pytest", "python3-sdnotify",
            "python3-systemd", "python3-zeroconf")
"""What a machine carries besides: curl, the agent's dependencies and pytest, as Debian has them."""

FRESH_BASE = ("systemd", "systemd-sysv", "dbus", "libpam-systemd", "sudo")
"""A machine that nobody has installed anything on yet."""

UNHINDERED = {"SYSTEMD_SECCOMP": "0", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
"""What systemd-nspawn is told so that engines find in the machine what they find on one of metal."""

SUITES = ("bookworm", "trixie")
BOOT_SECONDS = 90
BUILD_SECONDS = 1200


class Machine:
    """One machine, from `with` to its end.

    `suite`: which Debian. `fresh`: without Python and what the tests need. `online`: shares the host's network, and
    reaches packages as the host does. `systemd`: else it is as a container is. `more`: Debian's packages besides.
    `files`: what stands on its disk before it boots. `engines`: it may run containers itself, as a machine may.
    """

    def __init__(self, suite: str = "bookworm", *, fresh: bool = False, online: bool = False, systemd: bool = True,
                 more: Sequence[str] = (), files: Mapping[str, str] | None = None, engines: bool = False):
        self._suite = suite
        self._packages = (FRESH_BASE, ()) if fresh else (BASE_PACKAGES, PACKAGES)
        self._more = tuple(more)
        self._online = online
        self._systemd = systemd
        self._files = files or {}
        self._options = ["--capability=all"] if engines else []
        self._spawning = UNHINDERED if engines else {}
        self._environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self._folder = Path()
        self._spawn: subprocess.Popen | None = None
        self._booted = False

    def __enter__(self) -> "Machine":
        base = base_image(self._suite, *self._packages, self._more)
        self._folder = Path(tempfile.mkdtemp(prefix="dvic-machine-"))
        _call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self._folder)
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        _call("mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={base},upperdir={self._folder}/upper,workdir={self._folder}/work", self.root)
        try:
            self._connect()
            for path, text in self._files.items():
                self.write(path, text)
            self.boot() if self._systemd else self.start_without_systemd()
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
        self._start("--boot")
        self._booted = True
        self._await(lambda: self._inside("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"))

    def start_without_systemd(self) -> None:
        """Start it with the disk that it has as a container is: pid 1 only reaps, and no service runs."""
        self._start("--as-pid2", "--", "sleep", "infinity")
        self._await(lambda: self._inside("true").returncode == 0)

    def _start(self, *how: str) -> None:
        network = [] if self._online else ["--private-network"]
        with (self._folder / "console").open("ab") as console:
            self._spawn = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--directory", self.root, "--register=no", "--keep-unit", *network,
                 *self._options, f"--machine=dvic-{secrets.token_hex(4)}", *how],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env={**os.environ, "UNIFIED_CGROUP_HIERARCHY": "1", **self._spawning})

    def _await(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not reached():
            if time.monotonic() > deadline or self._spawn.poll() is not None:
                raise RuntimeError(f"the machine did not start:\n{(self._folder / 'console').read_text()[-3000:]}")
            time.sleep(0.2)

    def _connect(self) -> None:
        """Let what runs inside reach packages as the host does."""
        if not self._online:
            return
        way = way_to_packages()
        for path, text in way.files.items():
            self.write(path, text)
        self._options += [f"--bind-ro={folder}" for folder in way.folders]
        self._environ |= way.environ

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
        self._booted = False

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
        """Execute a command, as a service where systemd runs; returns its outcome, text captured."""
        if not self._booted:
            return self._inside(*argv, timeout=timeout)
        return self._inside("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--", *argv, timeout=timeout)

    def terminal(self, *argv: str, user: str = "root", folder: str = "/") -> Terminal:
        """A person's terminal on the machine, in which this command was typed."""
        if self._booted:
            shown = ["systemd-run", "--quiet", "--pty", "--wait", "--collect", f"--working-directory={folder}",
                     *(f"--setenv={name}={value}" for name, value in self._as(user).items()), "--"]
            return Terminal([*self._enter(), *shown, "runuser", "-u", user, "--", *argv], self._environ, Path("/"))
        typed = shlex.join(["runuser", "-u", user, "--", *argv])
        return Terminal([*self._enter(), "script", "--quiet", "--return", "--command",
                         f"cd {shlex.quote(folder)} && exec {typed}", "/dev/null"], self._as(user), Path("/"))

    def processes(self) -> list[str]:
        """The command lines of everything that runs in it."""
        found = []
        for file in Path(f"/proc/{self._leader()}/root/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                found.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip())
        return found

    def _as(self, user: str) -> dict[str, str]:
        home = "/root" if user == "root" else f"/home/{user}"
        return {**self._environ, "HOME": home, "USER": user, "LOGNAME": user, "SHELL": "/bin/bash", "TERM": "linux"}

    def _inside(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess:
        enter = self._enter()
        if not enter:
            return subprocess.CompletedProcess(argv, 1, "", "it is not running")
        return subprocess.run([*enter, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False, env=self._environ)

    def _enter(self) -> list[str]:
        leader = self._leader()
        return ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"] if leader else []

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


def base_image(suite: str, base_packages: Sequence[str], packages: Sequence[str], more: Sequence[str] = ()) -> Path:
    """The folder of a suite's base image, made when it is missing; whoever comes meanwhile waits for it. One with
    `more` packages is made from the one without them."""
    store = Path(os.environ.get("DVIC_MACHINES", "/var/cache/dvic-machines"))
    store.mkdir(parents=True, exist_ok=True)
    name = f"{suite}-{hashlib.sha256(' '.join((*base_packages, *packages, *more)).encode()).hexdigest()[:8]}"
    with (store / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        base = store / name
        if not base.is_dir():
            making = store / f"{name}.making"
            shutil.rmtree(making, ignore_errors=True)
            if more:
                _call("cp", "--archive", base_image(suite, base_packages, packages), making, timeout=BUILD_SECONDS)
                _call("chroot", making, "apt-get", "-qy", "update", timeout=BUILD_SECONDS)
            else:
                _call("debootstrap", "--variant=minbase", f"--include={','.join(base_packages)}", suite, making,
                      timeout=BUILD_SECONDS)
            if wanted := more or packages:  # not by debootstrap: it configures packages without minding their order
                _call("env", "DEBIAN_FRONTEND=noninteractive", "chroot", making, "apt-get", "-qy", "install",
                      "--no-install-recommends", *wanted, timeout=BUILD_SECONDS)
            _call("chroot", making, "apt-get", "clean")
            making.rename(base)
        return base


def _call(*argv: object, timeout: float = 60) -> None:
    done = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=timeout, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
