"""Rollouts as their users see them: REST, roles, the live stream, and agents over real sockets that play a machine."""

import asyncio
import json

import pytest
from api_hub import ApiHub
from probe_debs import make_deb
from served_hub import ADMIN
from updating_agent import UpdatingAgent

from dvic_wire.messages import RunCancel
from dvic_wire.records import run_end, run_step
from dvic_wire.signing import PublicKey
from dvic_wire.tokens import EnrolmentToken

VERSION = "9.1"


class Scene:
    """A hub with a package and agents."""

    def __init__(self, hub: ApiHub):
        self.hub = hub
        self.agents: list[UpdatingAgent] = []

    @property
    def key(self) -> PublicKey:
        return self.hub.doors.identity.public

    async def agent(self, name: str) -> UpdatingAgent:
        text, _ = await self.hub.doors.enrolment.create_token(ttl=60, uses=1, tags={}, note="", actor=ADMIN)
        agent = UpdatingAgent(self.hub.url, self.hub.doors.identity.fingerprint, name=name, agent_version="9.0")
        await agent.enrol(self.hub.http, EnrolmentToken.decode(text))
        await agent.connect(self.hub.http)
        self.agents.append(agent)
        return agent

    async def ask(self, method: str, path: str, who: str = "otto", body: object = None) -> tuple[int, dict]:
        return await self.hub.ask(method, f"/api/v1/{path}", who, body)

    async def until_state(self, id: str, wanted: str) -> dict:
        for _ in range(400):
            _, shown = await self.ask("GET", f"rollouts/{id}", "vera")
            if shown["state"] == wanted:
                return shown
            await asyncio.sleep(0.05)
        raise AssertionError(f"not {wanted}: {shown}")


