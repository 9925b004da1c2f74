"""Enrols another machine by ssh: what runs where ssh is opened, as a run on a node or as a child of the hub.

    python -m dvic_push RUN USER HOST PORT

1. asks the target for its host keys, and prints them with a sealing key that it has just made (pushing.Question)
2. waits for one line on standard input: {"host_key": ..., "secret": sealed, "script": sealed, "arguments": [...]}
3. signs in with that host key only, has the script run there as root, and passes on what is said

It starts nothing but ssh, keeps nothing, and its sealing key dies with it. Whatever fails is the last line of its error
output, behind pushing.COMPLAINT.
"""

import argparse
import json
import resource
import select
import signal
import sys
import time

from dvic_wire.errors import WireError
from dvic_wire.pushing import COMPLAINT, SCRIPT, SECRET, HostKey, Question, Secret, Target, about
from dvic_wire.sealing import SealingKey

from .connection import install, print_line, scan
from .errors import PushFailed

ANSWER_SECONDS = 300
"""How long a person may take to look at the host key."""

MAX_ANSWER_BYTES = 512 * 1024
"""The line with the answer, bytes."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dvic-push", formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description=__doc__)
    for name, kind in (("run", str), ("user", str), ("host", str), ("port", int)):
        parser.add_argument(name, type=kind)
    given = parser.parse_args(argv)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what fails leaves no picture of its memory
    signal.signal(signal.SIGTERM, _stop)
    try:
        push(given.run, Target(given.user, given.host, given.port).checked())
    except (PushFailed, WireError) as error:
        print(f"{COMPLAINT}{error}", file=sys.stderr, flush=True)
        return 1
    return 0


def push(run: str, target: Target) -> None:
    """Everything, from the first look to the end of the installer; raises PushFailed or WireError."""
    sealing = SealingKey.generate()
    print(f"Looking at {target.place}", flush=True)
    question = Question(scan(target), sealing.public)
    print(question.line(), flush=True)
    answer = read_answer(time.monotonic() + ANSWER_SECONDS)
    key = HostKey.parse(answer.get("host_key"))
    if key not in question.keys:
        raise PushFailed("the accepted host key is none that the target showed")

    def opened(what: str) -> bytes:
        return sealing.open(_text(answer, what), about(what, run, target, key.fingerprint))

    secret, script = Secret.decode(opened(SECRET)), opened(SCRIPT)
    arguments = answer.get("arguments")
    if not isinstance(arguments, list) or not all(isinstance(part, str) for part in arguments):
        raise PushFailed("the answer is damaged")
    print(f"Signing in as {target}", flush=True)
    install(target, key, secret, script, tuple(arguments), print_line)


def read_answer(deadline: float) -> dict:
    """The line on standard input, before `deadline` (monotonic seconds); raises PushFailed."""
    data = b""
    while not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([0], [], [], left)[0]:
            raise PushFailed(f"nobody accepted the host key within {ANSWER_SECONDS} s (or the hub was restarted)")
        part = sys.stdin.buffer.raw.read(65536)
        if not part or len(data) > MAX_ANSWER_BYTES:
            raise PushFailed("the answer was cut off")
        data += part
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PushFailed("the answer is damaged")
    return value


def _text(answer: dict, name: str) -> str:
    if not isinstance(answer.get(name), str):
        raise PushFailed("the answer is damaged")
    return answer[name]


def _stop(*_: object) -> None:
    raise PushFailed("it was ended")


if __name__ == "__main__":
    sys.exit(main())
