"""The process that holds a terminal: the main process of its run, in the place of the recorder.

- Its command gets a terminal of its own (pty(7)) as controlling one, and the user's rights; no login session of PAM's.
- It takes input that the session's key has signed (dvic_wire.terminals), in order, each once. Anything else is counted
  and forgotten: an agent that was taken over can read along, and type nothing.
- Output is read from the terminal only as far as the window allows, so a program that floods waits in its own write.
- Nobody connected for `keep` seconds, or neither input nor output for `idle` seconds: the terminal is hung up.
- When the command has ended it stays for a while, until all output is safe at the hub.

output.jsonl gets the run's start; nothing of what is typed or shown is written to this machine's disk.
"""

import fcntl
import os
import pty
import selectors
import signal
import socket
import struct
import termios
import time
from collections import deque
from contextlib import suppress

from dvic_wire.errors import WireError
from dvic_wire.runs import RunSpec
from dvic_wire.terminals import Input, Resized, TerminalSpec, Typed, encode_bytes, read_input

from . import tree
from .command import Account, Started, start_in_terminal
from .recorder import Recorder
from .run_client import TERMINAL_SOCKET, Client, listen
from .rundir import RunDir
from .terminal_backlog import Backlog

MAX_TYPED_AHEAD = 128 * 1024
"""Bytes of input that wait for the terminal to take them; beyond them nothing is read from the agent."""

READ_BYTES = 32 * 1024

LAST_WORDS_SECONDS = 2.0
"""How long output is still carried after the terminal was told to end."""

IUTF8 = 0o40000
"""termios(3): erasing takes whole characters; Python's module does not name it."""


