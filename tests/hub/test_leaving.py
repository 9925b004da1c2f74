"""Nodes that go: removed, revoked, or by their owner's will. What their machines are told, and that nobody else is."""

import time
from dataclasses import dataclass

import pytest
from served_hub import ADMIN, ServedHub, with_served_hub
from simulated_agent import Declined, SimulatedAgent

from dvic_wire.messages import Leave, Refused
from dvic_wire.signing import PrivateKey, Purpose, sign, verify


def test_a_removed_node_is_told_to_leave_now_and_whenever_it_comes_again(tmp_path):
    async def test(hub):
        ada, off = await hub.agent("ada"), await hub.agent("off")
        await off.close()
        for agent, reason in ((ada, "went to the museum"), (off, "")):
            await hub.doors.enrolment.remove(agent.id, ADMIN, reason)
        assert left(hub, ada, await ada.receive()) == (ADMIN.name, "went to the museum")
        told = await ada.receive()
        assert (told.code, told.retry > 60, "went to the museum" in told.reason) == ("removed", True, True)
        for agent, reason in ((ada, "went to the museum"), (off, "")):
            again = hub.again(agent)
            with pytest.raises(Declined) as declined:
                await again.connect(hub.http)
            assert left(hub, agent, declined.value.args[0]) == (ADMIN.name, reason)
            assert (await again.receive()).code == "removed"
        status, body = await hub.post("enroll", {"request": ada.enrolment(await hub.token())})
        assert (status, body["code"]) == (403, "key-forbidden")
    with_served_hub(tmp_path, test)


def left(hub: ServedHub, agent: SimulatedAgent, message: Leave) -> tuple[str, str]:
    """By whom and why, as a machine reads it that has no clock."""
    claims = verify(message.jws, hub.doors.identity.public, Purpose.LEAVE, audience=agent.id, now=None)
    assert claims["iss"] == hub.doors.identity.fingerprint
    return claims["by"], claims["reason"]


@dataclass
class Impostor(SimulatedAgent):
    """Has a key of its own, and calls itself by another's id."""

    called: str = ""

    @property
    def id(self) -> str:
        return self.called


def test_that_a_node_was_removed_is_told_to_nobody_but_that_node(tmp_path):
    async def test(hub):
        ada = await hub.agent("ada")
        await hub.doors.enrolment.remove(ada.id, ADMIN, "secret reason")
        mallory = Impostor(ada.url, ada.hub, called=ada.id)
        with pytest.raises(Declined) as declined:
            await mallory.connect(hub.http)
        assert declined.value.args[0] == Refused("signature", "the proof does not hold")
    with_served_hub(tmp_path, test)


def test_a_machine_leaves_by_its_own_signature_and_no_other(tmp_path):
    async def test(hub):
        ada, eve = await hub.agent("ada"), await hub.agent("eve")

        def request(key: PrivateKey = ada.key, *, now=0.0, purpose: Purpose = Purpose.NODE_LEAVE, **changes) -> dict:
            claims = {"iss": ada.id, "aud": ada.hub, "nonce": "n" * 22, "reason": "sold", **changes}
            return {"request": sign(key, purpose, claims, now=now or time.time(), ttl=300)}

        for wrong, code in ((request(eve.key), "signature"), (request(aud="another"), "signature"),
                            (request(purpose=Purpose.NODE_PROOF), "signature"), (request(now=1000.0), "clock"),
                            (request(iss="n-aaaaaaaaaaaaaaaaaaaa"), "unknown"), (request(iss=7), "unknown"),
                            ({"request": "x"}, "malformed")):
            assert (await hub.post("leave", wrong))[1]["code"] == code
        assert hub.doors.agents.connected(ada.id)

        for _ in range(2):
            status, body = await hub.post("leave", request())
            assert status == 200 and left(hub, ada, Leave(body["leave"])) == ("its owner", "sold")
        assert (await ada.receive()).code == "revoked"
        row = hub.doors.fleet.node(ada.id)
        assert row.revoked and row.status == "left: sold"
        assert [entry.actor for entry in (await hub.doors.audit.list(10, action="node.revoke")).items] == ["node ada"]
        await hub.doors.enrolment.remove(ada.id, ADMIN)
        assert (await hub.post("leave", request()))[0] == 200, "and after it was removed as well"
    with_served_hub(tmp_path, test)
