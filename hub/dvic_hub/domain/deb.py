"""Packages as the hub takes them: dvic_wire.deb, every usual compression, and errors that name the request's body."""

import io
from typing import BinaryIO

import zstandard

from dvic_hub.errors import BadRequest
from dvic_wire import deb
from dvic_wire.deb import Control
from dvic_wire.errors import MalformedMessage


def read_control(file: BinaryIO) -> Control:
    """The control file of a .deb, read from the file's beginning. Raises BadRequest."""
    try:
        return deb.read_control(file, {".zst": _unpack})
    except MalformedMessage as error:
        raise BadRequest(str(error), code="deb", field="body") from None


def _unpack(data: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(limit)
