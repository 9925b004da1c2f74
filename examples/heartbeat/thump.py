"""Say "I am alive" to the hub at argv[1], every argv[2] seconds (10), as PyHeartBeat's clients do. Python alone."""

import socket
import sys
import time

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    while True:
        port.sendto(b"Thump!", (sys.argv[1], int(sys.argv[3]) if sys.argv[3:] else 43278))
        time.sleep(float(sys.argv[2]) if sys.argv[2:] else 10)
