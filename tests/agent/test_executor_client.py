"""The way to the executor and back, and what the hub hears of it."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from dvic_agent.errors import ExecutorError
from dvic_agent.executor_client import MAX_LINE, ExecutorClient
from dvic_agent.runs import RunDesk
from dvic_wire.messages import RunCancel, RunReply, RunRequest, UpdateConfirm

RUN = "0123456789abcdef"


class FakeExecutor:
    """Answers each request with the next of `answers` (the last one for ever); bytes go out as they are."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked: list[dict] = []

    async def serve(self, reader, writer) -> None:
        line = await reader.readline()
        if line:
            self.asked.append(json.loads(line))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")
        writer.close()


@asynccontextmanager
async def executor(tmp_path, *answers):
    fake = FakeExecutor(*answers)
    server = await asyncio.start_unix_server(fake.serve, str(tmp_path / "executor.sock"))
    async with server:
        yield fake, ExecutorClient(tmp_path / "executor.sock", answer_seconds=5)


@asynccontextmanager
async def desk(tmp_path, client):
    replies: asyncio.Queue[RunReply] = asyncio.Queue()
    (tmp_path / "runs").mkdir(exist_ok=True)
    made = RunDesk(client, tmp_path / "runs", replies.put_nowait, retry_seconds=0.0)
    yield made, replies
    await made.stop()


async def answer_to(tmp_path, message, *answers) -> RunReply:
    async with executor(tmp_path, *answers) as (_, client), desk(tmp_path, client) as (made, replies):
        made.request(message)
        return await asyncio.wait_for(replies.get(), 20)


def test_requests_are_handed_over_as_they_are(tmp_path):
    async def scene():
        async with executor(tmp_path, {"state": "running"}) as (fake, client):
            await client.run(RUN, "a.b.c")
            await client.cancel(RUN, "d.e.f")
            await client.update(RUN, "g.h.i")
            await client.confirm(RUN, "j.k.l")
            await client.forget(RUN)
            assert await client.ping() == {"state": "running"}
            assert fake.asked == [{"request": "run", "run": RUN, "jws": "a.b.c"},
                                  {"request": "cancel", "run": RUN, "jws": "d.e.f"},
                                  {"request": "update", "run": RUN, "jws": "g.h.i"},
                                  {"request": "confirm", "run": RUN, "jws": "j.k.l"},
                                  {"request": "forget", "run": RUN}, {"request": "ping"}]
    asyncio.run(scene())


def test_a_missing_socket_means_that_nothing_was_delivered(tmp_path):
    with pytest.raises(ExecutorError, match="dvic-executor.socket") as caught:
        asyncio.run(ExecutorClient(tmp_path / "none.sock").ping())
    assert not caught.value.delivered


@pytest.mark.parametrize("answer", [b"", b"\n", b"nonsense\n", b"[]\n", b'{"state": 5}\n', b"{}\n", b"[" * 5000 + b"\n",
                                    b"x" * (MAX_LINE + 2) + b"\n"])
def test_an_answer_that_is_none_is_an_error_after_delivery(tmp_path, answer):
    async def scene():
        async with executor(tmp_path, answer) as (_, client):
            with pytest.raises(ExecutorError) as caught:
                await client.ping()
            assert caught.value.delivered
    asyncio.run(scene())


def test_an_executor_that_never_answers_is_given_up(tmp_path):
    async def silence(reader, writer):
        await reader.read()
        writer.close()

    async def scene():
        server = await asyncio.start_unix_server(silence, str(tmp_path / "executor.sock"))
        async with server:
            with pytest.raises(ExecutorError, match="did not answer"):
                await ExecutorClient(tmp_path / "executor.sock", answer_seconds=0.05).ping()
    asyncio.run(scene())


@pytest.mark.parametrize("state", ["running", "refused", "failed", "expired", "lost"])
def test_what_the_executor_says_goes_to_the_hub(tmp_path, state):
    reply = asyncio.run(answer_to(tmp_path, RunRequest(RUN, "a.b.c"), {"state": state, "code": "x", "reason": "why"}))
    assert reply == RunReply(RUN, state, "why")


def test_an_update_is_asked_for_as_one_and_answered_as_a_run(tmp_path):
    async def scene():
        async with executor(tmp_path, {"state": "running"}) as (fake, client), \
                desk(tmp_path, client) as (made, replies):
            made.request(RunRequest(RUN, "a.b.c", "update"))
            assert await asyncio.wait_for(replies.get(), 20) == RunReply(RUN, "running", "")
            assert fake.asked == [{"request": "update", "run": RUN, "jws": "a.b.c"}]
    asyncio.run(scene())


