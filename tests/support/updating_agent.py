"""A simulated agent with a machine behind it that carries updates out as dvic_wire.updates says."""

import asyncio

from simulated_agent import SimulatedAgent

from dvic_wire.messages import Ack, Batch, RunReply, RunRequest, UpdateConfirm
from dvic_wire.records import run_end, run_output, run_start, run_step
from dvic_wire.signing import PublicKey, Purpose, verify
from dvic_wire.updates import read_key_set, read_manifest


class UpdatingAgent(SimulatedAgent):
    """A simulated agent with a machine behind it that carries updates out as dvic_wire.updates says."""

    cursor = 0

    async def until(self, kind: type, seconds: float = 20):
        """The next message of this kind; acknowledgements and others are passed over."""
        async with asyncio.timeout(seconds):
            while not isinstance(message := await self.receive(), kind):
                pass
            return message

    async def tell(self, run: str, *records: dict) -> None:
        start, self.cursor = (str(self.cursor) if self.cursor else ""), self.cursor + 1
        await self.send(Batch(f"run:{run}", start, str(self.cursor), "run", list(records)))
        answer = await self.until(Ack)
        assert answer.stored, answer

    async def take_order(self, hub_key: PublicKey, now: float) -> tuple[str, str]:
        """Verify the order as an executor does; returns run and version."""
        request = await self.until(RunRequest)
        claims = verify(request.jws, hub_key, Purpose.UPDATE, audience=self.id, now=now)
        keys = read_key_set(claims["keys"], hub_key, now=now)
        await self.send(RunReply(request.run, "running"))
        return request.run, read_manifest(claims["manifest"], keys.keys, now=now).version

    async def confirmed(self, run: str, hub_key: PublicKey, now: float) -> None:
        """Wait for the hub's word, and check it as an executor does."""
        word = await self.until(UpdateConfirm)
        claims = verify(word.jws, hub_key, Purpose.UPDATE_CONFIRM, audience=self.id, now=now)
        assert (word.run, claims["jti"], claims["version"]) == (run, run, self.agent_version)

    async def carry_out(self, http, hub_key: PublicKey, now: float) -> None:
        """An update that goes well."""
        run, version = await self.take_order(hub_key, now)
        await self.tell(run, run_start(1, 99, "root"), run_step(2, "downloading", f"{version} from the hub"))
        await self.tell(run, run_step(3, "installing"), run_output(4, "out", b"Setting up dvic-agent ...\n"))
        await self.close()
        self.agent_version, self.instance = version, self.instance + "x"
        await self.connect(http)
        await self.confirmed(run, hub_key, now)
        await self.tell(run, run_step(5, "confirming"), run_step(6, "updated"), run_end(7, "finished", 0))
