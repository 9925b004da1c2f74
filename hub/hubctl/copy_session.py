"""One copy from its order to its end: followed, shown as a bar on a terminal, cancelled by Ctrl-C."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dvic_wire.runs import FINISHED, TERMINAL

from .client import Client
from .errors import HubctlError
from .file_parts import patiently
from .harmless import one_line

LOOK_EVERY = 0.3
"""Seconds between two looks at a copy."""


class Bar:
    """Bytes on their way: each stretch of it is a line of `progress`; None: nobody looks."""

    def __init__(self, progress=None):
        self._progress = progress
        self._task = None
        self._size = 0

    def begin(self, what: str, size: int) -> None:
        """The next stretch; the one before is over."""
        if self._progress is not None:
            self.at(self._size)
            self._size = max(size, 1)
            self._task = self._progress.add_task(one_line(what), total=self._size, note="")

    def at(self, done: int, note: str = "") -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=min(done, self._size), note=note)


@contextmanager
def bar() -> Iterator[Bar]:
    """On stderr where that is a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console  # noqa: PLC0415 (100 ms, only for who looks)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(True),
               TransferSpeedColumn(), TextColumn("{task.fields[note]}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(progress)


@contextmanager
def ordered(client: Client, body: dict) -> Iterator[dict]:
    """The copy that was ordered; Ctrl-C cancels it. One that comes while the order is on its way waits until the hub
    has said which copy it is; a second one does not."""
    held: list[int] = []

    def hold(*_: object) -> None:
        if held:
            raise KeyboardInterrupt
        held.append(1)

    copy = None
    before = signal.getsignal(signal.SIGINT)
    try:
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, hold)
        try:
            copy = client.post("copies", body=body)
        finally:
            signal.signal(signal.SIGINT, before)
        if held:
            raise KeyboardInterrupt
        yield copy
    except KeyboardInterrupt:
        if copy is not None:
            with suppress(HubctlError):
                client.post("runs", copy["id"], "cancel")
        raise


def follow(client: Client, copy: dict, shown: Bar, what: str) -> dict:
    """Until it is over; returns how it stands then."""
    begun = False
    try:
        while True:
            nodes = copy["nodes"]
            ended = sum(node["state"] in TERMINAL for node in nodes)
            if copy["size"] >= 0:
                if not begun:
                    begun = True
                    shown.begin(what, copy["size"] * len(nodes))
                # who has failed has no more to come
                done = sum(copy["size"] if node["state"] in TERMINAL else node["offset"] for node in nodes)
                shown.at(done, f"{ended}/{len(nodes)} nodes" if len(nodes) > 1 else "")
            if copy["ended"]:  # not before: until then the hub keeps the file for it
                return copy
            time.sleep(LOOK_EVERY)
            copy = patiently(lambda: client.get("copies", copy["id"]))  # noqa: B023 (called before it changes)
    except HubctlError as error:
        error.next_step = f"the copy goes on without us; when the hub is back: hubctl runs show {copy['id']}"
        raise


def failures(copy: dict) -> list[str]:
    """A line for each node on which it did not end well."""
    return [f"{node['node']}: {node['state']}" + (f": {node['reason']}" if node["reason"] else "")
            for node in copy["nodes"] if node["state"] != FINISHED]


def forget(client: Client, file: str) -> None:
    """The hub need not keep it; where that fails it goes by itself after a while."""
    with suppress(HubctlError):
        client.delete("files", file)
