"""Sources in memory, for what drives sources: numbered records that can be read again from any cursor."""

from dataclasses import dataclass, field

from dvic_agent.sources.source import Reading


@dataclass
class ListStream:
    """A stream over a list of texts; the cursor is the number of the last one read."""

    name: str
    texts: list = field(default_factory=list)
    over: bool = False
    about: dict = field(default_factory=dict)
    fails: int = 0
    """Reads that raise before one succeeds."""

    @property
    def source(self) -> str:
        return self.name

    def read(self, cursor: str, max_records: int, max_bytes: int) -> Reading:
        if self.fails:
            self.fails -= 1
            raise OSError("the disk is on fire")
        start = int(cursor or 0)
        records, size = [], 0
        for number, text in enumerate(self.texts[start:start + max_records], start):
            if records and size + len(text) > max_bytes:
                break
            size += len(text)
            records.append({"time": 1_000_000 + number, "level": "info", "message": text})
        end = start + len(records)
        more = end < len(self.texts)
        return Reading(records, str(end) if end else cursor, closed=self.over and not more, more=more)


class ListSource:
    """A source over ListStreams; `write` appends and wakes."""

    def __init__(self, *streams: ListStream):
        self.all = {stream.name: stream for stream in streams}
        self.released_names: list[str] = []
        self.welcomes: list[dict] = []
        self.is_moving = True
        self.stopped = False
        self._wake = lambda name: None

    def write(self, name: str, *texts: str) -> None:
        self.all.setdefault(name, ListStream(name)).texts.extend(texts)
        self._wake(name)

    def end(self, name: str) -> None:
        self.all[name].over = True
        self._wake(name)

    def start(self, wake) -> None:
        self._wake = wake

    def welcome(self, cursors: dict) -> None:
        self.welcomes.append(cursors)

    def streams(self) -> list[ListStream]:
        return list(self.all.values())

    def released(self, stream: str) -> None:
        self.released_names.append(stream)
        self.all.pop(stream, None)

    def moving(self) -> bool:
        return self.is_moving

    def stop(self) -> None:
        self.stopped = True
