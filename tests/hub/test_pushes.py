"""Pushes: what is asked, of whom, what goes to the source, what is remembered, and how each one ends."""

import asyncio
import json

import pytest
from hub_parts import NOW, OPERATOR, HubParts, key_of, report_end, signed_key_set, with_hub

from dvic_hub.domain.events import RunOutputStored
from dvic_hub.domain.known_hosts import KnownHost, changed, place_id
from dvic_hub.domain.model import Node
from dvic_hub.domain.people import Actor
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound
from dvic_hub.services.host_keys import HostKeyService
from dvic_hub.services.pushes import KEEP_SECONDS, MAX_LINES, PushService
from dvic_hub.services.run_signing import RunSigner
from dvic_wire.messages import RunAnswer, RunReply
from dvic_wire.pushing import COMPLAINT, SCRIPT, SECRET, HostKey, Question, Secret, Target, about
from dvic_wire.sealing import SealingKey, seal
from dvic_wire.signing import Purpose, verify
from dvic_wire.tokens import EnrolmentToken

TARGET = Target("root", "lab-7")
ED = HostKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjoiSSJBmSZqAKbhtlmbLTuxfUSJTx4Q1zS0WWpwmtu")
OTHER = HostKey.parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPUhUMqO0nOgGsUXPUJUNAfMLCUgXpbkUd4Vl5Hsjt8")
SECRET_TEXT = Secret("correct horse")


class Desk:
    """A hub with the node ada, which plays the source: it has a sealing key and says what it is told to say."""

    def __init__(self, hub: HubParts):
        self.hub = hub
        self.sealing = SealingKey.generate()
        signer = RunSigner(hub.key, signed_key_set, hub.clock)
        self.hosts = HostKeyService(hub.store, hub.audit, hub.clock)
        self.pushes = PushService(hub.store, hub.bus, hub.fleet, hub.agents, hub.audit, hub.runs, signer,
                                  hub.enrolment, self.hosts, self.script, hub.clock, online_seconds=1.0)
        self.pushes.start()

    async def script(self, token: str) -> str:
        return f"install {token}"

    async def begin(self) -> "Desk":
        self.ada = await self.hub.node(0, "ada")
        self.line = await self.hub.connect(self.ada)
        return self

    async def push(self, **changes):
        given = {"target": TARGET, "via": "ada", "name": "", "tags": {}, "actor": OPERATOR, **changes}
        push = await self.pushes.create(**given)
        await self.hub.pass_time(1, 1)
        return push

    async def asking(self, *keys: HostKey, **changes):
        """A push whose source has looked at the target."""
        push = await self.push(**changes)
        self.say(push, "out", Question(keys or (ED,), self.sealing.public).line() + "\n")
        await self.settled(lambda: push.state != "looking")
        return push

    def say(self, push, stream: str, text: str) -> None:
        self.hub.bus.publish(RunOutputStored(push.source, push.id, [json.dumps({"time": 1, stream: text}).encode()]))

    async def answer(self, push, key: HostKey = ED, actor: Actor = OPERATOR):
        sealed = seal(self.sealing.public, SECRET_TEXT.encode(), about(SECRET, push.id, TARGET, key.fingerprint))
        return await self.pushes.answer(push.id, key.fingerprint, sealed, actor)

    async def end(self, push, state: str = "finished") -> None:
        await report_end(self.hub, await self.hub.store.runs.get(push.id), push.source, state)
        await asyncio.sleep(0)

    def answers(self) -> list[RunAnswer]:
        return [message for message in self.line.sent if isinstance(message, RunAnswer)]

    async def settled(self, reached) -> None:
        async with asyncio.timeout(10):
            while not reached():
                await asyncio.sleep(0.01)


def with_desk(test) -> None:
    async def body(hub: HubParts) -> None:
        desk = await Desk(hub).begin()
        try:
            await test(desk)
        finally:
            await desk.pushes.stop()

    with_hub(body)


def test_the_source_is_asked_to_look_by_a_signed_order_for_this_target():
    async def test(desk):
        push = await desk.push()
        [request] = [message for message in desk.line.sent if getattr(message, "request", "") == "enroll"]
        claims = verify(request.jws, desk.hub.key.public, Purpose.ENROLL_SSH, audience=desk.ada.id, now=NOW)
        assert (claims["jti"], claims["target"]) == (push.id, {"user": "root", "host": "lab-7", "port": 22})
        run = await desk.hub.store.runs.get(push.id)
        assert (run.kind, run.spec.argv) == ("enroll", ("ssh", "root@lab-7"))
    with_desk(test)


