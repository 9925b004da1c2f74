"""hubctl alarms and hubctl rules, against a whole hub in this process."""

import asyncio
import json

from api_hub import ApiHub

from dvic_hub.domain.alarm_conditions import Finding


def with_hub(tmp_path, stranger, test):
    """`test(hub, hubctl)`; hubctl(...) runs it to its end beside the hub, signed in as ada (admin)."""
    async def steps():
        async with ApiHub(tmp_path) as hub:
            program = stranger.signed_in(hub.url, hub.tokens["ada"])

            async def hubctl(*arguments, code=0):
                done = await asyncio.to_thread(program, *arguments)
                assert done.returncode == code, done.stderr
                return done.stdout if done.stdout else done.stderr

            hubctl.start = program.start
            await test(hub, hubctl)

    asyncio.run(steps())


async def raise_alarm(hub, rule, name):
    """An alarm of a node, as its rule's watch raises it."""
    node = await hub.new_node(name)
    [alarm] = await hub.doors.alarms.begin(hub.doors.rules.get(rule).rule, [
        Finding(f"node:{node.id}", f"{name} is silent \x1b[31m", "5", node.id)])
    return alarm


def test_alarms_are_listed_looked_at_and_acknowledged(tmp_path, stranger):
    async def test(hub, hubctl):
        assert "No alarm is open" in await hubctl("alarms")
        silent, busy = await raise_alarm(hub, "node-silent", "web-1"), await raise_alarm(hub, "cpu-busy", "web-2")
        rows = (await hubctl("alarms")).splitlines()
        assert rows[0].split() == ["ID", "SEVERITY", "STATE", "SINCE", "ABOUT", "SUMMARY"] and len(rows) == 3
        assert "web-1 is silent" in rows[2] and "critical" in rows[2] and "\x1b" not in rows[2]
        assert await hubctl("alarms", "ls", "--severity", "critical", "-o", "name") == f"{silent.id}\n"
        assert json.loads(await hubctl("alarms", "ls", "--node", "web-2", "-o", "json"))[0]["id"] == busy.id
        assert f"Acknowledged by ada: {silent.summary}" in await hubctl("alarms", "ack", silent.id[-8:])
        shown = await hubctl("alarms", "show", silent.id)
        assert "acknowledged by ada" in shown and "raised" in shown
        assert f"Acknowledged by ada: {busy.summary}" in await hubctl("alarms", "ack", "--all")
        await hub.doors.alarms.clear("node-silent", {silent.subject: "it was found"})
        assert "it was found" in await hubctl("alarms", "show", silent.id)
        assert await hubctl("alarms", "ls", "-o", "name") == f"{busy.id}\n"
        assert len(json.loads(await hubctl("alarms", "ls", "--all", "-o", "json"))) == 2
        assert "hubctl alarms" in await hubctl("alarms", "ack", silent.id, code=4)
        await hubctl("alarms", "ack", code=2)
        await hubctl("alarms", "ack", "nothing", code=4)

    with_hub(tmp_path, stranger, test)


def test_alarms_are_followed_from_how_things_stand_on(tmp_path, stranger):
    async def test(hub, hubctl):
        silent = await raise_alarm(hub, "node-silent", "web-1")
        process = hubctl.start("alarms", "ls", "-f", "-o", "jsonl", "--severity", "warning")

        async def told():
            line = json.loads(await asyncio.to_thread(process.stdout.readline))
            return line["id"], line["state"], line["node"]

        assert await told() == (silent.id, "raised", "web-1")
        await raise_alarm(hub, "run-failed", "web-2")
        busy = await raise_alarm(hub, "cpu-busy", "web-3")
        assert await told() == (busy.id, "raised", "web-3"), "what is less severe is passed over"
        await hub.doors.alarms.clear("node-silent", {silent.subject: ""})
        assert await told() == (silent.id, "cleared", "web-1")

    with_hub(tmp_path, stranger, test)


def test_rules_are_listed_explained_changed_switched_and_reset(tmp_path, stranger):
    async def test(hub, hubctl):
        rows = (await hubctl("rules")).splitlines()
        assert rows[0].split() == ["RULE", "ON", "SEVERITY", "OPEN", "KIND", "NODES", "SETTINGS"] and len(rows) == 20
        assert "disk-full" in await hubctl("rules", "kinds")
        await hubctl("rules", "set", "disk-high", "above=85", "clear=80", "--selector", "tag:room=lab")
        shown = json.loads(await hubctl("rules", "show", "disk-high", "-o", "json"))
        assert shown["settings"] == {"metric": "disk.*.percent", "above": 85, "clear": 80, "seconds": 60}
        assert shown["selector"] == "tag:room=lab"
        assert "by ada" in await hubctl("rules", "show", "disk-high")
        await hubctl("rules", "set", "disk-high", "clear=")
        assert "clear" not in hub.doors.rules.get("disk-high").rule.settings
        await hubctl("rules", "off", "disk-high")
        assert not hub.doors.rules.get("disk-high").rule.on
        await hubctl("rules", "on", "disk-high")
        assert hub.doors.rules.get("disk-high").rule.on
        await hubctl("rules", "reset", "disk-high")
        assert hub.doors.rules.get("disk-high").origin == "default"

    with_hub(tmp_path, stranger, test)


def test_rules_are_made_and_removed_and_mistakes_are_named(tmp_path, stranger):
    async def test(hub, hubctl):
        await hubctl("rules", "add", "oom", "--kind", "log", "pattern=Out of memory", "count=2",
                     "--severity", "critical")
        rule = hub.doors.rules.get("oom").rule
        assert (rule.severity, rule.settings["pattern"], rule.settings["count"]) == ("critical", "Out of memory", 2)
        assert "there is a rule oom" in await hubctl("rules", "add", "oom", "--kind", "log", code=2)
        assert "no kind" in await hubctl("rules", "add", "x", "--kind", "logs", code=2)
        assert "count is a number" in await hubctl("rules", "set", "oom", "count=many", code=2)
        assert "did you mean count" in await hubctl("rules", "set", "oom", "coumt=2", code=2)
        await hubctl("rules", "set", "oom", code=2)
        await hubctl("rules", "rm", "oom", "--yes")
        assert "hubctl rules" in await hubctl("rules", "rm", "cpu-busy", "--yes", code=4)
        await hubctl("rules", "show", "oom", code=4)

    with_hub(tmp_path, stranger, test)
