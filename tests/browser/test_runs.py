"""Running commands from the page: composed, confirmed, watched on every node, cancelled, run again."""

import asyncio
import json
import threading

import aiohttp
import pytest
from hostile import BREAKOUT, ESCAPED, MARKUP, TERMINAL, TEXTS, assert_harmless
from playwright.sync_api import expect
from rig import until
from simulated_agent import SimulatedAgent

from dvic_wire import messages, records
from dvic_wire.tokens import EnrolmentToken

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def third_node(rig):
    if "cyd" not in rig.agents:
        rig.new_agent("cyd").start().online()


def order(rig, **body: object) -> dict:
    status, run = rig.request("POST", "/api/v1/runs", body)
    assert status == 201, run
    return run


def pane(page, node: str):
    return page.get_by_role("region", name=f"Output of {node}")


def over(rig, run: str) -> dict:
    return until(lambda: (found := rig.request("GET", f"/api/v1/runs/{run}")[1])["ended"] and found, "the run is over")


def test_a_command_on_three_nodes_is_composed_confirmed_and_watched(open_page, rig):
    page = open_page("/runs", "otto")
    page.get_by_role("button", name="New run").click()
    form = page.get_by_role("form", name="New run")
    form.get_by_role("combobox", name="Nodes").fill("ada or bob or cyd")
    expect(form.get_by_role("status")).to_contain_text("3 nodes right now")
    form.get_by_role("textbox", name="Command").fill("sh -c 'echo from \"$0\"; echo grief >&2; exit 3' 'a b'")
    expect(form.get_by_label("What is started").locator("code")).to_have_text(
        ["sh", "-c", 'echo from "$0"; echo grief >&2; exit 3', "a b"])
    form.get_by_role("textbox", name="Reason").fill("to see <b>all</b>")
    form.get_by_role("textbox", name="Nodes at a time").fill("1")
    form.get_by_role("button", name="Run ...").click()
    dialog = page.get_by_role("dialog", name="Run it on 3 nodes?")
    for said in ("ada", "bob", "cyd", "a b", "1 node at a time", "to see <b>all</b>"):
        expect(dialog).to_contain_text(said)
    dialog.get_by_role("button", name="Run", exact=True).click()
    for node in ("ada", "bob", "cyd"):
        expect(pane(page, node)).to_contain_text("from a b")
        expect(pane(page, node)).to_contain_text("grief")
        expect(pane(page, node)).to_contain_text("failed")
        expect(pane(page, node)).to_contain_text("exit 3")
    expect(page.get_by_text("over after")).to_be_visible()
    assert "/runs/" in page.url
    pane(page, "bob").get_by_role("button", name="Alone").click()
    expect(pane(page, "ada")).to_have_count(0)
    other = open_page("/" + page.url.split("/", 3)[3], "vera")
    expect(pane(other, "bob")).to_contain_text("from a b")
    expect(pane(other, "ada")).to_have_count(0)
    expect(other.get_by_role("button", name="Cancel")).to_have_count(0)


def test_output_comes_live_and_states_change_without_a_reload(open_page, rig):
    gate = rig.folder / "gate"
    script = f"#!/bin/sh\necho begun\nwhile ! [ -e {gate} ]; do sleep 0.05; done\necho done\n"
    run = order(rig, selector="ada", script=script)
    page = open_page(f"/runs/{run['id']}", "vera")
    expect(pane(page, "ada")).to_contain_text("begun")
    expect(pane(page, "ada")).to_contain_text("running")
    expect(pane(page, "ada")).not_to_contain_text("done")
    gate.touch()
    expect(pane(page, "ada")).to_contain_text("done")
    expect(pane(page, "ada")).to_contain_text("finished")


def test_what_is_wrong_with_an_order_is_said_before_anything_is_sent(open_page, rig):
    page = open_page("/runs?new=1", "otto")
    form = page.get_by_role("form", name="New run")
    form.get_by_role("button", name="Run ...").click()
    expect(form).to_contain_text("say on which nodes")
    expect(form).to_contain_text("say what to run")
    form.get_by_role("combobox", name="Nodes").fill("tag:")
    page.keyboard.press("Tab")
    expect(form).to_contain_text("nothing stands after tag:")
    form.get_by_role("combobox", name="Nodes").fill("nobody")
    expect(form.get_by_role("status")).to_contain_text("0 nodes")
    form.get_by_role("textbox", name="Command").fill("ls *.log | wc")
    expect(form).to_contain_text("No shell reads this")
    form.get_by_role("button", name="Run ...").click()
    expect(form.get_by_role("alert")).to_contain_text("no node")
    form.get_by_role("textbox", name="Command").fill("echo 'open")
    expect(form).to_contain_text("is not closed")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_nodes_that_an_order_means_are_those_of_this_moment(open_page, rig):
    page = open_page("/runs?new=1&q=late-*", "otto")
    form = page.get_by_role("form", name="New run")
    expect(form.get_by_role("status")).to_contain_text("0 nodes right now")
    rig.request("POST", "/api/v1/nodes", {"name": "late-1", "generate": True})
    expect(form.get_by_role("status")).to_contain_text("1 node right now, 1 of them not connected: late-1")
    rig.request("DELETE", "/api/v1/nodes/late-1")
    expect(form.get_by_role("status")).to_contain_text("0 nodes right now")


