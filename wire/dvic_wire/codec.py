"""Messages to frames and back, with limits.

- A text frame is one JSON object with `kind` and the message's fields.
- A binary frame is the same, zlib-compressed (RFC 1950). Batches travel so.
- Nothing is read past a limit: inflating stops at MAX_MESSAGE_BYTES, nesting at MAX_DEPTH.
- Unknown kinds and missing or wrongly typed fields are refused; unknown fields are ignored (newer peers may add them).
"""

import json
import zlib
from dataclasses import MISSING, fields

from .errors import LimitExceeded, MalformedMessage
from .limits import (
    MAX_CURSOR,
    MAX_DEPTH,
    MAX_FRAME_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_RECORDS,
    MAX_SIGNED_BYTES,
    MAX_STREAM_NAME,
)
from .messages import KINDS, Message

KIND_OF = {cls: kind for kind, cls in KINDS.items()}

_FIELD_LIMITS = {"stream": ("MAX_STREAM_NAME", MAX_STREAM_NAME), "from_cursor": ("MAX_CURSOR", MAX_CURSOR),
                 "to_cursor": ("MAX_CURSOR", MAX_CURSOR), "cursor": ("MAX_CURSOR", MAX_CURSOR),
                 "source": ("MAX_STREAM_NAME", MAX_STREAM_NAME), "records": ("MAX_RECORDS", MAX_RECORDS),
                 "jws": ("MAX_SIGNED_BYTES", MAX_SIGNED_BYTES)}

_FIELDS = {kind: [(f.name, f.type, f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)]
           for kind, cls in KINDS.items()}


def encode(message: Message) -> str:
    """The text frame of a message. What no UTF-8 can hold (lone surrogates) becomes `?`."""
    value = {"kind": KIND_OF[type(message)], **{f.name: getattr(message, f.name) for f in fields(message)}}
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def encode_compressed(message: Message, level: int = 1) -> bytes:
    """The binary frame of a message; raises LimitExceeded for one that `decode` would refuse.

    Level 1 costs a third of level 6 and loses about a tenth of the ratio.
    """
    data = encode(message).encode("utf-8")
    if len(data) > MAX_MESSAGE_BYTES:
        raise LimitExceeded("MAX_MESSAGE_BYTES", MAX_MESSAGE_BYTES, len(data))
    frame = zlib.compress(data, level)
    if len(frame) > MAX_FRAME_BYTES:
        raise LimitExceeded("MAX_FRAME_BYTES", MAX_FRAME_BYTES, len(frame))
    return frame


def inflate(frame: bytes, limit: int = MAX_MESSAGE_BYTES) -> bytes:
    """Undo zlib, never producing more than `limit` bytes; raises LimitExceeded or MalformedMessage."""
    if len(frame) > MAX_FRAME_BYTES:
        raise LimitExceeded("MAX_FRAME_BYTES", MAX_FRAME_BYTES, len(frame))
    worker = zlib.decompressobj()
    try:
        data = worker.decompress(frame, limit + 1)
    except zlib.error:
        raise MalformedMessage("the frame is not zlib") from None
    if len(data) > limit:
        raise LimitExceeded("MAX_MESSAGE_BYTES", limit)
    if not worker.eof or worker.unused_data:
        raise MalformedMessage("the frame is cut off or has bytes after its end")
    return data


def decode(frame: str | bytes, limit: int = MAX_MESSAGE_BYTES) -> Message:
    """Read a frame: str is a text frame, bytes a compressed one. `limit` counts bytes after inflating."""
    data = inflate(frame, limit) if isinstance(frame, bytes) else frame
    size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise LimitExceeded("MAX_MESSAGE_BYTES", limit, size)
    return from_object(load_json(data))


def load_json(data: str | bytes) -> object:
    """Strict JSON: no NaN, no infinities, no duplicate-key tricks, nesting up to MAX_DEPTH."""
    try:
        value = json.loads(data, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise LimitExceeded("MAX_DEPTH", MAX_DEPTH) from None
    except ValueError as error:
        raise MalformedMessage(f"not JSON ({error})") from None
    _check_depth(value, MAX_DEPTH)
    _check_text(data, value)
    return value


def from_object(value: object) -> Message:
    """A parsed JSON object to its message; raises MalformedMessage that names the field, or LimitExceeded."""
    if not isinstance(value, dict):
        raise MalformedMessage("a message is an object")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise MalformedMessage("unknown kind", "kind")
    arguments = {}
    for name, wanted, required in _FIELDS[kind]:
        if name not in value:
            if required:
                raise MalformedMessage("is missing", f"{kind}.{name}")
            continue
        given = value[name]
        if type(given) is not wanted:
            raise MalformedMessage(f"must be {wanted.__name__}", f"{kind}.{name}")
        if name in _FIELD_LIMITS and len(given) > _FIELD_LIMITS[name][1]:
            raise LimitExceeded(_FIELD_LIMITS[name][0], _FIELD_LIMITS[name][1], len(given))
        arguments[name] = given
    return KINDS[kind](**arguments)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")


def _unique(pairs: list) -> dict:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _check_text(data: str | bytes, value: object) -> None:
    """Refuse lone surrogates, which JSON can spell (\\ud800) but no file or database can hold."""
    if isinstance(data, bytes) and b"\\u" not in data:
        return  # nothing is escaped, and json.loads has checked that the rest is UTF-8
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedMessage("not JSON (a lone surrogate is no text)") from None


def _check_depth(value: object, left: int) -> None:
    if isinstance(value, (dict, list)):
        if left == 0:
            raise LimitExceeded("MAX_DEPTH", MAX_DEPTH)
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, (dict, list)):
                _check_depth(inner, left - 1)
