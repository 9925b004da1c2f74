"""Terminals in the page: opened, typed into, shared, lost and found again, replayed; kept from those who may not."""

import json
import os
import re
import shutil
import signal

import pytest
from axe import stumbles
from joined_terminal import events, open_session
from page_terminal import SCREEN, enter, keyboard, open_terminal, shows
from playwright.sync_api import expect
from rig import until

pytestmark = pytest.mark.browser

WORDS = ("one", "two", "three")


def session(rig, id):
    return rig.request("GET", f"/api/v1/sessions/{id}")[1]


def test_a_program_that_fills_the_screen_saves_a_file(open_page, rig, tmp_path):
    assert shutil.which("vi"), "needs vi (apt-get install vim-tiny)"
    page = open_page("/", "otto")
    id = open_terminal(page, command=f"sh -c 'cd {tmp_path} && exec vi -u NONE letter'")
    shows(page, "~")
    keyboard(page).type("iDear anna, grüße ✓")
    shows(page, "Dear anna, grüße ✓")
    page.keyboard.press("Escape")
    enter(page, ":wq")
    expect(page.get_by_text("The session is over: ended well.")).to_be_visible()
    assert (tmp_path / "letter").read_text() == "Dear anna, grüße ✓\n"
    assert session(rig, id)["by"] == "otto"
    expect(page).to_have_title(re.compile("vi .* Session · DVIC"))


def test_control_c_ends_a_flood_and_the_terminal_goes_on(open_page, rig):
    page = open_page("/", "otto")
    open_terminal(page)
    enter(page, "yes flood")
    shows(page, "flood")
    page.keyboard.press("Control+c")
    enter(page, "echo still $((40+2)) here")
    shows(page, "still 42 here")
    enter(page, "exit 3")
    expect(page.get_by_text("The session is over: ended with an error (exit code 3)")).to_be_visible()


def test_the_window_s_size_is_the_terminal_s(open_page, rig):
    page = open_page("/", "otto")
    id = open_terminal(page)
    until(lambda: session(rig, id)["cols"] > 100, "it is as wide as the window")
    wide = session(rig, id)
    page.set_viewport_size({"width": 700, "height": 500})
    until(lambda: session(rig, id)["cols"] < 90 and session(rig, id)["rows"] < wide["rows"], "it follows the window")
    narrow = session(rig, id)
    enter(page, "stty size")
    shows(page, f"{narrow['rows']} {narrow['cols']}")
    page.get_by_role("button", name="Fill the window").click()
    until(lambda: session(rig, id)["rows"] > narrow["rows"], "it fills the window")
    page.get_by_role("button", name="Smaller").click()
    enter(page, "exit")


def test_two_share_a_terminal_and_one_only_looks_on(open_page, rig):
    otto = open_page("/", "otto")
    id = open_terminal(otto, title="both of us")
    anna = open_page("/sessions", "anna", width=1100)
    row = anna.get_by_role("row").filter(has_text="both of us")
    expect(row).to_contain_text("otto")
    row.get_by_role("link", name="Look on").click()
    expect(anna.get_by_role("list", name="Who is in it")).to_contain_text("anna (you) looks on")
    expect(otto.get_by_role("list", name="Who is in it")).to_contain_text("anna looks on")
    enter(otto, "echo from ot''to")
    shows(anna, "from otto")
    expect(anna.locator(".xterm-helper-textarea")).to_have_attribute("tabindex", "-1")
    anna.locator(".xterm").click()
    anna.keyboard.type("echo from an''na\n")
    expect(anna.get_by_role("button", name="Paste")).to_have_count(0)

    anna.get_by_role("link", name="Join with the keyboard").click()
    expect(otto.get_by_role("list", name="Who is in it")).not_to_contain_text("looks on")
    enter(anna, "echo to''gether")
    shows(otto, "together")
    assert "from anna" not in otto.locator(SCREEN).inner_text()

    expect(anna.get_by_role("button", name="End for all")).to_be_visible()
    anna.get_by_role("button", name="End for all").click()
    anna.get_by_role("button", name="End it").click()
    for page in (otto, anna):
        expect(page.get_by_text("The session is over: ended by anna.")).to_be_visible()
    assert session(rig, id)["state"] == "cancelled"


