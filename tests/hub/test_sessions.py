"""Sessions as the hub leads them: opened, resumed, ended; what nodes say is believed about themselves only."""

import asyncio
from dataclasses import replace

import pytest
from hub_parts import ADMIN, OPERATOR, HubParts, report_end, with_hub

from dvic_hub.config import HubConfig
from dvic_hub.domain.model import Page
from dvic_hub.errors import BadRequest, Conflict, Forbidden, NotFound
from dvic_hub.services.sessions import SAVE_EVERY, SessionService
from dvic_wire.messages import (
    RunReply,
    RunRequest,
    TerminalAck,
    TerminalInput,
    TerminalOutput,
    TerminalResume,
    TerminalTaken,
)
from dvic_wire.signing import PublicKey, peek
from dvic_wire.terminals import Typed, encode_bytes, read_input

OLGA, BERT = OPERATOR, replace(OPERATOR, name="bert")


class MemorySessions:
    """Implements port.Sessions, and forgets."""

    def __init__(self):
        self.rows = {}

    async def add(self, session):
        self.rows[session.id] = session

    async def get(self, id):
        return self.rows.get(id)

    async def open(self):
        return [row for row in self.rows.values() if not row.ended]

    async def list(self, limit, before=""):
        return Page(sorted(self.rows.values(), key=lambda row: -row.created)[:limit])

    async def recorded_before(self, time):
        return [row for row in self.rows.values() if row.ended and row.ended < time and row.recording]

    async def update(self, id, **changes):
        self.rows[id] = replace(self.rows[id], **changes)


class Lab:
    """A hub with sessions and one connected node, ada."""

    def __init__(self, hub: HubParts, folder, **settings):
        self.hub = hub
        self.config = HubConfig(state_dir=folder, **settings)
        hub.store.sessions = MemorySessions()

    async def begin(self):
        self.ada = await self.hub.node(0, "ada")
        self.line = await self.hub.connect(self.ada)
        await self.start()
        return self

    async def start(self):
        hub = self.hub
        self.sessions = SessionService(hub.store, hub.bus, hub.fleet, hub.agents, hub.audit, hub.runs, self.config,
                                       hub.clock)
        await self.sessions.start()

    async def restart(self):
        """The hub is killed, not stopped: nothing is saved."""
        for task in list(self.sessions._tasks):
            task.cancel()
        self.sessions._unsubscribe()
        await self.start()

    async def open(self, actor=OLGA, **more):
        order = {"user": "", "argv": [], "size": (80, 24), "title": "", "record": None, **more}
        row = await self.sessions.open("ada", actor=actor, **order)
        await self.hub.runs.tick(self.hub.clock.now)
        await self.hub.runs.on_reply(self.ada.id, RunReply(row.id, "running"))
        await self.sent(TerminalResume)
        return row

    async def sent(self, kind, after=-1):
        """The next message of this kind to ada's agent."""
        for _ in range(200):
            found = [message for message in self.line.sent[after + 1:] if isinstance(message, kind)]
            if found:
                return found[-1]
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {kind.__name__} was sent: {self.line.sent}")

    async def shows(self, id, offset, data, node=""):
        await self.sessions.on_output(node or self.ada.id, TerminalOutput(id, offset, encode_bytes(data)))


def with_lab(test, folder, **settings):
    async def body(hub):
        lab = await Lab(hub, folder, **settings).begin()
        try:
            await test(lab)
        finally:
            await lab.sessions.stop()

    with_hub(body)


def test_a_session_is_a_run_whose_order_names_a_key_of_its_own(tmp_path):
    async def test(lab):
        first, second = await lab.open(), await lab.open()
        orders = [peek(message.jws)[1] for message in lab.line.sent
                  if isinstance(message, RunRequest) and message.request == "terminal"]
        assert [order["jti"] for order in orders] == [first.id, second.id]
        keys = {order["terminal"]["input_key"]["x"] for order in orders}
        assert len(keys) == 2
        assert ("terminal.create", "ok") in lab.hub.audited()

    with_lab(test, tmp_path)


