"""Stored bytes to records: what the searches and the compaction have in common."""

import fnmatch
import re
import zlib
from collections.abc import Callable

import apsw
import msgspec
import zstandard

from dvic_hub.domain.blocks import DamagedBlock, FreshBlock, LogBlock
from dvic_hub.domain.decoding import records_of_message
from dvic_hub.domain.metric_blocks import Sample, Wanted
from dvic_hub.domain.metric_blocks import unpack as unpack_samples
from dvic_hub.domain.record_types import LEVEL_NUMBER

from .codecs import FRESH, Codec

_DICTS = msgspec.json.Decoder(list[dict])
_LINES = msgspec.json.Decoder(tuple[int, list[dict]])


class _Mark(msgspec.Struct, gc=False):
    """What of a log record is counted."""

    time: int
    level: str


_MARKS = msgspec.json.Decoder(list[_Mark])


def texts(connection: apsw.Connection, day: str) -> dict[int, str]:
    """The texts of a day by their numbers."""
    return dict(connection.execute(f"SELECT id, text FROM string_{day}"))  # noqa: S608


def number_of(connection: apsw.Connection, day: str, text: str) -> int:
    """The number of a text in a day, 0 when nothing there is called so."""
    return connection.execute(f"SELECT coalesce(max(id), 0) FROM string_{day} WHERE text = ?", (text,)).get  # noqa: S608


def matching(names: dict[int, str], wanted: frozenset[str] | None, glob: str) -> str | None:
    """JSON array of the numbers whose texts are `wanted` and match the glob; None when everything would do."""
    if wanted is None and not glob:
        return None
    pattern = re.compile(fnmatch.translate(glob)) if glob else None
    numbers = [number for number, text in names.items()
               if (wanted is None or text in wanted) and (pattern is None or pattern.match(text))]
    return msgspec.json.encode(numbers).decode()


def records_json(codec: int, data: bytes) -> bytes:
    """The JSON array of the records of a row that is still as it came; raises DamagedBlock."""
    try:
        plain = zlib.decompress(data)
        return records_of_message(plain) if codec == Codec.FRAME else plain
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedBlock(f"a stored batch can't be read ({error})") from None


def records(codec: int, data: bytes) -> list[dict]:
    """The records of a row that is still as it came, as they came; raises DamagedBlock."""
    return _load(records_json(codec, data))


def block(id: int, codec: int, data: bytes) -> LogBlock | FreshBlock:
    """A row of logs or run output; raises DamagedBlock."""
    if codec not in FRESH:
        return LogBlock.unpack(data)
    return FreshBlock(id, records_json(codec, data), _load)


def marks(codec: int, read: Callable[[int], bytes]) -> tuple[list[int], bytes]:
    """Times and levels of the records of a row of logs, of whose bytes `read` gives the next so many (-1: all that are
    left); raises DamagedBlock."""
    if codec not in FRESH:
        packed = LogBlock.unpack_marks(read)
        return packed.times, packed.levels
    try:
        found = _MARKS.decode(records_json(codec, read(-1)))
        return [mark.time for mark in found], bytes(LEVEL_NUMBER[mark.level] for mark in found)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise DamagedBlock(f"a stored batch can't be read ({error})") from None


def batches(id: int, codec: int, data: bytes, whole: bool) -> list[tuple[int, list[dict]]]:
    """The batches that a row holds, each with its number. `whole`: log records, else run output."""
    if codec in FRESH:
        return [(id, records(codec, data))]
    packed = LogBlock.unpack(data)
    read = packed.record if whole else packed.plain
    return [(number, [read(index) for index in range(start, end)]) for number, start, end in packed.batches]


def samples(codec: int, data: bytes, wanted: Wanted | None = None) -> list[Sample]:
    """The samples of a row of hardware metrics; with `wanted` those metrics at least."""
    if codec not in FRESH:
        return unpack_samples(data, wanted)
    return [(record["time"], record["values"]) for record in records(codec, data) if "values" in record]


def demo_batches(id: int, codec: int, data: bytes) -> list[tuple[int, list[dict]]]:
    """The batches that a row of states of demos, or of containers, holds."""
    if codec in FRESH:
        return [(id, records(codec, data))]
    try:
        lines = zstandard.ZstdDecompressor().decompress(data)
        return [_LINES.decode(line) for line in lines.splitlines()]
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedBlock(f"stored demo states can't be read ({error})") from None


def pack_demo_batches(parts: list[tuple[int, list[dict]]]) -> bytes:
    return zstandard.ZstdCompressor(level=6).compress(msgspec.json.Encoder().encode_lines(parts))


def _load(array: bytes) -> list[dict]:
    try:
        return _DICTS.decode(array)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedBlock(f"a stored batch can't be read ({error})") from None
