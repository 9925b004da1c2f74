"""Mail goes to a real SMTP server, secured or not at all."""

import asyncio

import pytest
from journeys import MemoryJourney
from mail_server import MailServer

from dvic_hub.domain.channels import EmailOptions
from dvic_hub.notify.channel import Notice, Undelivered
from dvic_hub.notify.mail import EmailSender

NOW = 1_763_632_800.0
NOTICE = Notice("d1", "raised", "critical", "[critical] lab-1 is silent", "lab-1 is silent\nsince 10:00", ("a1",), "a1")


def sender(server: MailServer, authority: str | None = None, password: str = "", **changes: object) -> EmailSender:
    options = {"host": server.host, "port": server.port, "sender": "dvic@example.org", "tls": server.mode,
               "to": ("ops@example.org",), **changes}
    return EmailSender(EmailOptions(**options), password, "hub.example.org", lambda: NOW,
                       server.authority if authority is None else authority)


def played(scene, tmp_path, **settings):
    async def run():
        async with asyncio.timeout(60), MailServer(tmp_path, **settings) as server:
            await scene(server)

    asyncio.run(run())


async def refused(sender_: EmailSender, notice: Notice = NOTICE) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await sender_.send(notice, MemoryJourney())
    return caught.value


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_a_notice_arrives_secured_and_signed_in(tmp_path, mode):
    async def scene(server):
        journey = MemoryJourney()
        await sender(server, user="dvic", password="s3cret pass", to=("ops@example.org", "ann@example.org")).send(
            NOTICE, journey)
        letter = await server.next_letter()
        assert letter.secured and letter.user == "dvic" and journey.handed == [""]
        assert letter.recipients == ["ops@example.org", "ann@example.org"]
        assert letter.message["Subject"] == "[critical] lab-1 is silent"
        assert letter.message["From"] == "DVIC <dvic@example.org>"
        assert letter.message["Message-ID"] == "<d1.notice@hub.example.org>"
        assert letter.message["Auto-Submitted"] == "auto-generated"
        assert letter.message.get_content_type() == "text/plain"
        assert letter.message.get_content().splitlines() == ["lab-1 is silent", "since 10:00"]

    played(scene, tmp_path, mode=mode, accounts={"dvic": "s3cret pass"})


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_said(tmp_path, mode):
    async def scene(server):
        error = await refused(sender(server, authority="", user="dvic", password="s3cret"))
        assert "certificate of 127.0.0.1" in str(error) and "not accepted" in str(error)
        assert "unable to get local issuer" in str(error) and not error.final, "whoever runs it can mend it"
        assert server.letters == []

    played(scene, tmp_path, mode=mode, accounts={"dvic": "s3cret"})


def test_a_certificate_for_another_name_is_refused(tmp_path):
    async def scene(server):
        error = await refused(sender(server))
        assert "certificate of 127.0.0.1" in str(error) and "IP address mismatch" in str(error)
        assert server.letters == []

    played(scene, tmp_path, certified="mail.elsewhere.org")


def test_a_server_without_starttls_gets_nothing_in_the_clear(tmp_path):
    async def scene(server):
        error = await refused(sender(server, tls="starttls"))
        assert "STARTTLS" in str(error) and server.letters == []

    played(scene, tmp_path, mode="none")


def test_a_wrong_password_is_told_without_the_password_and_tried_again(tmp_path):
    async def scene(server):
        error = await refused(sender(server, user="dvic", password="not the one"))
        assert "does not let dvic in: 535" in str(error) and not error.final
        assert "not the one" not in str(error)

    played(scene, tmp_path, accounts={"dvic": "s3cret"})


def test_refusals_for_good_are_final_and_others_are_not(tmp_path):
    async def scene(server):
        server.refuse["ops@example.org"] = "450 greylisted"
        assert not (await refused(sender(server))).final
        server.refuse["ops@example.org"] = "550 no such user"
        error = await refused(sender(server))
        assert error.final and "ops@example.org: 550 no such user" in str(error)
        server.refuse.clear()
        server.refuse_data = "554 it smells"
        assert (await refused(sender(server))).final

    played(scene, tmp_path)


def test_one_refused_recipient_of_two_is_remarked(tmp_path):
    async def scene(server):
        server.refuse["gone@example.org"] = "550 no such user"
        journey = MemoryJourney()
        await sender(server, to=("gone@example.org", "ops@example.org")).send(NOTICE, journey)
        assert (await server.next_letter()).recipients == ["ops@example.org"]
        assert journey.remarks == ["gone@example.org was refused: 550 no such user"]

    played(scene, tmp_path)


def test_a_server_that_is_not_there_is_named(tmp_path):
    async def scene(server):
        await server.close()
        error = await refused(sender(server))
        assert f"127.0.0.1:{server.port}" in str(error) and not error.final

    played(scene, tmp_path)


def test_a_server_that_hangs_can_be_left(tmp_path):
    async def scene(server):
        server.hold()
        journey = MemoryJourney()
        task = asyncio.create_task(sender(server).send(NOTICE, journey))
        await server.connected()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert journey.handed == [], "it was not handed over: it may be tried again"

    played(scene, tmp_path)


@pytest.mark.parametrize("text", ["x\r\nBcc: victim@example.org\r\n\r\nbody", "\n.\r\nQUIT", "{{ 7*7 }} ${HOME} %s",
                                  "<script>alert(1)</script> <b>&amp;"])
def test_nothing_in_a_notice_becomes_a_header_or_a_command(tmp_path, text):
    async def scene(server):
        notice = Notice("d2", "raised", "critical", text, f"{text}\n.\n{text}", (), "a1")
        await sender(server).send(notice, MemoryJourney())
        letter = await server.next_letter()
        assert letter.recipients == ["ops@example.org"] and letter.message["Bcc"] is None
        assert letter.message["Subject"] == " ".join(text.split())
        assert letter.message.get_content().replace("\r\n", "\n") == f"{text}\n.\n{text}\n".replace("\r\n", "\n")
        assert letter.message.get_content_type() == "text/plain"

    played(scene, tmp_path)


def test_what_was_handed_over_before_is_not_sent_again(tmp_path):
    async def scene(server):
        await sender(server).send(NOTICE, MemoryJourney(""))
        assert server.connections == 0

    played(scene, tmp_path)
