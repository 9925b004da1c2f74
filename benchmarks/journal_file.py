"""Makes a journal file of any number of entries with systemd's own writer, for benchmarks that read one."""

import subprocess
import uuid
from pathlib import Path

from processes import need

UNITS = ("ssh.service", "cron.service", "nginx.service", "readout.service", "systemd-logind.service")
TEXTS = ("Accepted publickey for ada from 10.0.0.{0} port 4{0:04}", "(root) CMD (run-parts /etc/cron.hourly) {0}",
         "GET /api/v1/events?page={0} 200 in 0.{0:03} s from 10.1.2.{0}",
         "event {0}: 1{0:03} hits in module {0}, gain 0.98",
         "New session {0} of user ada.")
START = 1_763_000_000_000_000


def make(folder: Path, entries: int) -> Path:
    """Write `entries` entries as journald would store them into folder/bench.journal; returns the file."""
    target = folder / "bench.journal"
    writer = subprocess.Popen([need("systemd-journal-remote", "systemd-journal-remote"), "-o", str(target),
                               "--split-mode=none", "--compress=no", "-"], stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    assert writer.stdin is not None
    boot, machine = uuid.uuid4().hex, uuid.uuid4().hex
    with writer.stdin as pipe:
        for number in range(entries):
            unit, text = UNITS[number % 5], TEXTS[number % 5].format(number % 251)
            pipe.write((f"__REALTIME_TIMESTAMP={START + number * 1000}\n__MONOTONIC_TIMESTAMP={number * 1000 + 1}\n"
                        f"_BOOT_ID={boot}\n_MACHINE_ID={machine}\n_HOSTNAME=bench\nPRIORITY={6 - number % 4}\n"
                        f"_UID=0\n_GID=0\n_PID={1000 + number % 5}\n_COMM={unit[:4]}\n_EXE=/usr/bin/{unit[:4]}\n"
                        f"_SYSTEMD_UNIT={unit}\n_SYSTEMD_CGROUP=/system.slice/{unit}\n_TRANSPORT=syslog\n"
                        f"SYSLOG_IDENTIFIER={unit.partition('.')[0]}\nSYSLOG_FACILITY=3\nMESSAGE={text}\n\n").encode())
    if writer.wait() != 0:
        raise SystemExit(f"systemd-journal-remote ended with {writer.returncode}")
    return target
