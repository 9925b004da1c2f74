"""Our own terminal as the window of one at a node: raw keys in, bytes out, its size, and the escapes.

    ~.    leave; a session that we began ends with it        ~d   leave, the session goes on
    ~?    show these                                         ~~   one ~

They count at the beginning of a line only. Nothing of ours is left changed at the end, whatever happens.
"""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass

from dvic_wire.terminals import SIZES

from .client import Client
from .errors import OK, SOME_FAILED, HubctlError
from .harmless import escape
from .terminal_link import Away, Back, Ended, TerminalLink

READ_BYTES = 16 * 1024

LEAVE, DETACH, HELP = ".", "d", "?"

HELP_TEXT = ("~.  leave (what you began ends)", "~d  leave, it goes on for a minute, or for whoever else is in it",
             "~~  a ~", "~?  this")

_END_OF_FILE = b"\x04"


@dataclass
class Escapes:
    """Takes keys and gives what is to be typed; pure. `at_start`: at the beginning of a line."""

    at_start: bool = True
    _pending: bool = False

    def take(self, data: bytes) -> Iterator[bytes | str]:
        """Bytes to type, or one of LEAVE, DETACH, HELP."""
        typed = bytearray()
        for byte in data:
            key = bytes([byte])
            if self._pending:
                self._pending = False
                if key in (b".", b"d", b"?"):
                    if typed:
                        yield bytes(typed)
                        typed.clear()
                    yield key.decode()
                    self.at_start = True
                    continue
                typed += b"~" if key == b"~" else b"~" + key
            elif key == b"~" and self.at_start:
                self._pending = True
                continue
            else:
                typed += key
            self.at_start = key in b"\r\n"
        if typed:
            yield bytes(typed)


async def live_in(client: Client, id: str, *, read_only: bool = False, ours: bool = False) -> int:
    """Be in the session until it ends or we leave; returns the exit code. `ours`: leaving ends it."""
    window = Window(client, id, read_only, ours)
    try:
        return await window.live()
    finally:
        window.close()


def window_size() -> tuple[int, int] | None:
    """Columns and rows of our own terminal; None where we have none, or it does not know."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return None
    return (min(size.columns, SIZES[1]), min(size.lines, SIZES[1])) if size.columns and size.lines else None


class Window:
    def __init__(self, client: Client, id: str, read_only: bool, ours: bool):
        self._client = client
        self._id = id
        self._read_only = read_only
        self._ours = ours
        self._keyboard = sys.stdin.fileno()
        self._screen = sys.stdout.fileno()
        self._modes = None
        self._escapes = Escapes()
        self._keys: asyncio.Queue[bytes] = asyncio.Queue(64)
        self._left: asyncio.Future[str] | None = None

    async def live(self) -> int:
        loop = asyncio.get_running_loop()
        self._left = loop.create_future()
        if os.isatty(self._keyboard):
            self._modes = termios.tcgetattr(self._keyboard)
            tty.setraw(self._keyboard, termios.TCSADRAIN)  # what was typed ahead counts
        async with TerminalLink(self._client, self._id, self._read_only, window_size()) as link:
            with contextlib.suppress(NotImplementedError, ValueError):
                loop.add_signal_handler(signal.SIGWINCH, lambda: asyncio.ensure_future(self._resized(link)))
            tasks = [asyncio.create_task(self._show(link)), asyncio.create_task(self._type(link))]
            try:
                self._listen(loop)
                done, _ = await asyncio.wait({tasks[0], self._left}, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0] in done:
                    return self._tell_end(tasks[0].result())
                return await self._leave(self._left.result())
            finally:
                loop.remove_signal_handler(signal.SIGWINCH)
                loop.remove_reader(self._keyboard)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Our terminal as it was."""
        if self._modes is not None:
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._modes)
            self._modes = None


    async def _resized(self, link: TerminalLink) -> None:
        size = window_size()
        if size is not None:
            await link.resize(*size)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.add_reader(self._keyboard, self._read_keys, loop)
        except PermissionError:  # a file, or /dev/null: it can always be read
            self._keys.put_nowait(os.read(self._keyboard, READ_BYTES))

    def _read_keys(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._keys.full():
            loop.remove_reader(self._keyboard)
            return
        try:
            data = os.read(self._keyboard, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(self._keyboard)
        self._keys.put_nowait(data)

    async def _type(self, link: TerminalLink) -> None:
        loop = asyncio.get_running_loop()
        while True:
            keys = await self._keys.get()
            if not keys:  # the end of a file that was given as our input
                if not self._read_only:
                    await link.type(_END_OF_FILE)
                return
            if self._modes is None:
                await link.type(keys)
            else:
                for part in self._escapes.take(keys):
                    await self._act(link, part)
            if not self._keys.full():
                self._listen(loop)

    async def _act(self, link: TerminalLink, part: bytes | str) -> None:
        if isinstance(part, bytes):
            await link.type(part)
        elif part == HELP:
            self._note(*HELP_TEXT)
        elif not self._left.done():
            self._left.set_result(part)

    async def _show(self, link: TerminalLink) -> Ended:
        while True:
            item = await link.next()
            if isinstance(item, bytes):
                self._write(item)
            elif isinstance(item, Ended):
                return item
            elif isinstance(item, Away):
                self._note(f"{item.reason}; trying again ... (~. to leave)")
            elif isinstance(item, Back):
                if not item.fresh:
                    self._note("connected again")
            elif item.get("node") == "away":
                self._note("the node is not connected to the hub; waiting ...")
            elif "note" in item:
                self._note(str(item["note"]))

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._screen, data):]
            except BlockingIOError:
                continue

    def _note(self, *lines: str) -> None:
        """A word of hubctl's own, beside the terminal's output."""
        ending = "\r\n" if self._modes is not None else "\n"
        for line in lines:
            text = f"{ending if self._modes is not None else ''}[hubctl] {escape(line)}{ending}"
            os.write(sys.stderr.fileno(), text.encode())

    async def _leave(self, how: str) -> int:
        if how == LEAVE and self._ours:
            with contextlib.suppress(HubctlError):
                await asyncio.to_thread(lambda: self._client.post("sessions", self._id, "end"))
            self._note("ended")
        else:
            self._note(f"left; come back: hubctl sessions join {self._id}")
        return OK

    def _tell_end(self, ended: Ended) -> int:
        if ended.exit_code >= 0:
            return ended.exit_code
        self._note(f"the session is over ({ended.state}{': ' if ended.reason else ''}{ended.reason})")
        return OK if ended.state == "cancelled" and not self._ours else SOME_FAILED
