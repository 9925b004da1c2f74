"""A whole hub, as a satellite operator sees it: a decoder fails, and one mail and one Telegram message say so."""

import asyncio

from api_hub import ApiHub
from mail_server import MailServer
from telegram_stand_in import TelegramStandIn

SERVICE = b"name: meteor\ncomponents: [{name: decode}]\nsettle: 0\n"


async def step(hub, cycle: str, *steps: tuple[str, str]) -> None:
    events = [{"component": "decode", "step": said, "message": message, "cycle": cycle} for said, message in steps]
    status, answer = await hub.ask("POST", "/api/v1/services/meteor/events", "otto", {"events": events})
    assert status == 204, answer


async def put(hub, name: str, body: dict) -> None:
    status, answer = await hub.ask("PUT", f"/api/v1/channels/{name}", "ada", body)
    assert status == 200, answer


def test_a_decoder_fails_and_recovers_and_mail_is_switched_off(tmp_path):
    async def run():
        (tmp_path / "mail").mkdir()
        async with asyncio.timeout(120), MailServer(tmp_path / "mail") as server, TelegramStandIn() as telegram:
            (tmp_path / "ca.pem").write_text(server.authority)
            async with ApiHub(tmp_path, ca_file=str(tmp_path / "ca.pem")) as hub:
                await hub.ask("POST", "/api/v1/services", "otto", SERVICE)
                await put(hub, "mail", {"kind": "email", "options": {
                    "host": server.host, "port": server.port, "from": "dvic@example.org", "to": ["ops@example.org"]}})
                await put(hub, "phone", {"kind": "telegram", "secret": telegram.token,
                                         "options": {"api": telegram.url, "chats": ["42"]}})
                await step(hub, "pass 1", ("start", ""), ("fail", "<b>no sync word</b> {{ 7*7 }}"))
                letter, message = await server.next_letter(), await telegram.next_message()
                assert "decode" in letter.message["Subject"] and "[recovered]" not in letter.message["Subject"]
                assert "<b>no sync word</b> {{ 7*7 }}" in letter.message.get_content()
                assert "<b>no sync word</b> {{ 7*7 }}" in message["text"]
                await step(hub, "pass 2", ("start", ""), ("done", ""))
                assert (await server.next_letter()).message["Subject"].startswith("[recovered]")
                assert (await telegram.next_message())["text"].startswith("[recovered]")
                status, service = await hub.ask("PATCH", "/api/v1/services/meteor", "otto", {"email": False})
                assert status == 200 and service["email"] is False and service["telegram"] is True
                await step(hub, "pass 3", ("start", ""), ("fail", "again"))
                assert "again" in (await telegram.next_message())["text"]
                _, sent = await hub.ask("GET", "/api/v1/deliveries", "otto")
                assert [(one["kind"], one["state"]) for one in sent["items"] if one["channel"] == "mail"] == [
                    ("cleared", "sent"), ("raised", "sent")]
                [raised] = [one for one in sent["items"] if one["channel"] == "mail" and one["kind"] == "raised"]
                _, about = await hub.ask("GET", f"/api/v1/deliveries?alarm={raised['alarms'][0]}", "otto")
                assert {(one["channel"], one["kind"]) for one in about["items"]} == {
                    (channel, kind) for channel in ("mail", "phone") for kind in ("raised", "cleared")}
                assert (await hub.ask("GET", "/api/v1/deliveries?alarm=x", "otto"))[1]["items"] == []
                assert len(server.letters) == 2 and len(telegram.messages) == 3

    asyncio.run(run())