def test_what_is_typed_is_signed_by_that_key_alone(tmp_path):
    async def test(lab):
        row = await lab.open()
        request = await lab.sent(RunRequest)
        key = PublicKey.from_jwk(peek(request.jws)[1]["terminal"]["input_key"])
        live, anna = await lab.sessions.join(row.id, OLGA, False, -1)
        await lab.sessions.on_taken(lab.ada.id, TerminalTaken(row.id, 0))
        await lab.sessions.type(live, anna, b"ls\n")
        assert read_input((await lab.sent(TerminalInput)).jws, key, row.id, after=0)[1] == Typed(b"ls\n")

    with_lab(test, tmp_path)


def test_output_is_acknowledged_when_it_is_in_the_recording(tmp_path):
    async def test(lab):
        row = await lab.open()
        await lab.shows(row.id, 0, b"hello\r\n")
        assert (await lab.sent(TerminalAck)).offset == 7
        assert '"hello\\r\\n"' in (await lab.sessions.recording(row.id, OLGA)).read_text()
        assert lab.hub.store.sessions.rows[row.id].offset == 7
        assert (await lab.sessions.get(row.id)).recording == lab.hub.store.sessions.rows[row.id].recording > 7

    with_lab(test, tmp_path)


def test_a_page_that_is_behind_with_drawing_holds_the_machine_up(tmp_path):
    async def test(lab):
        row = await lab.open()
        live, page = await lab.sessions.join(row.id, OLGA, False, -1, acknowledges=True)
        place = len(lab.line.sent)
        await lab.shows(row.id, 0, b"hello\r\n")
        await asyncio.sleep(3 * SAVE_EVERY)
        lab.sessions.sent(live, page, 7)
        assert live.safe == 7 and not [each for each in lab.line.sent[place:] if isinstance(each, TerminalAck)]
        lab.sessions.seen(live, page, 7)
        assert (await lab.sent(TerminalAck, place - 1)).offset == 7

    with_lab(test, tmp_path)


def test_a_hub_that_is_killed_asks_again_from_where_it_is_safe(tmp_path):
    async def test(lab):
        row = await lab.open()
        await lab.shows(row.id, 0, b"safe")
        await lab.sent(TerminalAck)
        await lab.shows(row.id, 4, b" lost")
        await lab.restart()
        place = len(lab.line.sent)
        await lab.sessions.on_connected(lab.ada.id)
        assert (await lab.sent(TerminalResume, place - 1)).offset == 0  # the tail for the screen, too
        await lab.shows(row.id, 0, b"safe lost")
        assert (await lab.sent(TerminalAck, place - 1)).offset == 9
        text = (await lab.sessions.recording(row.id, OLGA)).read_text()
        assert text.count("safe") == 1 and text.count("lost") == 1

    with_lab(test, tmp_path)


def test_a_node_can_t_write_into_another_node_s_session(tmp_path):
    async def test(lab):
        mallory = await lab.hub.node(1, "mallory")
        row = await lab.open()
        live, anna = await lab.sessions.join(row.id, OLGA, False, -1)
        await lab.shows(row.id, 0, b"lies", node=mallory.id)
        await lab.sessions.on_taken(mallory.id, TerminalTaken(row.id, 10**9))
        await lab.sessions.on_output(lab.ada.id, TerminalOutput(row.id, 0, "no base64!"))
        await lab.sessions.on_output(lab.ada.id, TerminalOutput("nothing", 0, ""))
        assert live.received == 0 and not [what for what in anna.waiting if isinstance(what, bytes)]

    with_lab(test, tmp_path)


def test_who_only_looks_types_nothing(tmp_path):
    async def test(lab):
        row = await lab.open()
        live, carl = await lab.sessions.join(row.id, OLGA, True, -1)
        await lab.sessions.on_taken(lab.ada.id, TerminalTaken(row.id, 0))
        await lab.sessions.type(live, carl, b"rm\n")
        assert not [message for message in lab.line.sent if isinstance(message, TerminalInput)]

    with_lab(test, tmp_path)


