"""Nobody is told of what happens in a silence, neither in it nor after it; what is still wrong then is told once."""

from dvic_hub.domain.alarm_model import RAISED, Alarm
from dvic_hub.domain.silences import SilenceOrder
from dvic_hub.services.quiet import QuietService
from dvic_hub.services.silences import SilenceService

from hub_parts import OPERATOR, with_hub  # isort: skip


def alarm(id: str, node: str) -> Alarm:
    return Alarm(id, "node-silent", f"node:{node}", "critical", "silent", raised=1, changed=1, node=node)


async def parts(hub) -> tuple[QuietService, SilenceService]:
    silences = SilenceService(hub.store, hub.bus, hub.fleet, hub.audit, hub.clock)
    await silences.start()
    return QuietService(hub.store.alarms, hub.bus, hub.fleet, silences, hub.clock), silences


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