def test_a_request_that_this_agent_does_not_know_is_refused_and_not_handed_over(tmp_path):
    async def scene():
        async with executor(tmp_path, {"state": "running"}) as (fake, client), \
                desk(tmp_path, client) as (made, replies):
            made.request(RunRequest(RUN, "a.b.c", "dance"))
            assert await asyncio.wait_for(replies.get(), 20) == RunReply(
                RUN, "refused", "this agent knows no request dance")
            assert fake.asked == []
    asyncio.run(scene())


def test_the_hubs_word_for_an_update_is_carried_until_an_executor_takes_it(tmp_path):
    async def scene():
        async with executor(tmp_path, b"", b"", {"state": "confirmed"}) as (fake, client), \
                desk(tmp_path, client) as (made, replies):
            made.confirm(UpdateConfirm("../x", "a.b.c"))
            made.confirm(UpdateConfirm(RUN, "a.b.c"))
            async with asyncio.timeout(20):
                while len(fake.asked) < 3:
                    await asyncio.sleep(0.01)
            assert fake.asked == 3 * [{"request": "confirm", "run": RUN, "jws": "a.b.c"}]
            assert replies.empty()  # what comes of it is told in the update's stream
    asyncio.run(scene())


def test_a_cancel_is_answered_too(tmp_path):
    reply = asyncio.run(answer_to(tmp_path, RunCancel(RUN, "a.b.c"), {"state": "cancelled"}))
    assert reply == RunReply(RUN, "cancelled", "")


def test_a_state_that_there_is_not_is_a_failure(tmp_path):
    reply = asyncio.run(answer_to(tmp_path, RunRequest(RUN, "a.b.c"), {"state": "finished", "reason": "?"}))
    assert reply.state == "failed"


def test_without_an_executor_a_run_fails_and_says_why(tmp_path):
    async def scene():
        async with desk(tmp_path, ExecutorClient(tmp_path / "none.sock")) as (made, replies):
            made.request(RunRequest(RUN, "a.b.c"))
            reply = await asyncio.wait_for(replies.get(), 20)
            assert reply.state == "failed"
            assert "dvic-executor.socket" in reply.reason
    asyncio.run(scene())


def test_a_request_whose_answer_was_lost_is_handed_over_again(tmp_path):
    reply = asyncio.run(answer_to(tmp_path, RunRequest(RUN, "a.b.c"), b"", {"state": "running"}))
    assert reply.state == "running"


def test_a_run_that_started_although_nothing_was_answered_is_running(tmp_path):
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    assert asyncio.run(answer_to(tmp_path, RunRequest(RUN, "a.b.c"), b"")).state == "running"


def test_a_run_of_which_nobody_can_say_whether_it_started_is_lost(tmp_path):
    assert asyncio.run(answer_to(tmp_path, RunRequest(RUN, "a.b.c"), b"")).state == "lost"


@pytest.mark.parametrize("run", ["", "short", "../../../../etc", "A" * 16, "0123456789abcdef\n", "0123456789abcde/"])
def test_an_id_that_is_none_never_reaches_the_executor(tmp_path, run):
    async def scene():
        async with executor(tmp_path, {"state": "running"}) as (fake, client), \
                desk(tmp_path, client) as (made, replies):
            made.request(RunRequest(run, "a.b.c"))
            assert (await asyncio.wait_for(replies.get(), 20)).state == "refused"
            assert fake.asked == []
            assert not made.exists(run)
    asyncio.run(scene())


def test_of_the_runs_that_the_hub_believes_in_those_without_a_trace_are_lost(tmp_path):
    async def scene():
        (tmp_path / "runs" / RUN).mkdir(parents=True)
        async with desk(tmp_path, ExecutorClient(tmp_path / "none.sock")) as (made, replies):
            made.compare([RUN, "fedcba9876543210", "../../etc", 5])
            lost = [replies.get_nowait() for _ in range(replies.qsize())]
            assert [reply.run for reply in lost] == ["fedcba9876543210", "../../etc", "5"]
            assert {reply.state for reply in lost} == {"lost"}
    asyncio.run(scene())


def test_a_stored_run_is_forgotten(tmp_path):
    async def scene():
        async with executor(tmp_path, {"state": "forgotten"}) as (fake, client), desk(tmp_path, client) as (made, _):
            made.forget(RUN)
            async with asyncio.timeout(20):
                while not fake.asked:
                    await asyncio.sleep(0.01)
            assert fake.asked == [{"request": "forget", "run": RUN}]
    asyncio.run(scene())
