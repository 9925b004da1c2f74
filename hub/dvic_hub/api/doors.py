"""Everything that the doors lead to: the services, put together by `app.py` and handed to each handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvic_hub.config import HubConfig
    from dvic_hub.services.agents import AgentService
    from dvic_hub.services.alarm_rules import RuleService
    from dvic_hub.services.alarms import AlarmService
    from dvic_hub.services.audit import AuditService
    from dvic_hub.services.channels import ChannelService
    from dvic_hub.services.copies import CopyService
    from dvic_hub.services.cycles import CycleService
    from dvic_hub.services.deliveries import DeliveryService
    from dvic_hub.services.enrolment import EnrolmentService
    from dvic_hub.services.files import FileService
    from dvic_hub.services.heartbeats import HeartbeatService
    from dvic_hub.services.host_keys import HostKeyService
    from dvic_hub.services.hosts import HostService
    from dvic_hub.services.ingest import IngestService
    from dvic_hub.services.live import LiveService
    from dvic_hub.services.manifests import ManifestService
    from dvic_hub.services.notifications import NotificationService
    from dvic_hub.services.packages import PackageService
    from dvic_hub.services.people import PeopleService
    from dvic_hub.services.pushes import PushService
    from dvic_hub.services.release_keys import ReleaseKeyService
    from dvic_hub.services.releases import ReleaseService
    from dvic_hub.services.rollouts import RolloutService
    from dvic_hub.services.runs import RunService
    from dvic_hub.services.sessions import SessionService
    from dvic_hub.services.shares import ShareService
    from dvic_hub.services.silences import SilenceService
    from dvic_hub.services.stomp import StompService
    from dvic_hub.services.telegram_polls import TelegramPolls
    from dvic_hub.services.watch import FleetService
    from dvic_hub.services.windows import WindowService
    from dvic_hub.store.port import Store
    from dvic_wire.signing import PrivateKey


@dataclass(frozen=True)
class Doors:
    """`clock` gives Unix seconds; `started` is Unix seconds too."""

    config: HubConfig
    identity: PrivateKey
    clock: Callable[[], float]
    started: float
    version: str
    store: Store
    audit: AuditService
    people: PeopleService
    fleet: FleetService
    silences: SilenceService
    alarms: AlarmService
    rules: RuleService
    windows: WindowService
    agents: AgentService
    ingest: IngestService
    enrolment: EnrolmentService
    releases: ReleaseService
    release_keys: ReleaseKeyService
    manifests: ManifestService
    runs: RunService
    rollouts: RolloutService
    pushes: PushService
    host_keys: HostKeyService
    sessions: SessionService
    files: FileService
    copies: CopyService
    cycles: CycleService
    packages: PackageService
    shares: ShareService
    channels: ChannelService
    deliveries: DeliveryService
    notifications: NotificationService
    telegram: TelegramPolls
    live: LiveService
    stomp: StompService
    heartbeats: HeartbeatService
    hosts: HostService

    def now(self) -> int:
        """Microseconds since 1970."""
        return int(self.clock() * 1_000_000)