def test_who_did_not_begin_it_is_not_offered_its_end(open_page, rig):
    anna = open_page("/", "anna")
    id = open_terminal(anna, title="of anna")
    otto = open_page(f"/sessions/{id}", "otto")
    expect(otto.get_by_role("button", name="Invite")).to_be_visible()
    expect(otto.get_by_role("button", name="End for all")).to_have_count(0)
    otto.get_by_role("button", name="Invite").click()
    expect(otto.get_by_text(f"{rig.url}/sessions/{id}?look=1")).to_be_visible()
    otto.goto("/sessions")
    expect(otto.get_by_role("row").filter(has_text="of anna").get_by_role("link", name="Join")).to_be_visible()
    expect(otto.get_by_role("button", name="End of anna for all")).to_have_count(0)
    enter(anna, "exit")


def test_a_terminal_goes_on_when_the_hub_was_killed_and_started_again(open_page, rig):
    page = open_page("/", "otto")
    id = open_terminal(page)
    page.evaluate("window.sameDocument = true")
    enter(page, "echo be''fore")
    shows(page, "before")
    rig.hub.kill()
    expect(page.get_by_text("Connection lost, reconnecting")).to_be_visible()
    enter(page, "echo af''ter $((6*7))")
    rig.start_hub()
    expect(page.get_by_text("Connection lost, reconnecting")).to_have_count(0)
    shows(page, "after 42")
    text = page.locator(SCREEN).inner_text()
    assert text.count("before") == 1 and text.count("after 42") == 1
    assert page.evaluate("window.sameDocument")
    enter(page, "exit")
    expect(page.get_by_text("The session is over: ended well.")).to_be_visible()
    assert session(rig, id)["exit_code"] == 0


def test_a_line_that_is_dead_is_noticed_and_made_anew(open_page, rig):
    page = open_page("/", "otto")
    open_terminal(page)
    os.kill(rig.hub.pid, signal.SIGSTOP)  # nobody closes anything, and nobody answers
    try:
        expect(page.get_by_text("Connection lost, reconnecting")).to_be_visible()
    finally:
        os.kill(rig.hub.pid, signal.SIGCONT)
    expect(page.get_by_text("Connection lost, reconnecting")).to_have_count(0)
    enter(page, "echo the''re")
    shows(page, "there")
    enter(page, "exit")


def test_a_terminal_waits_for_a_machine_that_lost_its_hub(open_page, rig):
    page = open_page("/", "otto")
    open_terminal(page, "bob")
    enter(page, "echo be''fore")
    shows(page, "before")
    rig.agents["bob"].agent.kill()
    expect(page.get_by_text("The machine has lost its connection to the hub")).to_be_visible()
    rig.agents["bob"].start()
    expect(page.get_by_text("The machine has lost its connection to the hub")).to_have_count(0)
    enter(page, "echo af''ter")
    shows(page, "after")
    enter(page, "exit")


def test_text_is_copied_out_and_pasted_in(open_page, rig):
    page = open_page("/", "otto")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_terminal(page)
    enter(page, "clear; echo ta''ke-me-along")
    shows(page, "take-me-along")
    page.get_by_text("take-me-along").first.dblclick(position={"x": 20, "y": 5}, force=True)
    page.keyboard.press("Control+Shift+C")
    until(lambda: page.evaluate("navigator.clipboard.readText()") == "take-me-along", "it is in the clipboard")
    page.evaluate("navigator.clipboard.writeText('echo pas\\'\\'ted ünd')")
    page.get_by_role("button", name="Paste").click()
    shows(page, "echo pas''ted ünd")
    page.keyboard.press("Enter")
    shows(page, "pasted ünd")
    page.get_by_text("pasted ünd", exact=True).first.dblclick(position={"x": 20, "y": 5}, force=True)
    page.get_by_role("button", name="Copy").click()
    until(lambda: page.evaluate("navigator.clipboard.readText()") == "pasted", "the button copies too")
    enter(page, "exit")


def test_a_long_paste_arrives_whole(open_page, rig, tmp_path):
    page = open_page("/", "otto")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_terminal(page, command=f"sh -c 'stty -echo; exec cat > {tmp_path}/pasted'")
    text = "".join(f"{number:6} {'grüße ' * 12}\n" for number in range(4000))
    until((tmp_path / "pasted").exists, "it listens")
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.get_by_role("button", name="Paste").click()
    until(lambda: (tmp_path / "pasted").stat().st_size == len(text.encode()), "all of it is there")
    page.keyboard.press("Control+d")
    expect(page.get_by_text("The session is over: ended well.")).to_be_visible()
    assert (tmp_path / "pasted").read_text() == text


