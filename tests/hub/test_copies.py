"""Copies as the hub leads them: ordered, carried on, ended; what a node says is believed about its own file only."""

import asyncio
import hashlib

import pytest
from hub_parts import ADMIN, OPERATOR, HubParts, report_end, states, with_hub

from dvic_hub.config import HubConfig
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.copies import CopyOrder, CopyService
from dvic_hub.services.files import FileService
from dvic_hub.services.spool import Spool
from dvic_wire.copies import COPY_WINDOW, CopySpec, FileAbout
from dvic_wire.errors import MalformedMessage
from dvic_wire.messages import CopyFile, CopyPiece, CopyResume, CopyTaken, RunCancel, RunReply, RunRequest
from dvic_wire.pieces import MAX_PIECE, decode_bytes, encode_bytes
from dvic_wire.signing import peek

LETTER = bytes(range(256)) * 4096
"""1 MiB, several windows."""

WINDOW = COPY_WINDOW // MAX_PIECE
"""Pieces that may be under way."""


def about(content=LETTER, sha256="", **changes):
    return FileAbout(**{"name": "letter", "size": len(content), "mode": 0o640, "owner": "root", "group": "root",
                        "modified": 1, "sha256": sha256, **changes}).to_json()


class Lab:
    """A hub with copies and one connected node, ada."""

    def __init__(self, hub: HubParts, folder, **settings):
        self.hub = hub
        self.config = HubConfig(state_dir=folder, **settings)

    async def begin(self):
        self.ada = await self.hub.node(0, "ada")
        self.line = await self.hub.connect(self.ada)
        await self.start()
        return self

    async def start(self):
        hub = self.hub
        self.spool = Spool(self.config.state_dir, self.config.copy_mib << 20, self.config.copy_spool_mib << 20)
        self.files = FileService(self.spool, hub.audit, hub.clock)
        await self.files.start()
        self.copies = CopyService(hub.store, hub.bus, hub.fleet, hub.agents, hub.runs, self.spool, self.files,
                                  self.config, hub.clock)
        await self.copies.start()

    async def restart(self):
        """The hub is killed, and ada's agent connects to the next one."""
        await self.copies.stop()
        await self.start()
        await self.copies.on_connected(self.ada.id)

    async def file(self, content=LETTER, whole=True):
        kept = await self.files.add("letter", len(content), "", OPERATOR)
        if whole and content:
            await asyncio.to_thread(self.spool.write, kept.id, 0, content, 1.0)
        return kept.id

    async def order(self, path="/srv/letter", running=True, **more):
        run = await self.copies.create(CopyOrder("ada", path, **more), OPERATOR)
        await self.hub.runs.tick(self.hub.clock.now)
        if running:
            await self.hub.runs.on_reply(self.ada.id, RunReply(run.id, "running"))
            await self.sent(CopyResume)
        return run

    async def sent(self, kind, number=1):
        """The last of at least so many messages of this kind to ada's agent."""
        for _ in range(2500):
            found = [message for message in self.line.sent if isinstance(message, kind)]
            if len(found) >= number:
                return found[-1]
            await asyncio.sleep(0.01)
        raise AssertionError(f"{number} {kind.__name__} were not sent: {self.line.sent[-5:]}")

    async def settled(self):
        """Let everything that goes on by itself go on."""
        count = -1
        while count != len(self.line.sent) or self.copies._tasks:
            count = len(self.line.sent)
            await asyncio.sleep(0.1)

    def pieces(self, since=0):
        return [message for message in self.line.sent[since:] if isinstance(message, CopyPiece)]

    async def reason(self, run):
        return (await self.hub.store.runs.nodes(run.id))[0].reason


def test_the_order_names_the_file_by_size_and_hash(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order(file=await lab.file(), user="ada", mode=0o600, owner="ada", reason="why not")
        claims = peek((await lab.sent(RunRequest)).jws)[1]
        spec = CopySpec.from_json(claims["copy"])
        assert (claims["aud"], claims["jti"], claims["by"]) == (lab.ada.id, run.id, "olga")
        assert (spec.direction, spec.path, spec.name, spec.size) == ("to", "/srv/letter", "letter", len(LETTER))
        assert spec.sha256 == hashlib.sha256(LETTER).hexdigest()
        assert (spec.user, spec.mode, spec.owner) == ("ada", 0o600, "ada")
        assert hub.audited()[-2:] == [("file.add", f"ok {run.detail['file']}"), ("copy.create", "ok")]

    with_hub(steps)


def test_pieces_go_out_as_far_as_the_window_and_then_as_they_are_confirmed(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order(file=await lab.file())
        assert lab.pieces() == []  # nothing before the machine says what it has
        lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, 0))
        await lab.sent(CopyPiece, WINDOW)
        await lab.settled()
        assert len(lab.pieces()) == WINDOW
        lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, 10**9))  # more than was sent: not believed
        lab.copies.on_taken("n-bob", CopyTaken(run.id, COPY_WINDOW))  # another node's word
        await lab.settled()
        assert len(lab.pieces()) == WINDOW
        for number in range(1, len(LETTER) // MAX_PIECE + 1):
            await lab.sent(CopyPiece, number)
            lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, number * MAX_PIECE))
        assert b"".join(decode_bytes(piece.data) for piece in lab.pieces()) == LETTER
        assert lab.copies.offset(run.id, lab.ada.id) == len(LETTER)

    with_hub(steps)


