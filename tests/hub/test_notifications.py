"""People are told by real servers, whatever of it fails and whenever the hub is killed; time is turned by the tests."""

import asyncio

import pytest
from hub_parts import ADMIN
from mail_server import MailServer
from telegram_stand_in import TelegramStandIn
from telling_parts import TellingParts

from dvic_hub.domain.routes import Route
from dvic_hub.errors import BadRequest, NotFound
from dvic_hub.services.deliveries import MAYBE

HOUR = 3600


def told(scene, tmp_path, **options):
    """Play a scene with a mail server, Telegram, and a channel to each."""

    async def run():
        async with asyncio.timeout(60), MailServer(tmp_path) as server, TelegramStandIn() as telegram:
            async with TellingParts(tmp_path, server.authority, **options) as parts:
                await parts.mail(server)
                await parts.telegram(telegram)
                await scene(parts, server, telegram)

    asyncio.run(run())


def texts(telegram) -> list[str]:
    return [message["text"].splitlines()[0] for message in telegram.messages]


def subjects(server) -> list[str]:
    return [letter.message["Subject"] for letter in server.letters]


def test_one_failure_is_one_mail_and_one_message_and_one_recovery_of_each(tmp_path):
    async def scene(parts, server, telegram):
        await parts.raise_alarm("ada")
        await parts.pass_time(2)
        assert subjects(server) == texts(telegram) == ["[critical] ada is silent"]
        await parts.pass_time(60)
        await parts.clear("ada")
        await parts.pass_time(60)
        assert subjects(server) == texts(telegram) == ["[critical] ada is silent", "[recovered] ada is silent"]
        first, second = server.letters
        assert first.message["References"] == second.message["References"], "mail programs show them as one"
        assert {row.state for row in await parts.rows()} == {"sent"} and len(await parts.rows()) == 4

    told(scene, tmp_path)


def test_ten_at_once_are_one_message_and_one_recovery(tmp_path):
    async def scene(parts, server, telegram):
        for number in range(10):
            await parts.raise_alarm(f"n{number}")
        await parts.pass_time(2)
        await parts.clear(*(f"n{number}" for number in range(10)))
        await parts.pass_time(2)
        assert subjects(server) == ["[critical] 10 alarms: node-silent", "[recovered] 10 alarms: node-silent"]
        assert len(texts(telegram)) == 2 and "n9 is silent" in telegram.messages[0]["text"]

    told(scene, tmp_path)


def test_a_mail_server_that_is_down_for_an_hour_loses_and_doubles_nothing_and_holds_up_nobody(tmp_path):
    async def scene(parts, server, telegram):
        await server.close()
        for number in range(4):
            await parts.raise_alarm(f"n{number}", subject=f"node:{number}", severity="warning")
            await parts.pass_time(15 * 60, step=30)
        assert len(texts(telegram)) == 4, "Telegram did not wait"
        rows = await parts.waiting()
        assert [row.channel for row in rows] == ["mail"] * 4
        assert all(f"127.0.0.1:{server.port}" in row.error for row in rows if row.attempts), "its result is visible"
        assert sum(row.attempts for row in rows) < 60, "a server that is down is asked more and more rarely"
        await server.listen()
        await parts.pass_time(10 * 60, step=30)
        assert sorted(subjects(server)) == [f"[warning] n{number} is silent" for number in range(4)]
        assert await parts.waiting() == []

    told(scene, tmp_path)


def test_what_never_goes_out_is_given_up_after_a_day_and_said_so(tmp_path):
    async def scene(parts, server, telegram):
        await server.close()
        await parts.raise_alarm("ada", severity="warning")
        await parts.pass_time(25 * HOUR, step=HOUR)
        [row] = await parts.rows(channel="mail")
        assert row.state == "given-up" and f"127.0.0.1:{server.port}" in row.error

    told(scene, tmp_path)


