"""The hub's services on a store in memory, a clock that tests turn, and lines in place of agents' connections."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from memory_store import MemoryStore

from dvic_hub.bus.local import LocalBus
from dvic_hub.domain.dispatch import RunOrder
from dvic_hub.domain.events import Event, RunChanged
from dvic_hub.domain.model import IncomingBatch, Node, Run
from dvic_hub.domain.people import Actor
from dvic_hub.domain.session import Proved
from dvic_hub.errors import NotFound
from dvic_hub.services.agents import AgentService
from dvic_hub.services.audit import AuditService
from dvic_hub.services.enrolment import EnrolmentService
from dvic_hub.services.rollouts import RolloutService
from dvic_hub.services.run_signing import RunSigner
from dvic_hub.services.runs import RunService
from dvic_hub.services.watch import FleetService
from dvic_wire.messages import Goodbye, Message, RunCancel, RunRequest
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey
from dvic_wire.updates import KeySet, Manifest

NOW = 1_763_632_800.0
ADMIN = Actor("root", "admin", "10.0.0.1")
OPERATOR = Actor("olga", "operator", "10.0.0.2")
HUB_KEY = PrivateKey.from_seed(bytes(32))
SIGNING_KEY = PrivateKey.from_seed(b"s" * 32)
NEWEST = "0.2"
"""The newest version of the agent that the hub serves; nodes have 0.1."""


def key_of(number: int) -> PrivateKey:
    """A node's key, the same in every test."""
    return PrivateKey.from_seed(bytes([number + 1] * 32))


class Clock:
    """Unix seconds that stand still until a test turns them."""

    def __init__(self, now: float = NOW):
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Line:
    """An agent's connection, as services see one. `alive` False: the machine is gone without a word."""

    instance: str = "i-1"
    address: str = "10.0.0.7"
    machine: str = "machine-1"
    alive: bool = True
    sent: list[Message] = field(default_factory=list)
    closed: tuple[str, str] | None = None
    quiet: float = 0.0

    async def send(self, message: Message) -> bool:
        if self.closed is not None:
            return False
        self.sent.append(message)
        await asyncio.sleep(0)
        return True

    async def answers(self) -> bool:
        await asyncio.sleep(0)
        return self.alive and self.closed is None

    async def part(self, message: Goodbye) -> None:
        await self.send(message)
        self.closed = ("", "")

    def quiet_for(self) -> float:
        return self.quiet

    async def close(self, code: str, reason: str, retry: int = 0) -> None:
        self.closed = (code, reason)

    def requests(self) -> list[str]:
        """Ids of the runs that were asked for over this line."""
        return [message.run for message in self.sent if isinstance(message, RunRequest)]

    def cancels(self) -> list[str]:
        return [message.run for message in self.sent if isinstance(message, RunCancel)]


class ServedPackages:
    """The packages of a hub, as rollouts see them: any version is there. `bad`: why manifests don't count."""

    def __init__(self) -> None:
        self.bad = ""

    async def for_rollout(self, package: str, version: str = "") -> tuple[str, Manifest]:
        await asyncio.sleep(0)
        if version == "0":
            raise NotFound(f"the hub serves no {package} 0")
        manifest = Manifest(package, version or NEWEST, "all", 1000, "ab" * 32)
        return manifest.sign(SIGNING_KEY, now=NOW), manifest

    async def why_not(self, manifest: str) -> str:
        await asyncio.sleep(0)
        return self.bad


async def signed_key_set() -> str:
    return KeySet(1, (SIGNING_KEY.public,)).sign(HUB_KEY, now=NOW)


