"""A pump and a hub in one, for tests of sources: reads every stream from the cursor that it holds, and keeps all."""

import asyncio
from collections.abc import Callable

from dvic_agent.sources.source import Source, Stream


class OneReader:
    """`records[stream]` are all records in order, `cursors` what a hub would hold, `titles` the streams' names for
    people. Checks the rules of every reading on the way."""

    def __init__(self, source: Source, cursors: dict[str, str] | None = None, max_records: int = 1000,
                 max_bytes: int = 256 * 1024):
        self.source = source
        self.cursors = dict(cursors or {})
        self.records: dict[str, list[dict]] = {}
        self.titles: dict[str, str] = {}
        self.about: dict[str, dict] = {}
        self.closed: list[str] = []
        self.wakes = 0
        self._limits = (max_records, max_bytes)
        self._woken = asyncio.Event()

    def start(self) -> None:
        loop = asyncio.get_running_loop()

        def wake(stream: str) -> None:
            self.wakes += 1
            loop.call_soon_threadsafe(self._woken.set)

        self.source.start(wake)
        self.source.welcome(dict(self.cursors))

    def read_all(self) -> None:
        for stream in list(self.source.streams()):
            self.read(stream)

    def read(self, stream: Stream) -> None:
        """Until there is nothing more."""
        more = True
        while more:
            cursor = self.cursors.get(stream.name, "")
            reading = stream.read(cursor, *self._limits)
            assert len(reading.cursor) <= 512
            assert len(reading.records) <= self._limits[0] + 1
            assert not (reading.records and reading.cursor == cursor), "records, and the cursor did not move"
            more = reading.more and not reading.closed
            assert not more or reading.cursor != cursor, "more is promised, and the cursor did not move"
            self.records.setdefault(stream.name, []).extend(reading.records)
            self.titles[stream.name] = stream.source
            self.about[stream.name] = stream.about
            if reading.closed:
                self.cursors.pop(stream.name, None)
                self.closed.append(stream.name)
                # an inode, and with it the name of a stream, may come again
                for kept in (self.records, self.titles, self.about):
                    kept[f"{stream.name}#{len(self.closed)}"] = kept.pop(stream.name)
                self.source.released(stream.name)
            elif reading.cursor:
                self.cursors[stream.name] = reading.cursor

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        """Read whenever woken, until the condition holds; fails after `seconds`."""
        async with asyncio.timeout(seconds):
            while True:
                self._woken.clear()
                self.read_all()
                if condition():
                    return
                await self._woken.wait()

    def titled(self, title: str) -> list[dict]:
        """The records of all streams with this name."""
        return [record for name, records in self.records.items() if self.titles[name] == title for record in records]

    def messages(self, title: str) -> list[str]:
        return [record["message"] for record in self.titled(title) if "gap" not in record]

    def gaps(self, title: str) -> list[str]:
        return [record["gap"]["reason"] for record in self.titled(title) if "gap" in record]