def test_a_question_of_a_program_is_answered_once_whoever_is_in_it(open_page, rig):
    otto = open_page("/", "otto")
    id = open_terminal(otto)
    anna = open_page(f"/sessions/{id}", "anna")
    shows(anna, "#")
    enter(otto, "printf '\\033[c'; sleep 1; echo as''ked")
    shows(anna, "asked")
    shows(otto, "1;2c")  # echoed, as nobody reads it
    vera = open_page(f"/sessions/{id}", "anna")  # the question is in what she is shown first
    shows(vera, "asked")
    otto.keyboard.press("Control+u")
    enter(otto, "echo se''ttled")
    for page in (otto, anna, vera):
        shows(page, "settled")
        assert page.locator(SCREEN).inner_text().count("1;2c") == 1
    enter(otto, "exit")


def test_what_a_program_writes_moves_nothing_but_its_screen(open_page, rig):
    page = open_page("/", "otto")
    open_terminal(page, title="<img src=x onerror=window.harmed=1>")
    expect(page).to_have_title(re.compile("onerror"))
    title = page.title()
    enter(page, "clear; printf '\\033]0;taken\\007\\033]52;c;dGFrZW4=\\007"
                "\\033]8;;javascript:window.harmed=2\\007press\\033]8;;\\007\\n"
                "<script>window.harmed=3</script>\\n'")
    shows(page, "<script>window.harmed=3</script>")
    page.get_by_text("press", exact=True).first.click(force=True)
    assert page.title() == title
    assert page.evaluate("window.harmed === undefined")
    enter(page, "exit")


