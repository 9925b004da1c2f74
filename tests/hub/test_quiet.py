"""Nobody is told of what happens in a silence, neither in it nor after it; what is still wrong then is told once."""

from dvic_hub.domain.alarm_conditions import Finding
from dvic_hub.domain.alarm_defaults import BY_NAME
from dvic_hub.domain.alarm_model import RAISED, Alarm
from dvic_hub.domain.silences import SilenceOrder
from dvic_hub.domain.windows import Window
from dvic_hub.services.alarms import AlarmService
from dvic_hub.services.quiet import RETURNING, QuietService
from dvic_hub.services.silences import SilenceService

from hub_parts import OPERATOR, with_hub  # isort: skip


def alarm(id: str, node: str) -> Alarm:
    return Alarm(id, "node-silent", f"node:{node}", "critical", "silent", raised=1, changed=1, node=node)


async def parts(hub) -> tuple[QuietService, SilenceService]:
    silences = SilenceService(hub.store, hub.bus, hub.fleet, hub.audit, hub.clock)
    await silences.start()
    alarms = AlarmService(hub.store.alarms, hub.bus, hub.fleet, hub.audit, 90, hub.clock)
    return QuietService(hub.store.alarms, alarms, hub.fleet, silences, hub.clock), silences


def test_only_alarms_of_silenced_nodes_are_quiet_and_it_is_said_why():
    async def test(hub):
        ada, bob = await hub.node(0, "ada"), await hub.node(1, "bob")
        quiet, silences = await parts(hub)
        made = await silences.add(SilenceOrder("ada", 3600, reason="they move it"), OPERATOR)
        verdict = quiet.verdict(alarm("a1", ada.id), hub.clock())
        assert (verdict.why, verdict.until) == ("olga: they move it", made.until)
        assert quiet.verdict(alarm("a2", bob.id), hub.clock()) is None
        assert quiet.verdict(alarm("a3", ""), hub.clock()) is None, "of no node"
        assert quiet.verdict(alarm("a4", "n-gone"), hub.clock()) is None

    with_hub(test)


def test_what_is_still_wrong_when_it_ends_is_told_once_and_what_ended_in_it_never():
    async def test(hub):
        ada = await hub.node(0, "ada")
        quiet, silences = await parts(hub)
        await silences.add(SilenceOrder("ada", 3600), OPERATOR)
        store = hub.store.alarms
        lasting, passing = alarm("a1", ada.id), alarm("a2", ada.id)
        await store.begin([lasting], 9)
        await store.begin([Alarm(**{**vars(passing), "rule": "disk"})], 9)
        flips = await store.unclaimed(9)
        assert await store.claim(flips, [], 2, ["a1", "a2"])
        await store.clear(["a2"], 3)
        await store.claim(await store.unclaimed(9), [], 4)
        await quiet.tick()
        assert await store.unclaimed(9) == [], "it lasts"
        hub.clock.now += 3601
        await silences.tick()
        await quiet.tick()
        await quiet.tick()
        assert [(flip.alarm, flip.kind) for flip in await store.unclaimed(9)] == [("a1", RAISED)]
        assert not (await store.get("a1")).silenced

    with_hub(test)


def test_what_happened_in_a_silence_is_quiet_also_when_it_is_looked_at_after_its_end():
    async def test(hub):
        ada = await hub.node(0, "ada")
        quiet, silences = await parts(hub)
        begun = hub.clock.now
        made = await silences.add(SilenceOrder("ada", 3600), OPERATOR)
        hub.clock.now += 600
        await silences.end(made.id, OPERATOR)
        hub.clock.now += 600
        one = alarm("a1", ada.id)
        assert quiet.verdict(one, begun + 599) and not quiet.verdict(one, begun + 600)
        assert not quiet.verdict(one, begun - 1) and not quiet.verdict(one, hub.clock())

    with_hub(test)


def test_a_window_that_ended_just_before_a_restart_still_keeps_quiet_what_was_in_it():
    async def test(hub):
        ada = await hub.node(0, "ada")
        await hub.store.silences.put_window(Window("w", "ada", 3600, begin=int(hub.clock() * 1e6)), 9)
        began = hub.clock.now
        hub.clock.now += 3700
        quiet, _ = await parts(hub)
        assert quiet.verdict(alarm("a1", ada.id), began + 3599)
        assert not quiet.verdict(alarm("a1", ada.id), began + 3601)

    with_hub(test)


def test_behind_a_silent_gateway_nothing_is_raised_until_it_is_back_for_a_while():
    async def test(hub):
        gateway, disk = await hub.node(0, "gw"), await hub.node(1, "disk", tags={"behind": "gw"})
        quiet, _ = await parts(hub)
        finding, rule = Finding(f"node:{disk.id}", "disk is silent", node=disk.id), BY_NAME["node-silent"]
        hub.clock.now += 100
        assert quiet.explains(finding, rule, hub.clock())
        assert not quiet.explains(Finding(f"node:{gateway.id}", "", node=gateway.id), rule, hub.clock())
        assert not quiet.explains(finding, BY_NAME["disk-high"], hub.clock()), "what it measured is its own"
        hub.fleet.heard(gateway.id, last_seen=int(hub.clock() * 1e6))
        assert quiet.explains(finding, rule, hub.clock.now + RETURNING - 1), "it may be on its way"
        hub.clock.now += RETURNING
        hub.fleet.heard(gateway.id, last_seen=int(hub.clock() * 1e6))
        assert not quiet.explains(finding, rule, hub.clock())

    with_hub(test)