def test_telegram_is_asked_again_when_it_asked_to_be(tmp_path):
    async def scene(parts, server, telegram):
        telegram.throttle(retry_after=90)
        await parts.raise_alarm("ada")
        await parts.pass_time(80)
        assert texts(telegram) == [] and len(await telegram.called("sendMessage")) == 1
        assert "retry after 90" in (await parts.rows(channel="chat"))[0].error
        await parts.pass_time(20)
        assert texts(telegram) == ["[critical] ada is silent"] and len(await telegram.called("sendMessage", 2)) == 2

    told(scene, tmp_path)


def test_a_channel_that_hangs_holds_up_no_other(tmp_path):
    async def scene(parts, server, telegram):
        telegram.hold()
        await parts.raise_alarm("ada")
        parts.clock.now += 2
        await parts.turn()
        await telegram.called("sendMessage")
        assert (await server.next_letter()).message["Subject"] == "[critical] ada is silent"
        await parts.raise_alarm("bob")
        for _ in range(20):
            parts.clock.now += 1
            await parts.turn()
        assert (await server.next_letter()).message["Subject"] == "[critical] bob is silent"
        assert len(telegram.calls) == 1, "the hanging channel has one try under way and no more"
        telegram.let_go()
        await parts.pass_time(2)
        assert texts(telegram) == ["[critical] ada is silent", "[critical] bob is silent"]

    told(scene, tmp_path)


def test_a_hub_killed_after_claiming_sends_what_waits_once(tmp_path):
    async def scene(parts, server, telegram):
        await server.close()
        await parts.raise_alarm("ada")
        await parts.pass_time(2)
        await server.listen()
        await parts.crash()
        await parts.pass_time(60)
        assert subjects(server) == ["[critical] ada is silent"] and texts(telegram) == ["[critical] ada is silent"]

    told(scene, tmp_path)


def test_a_hub_killed_before_claiming_tells_it_after_its_start(tmp_path):
    async def scene(parts, server, telegram):
        await parts.raise_alarm("ada")
        await parts.crash()
        await parts.pass_time(2)
        assert len(subjects(server)) == len(texts(telegram)) == 1

    told(scene, tmp_path)


def test_a_hub_killed_while_a_server_hangs_before_the_message_sends_it_once(tmp_path):
    async def scene(parts, server, telegram):
        server.hold()
        await parts.raise_alarm("ada")
        parts.clock.now += 2
        await parts.turn()
        await server.connected()
        await parts.crash()
        server.let_go()
        await parts.pass_time(60)
        assert subjects(server) == ["[critical] ada is silent"]

    told(scene, tmp_path)


def test_a_hub_killed_while_a_message_is_handed_over_says_so_and_sends_it_no_second_time(tmp_path):
    async def scene(parts, server, telegram):
        telegram.hold()
        await parts.raise_alarm("ada", severity="warning")
        parts.clock.now += 2
        await parts.turn()
        await telegram.called("sendMessage")
        while (await parts.rows(channel="mail"))[0].state != "sent":
            await asyncio.sleep(0.01)  # else the mail would be one of those that may not have arrived, too
        await parts.crash()
        telegram.let_go()
        await parts.pass_time(60)
        [row] = await parts.rows(channel="chat")
        assert (row.state, row.error) == ("unknown", MAYBE) and len(telegram.calls) == 1
        await parts.pass_time(300, step=10)
        assert texts(telegram)[-1] == "[still warning] ada is silent", "what may not have arrived is not forgotten"
        assert texts(telegram).count("[still warning] ada is silent") == 1
        assert subjects(server) == ["[warning] ada is silent"], "whoever knows of it is not told again"

    told(scene, tmp_path)