def test_the_keyboard_comes_into_a_terminal_and_out_again(open_page, rig):
    page = open_page("/", "otto")
    open_terminal(page)
    keyboard(page)
    page.keyboard.press("Tab")
    expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    page.keyboard.press("Control+Shift+L")
    expect(page.get_by_role("button", name="Copy")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("leave the terminal by the keyboard")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
    expect(page.get_by_role("button", name="Copy")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    page.keyboard.type("echo t''yped")
    page.keyboard.press("Enter")
    shows(page, "typed")
    assert stumbles(page) == []
    enter(page, "exit")


def test_a_phone_has_the_keys_that_it_lacks(open_page, rig):
    page = open_page("/", "otto", width=375, height=700)
    open_terminal(page)
    enter(page, "cat")
    keyboard(page).type("held")
    shows(page, "held")
    page.get_by_role("button", name="Ctrl-C").click()
    enter(page, "echo $((6*7)) ba''ck")
    shows(page, "42 back")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert stumbles(page) == []
    enter(page, "exit")


def test_who_may_no_more_or_signs_out_everywhere_is_put_out(open_page, rig):
    page, other = open_page("/", "otto"), open_page("/", "otto")
    id = open_terminal(page)
    shows(page, "#")
    assert rig.request("PATCH", "/api/v1/users/otto", {"role": "viewer"})[0] == 200
    try:
        expect(page.get_by_text("What a terminal shows, and its recording, are for operators.")).to_be_visible()
        expect(page.locator(".xterm")).to_have_count(0)
    finally:
        rig.request("PATCH", "/api/v1/users/otto", {"role": "operator"})
    other.goto(f"/sessions/{id}")
    enter(other, "echo st''ill")
    shows(other, "still")
    page.evaluate("fetch('api/v1/logins', {method: 'DELETE'})")
    expect(other.get_by_role("button", name="Sign in")).to_be_visible()


def test_xterm_is_loaded_where_there_is_a_terminal_and_nowhere_else(open_page, rig):
    page = open_page("/", "otto")
    loaded = """() => performance.getEntriesByType("resource").filter((each) => each.name.endsWith(".js"))
        .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
    page.goto("/sessions?new=1&node=ada")
    expect(page.get_by_role("region", name="New terminal")).to_be_visible()
    assert page.evaluate(loaded) < 200_000
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator(".xterm")).to_be_visible()
    assert page.evaluate(loaded) > 300_000
    enter(page, "exit")


def test_a_recording_is_replayed_to_any_moment_and_taken_along(open_page, rig, tmp_path):
    page = open_page("/", "otto")
    id = open_terminal(page, title="to be seen again")
    shows(page, "#")
    for word in WORDS:
        enter(page, f"clear; echo part {word[0]}''{word[1:]}; sleep 1")
        shows(page, f"part {word}")
    enter(page, "exit")
    page.get_by_role("button", name="Replay").click()
    shows(page, "part three")
    replay = page.get_by_role("toolbar", name="Replay")
    seek = replay.get_by_label("Position")
    assert float(seek.get_attribute("max")) > 2
    replay.get_by_label("cut pauses short").uncheck()
    cast = rig.hubctl("sessions", "export", id, "-")
    moments = {word: next(at for at, _, data in events(cast) if f"part {word}" in data) for word in WORDS}
    for word in ("two", "one", "three", "two"):
        seek.fill(str(moments[word] + 0.5))
        shows(page, f"part {word}")
        assert not [other for other in WORDS if other != word and f"part {other}" in page.locator(SCREEN).inner_text()]
    seek.fill("0")
    expect(page.locator(SCREEN)).not_to_contain_text("part")
    replay.get_by_label("cut pauses short").check()
    replay.get_by_label("Speed").select_option("16")
    replay.get_by_role("button", name="Play").click()
    shows(page, "part three")
    expect(replay.get_by_role("button", name="Play")).to_be_visible()
    with page.expect_download() as download:
        replay.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"dvic-{id}.cast"
    assert (download.value.path()).read_text() == cast

    page.goto("/sessions?node=ada")
    row = page.get_by_role("row").filter(has_text="to be seen again")
    expect(row).to_contain_text(re.compile("(KiB|[0-9] B)"))
    row.get_by_role("link", name="Replay").click()
    shows(page, "part three")


def test_a_recording_that_is_damaged_or_very_long_is_played_as_far_as_that_goes(open_page, rig):
    id = open_session(rig, "ada", "echo", "whole")
    until(lambda: session(rig, id)["ended"], "it ends")
    file = rig.state / "recordings" / f"{id}.cast"
    whole = file.read_text()
    page = open_page(f"/sessions/{id}", "otto")
    shows(page, "whole")

    file.write_text(f'{whole}[8.5, "o", "more"]\n[9, "o"\n[9.5, "o", "never"]\n')
    page.reload()
    expect(page.get_by_text("The recording can't be played to its end: a line of it is damaged.")).to_be_visible()
    shows(page, "more")
    file.write_text("no recording at all\n")
    page.reload()
    expect(page.get_by_text("The recording can't be played: a line of it is damaged.")).to_be_visible()
    with file.open("w") as long:
        long.write(whole)
        for second in range(2, 42):
            line = json.dumps([second, "o", "x" * 70 + "\r\n"]) + "\n"
            long.write(line * (1024 * 1024 // len(line)) + json.dumps([second, "o", f"second {second}\r\n"]) + "\n")
    page.reload()
    expect(page.get_by_text("Only the first 32.0 MiB are played here.")).to_be_visible()
    shows(page, re.compile("second 3[0-9]"), timeout=120_000)  # a terminal takes its time for 32 MiB
    page.get_by_label("Position").fill("12.5")
    expect(page.locator(SCREEN)).not_to_contain_text(re.compile("second (2|3)[0-9]"))
    page.get_by_label("Position").fill("0")
    expect(page.locator(SCREEN)).not_to_contain_text("second")


def test_a_viewer_sees_no_way_in_and_the_hub_gives_none(open_page, rig):
    otto = open_page("/", "otto")
    id = open_terminal(otto, title="not for vera")
    page = open_page("/sessions", "vera")
    expect(page.get_by_role("row").filter(has_text="not for vera")).to_contain_text("otto")
    for name in ("New terminal", "Join", "Look on", "Replay", "Download"):
        expect(page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name))).to_have_count(0)
    page.goto("/sessions?new=1&node=ada")
    expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="New terminal")).to_have_count(0)
    page.get_by_role("link", name="not for vera").click()
    expect(page.get_by_role("region", name="Who is in it")).to_contain_text("otto")
    expect(page.locator(".xterm")).to_have_count(0)
    page.goto("/nodes/ada")
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    expect(page.get_by_role("link", name="Terminal", exact=True)).to_have_count(0)
    status = page.evaluate("""async (id) => {
        const ask = (path, body) => fetch(`api/v1/${path}`, body && {method: "POST", body: JSON.stringify(body),
            headers: {"Content-Type": "application/json"}}).then((answer) => answer.status)
        const attach = (query) => new Promise((done) => {
            const base = document.baseURI.replace("http", "ws")
            const socket = new WebSocket(new URL(`api/v1/sessions/${id}/attach${query}`, base))
            socket.onopen = () => done("open")
            socket.onerror = () => done("refused")
        })
        return [await ask("sessions", {node: "ada"}), await ask(`sessions/${id}/end`, {}),
                await ask(`sessions/${id}/recording`), await attach(""), await attach("?read_only=true")]
    }""", id)
    assert status == [403, 403, 403, "refused", "refused"]
    enter(otto, "exit")
