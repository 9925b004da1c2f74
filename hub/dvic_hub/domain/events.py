"""What happens inside the hub, told over the bus to whoever listens."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LogsStored:
    """Log records of one batch were committed. `records` are raw JSON objects (bytes), as they came."""

    node: str
    source: str
    records: list
    levels: int


@dataclass(frozen=True)
class RunOutputStored:
    """Records of a run's stream were committed (raw JSON objects)."""

    node: str
    run: str
    records: list


@dataclass(frozen=True)
class SamplesStored:
    """Hardware or demo records were committed (raw JSON objects). `stream` is hardware or demos."""

    node: str
    stream: str
    records: list


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


Event = LogsStored | RunOutputStored | SamplesStored | NodeChanged | RunChanged