def test_all_copies_to_one_node_share_its_window(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        runs = [await lab.order(f"/srv/{number}", file=await lab.file()) for number in range(3)]
        for run in runs:
            lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, 0))
        await lab.sent(CopyPiece, WINDOW)
        await lab.settled()
        assert len(lab.pieces()) == WINDOW

    with_hub(steps)


@pytest.mark.parametrize("crash", [True, False])
def test_after_a_loss_it_goes_on_from_what_the_machine_has(tmp_path, crash):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order(file=await lab.file())
        lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, 0))
        await lab.sent(CopyPiece, WINDOW)
        if crash:
            await lab.restart()
        else:
            lab.copies.on_gone(lab.ada.id)
            await lab.copies.on_connected(lab.ada.id)
        await lab.sent(CopyResume, 2)
        before = len(lab.line.sent)
        lab.copies.on_taken(lab.ada.id, CopyTaken(run.id, 3 * MAX_PIECE))
        await lab.sent(CopyPiece, 2 * WINDOW)
        assert [piece.offset for piece in lab.pieces(before)][:2] == [3 * MAX_PIECE, 4 * MAX_PIECE]

    with_hub(steps)


def test_a_file_from_a_machine_is_confirmed_when_it_is_safe_and_at_last_when_it_is_right(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order()
        content = LETTER[:3 * MAX_PIECE]
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(content)))
        for at in range(0, len(content), MAX_PIECE):
            lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, at, encode_bytes(content[at:at + MAX_PIECE])))
        await lab.settled()
        assert lab.copies.offset(run.id, lab.ada.id) == len(content)
        assert CopyTaken(run.id, len(content)) not in lab.line.sent  # safe, but is it right?
        digest = hashlib.sha256(content).hexdigest()
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(content, digest)))
        await lab.settled()
        assert (await lab.sent(CopyTaken)).offset == len(content)
        await report_end(hub, run, lab.ada.id)
        await hub.runs.tick(hub.clock.now)
        await lab.settled()
        assert (await lab.files.content(run.id, OPERATOR, True)).read_bytes() == content
        assert hub.audited()[-1] == ("file.read", "ok")

    with_hub(steps)


def test_pieces_that_do_not_fit_or_come_from_another_node_count_for_nothing(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order()
        lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, 0, "AAAA"))  # before it is said what the file is
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(b"dear anna")))
        for node, message in ((lab.ada.id, CopyPiece(run.id, 3, "AAAA")), (lab.ada.id, CopyPiece(run.id, 0, "no!")),
                              (lab.ada.id, CopyPiece(run.id, 0, encode_bytes(b"more than was announced"))),
                              ("n-bob", CopyPiece(run.id, 0, "AAAA")), (lab.ada.id, CopyPiece("other", 0, "AAAA"))):
            lab.copies.on_piece(node, message)
        await lab.settled()
        assert lab.copies.offset(run.id, lab.ada.id) == 0
        assert lab.files.get(run.id).received == 0

    with_hub(steps)


@pytest.mark.parametrize("told, why", [
    (about(b"dear anna", "0" * 64), "is not what the machine has read"),
    (about(size=5 << 20), "at most 4194304 are copied"),
    ({**about(), "name": "../dvic.db"}, "can't be used"),
    ({"size": 3}, "can't be used")])
def test_what_is_wrong_ends_the_copy_with_its_reason_and_nothing_is_kept(tmp_path, told, why):
    async def steps(hub):
        lab = await Lab(hub, tmp_path, copy_mib=4).begin()
        run = await lab.order()
        if told.get("sha256"):
            await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(b"dear anna")))
            lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, 0, encode_bytes(b"dear anna")))
            await lab.settled()
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, told))
        await lab.settled()
        await hub.runs.tick(hub.clock.now)
        assert why in peek((await lab.sent(RunCancel)).jws)[1]["by"]
        assert why in await lab.reason(run)
        await report_end(hub, run, lab.ada.id, "cancelled", -1)
        await hub.runs.tick(hub.clock.now)
        await lab.settled()
        assert lab.files.all() == []

    with_hub(steps)