class HubParts:
    """All services of one hub. `restart()` makes them anew over the same store, as after a crash."""

    def __init__(self, *, max_agents: int = 50, steady: Callable[[], float] | None = None):
        self.clock = Clock()
        self.max_agents = max_agents
        self.steady = steady
        self.store = MemoryStore()
        self.key = HUB_KEY
        self.packages = ServedPackages()
        self.events: list[Event] = []
        self._make()

    def _make(self) -> None:
        self.bus = LocalBus()
        self.bus.subscribe(self.events.append)
        self.audit = AuditService(self.store.audit, self.clock)
        self.fleet = FleetService(self.store, self.bus, self.clock)
        self.agents = AgentService(self.store, self.fleet, self.audit, self.key.fingerprint, self.clock,
                                   max_agents=self.max_agents, settings={"keepalive_period": 10})
        signer = RunSigner(self.key, signed_key_set, self.clock)
        self.runs = RunService(self.store, self.bus, self.fleet, self.agents, self.audit, signer, self.clock,
                               max_active=20, steady=self.steady)
        self.rollouts = RolloutService(self.store, self.bus, self.fleet, self.agents, self.audit, self.runs,
                                       self.packages, signer, self.clock)
        self.enrolment = EnrolmentService(self.store, self.fleet, self.agents, self.audit, self.key, "http://hub:8420",
                                          self.clock, max_nodes=20, on_gone=self.runs.on_gone)

    async def start(self) -> "HubParts":
        await self.fleet.start()
        self.runs.start()
        self.rollouts.start()
        return self

    async def stop(self) -> None:
        self.rollouts.stop()
        self.runs.stop()
        await self.fleet.stop()

    async def restart(self) -> None:
        await self.stop()
        self._make()
        await self.start()

    async def node(self, number: int = 0, name: str = "", **changes: object) -> Node:
        """An enrolled node that has been heard of just now."""
        key = key_of(number)
        node = Node(key.public.node_id, name or f"node-{number}", key.public.raw, enrolled=1,
                    **{"last_seen": int(self.clock() * 1e6), "period": 10, **changes})
        await self.store.nodes.add(node)
        await self.fleet.announce(node.id)
        return node

    async def connect(self, node: Node, line: Line | None = None, version: str = "0.1") -> Line:
        """Its agent connects, as api/agent_socket.py does it."""
        line = line or Line()
        await self.agents.attach(node.id, line)
        proved = Proved(node.id, line.instance, version, {"machine_id": line.machine}, 0)
        await self.agents.welcome(proved, line.address)
        self.agents.ready(node.id, line)
        await self.runs.on_connected(node.id)
        self.rollouts.on_connected(node.id)
        return line

    async def leave(self, node: Node, line: Line) -> None:
        """Its connection ends."""
        self.agents.detach(node.id, line)
        await line.close("", "")

    async def pass_time(self, seconds: float, step: float = 10.0) -> None:
        """Turn the clock on and let the hub's loops come round."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            self.fleet.tick(self.clock.now)
            await self.agents.tick(self.clock.now)
            await self.runs.tick(self.clock.now)
            await self.rollouts.tick(self.clock.now)

    def audited(self) -> list[tuple[str, str]]:
        """Action and outcome of every audit entry."""
        return [(entry.action, entry.outcome) for entry in self.store.audit.entries]


def with_hub(test: Callable[[HubParts], Awaitable[None]], **options: object) -> None:
    """Run one asynchronous test with fresh services; `options` are those of HubParts."""

    async def body() -> None:
        hub = await HubParts(**options).start()
        try:
            async with asyncio.timeout(30):
                await test(hub)
        finally:
            await hub.stop()

    asyncio.run(body())


# ---- runs

SPEC = RunSpec(("uname", "-a"), timeout=60)


def order(selector: str = "all", **changes: object) -> RunOrder:
    """An order that is right unless told otherwise."""
    return RunOrder(selector, changes.pop("spec", SPEC), **changes)


async def states(hub: HubParts, run: Run) -> dict[str, str]:
    """Each node's state in a run, by name."""
    names = {view.id: view.name for view in hub.fleet.views()}
    return {names.get(row.node, row.node): row.state for row in await hub.store.runs.nodes(run.id)}


async def ended(hub: HubParts, run: Run) -> bool:
    return bool((await hub.store.runs.get(run.id)).ended)


async def report_end(hub: HubParts, run: Run, node: str, state: str = "finished", code: int = 0) -> None:
    """The node's stream brings the end, as services/ingest.py commits and tells it."""
    end = {"state": state, "exit_code": code, "reason": "", "cut": 0}
    await hub.store.streams.commit(IncomingBatch(node, f"run:{run.id}", "", "1", "run", {}, True, b"[]", 0, 0, 0, 0,
                                                 run_end=end))
    hub.bus.publish(RunChanged(run.id, node, state, end))


async def three(hub: HubParts) -> tuple[list[Node], list[Line]]:
    """Three nodes, n0 to n2, and their connections."""
    nodes = [await hub.node(number, f"n{number}") for number in range(3)]
    return nodes, [await hub.connect(node) for node in nodes]