def test_a_session_that_nobody_is_in_is_ended_after_a_minute(tmp_path):
    async def test(lab):
        row = await lab.open()
        live, anna = await lab.sessions.join(row.id, OLGA, False, -1)
        await lab.sessions.tick(lab.hub.clock.now + 1000)
        assert not live.row.why
        lab.hub.clock.now += 1000
        await lab.sessions.leave(live, anna)
        await lab.sessions.tick(lab.hub.clock.now + 59)
        assert not live.row.why
        await lab.sessions.tick(lab.hub.clock.now + 61)
        await lab.hub.runs.tick(lab.hub.clock.now)
        assert lab.line.cancels() == [row.id]
        await report_end(lab.hub, await lab.hub.store.runs.get(row.id), lab.ada.id, "cancelled")
        await ended(lab, row)
        kept = lab.hub.store.sessions.rows[row.id]
        assert kept.why == "nobody was in it for 60 s" and kept.key == b""

    with_lab(test, tmp_path)


async def ended(lab, row):
    while not lab.hub.store.sessions.rows[row.id].ended:
        await asyncio.sleep(0.01)


def test_its_end_is_told_to_all_and_closes_it(tmp_path):
    async def test(lab):
        row = await lab.open()
        live, anna = await lab.sessions.join(row.id, OLGA, False, -1)
        await lab.shows(row.id, 0, b"last words")
        await report_end(lab.hub, await lab.hub.store.runs.get(row.id), lab.ada.id, "failed", 3)
        await ended(lab, row)
        assert anna.ended == "ended" and anna.waiting[-1]["ended"]["exit_code"] == 3
        with pytest.raises(Conflict):
            await lab.sessions.join(row.id, OLGA, False, -1)

    with_lab(test, tmp_path)


def test_only_its_starter_and_admins_end_it(tmp_path):
    async def test(lab):
        row = await lab.open()
        with pytest.raises(Forbidden):
            await lab.sessions.end(row.id, BERT)
        assert (await lab.sessions.end(row.id, ADMIN)).why == "ended by root"
        with pytest.raises(NotFound):
            await lab.sessions.end("nothing", ADMIN)

    with_lab(test, tmp_path)


def test_what_can_t_be_recorded_is_not_opened_where_that_is_required(tmp_path):
    async def test(lab):
        with pytest.raises(BadRequest):
            await lab.open(record=False)
        (tmp_path / "recordings").write_text("in the way")
        with pytest.raises(Conflict):
            await lab.open()
        assert not lab.hub.store.sessions.rows and not lab.line.requests()

    with_lab(test, tmp_path, require_recording=True)


def test_without_that_it_is_opened_and_says_that_it_is_not_recorded(tmp_path):
    async def test(lab):
        (tmp_path / "recordings").write_text("in the way")
        assert (await lab.open()).recorded is False

    with_lab(test, tmp_path)


def test_recordings_go_after_their_days(tmp_path):
    async def test(lab):
        row = await lab.open()
        await lab.shows(row.id, 0, b"x")
        await report_end(lab.hub, await lab.hub.store.runs.get(row.id), lab.ada.id)
        await ended(lab, row)
        lab.hub.store.sessions.rows[row.id] = replace(
            lab.hub.store.sessions.rows[row.id], ended=int(lab.hub.clock.now * 1e6))
        path = await lab.sessions.recording(row.id, OLGA)
        await lab.sessions.tick(lab.hub.clock.now + 2 * 86400 - 60)
        assert path.exists()
        await lab.sessions.tick(lab.hub.clock.now + 2 * 86400 + 3600)
        assert not path.exists() and lab.hub.store.sessions.rows[row.id].recording == 0

    with_lab(test, tmp_path, recording_days=2)


def test_there_are_only_so_many_at_a_time_and_only_on_nodes_that_are_there(tmp_path):
    async def test(lab):
        await lab.open()
        with pytest.raises(Conflict):
            await lab.open()
        await lab.hub.node(1, "bob")
        with pytest.raises(Conflict):
            await lab.sessions.open("bob", "", [], (80, 24), "", None, OLGA)
        with pytest.raises(NotFound):
            await lab.sessions.open("nobody", "", [], (80, 24), "", None, OLGA)

    with_lab(test, tmp_path, max_sessions=1)