def test_a_hub_that_is_killed_goes_on_with_what_is_safe(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order()
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about()))
        lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, 0, encode_bytes(LETTER[:MAX_PIECE])))
        await lab.sent(CopyTaken)
        await lab.restart()
        assert await lab.sent(CopyResume, 2) == CopyResume(run.id, MAX_PIECE)
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about()))
        lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, MAX_PIECE, encode_bytes(LETTER[MAX_PIECE:2 * MAX_PIECE])))
        await lab.settled()
        assert lab.copies.offset(run.id, lab.ada.id) == 2 * MAX_PIECE

    with_hub(steps)


def test_a_last_word_that_was_lost_is_said_again(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order()
        whole = about(b"dear anna", hashlib.sha256(b"dear anna").hexdigest())
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(b"dear anna")))
        lab.copies.on_piece(lab.ada.id, CopyPiece(run.id, 0, encode_bytes(b"dear anna")))
        for times in (1, 2):
            await lab.copies.on_file(lab.ada.id, CopyFile(run.id, whole))
            assert (await lab.sent(CopyTaken, times)).offset == 9
        await lab.restart()
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, about(b"dear anna")))
        await lab.copies.on_file(lab.ada.id, CopyFile(run.id, whole))
        assert (await lab.sent(CopyTaken, 3)).offset == 9

    with_hub(steps)


def test_a_copy_of_which_nothing_is_heard_is_asked_for_again_and_one_that_is_over_is_not(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order()
        await lab.copies.tick(hub.clock.now)
        assert lab.line.sent.count(CopyResume(run.id, 0)) == 1
        hub.clock.now += 61
        await lab.copies.tick(hub.clock.now)
        assert lab.line.sent.count(CopyResume(run.id, 0)) == 2
        await report_end(hub, run, lab.ada.id, "failed", 1)
        hub.clock.now += 61
        await lab.copies.tick(hub.clock.now)
        assert lab.line.sent.count(CopyResume(run.id, 0)) == 2

    with_hub(steps)


def test_a_node_on_which_it_has_ended_gets_no_more_of_it_and_its_window_is_free(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        first, second = [await lab.order(f"/srv/{number}", file=await lab.file()) for number in range(2)]
        lab.copies.on_taken(lab.ada.id, CopyTaken(first.id, 0))
        await lab.sent(CopyPiece, WINDOW)
        await report_end(hub, first, lab.ada.id, "failed", 1)
        lab.copies.on_taken(lab.ada.id, CopyTaken(first.id, MAX_PIECE))
        lab.copies.on_taken(lab.ada.id, CopyTaken(second.id, 0))
        await lab.sent(CopyPiece, 2 * WINDOW)
        assert [piece.run for piece in lab.pieces()[WINDOW:]] == [second.id] * WINDOW

    with_hub(steps)


def test_orders_that_are_none_are_refused(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        await hub.node(1, "bob")
        for order, error in ((CopyOrder("ada", "/x", file="nothing"), NotFound),
                             (CopyOrder("ada", "/x", file=await lab.file(whole=False)), Conflict),
                             (CopyOrder("all", "/x"), BadRequest), (CopyOrder("none-*", "/x"), BadRequest),
                             (CopyOrder("ada", "/x" * 3000), MalformedMessage),
                             (CopyOrder("ada", "/x", file=await lab.file(b"x"), batch="0"), BadRequest)):
            with pytest.raises(error):
                await lab.copies.create(order, OPERATOR)
        assert await hub.store.runs.active() == []

    with_hub(steps)


def test_a_machine_that_refuses_says_why(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path).begin()
        run = await lab.order(file=await lab.file(), running=False)
        await hub.runs.on_reply(lab.ada.id, RunReply(run.id, "refused", "the policy"))
        assert (await states(hub, run), await lab.reason(run)) == ({"ada": "refused"}, "the policy")

    with_hub(steps)


def test_files_that_nobody_uses_expire_unless_a_copy_needs_them(tmp_path):
    async def steps(hub):
        lab = await Lab(hub, tmp_path, copy_keep_hours=1).begin()
        needed, idle = await lab.file(), await lab.file(b"idle")
        run = await lab.order(file=needed, running=False)
        hub.clock.now += 2 * 3600
        await lab.copies.tick(hub.clock.now)
        assert [kept.id for kept in lab.files.all()] == [needed]
        with pytest.raises(NotFound):
            lab.files.get(idle)
        await hub.runs.cancel(run.id, ADMIN)
        await hub.runs.on_reply(lab.ada.id, RunReply(run.id, "cancelled"))
        await hub.runs.tick(hub.clock.now)
        await lab.settled()
        hub.clock.now += 3600
        await lab.copies.tick(hub.clock.now)
        assert lab.files.all() == []

    with_hub(steps)
