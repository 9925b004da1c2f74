"""What happens inside the hub, told over the bus to whoever listens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dvic_hub.domain.cycle_model import Change
from dvic_hub.domain.decoding import raw_records
from dvic_hub.domain.packages import PackageEvent


class RawRecords(Sequence):
    """The records of a checked JSON array, each as the bytes that came. They are taken apart when somebody looks."""

    def __init__(self, records_json: bytes) -> None:
        self._json = records_json
        self._records: list[bytes] | None = None

    def _list(self) -> list[bytes]:
        if self._records is None:
            self._records = raw_records(self._json)
        return self._records

    def __len__(self) -> int:
        return len(self._list())

    def __getitem__(self, index):
        return self._list()[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._list())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._list() == list(other)

    __hash__ = None


@dataclass(frozen=True)
class LogsStored:
    """Log records of one batch were committed. `records` are raw JSON objects (bytes), as they came; `number`: the
    batch's, which makes each record's place; `services`: which of them are events of which monitoring service."""

    node: str
    source: str
    records: Sequence[bytes]
    levels: int
    number: int = 0
    services: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOutputStored:
    """Records of a run's stream were committed (raw JSON objects)."""

    node: str
    run: str
    records: Sequence[bytes]
    number: int = 0


@dataclass(frozen=True)
class SamplesStored:
    """Records of hardware, demos or containers (`stream`) were committed (raw JSON objects)."""

    node: str
    stream: str
    records: Sequence[bytes]


@dataclass(frozen=True)
class NodeChanged:
    """A node's row or liveness changed; `state` is the new one, "removed" when it is gone."""

    node: str
    state: str


@dataclass(frozen=True)
class RunChanged:
    """A run ("" node) or one node in it changed its state."""

    run: str
    node: str
    state: str
    detail: dict = field(default_factory=dict)


@dataclass(frozen=True)
class RolloutChanged:
    """A rollout ("" node) or one node in it changed its state."""

    rollout: str
    node: str
    state: str
    detail: dict = field(default_factory=dict)


@dataclass(frozen=True)
class HostChanged:
    """A host that sends unsigned heartbeats is new, fell silent or came back; `state` is alive or silent."""

    address: str
    state: str


@dataclass(frozen=True)
class StepChanged:
    """A step of a monitoring service's cycle, or the cycle itself, changed. It is about no single node."""

    service: str
    change: Change
    node: str = ""


@dataclass(frozen=True)
class EventsPosted:
    """Events that a program sent itself to a monitoring service were committed. `lines`: a JSON object each."""

    service: str
    lines: Sequence[bytes]
    node: str = ""


@dataclass(frozen=True)
class AlarmChanged:
    """An alarm was raised, acknowledged or cleared (`state`), or is told about again. `detail`: what it is about
    (services.alarms)."""

    alarm: str
    node: str
    state: str
    detail: dict = field(default_factory=dict)


Event = (LogsStored | RunOutputStored | SamplesStored | NodeChanged | RunChanged | RolloutChanged | HostChanged
         | StepChanged | EventsPosted | PackageEvent | AlarmChanged)