def test_a_run_is_cancelled_on_one_node_and_on_all(open_page, rig):
    run = order(rig, selector="ada or bob or cyd", argv=["sleep", "600"])
    page = open_page(f"/runs/{run['id']}", "otto")
    for node in ("ada", "bob", "cyd"):
        expect(pane(page, node)).to_contain_text("running")
    pane(page, "bob").get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("bob")
    expect(dialog).not_to_contain_text("ada")
    dialog.get_by_role("button", name="Yes, end it").click()
    expect(pane(page, "bob")).to_contain_text("cancelled")
    expect(pane(page, "ada")).to_contain_text("running")
    listed = page.get_by_role("list", name="Nodes").get_by_role("listitem")
    expect(listed).to_have_text(["ada ▶ running", "bob ◌ cancelled", "cyd ▶ running"])  # none moves for its state
    page.locator("header.run-head").get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Yes, end it").click()
    expect(page.locator(".run-head")).to_contain_text("3 cancelled")
    expect(page.locator(".run-head")).to_contain_text("over after")


def test_a_run_is_ordered_again_as_it_was(open_page, rig):
    run = order(rig, selector="cyd", script="#!/bin/sh\necho again $1 $WORD\n", argv=["and again"], env={"WORD": "x"},
                timeout=90, reason="first")
    over(rig, run["id"])
    page = open_page(f"/runs/{run['id']}", "otto")
    page.get_by_role("link", name="Run again").click()
    form = page.get_by_role("form", name="New run")
    expect(form.get_by_role("textbox", name="Script")).to_have_value("#!/bin/sh\necho again $1 $WORD\n")
    expect(form.get_by_role("textbox", name="Its arguments")).to_have_value("'and again'")
    expect(form.get_by_role("textbox", name="Timeout")).to_have_value("90s")
    expect(form.get_by_role("status")).to_contain_text("1 node")
    form.get_by_role("button", name="Run ...").click()
    page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    expect(pane(page, "cyd")).to_contain_text("again and again x")
    assert run["id"] not in page.url


def test_the_history_says_who_when_and_why_and_is_searched(open_page, rig):
    first = order(rig, selector="ada", argv=["true"], reason="weekly <i>check</i>")
    order(rig, selector="bob", argv=["false"], reason="daily")
    over(rig, first["id"])
    page = open_page("/runs", "vera")
    runs = page.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(runs.filter(has_text="weekly <i>check</i>")).to_contain_text("admin")
    expect(page.get_by_role("button", name="New run")).to_have_count(0)
    page.get_by_label("Text").fill("WEEKLY")
    expect(runs).to_have_count(1)
    page.get_by_label("Text").fill("")
    page.get_by_label("Node", exact=True).fill("bob")
    page.get_by_label("State", exact=True).select_option("failed")
    expect(runs.filter(has_text="daily")).to_have_count(1)
    expect(runs.filter(has_text="weekly")).to_have_count(0)
    order(rig, selector="bob", argv=["false"], reason="while somebody looks")
    expect(runs.filter(has_text="while somebody looks")).to_have_count(1)
    runs.filter(has_text="daily").get_by_role("link").click()
    expect(pane(page, "bob")).to_contain_text("exit 1")


