"""How the hub itself is: for people, for load balancers, for Prometheus."""

from dataclasses import asdict

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, show_time
from dvic_hub.api.route import Call
from dvic_hub.services.telegram_polls import OUTCOMES

PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HubStatus(msgspec.Struct):
    """`nodes`: how many in each state. `agents`, `streams`: open WebSockets. `store`: sizes in bytes, and counters.
    `trouble`: why nothing can be stored at the moment, empty when all is well."""

    fingerprint: str
    version: str
    url: str
    started: Time | None
    time: Time | None
    nodes: dict[str, int]
    agents: int
    streams: int
    runs_active: int
    store: dict[str, float]
    trouble: str


class Health(msgspec.Struct):
    """`status`: ok."""

    status: str


async def hub_status(doors: Doors, call: Call) -> HubStatus:
    return HubStatus(
        fingerprint=doors.identity.fingerprint, version=doors.version, url=doors.config.url,
        started=show_time(int(doors.started * 1_000_000)), time=show_time(doors.now()), nodes=doors.fleet.counts(),
        agents=doors.agents.count(), streams=doors.live.subscribers,
        runs_active=len(await doors.store.runs.active()), store=doors.store.stats(),
        trouble=str(doors.store.trouble() or ""))


async def healthz(doors: Doors, call: Call) -> Health:
    """Answers from the store, so that "ok" means that it reads; what keeps it from writing is the answer instead."""
    await doors.store.get_value("health")
    if (trouble := doors.store.trouble()) is not None:
        raise trouble
    return Health("ok")


async def prometheus(doors: Doors, call: Call) -> web.Response:
    registry = CollectorRegistry()
    registry.register(HubCollector(doors, len(await doors.store.runs.active())))
    ProcessCollector(registry=registry)
    return web.Response(body=generate_latest(registry), headers={"Content-Type": PROMETHEUS_TYPE})


class HubCollector(Collector):
    """The hub's own numbers at this moment. They are read when asked for: nothing is counted twice."""

    def __init__(self, doors: Doors, runs_active: int):
        self._doors = doors
        self._runs_active = runs_active

    def collect(self) -> list[Metric]:
        heartbeats = CounterMetricFamily("dvic_heartbeats", "Datagrams heard, by what became of them.",
                                         labels=["outcome"])
        for outcome, count in asdict(self._doors.heartbeats.counters).items():
            heartbeats.add_metric([outcome], count)
        doors, live = self._doors, self._doors.live.counters
        commands = CounterMetricFamily("dvic_telegram_commands", "Messages by Telegram, by what became of them.",
                                       labels=["outcome"])
        for outcome in OUTCOMES:
            commands.add_metric([outcome], doors.telegram.counters[outcome])
        nodes = GaugeMetricFamily("dvic_nodes", "Nodes by state.", labels=["state"])
        for state, count in doors.fleet.counts().items():
            nodes.add_metric([state], count)
        alarms = GaugeMetricFamily("dvic_alarms_open", "Alarms that are not cleared, by severity.",
                                   labels=["severity"])
        for severity, count in doors.alarms.counts().items():
            alarms.add_metric([severity], count)
        return [
            InfoMetricFamily("dvic_hub", "The hub.", {"version": doors.version}), nodes, heartbeats, alarms, commands,
            GaugeMetricFamily("dvic_start_time_seconds", "When the hub was started.", doors.started),
            GaugeMetricFamily("dvic_agents_connected", "Agents that hold a WebSocket.", doors.agents.count()),
            GaugeMetricFamily("dvic_runs_active", "Runs that have not ended.", self._runs_active),
            GaugeMetricFamily("dvic_stream_subscribers", "Subscribers of live events.", doors.live.subscribers),
            GaugeMetricFamily("dvic_stomp_connections", "STOMP connections.", len(doors.stomp.connections)),
            GaugeMetricFamily("dvic_stream_groups", "Different subscriptions among them.", doors.live.groups),
            CounterMetricFamily("dvic_stream_delivered", "Events handed to subscribers.", live.delivered),
            CounterMetricFamily("dvic_stream_missed", "Events that slow subscribers missed.", live.missed),
            CounterMetricFamily("dvic_stream_frames", "Frames handed to subscribers.", live.frames),
            CounterMetricFamily("dvic_stream_ended", "Subscribers that were ended: slow, gone, stopping.", live.ended),
            CounterMetricFamily("dvic_ingest_records", "Records stored.", doors.ingest.records),
            CounterMetricFamily("dvic_ingest_batches", "Batches stored.", doors.ingest.batches),
            CounterMetricFamily("dvic_ingest_refused", "Batches that began at another cursor.", doors.ingest.refused),
            CounterMetricFamily("dvic_ingest_malformed", "Batches that were none.", doors.ingest.malformed),
            CounterMetricFamily("dvic_step_events", "Events applied to services' steps.", doors.cycles.events),
            CounterMetricFamily("dvic_step_events_stray", "Those of services that there are not.", doors.cycles.strays),
            *store_metrics(doors.store.stats()),
        ]


def store_metrics(stats: dict[str, float]) -> list[Metric]:
    """The store's numbers: counters by the names that end in _total, gauges otherwise."""
    found: list[Metric] = []
    for name, value in sorted(stats.items()):
        if name.endswith("_total"):
            found.append(CounterMetricFamily(f"dvic_store_{name.removesuffix('_total')}", "Of the store.", value))
        else:
            found.append(GaugeMetricFamily(f"dvic_store_{name}", "Of the store.", value))
    return found