def test_of_several_chats_a_killed_hub_goes_on_with_those_that_are_left(tmp_path):
    async def scene(parts, server, telegram):
        telegram.chats = {"42", "43"}
        await parts.telegram(telegram)
        telegram.hold()
        await parts.raise_alarm("ada")
        parts.clock.now += 2
        await parts.turn()
        await telegram.called("sendMessage")
        await parts.crash()
        telegram.messages.clear()
        telegram.let_go()
        await parts.pass_time(5)
        assert "43" in [message["chat_id"] for message in telegram.messages]
        assert sum(call["chat_id"] == "42" for _, call in telegram.calls) == 1
        [row] = await parts.rows(channel="chat")
        assert row.state == "sent" and row.error == MAYBE

    told(scene, tmp_path)


def test_what_is_critical_is_told_again_until_somebody_acknowledges(tmp_path):
    async def scene(parts, server, telegram):
        await parts.raise_alarm("ada")
        await parts.pass_time(9 * HOUR, step=60)
        assert subjects(server) == ["[critical] ada is silent", *["[still critical] ada is silent"] * 2]
        await parts.store.alarms.acknowledge(["ada"], "olga", parts.now())
        await parts.pass_time(9 * HOUR, step=60)
        assert len(subjects(server)) == 3

    told(scene, tmp_path)


def test_what_comes_and_goes_is_told_more_and_more_rarely(tmp_path):
    async def scene(parts, server, telegram):
        for number in range(60):
            await parts.raise_alarm(f"a{number}", subject="node:ada")
            await parts.pass_time(15)
            await parts.clear(f"a{number}")
            await parts.pass_time(15)
        assert 4 <= len(subjects(server)) < 20, "of 120 changes within half an hour"
        await parts.pass_time(HOUR, step=10)
        assert subjects(server)[-1].startswith("[recovered]"), "how it ended is told"

    told(scene, tmp_path)


def test_mail_of_a_service_that_is_switched_off_stays_away_and_nobody_else_is_affected(tmp_path):
    async def scene(parts, server, telegram):
        parts.muted = {"sat": frozenset({"email"})}
        await parts.raise_alarm("a1", service="sat", rule="step-error")
        await parts.raise_alarm("a2", service="other", rule="step-error")
        await parts.pass_time(2)
        assert subjects(server) == ["[critical] a2 is silent"]
        assert sorted(texts(telegram)) == ["[critical] a1 is silent", "[critical] a2 is silent"]

    told(scene, tmp_path)


def test_inside_a_window_nothing_is_sent_and_nothing_from_inside_is_sent_after_it(tmp_path):
    window = []

    async def scene(parts, server, telegram):
        window.append(True)
        await parts.raise_alarm("ada")
        await parts.pass_time(5)
        await parts.clear("ada")
        await parts.raise_alarm("bob")
        await parts.pass_time(5)
        window.clear()
        await parts.pass_time(HOUR, step=10)
        assert subjects(server) == texts(telegram) == []
        assert (await parts.store.alarms.get("bob")).silenced
        await parts.store.alarms.speak(["bob"], parts.now())
        await parts.pass_time(5)
        assert subjects(server) == texts(telegram) == ["[critical] bob is silent"], "what is still so is told once"

    told(scene, tmp_path, quiet=lambda alarm, now: "maintenance" if window else None)


def test_a_fault_in_what_decides_quiet_keeps_nobody_from_being_told(tmp_path):
    def broken(alarm, now):
        raise RuntimeError("broken")

    async def scene(parts, server, telegram):
        await parts.raise_alarm("ada")
        await parts.pass_time(2)
        assert len(subjects(server)) == 1

    told(scene, tmp_path, quiet=broken)


def test_routes_decide_who_is_told(tmp_path):
    async def scene(parts, server, telegram):
        for route in parts.channels.routes:
            await parts.channels.remove_route(route.name, ADMIN)
        await parts.channels.put_route(Route("discs", rules=("disk-*",), channels=("mail",)), ADMIN)
        await parts.raise_alarm("ada")
        await parts.raise_alarm("full", rule="disk-full")
        await parts.pass_time(2)
        assert subjects(server) == ["[critical] full is silent"] and texts(telegram) == []
        await parts.crash()
        assert [route.name for route in parts.channels.routes] == ["discs"], "a removed route does not come back"

    told(scene, tmp_path)