class TerminalCarrier(Recorder):
    """See Recorder; `wanted` is what the order asked for."""

    def __init__(self, run: RunDir, spec: RunSpec, wanted: TerminalSpec, keeper: int, others):
        super().__init__(run, spec, keeper, others or (lambda: tree.descendants(os.getpid())))
        self._wanted = wanted
        self._backlog = Backlog()
        self._inputs: deque[tuple[int, Input]] = deque()
        self._typed_ahead = 0
        self._accepted = self._taken = 0
        self._client: Client | None = None
        self._master = -1
        self._drained = False
        self._active_at = self._alone_since = time.monotonic()
        self._ended_at = float("inf")
        self.dropped = 0
        """Inputs that nobody entitled has signed."""

    def _begin(self, spec: RunSpec, account: Account, limit_memory: bool) -> Started:
        self._server = listen(self._run, TERMINAL_SOCKET)
        master, slave = pty.openpty()
        _set_size(slave, self._wanted.cols, self._wanted.rows)
        modes = termios.tcgetattr(slave)
        modes[0] |= IUTF8
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        self._master = master
        return start_in_terminal(self._run.run, spec, account, limit_memory, master, slave, not self._wanted.argv)

    def _follow(self, started: Started, wake: socket.socket) -> None:
        os.set_blocking(self._master, False)
        for handle in (wake, self._server, *([self._keeper] if self._keeper >= 0 else [])):
            self._selector.register(handle, selectors.EVENT_READ)
        hung_up = False
        while True:
            if self._status is not None:
                self._read_rest()
            self._feed_client()
            if self._is_over():
                return
            self._mind_stopping()
            self._mind_times()
            if self._stopped and not hung_up:
                hung_up = True
                self._hang_up(started.pid)
            self._watch()
            for key, events in self._selector.select(self._next_look()):
                if key.fileobj is wake:
                    wake.recv(4096)
                elif key.fileobj is self._server:
                    self._accept()
                elif key.fileobj is self._client:
                    self._serve(events)
                elif key.fd == self._master:
                    self._handle_terminal(events)
                elif key.fd == self._keeper:
                    self._lost_supervisor()
            self._status = tree.reap().get(started.pid, self._status)
            if self._status is not None and self._ended_at == float("inf"):
                self._ended_at = time.monotonic()

    # ---- when it ends

    def _is_over(self) -> bool:
        """The command has ended, and its output is safe or has been offered for long enough."""
        if self._status is None or self.orphaned:
            return self._status is not None
        if self._drained and self._backlog.is_safe:
            return True
        patience = LAST_WORDS_SECONDS if self._stopped else self._wanted.keep
        return time.monotonic() - self._ended_at > patience

    def _mind_times(self) -> None:
        now = time.monotonic()
        if self._stopped or self._status is not None:
            return
        if self._client is None and now - self._alone_since > self._wanted.keep:
            self._end(f"nobody came back to it within {self._wanted.keep} s")
        elif now - self._active_at > self._wanted.idle:
            self._end(f"neither input nor output for {self._wanted.idle} s")

    def _end(self, reason: str) -> None:
        self._run.cancel(reason)
        self._stopped = True
        self._mind_stopping()

    def _hang_up(self, leader: int) -> None:
        """As when a person closes the window: SIGHUP to the shell and to what is in the foreground."""
        with suppress(OSError):
            os.killpg(os.tcgetpgrp(self._master), signal.SIGHUP)
        with suppress(OSError):
            if self._status is None:
                os.kill(leader, signal.SIGHUP)

    def _next_look(self) -> float | None:
        """Seconds until something is due though nothing happens."""
        now = time.monotonic()
        due = [self._patience()]
        if self._status is not None:
            due.append(self._ended_at + (LAST_WORDS_SECONDS if self._stopped else self._wanted.keep) - now)
        elif not self._stopped:
            due.append(self._active_at + self._wanted.idle - now)
            if self._client is None:
                due.append(self._alone_since + self._wanted.keep - now)
        return max(0.0, min(seconds for seconds in due if seconds is not None)) + 0.01

    # ---- the terminal

    def _handle_terminal(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            self._read_terminal()
        if events & selectors.EVENT_WRITE:
            self._type()

    def _read_terminal(self) -> None:
        try:
            data = os.read(self._master, min(READ_BYTES, self._backlog.room))
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has it open any more
            data = b""
        if not data:
            self._drained = True
            return
        self._active_at = time.monotonic()
        self._backlog.add(data)

    def _type(self) -> None:
        """Let the terminal take what was typed, in order, as far as it does."""
        while self._inputs:
            n, given = self._inputs[0]
            if isinstance(given, Resized):
                with suppress(OSError):
                    _set_size(self._master, given.cols, given.rows)
            else:
                try:
                    taken = os.write(self._master, given.data) if given.data and not self._drained else len(given.data)
                except BlockingIOError:
                    return
                except OSError:
                    taken = len(given.data)
                self._typed_ahead -= taken
                if taken < len(given.data):
                    self._inputs[0] = n, Typed(given.data[taken:])
                    continue
            self._inputs.popleft()
            self._taken = n
            if self._client is not None and self._client.resumed:
                self._client.put({"taken": n})

    # ---- the agent

    def _watch(self) -> None:
        """Wait for what can be gone on with now, and nothing else."""
        events = 0
        if not self._drained:
            events = (selectors.EVENT_READ if self._backlog.room else 0) | (
                selectors.EVENT_WRITE if self._inputs else 0)
        self._wait_for(self._master, events)
        if self._client is not None:
            self._wait_for(self._client, (selectors.EVENT_READ if self._typed_ahead < MAX_TYPED_AHEAD else 0)
                           | (selectors.EVENT_WRITE if self._client.has_unsent else 0))

    def _read_rest(self) -> None:
        """The command has ended: what it left in the background may keep the terminal open, but is not waited for."""
        while not self._drained and self._backlog.room:
            before = self._backlog.end
            self._read_terminal()
            if self._backlog.end == before:
                self._drained = True

    def _wait_for(self, what: object, events: int) -> None:
        try:
            known = self._selector.get_key(what)
        except KeyError:
            if events:
                self._selector.register(what, events)
            return
        if not events:
            self._selector.unregister(what)
        elif known.events != events:
            self._selector.modify(what, events)

    def _accept(self) -> None:
        """A new connection takes the place of the one before."""
        try:
            connection, _ = self._server.accept()
        except OSError:
            return
        self._drop_client()
        self._client = Client(connection)

    def _drop_client(self) -> None:
        if self._client is not None:
            self._wait_for(self._client, 0)
            self._client.close()
            self._client = None
            self._alone_since = time.monotonic()

    def _serve(self, events: int) -> None:
        client = self._client
        if events & selectors.EVENT_WRITE:
            client.flush()
        if events & selectors.EVENT_READ and not client.over:
            for message in client.read():
                self._take(client, message)
        if not client.over:
            self._type()

    def _take(self, client: Client, message: dict) -> None:
        if isinstance(message.get("input"), str):
            self._take_input(message["input"])
        elif type(message.get("ack")) is int:
            self._backlog.acknowledge(message["ack"])
        elif type(message.get("from")) is int:
            self._backlog.resume(message["from"])
            client.resumed = True
            client.put({"taken": self._taken})

    def _take_input(self, text: str) -> None:
        try:
            n, given = read_input(text, self._wanted.input_key, self._run.run, after=self._accepted)
        except WireError:
            self.dropped += 1
            return
        self._accepted = n
        self._inputs.append((n, given))
        if isinstance(given, Typed):
            self._active_at = time.monotonic()
            self._typed_ahead += len(given.data)

    def _feed_client(self) -> None:
        client = self._client
        while client is not None and client.resumed and client.has_room and (piece := self._backlog.take()):
            client.put({"out": piece[0], "data": encode_bytes(piece[1])})
        if client is not None and client.over:
            self._drop_client()


def _set_size(handle: int, cols: int, rows: int) -> None:
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
