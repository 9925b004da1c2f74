"""Signed heartbeats over UDP at one hub core: how many are verified, counted and stored, and what a flood of junk does.

    python benchmarks/heartbeats.py [--devices 400] [--beats 40000] [--kind ed25519]

The heartbeats are signed before the clock starts, and sent from 50 addresses of 127.0.0.0/8, as fast as the hub takes
them: never more than a window is under way, as its counters (/metrics) tell. The hub runs on one core, the sender on
the other. The peers are loops on the hub's core that do nothing else: bare Ed25519 (cryptography's verify of the same
bytes), and dvic_wire.signing.verify, which also checks header, audience and time.

For the flood one address sends forged heartbeats without a pause while the devices go on at a steady rate.
"""

import argparse
import os
import re
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from processes import Program
from report import Figure, tell
from rig import Rig, free_port, until

from dvic_wire.signing import PrivateKey, Purpose, SharedKey, b64decode, sign, verify

HUB_CORE, LOAD_CORE = 1, 0
ADDRESSES = 50
WINDOW = 6000
BURST = 32
BUFFER = 60_000
"""Bytes in the hub's socket, with the kernel's own, at which the sender waits; net.core.rmem_max is usually 212,992."""
LOOK_AGAIN = 0.25
"""Seconds between two looks at the hub's counters: each costs the hub as much as a dozen heartbeats."""
RATE = 1000
"""Heartbeats a second beside the flood."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=400)
    options.add_argument("--beats", type=int, default=40_000)
    options.add_argument("--kind", choices=("ed25519", "hmac"), default="ed25519")
    given = options.parse_args()
    port = free_port()
    settings = f'metrics_public = true\nheartbeat_listen = "127.0.0.1:{port}"'
    with tempfile.TemporaryDirectory() as place, Rig(Path(place), settings=settings, core=HUB_CORE) as rig:
        rig.start_hub()
        tell(measure(rig, ("127.0.0.1", port), given.devices, given.beats, given.kind))


def measure(rig: Rig, place: tuple[str, int], devices: int, beats: int, kind: str) -> list[Figure]:
    hub = Program("dvic-hub", rig.hub.popen)
    fingerprint = rig.request("GET", "/api/v1/hub-key")[1]["fingerprint"]
    keys = [new_device(rig, number, kind) for number in range(devices)]
    rounds = max(1, beats // devices)
    signed = [heartbeat(key, fingerprint, serial) for serial in range(1, rounds + 1) for key in keys]
    bare, checked = on_core(HUB_CORE, lambda: (bare_verify(), own_verify()))
    os.sched_setaffinity(0, {LOAD_CORE})
    ports = [bound(f"127.0.9.{number + 1}") for number in range(ADDRESSES)]
    cpu, began = hub.cpu(), time.monotonic()
    pump(rig, signed, ports, place)
    elapsed = time.monotonic() - began
    used = hub.cpu() - cpu
    rate, each = len(signed) / elapsed, used / len(signed)
    alone, flooded, flood, lost = under_flood(rig, keys, fingerprint, rounds, ports, place)
    return [
        Figure("heartbeats", "verified, counted and stored", rate, "1/s",
               note=f"{len(signed)} {kind} heartbeats of {devices} devices, none lost, "
                    f"{100 * used / elapsed:.0f} % of the hub's core"),
        Figure("heartbeats", "CPU of one", each * 1e6, "µs"),
        Figure("heartbeats", "a bare Ed25519 verify", bare * 1e6, "µs", note="cryptography, the same bytes, same core"),
        Figure("heartbeats", "dvic_wire.signing.verify", checked * 1e6, "µs", note="in a loop, same core"),
        Figure("heartbeats", "times a bare verify loop", bare / each, "x", ">= 0.7", "by CPU of the whole hub"),
        Figure("heartbeats", "times a loop of our own verify", checked / each, "x"),
        Figure("heartbeats", "counted of those sent beside a flood", 100 * (1 - lost), "%", ">= 100",
               note=f"{RATE} a second beside {flood:,.0f} forged ones a second from one address"),
        Figure("heartbeats", "CPU of the hub beside the flood", flooded * 100, "%",
               note=f"{alone * 100:.0f} % without"),
    ]


def new_device(rig: Rig, number: int, kind: str) -> PrivateKey | SharedKey:
    if kind == "hmac":
        body = {"name": f"dev-{number}", "generate": "hmac"}
        return SharedKey.from_text(rig.request("POST", "/api/v1/nodes", body)[1]["shared_key"])
    key = PrivateKey.generate()
    status, answer = rig.request("POST", "/api/v1/nodes", {"name": f"dev-{number}", "jwk": key.public.jwk()})
    assert status == 201, answer
    return key


def node_id(key: PrivateKey | SharedKey) -> str:
    return key.node_id if isinstance(key, SharedKey) else key.public.node_id


def heartbeat(key: PrivateKey | SharedKey, hub: str, serial: int, of: str = "") -> bytes:
    claims = {"iss": of or node_id(key), "aud": hub, "serial": serial, "period": 10}
    return sign(key, Purpose.KEEPALIVE_UDP, claims, now=time.time(), ttl=300).encode()


def bound(address: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((address, 0))
    return opened


def counters(rig: Rig) -> dict[str, float]:
    text = str(rig.request("GET", "/metrics", signed_in=False)[1])
    return {name: float(value) for name, value in re.findall(r'dvic_heartbeats_total\{outcome="(\w+)"\} (\S+)', text)}


def pump(rig: Rig, signed: list[bytes], ports: list[socket.socket], place: tuple[str, int]) -> None:
    """Send all, at most WINDOW ahead of what the hub has counted and never more than its socket's buffer holds; returns
    when all count."""
    before = counters(rig)["verified"]
    for start in range(0, len(signed), BURST):
        for index, datagram in enumerate(signed[start:start + BURST]):
            ports[(start + index) % len(ports)].sendto(datagram, place)
        while waiting_bytes(place[1]) > BUFFER:
            time.sleep(0.0005)
        if start % (WINDOW // 2) < BURST:
            while counters(rig)["verified"] - before < start - WINDOW:
                time.sleep(LOOK_AGAIN)
    until(lambda: counters(rig)["verified"] - before >= len(signed), "all heartbeats count")


def waiting_bytes(port: int) -> int:
    """What the kernel holds for the hub's socket: asking the hub itself would cost it time."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            return int(fields[4].rpartition(":")[2], 16)
    return 0