def test_what_waits_for_a_channel_that_is_switched_off_or_removed_is_given_up(tmp_path):
    async def scene(parts, server, telegram):
        await server.close()
        telegram.hold()
        telegram.throttle(600)
        telegram.let_go()
        await parts.raise_alarm("ada")
        await parts.pass_time(2)
        channel = parts.channels.get("mail")
        await parts.channels.put("mail", "email", False, channel.options, None, ADMIN)
        await parts.channels.remove("chat", ADMIN)
        await parts.pass_time(2)
        assert {(row.channel, row.state, row.error) for row in await parts.rows()} == {
            ("mail", "given-up", "the channel is off"), ("chat", "given-up", "the channel was removed")}

    told(scene, tmp_path)


def test_a_channel_that_is_mended_tries_at_once(tmp_path):
    async def scene(parts, server, telegram):
        await parts.mail(server, host="127.0.0.2")
        await parts.raise_alarm("ada")
        await parts.pass_time(HOUR, step=10)
        assert subjects(server) == []
        await parts.mail(server)
        await parts.pass_time(1)
        assert subjects(server) == ["[critical] ada is silent"]

    told(scene, tmp_path)


def test_the_test_button_says_how_it_went(tmp_path):
    async def scene(parts, server, telegram):
        sent = await parts.deliveries.test("mail", ADMIN)
        assert (sent.state, sent.kind, sent.error) == ("sent", "test", "")
        assert subjects(server) == ["[test] DVIC can reach you by mail"]
        telegram.blocked.add("42")
        failed = await parts.deliveries.test("chat", ADMIN)
        assert failed.state == "given-up" and "blocked by the user" in failed.error
        with pytest.raises(NotFound):
            await parts.deliveries.test("nobody", ADMIN)

    told(scene, tmp_path)


def test_a_secret_is_kept_shown_to_nobody_and_sent_nowhere_else(tmp_path):
    async def scene(parts, server, telegram):
        channel = parts.channels.get("chat")
        more, elsewhere = {**channel.options, "chats": ["42", "43"]}, {**channel.options, "api": "https://evil.org"}
        kept = await parts.channels.put("chat", "telegram", True, more, None, ADMIN)
        assert kept.secret == telegram.token
        with pytest.raises(BadRequest, match="give the secret anew"):
            await parts.channels.put("chat", "telegram", True, elsewhere, None, ADMIN)
        with pytest.raises(BadRequest, match="apprise knows no such address"):
            await parts.channels.put("x", "url", True, {}, "nosuch://s3cret", ADMIN)
        entries = (await parts.store.audit.list(100)).items
        assert {entry.action for entry in entries} == {"channel.put"} and telegram.token not in repr(entries)
        assert "s3cret" not in repr(entries)

    told(scene, tmp_path)


def test_no_more_than_so_much_waits_for_a_channel(tmp_path, monkeypatch):
    async def scene(parts, server, telegram):
        await server.close()
        for number in range(4):
            await parts.raise_alarm(f"n{number}", rule=f"rule-{number}")
        await parts.pass_time(2)
        states = [(row.state, row.error) for row in await parts.rows(channel="mail") if row.state == "given-up"]
        assert states == [("given-up", "more than 3 messages wait for the channel")]

    monkeypatch.setattr("dvic_hub.services.notifications.MAX_WAITING", 3)
    told(scene, tmp_path)


def test_old_deliveries_are_forgotten(tmp_path):
    async def scene(parts, server, telegram):
        await parts.raise_alarm("ada", severity="warning")
        await parts.pass_time(2)
        await parts.clear("ada")
        await parts.pass_time(31 * 24 * HOUR, step=12 * HOUR)
        assert await parts.rows() == []

    told(scene, tmp_path)
