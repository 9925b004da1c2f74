"""Records to blocks and back: how history lies in the store once it is no longer fresh.

A block holds about 1000 records of one node and source in columns, each section compressed on its own, so that a
search for a word unpacks nothing but the messages:

    header     version, records, batches, sizes of the three sections
    marks      times, lengths of the messages, the batches that the records came in; levels
    messages   all messages, one behind the other (UTF-8)
    extras     of each record what else it holds, a JSON object a line

Records are known by (batch, position): the number of the batch in which they came and their place in it. That stays
true when blocks are joined, so a paging cursor made of it does too. Pure.

    >>> block = LogBlock.unpack(pack_logs([(7, [{"time": 1, "level": "info", "message": "x", "pid": 5}])]))
    >>> block.key(0), block.record(0)
    ((1, 7, 0), {'time': 1, 'level': 'info', 'message': 'x', 'pid': 5})
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cached_property

import msgspec
import zstandard

from dvic_wire.streams import LEVELS

from . import token_filter
from .columns import offsets, pack_numbers, unpack_numbers
from .record_types import LEVEL_NUMBER

BLOCK_RECORDS = 1000
"""Records that a block is filled up to."""

BLOCK_TEXT = 4 * 1024 * 1024
"""Bytes of text after which a block is full, however few its records."""

_VERSION = 1
_HEADER = struct.Struct("<BIIIII")
_LEVEL = 3
"""zstd's; 9 saves 4 % and takes five times as long."""

_JSON = msgspec.json.Encoder()
_READ = msgspec.json.Decoder(dict)

Key = tuple[int, int, int]
"""Time, batch, position: the order of all log records, and what a paging cursor holds."""


class DamagedBlock(ValueError):
    """Stored bytes are not what was written."""


def whose(record: dict) -> tuple[str, str]:
    """A log record's unit and container, by either of which it is asked for; "" where it has none."""
    container = record.get("fields", {}).get("container", "")
    return record.get("unit", ""), container if isinstance(container, str) else ""


def pack_logs(batches: Iterable[tuple[int, list[dict]]]) -> tuple[bytes, bytes]:
    """A block of the log records of some batches (number, records), and its token filter."""
    numbers, counts, times, levels, messages, extras = [], [], [], [], [], []
    for number, records in batches:
        numbers.append(number)
        counts.append(len(records))
        for record in records:
            rest = dict(record)
            times.append(rest.pop("time"))
            levels.append(LEVEL_NUMBER[rest.pop("level")])
            messages.append(rest.pop("message").encode())
            extras.append(rest)
    text = b"".join(messages)
    marks = b"".join((pack_numbers(times), pack_numbers([len(message) for message in messages]),
                      pack_numbers(numbers), pack_numbers(counts), bytes(levels)))
    lines = b"\n".join(messages)
    folded = lines.lower() if lines.isascii() else token_filter.fold(lines.decode()).encode()
    return _assemble(len(times), len(numbers), marks, text, _JSON.encode_lines(extras)), token_filter.build(folded)


def pack_records(batches: Iterable[tuple[int, list[dict]]]) -> bytes:
    """A block of records that are not searched (output of runs): messages stay empty, extras hold all but the time."""
    numbers, counts, times, extras = [], [], [], []
    for number, records in batches:
        numbers.append(number)
        counts.append(len(records))
        for record in records:
            rest = dict(record)
            times.append(rest.pop("time"))
            extras.append(rest)
    marks = b"".join((pack_numbers(times), pack_numbers([0] * len(times)), pack_numbers(numbers), pack_numbers(counts),
                      bytes(len(times))))
    return _assemble(len(times), len(numbers), marks, b"", _JSON.encode_lines(extras))