def under_flood(rig: Rig, keys: list, hub: str, rounds: int, ports: list[socket.socket],
                place: tuple[str, int], seconds: float = 10.0) -> tuple[float, float, float, float]:
    """CPU of the hub without and with the flood, forged datagrams a second, and the share of good ones lost with it."""
    program = Program("dvic-hub", rig.hub.popen)
    serial = rounds
    used: list[float] = []
    flood, lost = 0.0, 0.0
    for forging in (False, True):
        count = int(seconds * RATE / len(keys))
        signed = [heartbeat(key, hub, serial + turn + 1) for turn in range(count) for key in keys]
        serial += count
        stop, sent = threading.Event(), [0]
        forged = heartbeat(PrivateKey.generate(), hub, 1, of=node_id(keys[0]))
        thread = threading.Thread(target=forge, args=(forged, place, stop, sent))
        before, cpu, began = counters(rig), program.cpu(), time.monotonic()
        if forging:
            thread.start()
        for number, datagram in enumerate(signed):
            ports[number % len(ports)].sendto(datagram, place)
            if (wait := began + number / RATE - time.monotonic()) > 0:
                time.sleep(wait)
        elapsed = time.monotonic() - began
        used.append((program.cpu() - cpu) / elapsed)
        stop.set()
        if forging:
            thread.join()
            flood = sent[0] / elapsed
            time.sleep(3)  # what came is counted by now
            lost = 1 - (counters(rig)["verified"] - before["verified"]) / len(signed)
        else:
            until(lambda before=before, signed=signed: counters(rig)["verified"] - before["verified"] >= len(signed),
                  "all heartbeats count")
    return used[0], used[1], flood, lost


def forge(datagram: bytes, place: tuple[str, int], stop: threading.Event, sent: list[int]) -> None:
    with bound("127.0.9.200") as port:
        while not stop.is_set():
            port.sendto(datagram, place)
            sent[0] += 1


def on_core(core: int, work):
    held = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        return work()
    finally:
        os.sched_setaffinity(0, held)


def bare_verify(times: int = 4000) -> float:
    """Seconds of CPU of one verification, and nothing else."""
    key = PrivateKey.generate()
    head, claims, signature = heartbeat(key, "h" * 43, 1).decode().split(".")
    data, mark, public = f"{head}.{claims}".encode(), b64decode(signature), Ed25519PublicKey.from_public_bytes(
        key.public.raw)
    began = time.process_time()
    for _ in range(times):
        public.verify(mark, data)
    return (time.process_time() - began) / times


def own_verify(times: int = 4000) -> float:
    key = PrivateKey.generate()
    jws, now = heartbeat(key, "h" * 43, 1).decode(), time.time()
    began = time.process_time()
    for _ in range(times):
        verify(jws, key.public, Purpose.KEEPALIVE_UDP, audience="h" * 43, now=now)
    return (time.process_time() - began) / times


if __name__ == "__main__":
    main()