def test_what_goes_to_the_source_is_signed_and_its_secrets_are_sealed_for_it():
    async def test(desk):
        push = await desk.asking(name="eva")
        assert (push.state, push.question.keys) == ("asking", (ED,))
        await desk.answer(push)
        [message] = desk.answers()
        claims = verify(message.jws, desk.hub.key.public, Purpose.ENROLL_ANSWER, audience=desk.ada.id, now=NOW)
        assert (claims["jti"], claims["host_key"], claims["arguments"]) == (push.id, str(ED), ["--name", "eva"])
        of = {what: about(what, push.id, TARGET, ED.fingerprint) for what in (SECRET, SCRIPT)}
        assert Secret.decode(desk.sealing.open(claims["secret"], of[SECRET])) == SECRET_TEXT
        script = desk.sealing.open(claims["script"], of[SCRIPT]).decode()
        assert EnrolmentToken.decode(script.removeprefix("install ")).id == push.token
        assert script not in json.dumps(claims)
    with_desk(test)


def test_it_is_done_when_the_node_that_used_the_token_is_online():
    async def test(desk):
        push = await desk.asking(tags={"room": "lab"})
        await desk.answer(push)
        desk.say(push, "out", "hel")
        desk.say(push, "out", "lo\nworld\n")
        desk.say(push, "err", "careful\n")
        await desk.end(push)
        assert push.state == "joining"
        eva = Node(key_of(1).public.node_id, "eva", key_of(1).public.raw, last_seen=int(NOW * 1e6), period=10)
        assert await desk.hub.store.tokens.enrol(push.token, eva, int(NOW * 1e6)) == "ok"
        await desk.hub.fleet.announce(eva.id)
        await asyncio.sleep(0.3)
        assert push.state == "joining"
        await desk.hub.connect(eva)
        await desk.settled(lambda: push.state == "done")
        assert push.node == "eva"
        assert push.lines == [("out", "hello"), ("out", "world"), ("err", "careful")]
        assert (await desk.hub.store.tokens.get(push.token)).revoked == 0
    with_desk(test)


def test_an_installer_without_a_new_node_is_a_failure_and_its_token_is_revoked():
    async def test(desk):
        push = await desk.asking()
        await desk.answer(push)
        await desk.end(push)
        await desk.settled(lambda: push.state == "failed")
        assert "no node has joined" in push.reason
        await desk.settled(lambda: desk.hub.audited()[-1] == ("token.revoke", "ok"))
    with_desk(test)


def test_what_the_source_complains_of_is_why_it_failed():
    async def test(desk):
        push = await desk.asking()
        await desk.answer(push)
        desk.say(push, "err", f"Permission denied\n{COMPLAINT}signing in as root@lab-7 failed: Permission denied\n")
        await desk.end(push, "failed")
        assert (push.state, push.reason) == ("failed", "signing in as root@lab-7 failed: Permission denied")
        assert push.lines == [("err", "Permission denied")]
    with_desk(test)


def test_a_host_key_is_remembered_and_not_asked_for_again_from_the_same_source():
    async def test(desk):
        push = await desk.asking(OTHER, ED)
        assert push.known is None
        await desk.answer(push)
        await desk.end(push, "failed")
        push = await desk.asking(OTHER, ED)
        assert push.known.fingerprint == ED.fingerprint
        with pytest.raises(Conflict, match="another host key is known"):
            await desk.answer(push, OTHER)
        assert await desk.hosts.find("", TARGET) is None
    with_desk(test)


def test_a_changed_host_key_ends_it_before_anything_is_sent():
    async def test(desk):
        await desk.hosts.remember(desk.ada.id, TARGET, ED, OPERATOR)
        push = await desk.asking(OTHER)
        assert push.state == "failed"
        assert ED.fingerprint in push.reason and OTHER.fingerprint in push.reason
        assert "hubctl node forget-host-key lab-7 --via ada" in push.reason
        with pytest.raises(Conflict):
            await desk.answer(push, OTHER)
        assert desk.answers() == []
        await desk.hosts.forget(place_id(desk.ada.id, "lab-7", 22), OPERATOR)
        assert (await desk.asking(OTHER)).state == "asking"
        with pytest.raises(NotFound):
            await desk.hosts.forget("nothing", OPERATOR)
    with_desk(test)


def test_only_who_began_may_answer_and_only_with_a_key_that_is_shown():
    async def test(desk):
        push = await desk.asking()
        with pytest.raises(Forbidden):
            await desk.answer(push, actor=Actor("mallory", "operator"))
        with pytest.raises(BadRequest):
            await desk.answer(push, OTHER)
        assert push.state == "asking" and desk.answers() == []
        await desk.answer(push)
        with pytest.raises(Conflict):
            await desk.answer(push)
        assert len(desk.answers()) == 1
    with_desk(test)


def test_a_source_that_goes_before_the_answer_is_sent_ends_it():
    async def test(desk):
        push = await desk.asking()
        await desk.hub.leave(desk.ada, desk.line)
        with pytest.raises(Conflict, match="not there any more"):
            await desk.answer(push)
        assert push.state == "failed" and "nothing was sent" in push.reason
    with_desk(test)


