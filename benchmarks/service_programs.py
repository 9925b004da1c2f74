"""The programs of benchmarks/services.py: processes that log events, or SEND them to RabbitMQ.

Each does cycle after cycle of CYCLE events. `allowed.value` is how many events all programs together may have logged;
each keeps to its share of it. Below zero it says with which cycle to end.
"""

import json
import os
import socket
import time

CYCLE = 200
"""Events of one program in one cycle, its `start` and its `done` among them."""

PAUSE = 0.002
"""Seconds between two looks at whether more may be logged."""

TEXT = "frame %d of %d decoded, %d bit errors mended, signal to noise %.1f dB"


def log_events(number: int, allowed, logged, folder: str, service: str, name: str) -> None:
    """Log through dvic_log into `folder`."""
    os.environ["DVIC_LOG_DIR"] = folder
    import dvic_log  # noqa: PLC0415 (it reads its settings at the first use)

    logged[number] = cycle = 0
    while _more(cycle, allowed):
        cycle += 1
        log = dvic_log.get_logger("bench", service=service, component=f"step-{number}", cycle=f"{name}-{cycle}")

        def said(index: int, log=log) -> None:
            if index == 0:
                log.start()
            elif index == CYCLE - 1:
                log.done()
            else:
                log.info(TEXT, index, CYCLE, index % 7, 12.5)

        _cycle(number, allowed, logged, said)


def send_events(number: int, allowed, logged, port: int, service: str) -> None:
    """SEND the same events to a broker."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\nheart-beat:0,0\n\n\0")
    assert b"CONNECTED" in link.recv(4096)
    head = f"SEND\ndestination:/topic/{service}\ncontent-type:application/json\n\n".encode()
    place = {"s": service, "c": f"step-{number}"}
    logged[number] = cycle = 0
    while _more(cycle, allowed):
        cycle += 1

        def said(index: int, cycle=cycle) -> None:
            step = {0: "start", CYCLE - 1: "done"}.get(index, "")
            text = step or TEXT % (index, CYCLE, index % 7, 12.5)
            event = {"t": time.time_ns() // 1000, "l": "info", "m": text, "f": {"logger": "bench"}, **place,
                     "y": f"0-{cycle}", **({"e": step} if step else {})}
            link.sendall(head + json.dumps(event, separators=(",", ":")).encode() + b"\0")

        _cycle(number, allowed, logged, said)
    link.sendall(b"DISCONNECT\nreceipt:bye\n\n\0")
    while link.recv(4096):
        pass


def _more(cycle: int, allowed) -> bool:
    last = -allowed.value
    return last <= 0 or cycle < last


def _cycle(number: int, allowed, logged, said) -> None:
    """One cycle of CYCLE calls of `said`, held up as `allowed` wants it."""
    programs = len(logged)
    for index in range(CYCLE):
        while 0 <= allowed.value < programs * (logged[number] + 1):
            time.sleep(PAUSE)
        said(index)
        logged[number] += 1
