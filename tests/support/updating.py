"""A machine's side of self-update, played over the services of hub_parts: steps, ends, and agents that come back."""

from dataclasses import dataclass, field

from batches import message
from hub_parts import HUB_KEY, NEWEST, OPERATOR, HubParts, Line

from dvic_hub.domain.model import Node, Rollout
from dvic_hub.domain.rollout import RolloutOrder
from dvic_hub.services.ingest import IngestService
from dvic_wire.messages import RunReply, UpdateConfirm
from dvic_wire.records import run_end, run_output, run_step
from dvic_wire.signing import Purpose, verify


@dataclass(eq=False)
class Machine:
    """A node whose agent is connected over `line`."""

    hub: HubParts
    node: Node
    line: Line
    cursors: dict[str, int] = field(default_factory=dict)

    @property
    def run(self) -> str:
        """The update that it was asked for last; "" when it was asked for none."""
        return next(reversed(self.line.requests()), "")

    async def say(self, *records: dict, run: str = "") -> None:
        """Records of the update's stream arrive at the hub."""
        run = run or self.run
        at = self.cursors.get(run, 0)
        self.cursors[run] = at + 1
        data = message(f"run:{run}", list(records), str(at) if at else "", str(at + 1), source="run")
        await IngestService(self.hub.store, self.hub.bus).commit(self.node.id, data)

    async def accept(self) -> str:
        await self.hub.runs.on_reply(self.node.id, RunReply(self.run, "running"))
        return self.run

    async def steps(self, *names: str, run: str = "") -> None:
        now = int(self.hub.clock() * 1e6)
        await self.say(*(run_step(now, name, f"{name} now") for name in names), run=run)

    async def end(self, state: str, reason: str = "", run: str = "") -> None:
        await self.say(run_output(0, "out", b"apt\n"), run_end(int(self.hub.clock() * 1e6), state, 0, reason), run=run)

    async def disconnect(self) -> None:
        await self.hub.leave(self.node, self.line)

    async def come_back(self, version: str) -> Line:
        """Another agent process connects, of this version."""
        await self.disconnect()
        self.line = await self.hub.connect(self.node, Line(instance=f"i-{version}"), version)
        return self.line

    def words(self) -> list[dict]:
        """The claims of the hub's words over the present connection."""
        return [verify(each.jws, HUB_KEY.public, Purpose.UPDATE_CONFIRM, audience=self.node.id, now=self.hub.clock())
                for each in self.line.sent if isinstance(each, UpdateConfirm)]

    async def update(self, version: str = NEWEST) -> None:
        """All goes well, from the request to the end."""
        run = await self.accept()
        await self.steps("downloading", "installing", run=run)
        await self.come_back(version)
        await self.steps("confirming", run=run)
        await look(self.hub)
        assert self.words(), "the hub gave no word"
        await self.steps("updated", run=run)
        await self.end("finished", run=run)
        await look(self.hub)

    async def roll_back(self, why: str = "no word of the hub within 180 s") -> None:
        run = await self.accept()
        await self.steps("downloading", "installing", "confirming", "rolling-back", "rolled-back", run=run)
        await self.end("failed", why, run=run)
        await look(self.hub)


def asked(machines: list[Machine]) -> list[str]:
    """Names of the machines that were asked to update over their present connection."""
    return [machine.node.name for machine in machines if machine.run]


async def fleet(hub: HubParts, count: int, connected: int | None = None) -> list[Machine]:
    """Nodes n00, n01 ... with agents of version 0.1, of which the first `connected` are connected."""
    machines = []
    for number in range(count):
        node = await hub.node(number, f"n{number:02}", agent_version="0.1")
        machines.append(Machine(hub, node, Line()))
        if connected is None or number < connected:
            await hub.connect(node, machines[-1].line)
    return machines


def order(selector: str = "all", **changes: object) -> RolloutOrder:
    return RolloutOrder(selector, **changes)


async def begun(hub: HubParts, **changes: object) -> Rollout:
    """A rollout that was looked at once."""
    rollout = await hub.rollouts.create(order(**changes), OPERATOR)
    await look(hub)
    return rollout


async def look(hub: HubParts, times: int = 3) -> None:
    """The hub's loops come round, without time passing."""
    for _ in range(times):
        await hub.runs.tick(hub.clock())
        await hub.rollouts.tick(hub.clock())


async def keep_alive(hub: HubParts, machines: list[Machine], seconds: float) -> None:
    """Time passes, and these machines send their keepalives."""
    end = hub.clock.now + seconds
    while hub.clock.now < end:
        for machine in machines:
            hub.fleet.heard(machine.node.id, last_seen=int(hub.clock.now * 1e6))
        await hub.pass_time(min(5.0, end - hub.clock.now), 5.0)


async def states(hub: HubParts, rollout: Rollout) -> dict[str, str]:
    """Each node's state by its name; a node that is gone by its id."""
    names = {view.id: view.name for view in hub.fleet.views()}
    return {names.get(row.node, row.node): row.state for row in await hub.store.rollouts.nodes(rollout.id)}


async def again(hub: HubParts, rollout: Rollout) -> Rollout:
    """The rollout as it is now."""
    return await hub.store.rollouts.get(rollout.id)