def test_a_source_that_could_not_hand_the_answer_over_ends_it():
    async def test(desk):
        push = await desk.asking()
        await desk.answer(push)
        desk.pushes.on_reply("n-mallory", RunReply(push.id, "refused", "no"))
        desk.pushes.on_reply(desk.ada.id, RunReply(push.id, "running"))
        assert push.state == "installing"
        desk.pushes.on_reply(desk.ada.id, RunReply(push.id, "refused", "the run does not wait"))
        await desk.settled(lambda: push.state == "failed")
        assert push.reason == "the run does not wait"
    with_desk(test)


def test_a_policy_that_refuses_is_why_it_failed():
    async def test(desk):
        push = await desk.push()
        await desk.hub.runs.on_reply(desk.ada.id, RunReply(push.id, "refused", "the policy says no"))
        assert (push.state, push.reason) == ("failed", "the policy says no")
    with_desk(test)


def test_what_another_node_says_of_it_is_not_heard():
    async def test(desk):
        push = await desk.push()
        line = Question((ED,), desk.sealing.public).line()
        desk.hub.bus.publish(RunOutputStored("n-mallory", push.id, [json.dumps({"out": line + "\n"}).encode()]))
        await asyncio.sleep(0.05)
        assert push.state == "looking" and push.question is None
    with_desk(test)


def test_a_second_question_changes_nothing():
    async def test(desk):
        push = await desk.asking()
        desk.say(push, "out", Question((OTHER,), SealingKey.generate().public).line() + "\n")
        await asyncio.sleep(0.05)
        assert push.question.keys == (ED,) and push.question.seal == desk.sealing.public
    with_desk(test)


def test_it_can_be_cancelled_and_ends_so():
    async def test(desk):
        push = await desk.asking()
        await desk.pushes.cancel(push.id, OPERATOR)
        await desk.hub.pass_time(1, 1)
        assert desk.line.cancels() == [push.id]
        await desk.end(push, "cancelled")
        assert push.state == "cancelled"
    with_desk(test)


def test_who_waits_is_told_at_once_and_else_when_the_time_is_over():
    async def test(desk):
        push = await desk.asking()
        waiting = asyncio.create_task(desk.pushes.follow(push.id, 0, "asking", 20))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        desk.say(push, "out", "hello\n")
        assert (await waiting).count == 1
        assert (await desk.pushes.follow(push.id, 1, "asking", 0.01)).count == 1
        assert (await desk.pushes.follow(push.id, 5, "looking", 20)).state == "asking"
    with_desk(test)


def test_what_it_says_is_bounded():
    async def test(desk):
        push = await desk.push()
        desk.say(push, "out", "x\n" * (MAX_LINES + 10))
        assert (push.count, push.forgotten, len(push.lines)) == (MAX_LINES + 10, 10, MAX_LINES)
    with_desk(test)


def test_sources_that_are_not_there_and_names_that_are_taken_are_refused_before_anything_begins():
    async def test(desk):
        bob = await desk.hub.node(3, "bob")
        cases = [({"via": "nobody"}, NotFound), ({"via": bob.name}, Conflict), ({"name": "ada"}, Conflict),
                 ({"name": "a b"}, BadRequest), ({"tags": {"a b": "x"}}, BadRequest)]
        for changes, error in cases:
            with pytest.raises(error):
                await desk.push(**changes)
        assert await desk.hub.store.runs.active() == []
    with_desk(test)


def test_a_hub_that_was_started_again_knows_nothing_of_it_and_old_ones_are_forgotten():
    async def test(desk):
        push = await desk.asking()
        await desk.end(push, "failed")
        desk.hub.clock.now += KEEP_SECONDS + 1
        line = desk.line
        await desk.hub.connect(desk.ada, line)
        await desk.push()
        for id in (push.id, "unknown"):
            with pytest.raises(NotFound, match="started again"):
                desk.pushes.get(id)
    with_desk(test)


def test_nothing_of_the_secret_is_kept_or_audited():
    async def test(desk):
        push = await desk.asking()
        await desk.answer(push)
        [message] = desk.answers()
        claims = verify(message.jws, desk.hub.key.public, Purpose.ENROLL_ANSWER, audience=desk.ada.id, now=NOW)
        kept = repr([desk.hub.store.values, desk.hub.store.audit.entries, vars(desk.hub.store.runs), vars(push)])
        assert claims["secret"] not in kept and claims["script"] not in kept
        assert {"push.create", "push.answer", "enroll.create", "token.add"} <= {what for what, _ in desk.hub.audited()}
    with_desk(test)


def test_a_known_key_that_is_shown_is_no_change_whatever_else_is_shown():
    known = KnownHost("", "h", 2222, str(ED), 0, "olga")
    assert changed(known, (OTHER, ED), "") == "" and changed(None, (OTHER,), "") == ""
    assert "hubctl node forget-host-key h:2222" in changed(known, (OTHER,), "")
    assert place_id("", "H", 22) == place_id("", "h", 22) != place_id("n-1", "h", 22)
