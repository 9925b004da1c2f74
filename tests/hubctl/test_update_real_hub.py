"""hubctl update with a real hub, as processes; the machines' side is played over real sockets."""

import asyncio
import json
import time

import aiohttp
import pytest
from probe_debs import make_deb
from rig import BIN, Rig, until
from updating_agent import UpdatingAgent

from dvic_wire.records import run_end, run_start, run_step
from dvic_wire.signing import PublicKey
from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.hub

SECONDS = 60


class Lab:
    """A hub that serves dvic-agent 9.1, and agents of version 9.0."""

    def __init__(self, rig: Rig, http: aiohttp.ClientSession):
        self.rig = rig
        self.http = http

    async def agent(self, name: str) -> UpdatingAgent:
        token = EnrolmentToken.decode(await asyncio.to_thread(self.rig.token))
        agent = UpdatingAgent(self.rig.url, token.hub, name=name, agent_version="9.0")
        await agent.enrol(self.http, token)
        await agent.connect(self.http)
        return agent

    async def key(self) -> PublicKey:
        async with self.http.get(f"{self.rig.url}/api/v1/hub-key") as answer:
            return PublicKey.from_jwk((await answer.json())["jwk"])

    async def hubctl(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            str(BIN / "hubctl"), *arguments, env=self.rig.environ, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)


def played(test, tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "9.1")

    async def run(rig):
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as http:
            await test(Lab(rig, http))

    with Rig(tmp_path) as rig:
        rig.start_hub()
        rig.hubctl("release", "add", str(deb))
        asyncio.run(run(rig))


def test_two_nodes_are_updated_one_after_the_other_while_hubctl_watches(tmp_path):
    async def test(lab):
        ada, bob = [await lab.agent(name) for name in ("ada", "bob")]
        watching = await lab.hubctl("update", "all", "--canary", "1", "--soak", "1s", "--yes")
        for agent in (ada, bob):
            await agent.carry_out(lab.http, await lab.key(), time.time())
        _, said = await watching.communicate()
        text = said.decode()
        assert watching.returncode == 0, text
        assert "dvic-agent 9.1 goes to 2 nodes: first to 1, watched for 1s, then to 1." in text
        assert "bob: updated" in text and text.splitlines()[-1] == "2 nodes: 2 updated."
        for agent in (ada, bob):
            await agent.close()
        [rollout] = json.loads(await asyncio.to_thread(lab.rig.hubctl, "updates", "-o", "json"))
        assert rollout["state"] == "ended" and rollout["counts"] == {"updated": 2}
        assert (await asyncio.to_thread(lab.rig.hubctl, "runs", "-o", "json")).strip() == "[]"

    played(test, tmp_path)


def test_an_update_and_who_watches_it_outlive_a_hub_that_is_killed_in_the_middle(tmp_path):
    async def test(lab):
        ada, key = await lab.agent("ada"), await lab.key()
        watching = await lab.hubctl("update", "ada", "--yes")
        run, version = await ada.take_order(key, time.time())
        await ada.tell(run, run_start(1, 99, "root"), run_step(2, "downloading"), run_step(3, "installing"))
        await asyncio.to_thread(until, lambda: json.loads(lab.rig.hubctl("status", "-o", "json"))["streams"],
                                "hubctl watches")
        lab.rig.hub.kill()
        await asyncio.to_thread(lab.rig.start_hub)
        ada.agent_version, ada.instance = version, "another"
        await ada.connect(lab.http)
        await ada.confirmed(run, key, time.time())
        await ada.tell(run, run_step(5, "confirming"), run_step(6, "updated"), run_end(7, "finished", 0))
        _, said = await watching.communicate()
        assert watching.returncode == 0, said.decode()
        assert "Connected again." in said.decode() and said.decode().splitlines()[-1] == "1 node: 1 updated."
        await ada.close()

    played(test, tmp_path)


def test_a_node_that_went_back_makes_the_exit_code_1_and_apt_s_words_are_kept(tmp_path):
    async def test(lab):
        ada, key = await lab.agent("ada"), await lab.key()
        watching = await lab.hubctl("update", "ada", "--yes", "-o", "json")
        run, _ = await ada.take_order(key, time.time())
        await ada.tell(run, *(run_step(2, name) for name in ("downloading", "installing", "rolling-back")),
                       {"time": 3, "err": "dpkg: error processing package dvic-agent\n"}, run_step(4, "rolled-back"),
                       run_end(5, "failed", 1, "postinst failed"))
        out, _ = await watching.communicate()
        assert watching.returncode == 1
        [row] = json.loads(out)["nodes"]
        assert (row["state"], row["reason"], row["run"]) == ("rolled-back", "postinst failed", run)
        shown = await lab.hubctl("runs", "output", run)
        _, errors = await shown.communicate()
        assert "ada ! dpkg: error processing" in errors.decode() and "ada ! rolling-back:" in errors.decode()
        await ada.close()

    played(test, tmp_path)


@pytest.mark.parametrize(("options", "failing", "reason"), [
    (["--halt-on-error"], ["ada"], "1 node failed (ada)"),
    (["--max-failures", "1"], ["ada", "bob"], "2 nodes failed (ada, bob); at most 1 may"),
])
def test_a_rollout_halts_itself_at_the_failure_that_is_one_too_many(tmp_path, options, failing, reason):
    async def test(lab):
        agents = {name: await lab.agent(name) for name in ("ada", "bob", "carl")}
        key = await lab.key()
        watching = await lab.hubctl("update", "all", "--batch", "1", *options, "--yes")
        for name in failing:
            run, _ = await agents[name].take_order(key, time.time())
            await agents[name].tell(run, *(run_step(2, step) for step in ("downloading", "installing", "rolling-back")),
                                    run_step(3, "rolled-back"), run_end(4, "failed", 1, "postinst failed"))
        _, said = await watching.communicate()
        assert watching.returncode == 1
        assert f"Halted: {reason}. Go on all the same: hubctl updates resume" in said.decode()

        [rollout] = json.loads(await asyncio.to_thread(lab.rig.hubctl, "updates", "-o", "json"))
        assert (rollout["state"], rollout["halt_reason"]) == ("halted", reason)
        assert rollout["counts"] == {"rolled-back": len(failing), "pending": 3 - len(failing)}
        await asyncio.to_thread(lab.rig.hubctl, "updates", "resume", rollout["id"])
        following = await lab.hubctl("updates", "show", rollout["id"], "--follow")
        for name in [name for name in agents if name not in failing]:
            await agents[name].carry_out(lab.http, key, time.time())
        await following.communicate()
        assert following.returncode == 1
        [rollout] = json.loads(await asyncio.to_thread(lab.rig.hubctl, "updates", "-o", "json"))
        assert (rollout["state"], rollout["counts"]) == (
            "ended", {"rolled-back": len(failing), "updated": 3 - len(failing)})
        for agent in agents.values():
            await agent.close()

    played(test, tmp_path)
