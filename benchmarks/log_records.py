"""Log records for benchmarks: 271 bytes of JSON each, as different from one another as those of real programs.

Every record has a number of its own (`fields.n`), so that what is stored can be counted exactly.
"""

import json
import random
from collections.abc import Iterator

RECORD_BYTES = 271
START = 1_763_640_000_000_000
UNITS = ("sshd", "cron", "nginx", "readout", "trigger", "slow-control", "archiver", "kernel")
LEVELS = ("debug", "info", "info", "info", "info", "notice", "warning", "error")
TEXTS = (
    "Accepted publickey for user{a} from 10.0.{b}.{a} port {c} ssh2: ED25519",
    "run {d}: event {n} built from {a} fragments in {b} us, trace {t}",
    "GET /api/v1/histograms/{d}?page={a} 200 {c} bytes in {b} ms, trace {t}",
    "high voltage of module {a} channel {b}: {c} mV, set point {d} mV",
    "spill {d} of cycle {n} ended after {a}.{b} s with {c} triggers",
    "segment {t} written to /data/run{d}/segment-{a}.raw, {c} blocks",
    "connection to daq-{a} lost ({b} retries left), last packet {t}",
)
WORDS = ("detector", "buffer", "latency", "checksum", "pedestal", "threshold", "calibration", "gain", "timeout",
         "queue", "worker", "module", "channel", "voltage", "current", "retry", "stream", "packet", "frame", "trigger")


def records(first: int, count: int) -> Iterator[dict]:
    """Records numbered from `first`; the same numbers give the same records."""
    source = random.Random(first)
    for number in range(first, first + count):
        bits = source.getrandbits(64)
        a, b, c, d = bits & 255, bits >> 8 & 255, bits >> 16 & 65535, bits >> 32 & 1023
        unit = UNITS[bits >> 42 & 7]
        made = {"time": START + number * 100, "level": LEVELS[bits >> 45 & 7], "message": "", "unit": f"{unit}.service",
                "identifier": unit, "pid": 1000 + (bits >> 48 & 127), "uid": 0, "fields": {"n": number}}
        text = TEXTS[(bits >> 55) % 7].format(a=a, b=b, c=c, d=d, n=number, t=f"{bits & 0xFFFFFFFF:08x}")
        room = RECORD_BYTES - len(json.dumps(made, separators=(",", ":")))
        while len(text) < room:
            text += " " + WORDS[source.randrange(20)]
        made["message"] = text[:room]
        yield made
