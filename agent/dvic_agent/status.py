"""What the running agent says of itself: a Unix socket in its private folder that answers every caller with one JSON
object and closes. Only the agent's user and root can open it; nothing is written to the disk for it."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from .errors import AgentError

SOCKET = "status.sock"
ANSWER_SECONDS = 5.0
MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer; a few thousand streams take far less."""


class StatusServer:
    """Answers with what `describe()` returns."""

    def __init__(self, private_dir: Path, describe: Callable[[], dict]):
        self._private_dir = private_dir
        self._describe = describe
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen, in place of a socket that a killed agent left. Raises OSError."""
        path = self._private_dir / SOCKET
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with _ShortPath(self._private_dir) as folder:
                listener.bind(f"{folder}/{SOCKET}")
            os.chmod(path, 0o600)
            self._server = await asyncio.start_unix_server(self._answer, sock=listener)
        except BaseException:
            listener.close()
            raise

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            (self._private_dir / SOCKET).unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(json.dumps(self._describe()).encode())
                await writer.drain()
        except (OSError, TimeoutError):
            pass  # whoever asked has left
        finally:
            writer.close()


def ask_status(private_dir: Path) -> dict:
    """What the running agent says; raises AgentError when none is running or it may not be asked."""
    try:
        with socket.socket(socket.AF_UNIX) as client, _ShortPath(private_dir) as folder:
            client.settimeout(ANSWER_SECONDS)
            client.connect(f"{folder}/{SOCKET}")
            data = b""
            while len(data) < MAX_ANSWER and (piece := client.recv(65536)):
                data += piece
        return json.loads(data)
    except PermissionError:
        raise AgentError(f"{private_dir} may only be opened by the agent's user: try it with sudo") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise AgentError("the agent is not running: systemctl start dvic-agent (or dvic-agent run)") from None
    except (OSError, ValueError) as error:
        raise AgentError(f"the agent does not answer: {error}") from None


class _ShortPath:
    """A name of the folder that fits into a socket's address (108 bytes), however deep it lies."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._handle = -1

    def __enter__(self) -> str:
        self._handle = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._handle}"

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def show(said: dict) -> str:
    """The same for people."""
    connection, hub = said.get("connection", {}), said.get("hub", {})
    lines = [f"connection  {connection.get('state', '?')}: {connection.get('reason', '')}",
             f"node        {said.get('name', 'not enrolled')} {said.get('node', '')}".rstrip()]
    if hub:
        lines.append(f"hub         {hub.get('url')} (key {hub.get('fingerprint')})")
    if update := said.get("update"):
        lines.append(f"update      from {update.get('previous')} to {update.get('version')}: {update.get('phase')}")
    streams = said.get("streams", [])
    lines.append(f"streams     {len(streams)}, {said.get('unacknowledged', 0)} batches unacknowledged")
    for stream in streams:
        waiting = f"  +{stream['unacknowledged']}" if stream["unacknowledged"] else ""
        lines.append(f"  {stream['stream']:32} {stream['cursor'] or '(nothing stored yet)'}{waiting}")
    lines += [f"note        {note}" for note in said.get("notes", [])]
    if not said.get("moving", True):
        lines.append("a source is stuck: see journalctl -u dvic-agent")
    return "\n".join(lines)