def test_a_viewer_is_offered_no_run_and_the_hub_refuses_one_that_is_sent(open_page, rig):
    page = open_page("/runs?new=1", "vera")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_role("form", name="New run")).to_have_count(0)
    status = page.evaluate("""fetch('api/v1/runs', {
        method: 'POST', headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({selector: 'all', argv: ['true']})}).then((answer) => answer.status)""")
    assert status == 403


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (375, "light")])
def test_what_is_hostile_is_shown_as_text(open_page, rig, width, scheme):
    script = "#!/bin/sh\ncat <<'END'\n" + "\n".join(TEXTS) + "\nEND\nprintf '\\377\\376 <b>binary</b>\\n'\nexit 1\n"
    run = order(rig, selector="ada", script=script, argv=[MARKUP, TERMINAL], reason=BREAKOUT)
    over(rig, run["id"])
    page = open_page(f"/runs/{run['id']}", "otto", width=width, scheme=scheme)
    written = pane(page, "ada")
    for text in (MARKUP, BREAKOUT, *ESCAPED, "\\xff\\xfe <b>binary</b>"):
        expect(written).to_contain_text(text)
    expect(page.locator(".run-head")).to_contain_text(BREAKOUT)
    page.get_by_text("What exactly").click()
    expect(page.locator(".run-facts")).to_contain_text(MARKUP)
    assert_harmless(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.goto("/runs")
    expect(page.get_by_role("list", name="Runs")).to_contain_text(BREAKOUT)
    assert_harmless(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_what_a_node_left_out_or_never_wrote_is_told(open_page, rig):
    run = order(rig, selector="ada", argv=["sh", "-c", "yes 0123456789 | head -c 300000"], output=100_000)
    silent = order(rig, selector="ada", argv=["true"])
    over(rig, run["id"])
    page = open_page(f"/runs/{run['id']}", "vera")
    expect(pane(page, "ada")).to_contain_text("of output were left out at the node")
    with page.expect_download() as loading:
        pane(page, "ada").get_by_role("button", name="Download").click()
    assert 90_000 <= loading.value.path().stat().st_size <= 100_000
    page.goto(f"/runs/{silent['id']}")
    expect(pane(page, "ada")).to_contain_text("It wrote nothing")


def in_a_thread(scene) -> None:
    """Run a coroutine beside the browser, whose own loop is in this thread."""
    fault = []

    def work():
        try:
            asyncio.run(scene)
        except BaseException as error:
            fault.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert not fault and not thread.is_alive(), fault


def test_a_node_that_lies_about_its_output_can_not_write_into_another_node_s_pane(open_page, rig):
    """mallory, one of the run's nodes, says that its lines are bob's, and sends lines of a run that is not its own."""
    token = EnrolmentToken.decode(rig.token())
    hub = rig.request("GET", "/api/v1/hub-key", signed_in=False)[1]["fingerprint"]
    liar = SimulatedAgent(rig.url, hub, name="mallory")
    bob = rig.node("bob")["id"]

    async def join():
        async with aiohttp.ClientSession() as http:
            await liar.enrol(http, token)

    in_a_thread(join())
    other = order(rig, selector="bob", argv=["echo", "the truth"])
    over(rig, other["id"])
    run = order(rig, selector="bob or mallory", argv=["echo", "bob's own words"], queue=60)
    page = open_page(f"/runs/{run['id']}", "vera")
    expect(pane(page, "bob")).to_contain_text("bob's own words")

    async def lie():
        async with aiohttp.ClientSession() as http:
            await liar.connect(http)
            now, stream = 1, f"run:{run['id']}"
            text = json.dumps({"kind": "output", "run": run["id"], "node": "bob", "node_id": bob, "out": "lie"})
            good = [records.run_start(now, 1, "x"), records.run_output(now, "out", f"mallory: {text}\n".encode())]
            bad = [{**records.run_output(now, "out", b"lie of a record\n"), "node": "bob", "node_id": bob}]
            foreign = [records.run_output(now, "out", b"lie of a stream\n")]
            await liar.send(messages.Batch(stream, "", "1", "run", good))
            await liar.send(messages.Batch(f"run:{other['id']}", "", "1", "run", foreign))
            stored = {}
            while len(stored) < 2:
                if isinstance(answer := await liar.receive(), messages.Ack):
                    stored[answer.stream] = answer.stored
            assert stored == {stream: True, f"run:{other['id']}": False}
            await liar.send(messages.Batch(stream, "1", "2", "run", bad))
            while not isinstance(await liar.receive(), messages.Problem):
                pass
            await liar.close()

    in_a_thread(lie())
    expect(pane(page, "mallory")).to_contain_text('mallory: {"kind": "output"')
    expect(pane(page, "bob").get_by_role("log")).to_have_text("bob's own words\n")
    expect(pane(page, "mallory")).not_to_contain_text("lie of a")
    page.goto(f"/runs/{other['id']}")
    expect(pane(page, "bob").get_by_role("log")).to_have_text("the truth\n")


def test_a_hub_that_was_away_costs_no_line_and_doubles_none(open_page, rig):
    run = order(rig, selector="ada or bob", argv=["sh", "-c", "for n in $(seq 100); do echo line $n; sleep 0.1; done"])
    page = open_page(f"/runs/{run['id']}", "vera")
    expect(pane(page, "ada")).to_contain_text("line 5\n")
    rig.hub.stop()
    expect(page.get_by_text("out of reach")).to_be_visible()
    rig.start_hub()
    for node in ("ada", "bob"):
        expect(pane(page, node)).to_contain_text("finished", timeout=60_000)
        expect(pane(page, node).get_by_role("log")).to_have_text("".join(f"line {n}\n" for n in range(1, 101)))
    expect(page.get_by_text("out of reach")).to_have_count(0)
