"""The same, signed: a device that nobody else can speak for, with a number and a text. Needs `cryptography`.

    hubctl node add scale-3 --generate-key --key-file scale-3.pem        # tells the node's id
    curl https://dvic.example.org/api/v1/hub-key                         # tells the hub's fingerprint
    python signed.py dvic.example.org scale-3.pem NODE_ID FINGERPRINT
"""

import argparse
import json
import socket
import time
from base64 import urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("host", help="the hub's machine")
options.add_argument("key", type=Path, help="the device's private key, PEM")
options.add_argument("node", help="the device's id, n-...")
options.add_argument("hub", help="the hub's fingerprint")
options.add_argument("--port", type=int, default=43278)
options.add_argument("--period", type=int, default=10, help="whole seconds between two heartbeats")
given = options.parse_args()
key = load_pem_private_key(given.key.read_bytes(), None)
header = {"alg": "EdDSA", "typ": "dvic-keepalive-udp+jws"}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    while True:
        now = time.time()
        # each serial counts once: milliseconds grow also over a restart
        claims = {"iss": given.node, "aud": given.hub, "serial": int(now * 1000), "period": given.period,
                  "status": "weighing", "numbers": {"load": float(Path("/proc/loadavg").read_text().split()[0])},
                  "iat": int(now), "exp": int(now) + 300}
        said = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        port.sendto(f"{said}.{encoded(key.sign(said.encode()))}".encode(), (given.host, given.port))
        time.sleep(given.period)