def _assemble(count: int, batches: int, marks: bytes, messages: bytes, extras: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    sections = [compressor.compress(section) for section in (marks, messages, extras)]
    return b"".join((_HEADER.pack(_VERSION, count, batches, *map(len, sections)), *sections))


class LogBlock:
    """A block that unpacks no more than it is asked for. Raises DamagedBlock from whatever finds damage."""

    def __init__(self, count: int, batches: int, sections: tuple[bytes, bytes, bytes]) -> None:
        self.count = count
        self._batches = batches
        self._sections = sections

    @classmethod
    def unpack(cls, data: bytes) -> "LogBlock":
        try:
            version, count, batches, *sizes = _HEADER.unpack_from(data)
        except struct.error:
            raise DamagedBlock("a block is shorter than its header") from None
        bounds = offsets([_HEADER.size, *sizes])
        if version != _VERSION or bounds[-1] != len(data):
            raise DamagedBlock("a block has an unknown version or another size than its header says")
        return cls(count, batches, tuple(data[start:end] for start, end in zip(bounds[1:-1], bounds[2:], strict=True)))

    @classmethod
    def unpack_marks(cls, read: Callable[[int], bytes]) -> "LogBlock":
        """A block of which `read(bytes)` gives the beginning piece by piece: times and levels are all that it knows,
        and no more is read."""
        try:
            version, count, batches, marks, *_ = _HEADER.unpack(read(_HEADER.size))
        except struct.error:
            raise DamagedBlock("a block is shorter than its header") from None
        if version != _VERSION:
            raise DamagedBlock("a block has an unknown version")
        return cls(count, batches, (read(marks), b"", b""))

    @cached_property
    def _marks(self) -> tuple[list[int], list[int], list[int], list[int], bytes]:
        data, wide, few = memoryview(self._section(0)), self.count * 8, self._batches * 8
        if len(data) != 2 * wide + 2 * few + self.count:
            raise DamagedBlock("the marks of a block have another size than its header says")
        lengths = unpack_numbers(data[wide:2 * wide], self.count)
        numbers = unpack_numbers(data[2 * wide:2 * wide + few], self._batches)
        counts = unpack_numbers(data[2 * wide + few:2 * wide + 2 * few], self._batches)
        if min(lengths, default=0) < 0 or min(counts, default=1) < 1 or sum(counts) != self.count:
            raise DamagedBlock("the marks of a block contradict each other")
        levels = bytes(data[2 * wide + 2 * few:])
        return unpack_numbers(data[:wide], self.count), offsets(lengths), numbers, offsets(counts), levels

    @property
    def size(self) -> int:
        """Bytes of all of it, unpacked; a damaged section counts as nothing."""
        return sum(max(0, zstandard.frame_content_size(section)) for section in self._sections
                   if section[:4] == zstandard.FRAME_HEADER)

    @property
    def times(self) -> list[int]:
        return self._marks[0]

    @property
    def levels(self) -> bytes:
        """The number of each record's level."""
        return self._marks[4]

    @property
    def batches(self) -> list[tuple[int, int, int]]:
        """Number, first record and end of each batch in the block."""
        _, _, numbers, starts, _ = self._marks
        return list(zip(numbers, starts, starts[1:], strict=False))

    def key(self, index: int) -> Key:
        times, _, numbers, starts, _ = self._marks
        batch = bisect_right(starts, index) - 1
        return times[index], numbers[batch], index - starts[batch]

    def message(self, index: int) -> str:
        bounds = self._marks[1]
        return self._text[bounds[index]:bounds[index + 1]].decode()

    def whose(self, index: int) -> tuple[str, str]:
        return whose(self.record(index))

    def record(self, index: int) -> dict:
        """The record as it came."""
        return {"time": self.times[index], "level": LEVELS[self.levels[index]], "message": self.message(index),
                **_READ.decode(self._extras[index])}

    def plain(self, index: int) -> dict:
        """A record of pack_records."""
        return {"time": self.times[index], **_READ.decode(self._extras[index])}

    def holding(self, needle: str) -> list[int]:
        """The records whose message holds the folded `needle`, in order."""
        if not needle.isascii():
            return [index for index in range(self.count) if needle in token_filter.fold(self.message(index))]
        find, text, found = needle.encode(), self._text.lower(), []
        place = text.find(find)
        bounds = self._marks[1] if place >= 0 else []
        while place >= 0:
            index = bisect_right(bounds, place) - 1
            if place + len(find) <= bounds[index + 1]:
                found.append(index)
                place = text.find(find, bounds[index + 1])
            else:
                place = text.find(find, place + 1)
        return found

    @cached_property
    def _text(self) -> bytes:
        return self._section(1)

    @cached_property
    def _extras(self) -> list[bytes]:
        lines = self._section(2).split(b"\n")
        if len(lines) != self.count + 1:
            raise DamagedBlock("a block has another number of extras than of records")
        return lines

    def _section(self, number: int) -> bytes:
        try:
            return zstandard.ZstdDecompressor().decompress(self._sections[number])
        except zstandard.ZstdError:
            raise DamagedBlock("a section of a block can't be unpacked") from None


class FreshBlock:
    """One batch as it came, seen like a block. `load` gives its records on first use."""

    def __init__(self, number: int, message_json: bytes, load: Callable[[bytes], list[dict]]) -> None:
        self.number = number
        self._json = message_json
        self._load = load

    @cached_property
    def _records(self) -> list[dict]:
        return self._load(self._json)

    @property
    def size(self) -> int:
        """Bytes of its JSON."""
        return len(self._json)

    @property
    def count(self) -> int:
        return len(self._records)

    @property
    def times(self) -> list[int]:
        return [record["time"] for record in self._records]

    @property
    def levels(self) -> bytes:
        return bytes(LEVEL_NUMBER[record["level"]] for record in self._records)

    def key(self, index: int) -> Key:
        return self._records[index]["time"], self.number, index

    def whose(self, index: int) -> tuple[str, str]:
        return whose(self._records[index])

    def record(self, index: int) -> dict:
        return self._records[index]

    def holding(self, needle: str) -> list[int]:
        """The records whose message holds the folded `needle`."""
        if _as_spelled(needle) and b"\\u" not in self._json and needle.encode() not in self._json.lower():
            return []
        return [index for index, record in enumerate(self._records) if needle in token_filter.fold(record["message"])]


def _as_spelled(needle: str) -> bool:
    """Whether JSON can spell this text in no other way than as it is, save for \\u escapes."""
    return needle.isascii() and needle.isprintable() and not set(needle) & set('"\\/')