def played(test, tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", VERSION)

    async def run():
        async with asyncio.timeout(60), ApiHub(tmp_path) as hub:
            scene = Scene(hub)
            status, _ = await hub.ask("POST", "/api/v1/releases", "ada", deb.read_bytes())
            assert status == 201
            try:
                await test(scene)
            finally:
                for agent in scene.agents:
                    await agent.close()

    asyncio.run(run())


def test_agents_are_updated_over_their_sockets_and_the_stream_tells_of_each_step(tmp_path):
    async def test(scene):
        ada, bob = [await scene.agent(name) for name in ("ada", "bob")]
        socket = await scene.hub.http.ws_connect(f"{scene.hub.url}/api/v1/stream", headers=scene.hub.headers("vera"))
        await socket.send_json({"subscribe": [{"kinds": ["rollout"]}]})
        assert (await socket.receive_json())["kind"] == "subscribed"
        status, plan = await scene.ask("POST", "rollouts/plan", body={"selector": "all", "canary": "1", "soak": 0})
        assert status == 200 and plan["version"] == VERSION
        assert [(row["node"], row["wave"], row["from_version"]) for row in plan["nodes"]] == [
            ("ada", 0, "9.0"), ("bob", 1, "9.0")]
        assert (await scene.ask("GET", "rollouts"))[1]["items"] == []
        status, made = await scene.ask("POST", "rollouts", body={"selector": "all", "canary": "1", "soak": 0})
        assert status == 201 and made["state"] == "going"
        await ada.carry_out(scene.hub.http, scene.key, scene.hub.clock())
        await bob.carry_out(scene.hub.http, scene.key, scene.hub.clock())
        done = await scene.until_state(made["id"], "ended")
        assert done["counts"] == {"updated": 2}
        told = []
        while not told or told[-1]["state"] != "ended":
            told += [json.loads(line) for line in (await socket.receive_str()).split("\n")]
        assert all(event["kind"] == "rollout" and event["rollout"] == made["id"] for event in told)
        assert [event["state"] for event in told if event["node"] == "ada"] == [
            "sent", "downloading", "installing", "confirming", "updated"]
        await socket.close()
        assert (await scene.hub.ask("GET", "/api/v1/nodes/ada", "vera"))[1]["agent_version"] == VERSION

    played(test, tmp_path)


def test_what_apt_said_is_the_output_of_the_update_which_is_no_run_unless_asked_for(tmp_path):
    async def test(scene):
        ada = await scene.agent("ada")
        _, made = await scene.ask("POST", "rollouts", body={"selector": "ada"})
        await ada.carry_out(scene.hub.http, scene.key, scene.hub.clock())
        done = await scene.until_state(made["id"], "ended")
        run = done["nodes"][0]["run"]
        assert (await scene.ask("GET", "runs"))[1]["items"] == []
        for kind in ("update", "all"):
            [shown] = (await scene.ask("GET", f"runs?kind={kind}"))[1]["items"]
            assert (shown["id"], shown["kind"], shown["argv"]) == (run, "update", ["update", "dvic-agent", VERSION])
        _, output = await scene.ask("GET", f"runs/{run}/output", "vera")
        assert [(item["stream"], item["text"]) for item in output["items"]] == [
            ("step", f"downloading: {VERSION} from the hub\n"), ("step", "installing: \n"),
            ("out", "Setting up dvic-agent ...\n"), ("step", "confirming: \n"), ("step", "updated: \n")]

    played(test, tmp_path)


def test_a_rollout_is_halted_resumed_and_cancelled_and_the_machine_is_asked_to_stop(tmp_path):
    async def test(scene):
        ada, bob = [await scene.agent(name) for name in ("ada", "bob")]
        _, made = await scene.ask("POST", "rollouts", body={"selector": "all", "batch": "1"})
        run, _ = await ada.take_order(scene.key, scene.hub.clock())
        await ada.tell(run, run_step(2, "downloading"))
        status, halted = await scene.ask("POST", f"rollouts/{made['id']}/halt")
        assert (status, halted["state"], halted["halt_reason"]) == (200, "halted", "halted by otto")
        assert (await scene.ask("POST", f"rollouts/{made['id']}/resume"))[1]["state"] == "going"
        assert (await scene.ask("POST", f"rollouts/{made['id']}/resume"))[1]["code"] == "not-halted"
        assert (await scene.ask("POST", f"rollouts/{made['id']}/cancel"))[1]["state"] == "cancelling"
        assert (await ada.until(RunCancel)).run == run
        await ada.tell(run, run_end(3, "cancelled", reason="cancelled by otto"))
        done = await scene.until_state(made["id"], "ended")
        assert done["counts"] == {"cancelled": 2}
        assert (await scene.ask("POST", f"rollouts/{made['id']}/halt"))[1]["code"] == "rollout-ended"
        _, audit = await scene.hub.ask("GET", "/api/v1/audit?limit=50", "ada")
        actions = {entry["action"] for entry in audit["items"]}
        assert {"rollout.create", "rollout.halt", "rollout.resume", "rollout.cancel", "update.create"} <= actions

    played(test, tmp_path)


def test_a_machine_that_rolls_back_says_why(tmp_path):
    async def test(scene):
        ada = await scene.agent("ada")
        _, made = await scene.ask("POST", "rollouts", body={"selector": "all"})
        run, _ = await ada.take_order(scene.key, scene.hub.clock())
        await ada.tell(run, *(run_step(2, name) for name in ("downloading", "installing", "rolling-back")))
        await ada.tell(run, run_step(3, "rolled-back", "9.0 is back"),
                       run_end(4, "failed", 1, "postinst failed: exit status 1"))
        done = await scene.until_state(made["id"], "ended")
        assert [(row["state"], row["reason"]) for row in done["nodes"]] == [
            ("rolled-back", "postinst failed: exit status 1")]

    played(test, tmp_path)


@pytest.mark.parametrize("who, looks, changes", [("", 401, 401), ("mallory", 401, 401), ("vera", 200, 403),
                                                 ("otto", 200, 201), ("ada", 200, 201)])
def test_viewers_look_operators_roll_out(tmp_path, who, looks, changes):
    async def test(scene):
        await scene.agent("ada")
        assert (await scene.ask("GET", "rollouts", who))[0] == looks
        status, made = await scene.ask("POST", "rollouts", who, {"selector": "all"})
        assert status == changes
        if status == 201:
            return
        assert (await scene.ask("POST", "rollouts/plan", who, {"selector": "all"}))[0] == changes
        for action in ("halt", "resume", "cancel"):
            assert (await scene.ask("POST", f"rollouts/any/{action}", who))[0] == changes

    played(test, tmp_path)


@pytest.mark.parametrize("body, status, field", [
    ({"selector": "nobody"}, 400, "selector"), ({"selector": "all", "canary": "0"}, 400, "canary"),
    ({"selector": "all", "batch": "101%"}, 400, "batch"), ({"selector": "all", "confirm": 5}, 400, "confirm"),
    ({"selector": "all", "soak": -1}, 400, "soak"), ({"selector": "all", "version": "7"}, 404, ""),
    ({"selector": "tag:"}, 400, "selector"), ({"selector": "all", "force": True}, 400, "force")])
def test_what_cant_be_rolled_out_is_refused_and_says_why(tmp_path, body, status, field):
    async def test(scene):
        await scene.agent("ada")
        for path in ("rollouts", "rollouts/plan"):
            got, problem = await scene.ask("POST", path, body=body)
            assert got == status and problem["detail"] and problem.get("field", "") == field
        assert (await scene.ask("GET", "rollouts"))[1]["items"] == []

    played(test, tmp_path)


def test_a_device_is_refused_and_an_unknown_rollout_is_not_found(tmp_path):
    async def test(scene):
        await scene.hub.ask("POST", "/api/v1/nodes", "ada", {"name": "scale", "generate": True})
        _, made = await scene.ask("POST", "rollouts", body={"selector": "all"})
        done = await scene.until_state(made["id"], "ended")
        assert done["counts"] == {"refused": 1} and "no agent" in done["nodes"][0]["reason"]
        for method, path in (("GET", "rollouts/nothing"), ("POST", "rollouts/nothing/halt"),
                             ("POST", "rollouts/nothing/resume"), ("POST", "rollouts/nothing/cancel")):
            assert (await scene.ask(method, path))[0] == 404

    played(test, tmp_path)
