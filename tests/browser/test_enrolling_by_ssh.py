"""Enrolling a machine by ssh from the page: a real sshd, its host key, what it refuses, and what is said there."""

import json

import pytest
from axe import stumbles
from browsing import CHROMIUM, FLAGS
from hostile import BREAKOUT, MARKUP, TEXTS, assert_harmless
from joining_machine import JoiningMachine
from playwright.sync_api import expect
from rig import until
from ssh_server import PASSPHRASE, SshServer, needs_sshd

pytestmark = [pytest.mark.browser, needs_sshd]

PASSWORD_THERE = "Correct-Horse-Battery-9 '$x\\"
PLAIN_HTTP = "http://hub.test"

WITHOUT_THE_CIPHER = """
const importKey = SubtleCrypto.prototype.importKey
SubtleCrypto.prototype.importKey = function (format, data, algorithm, ...others) {
  if (algorithm === "ChaCha20-Poly1305") return Promise.reject(new DOMException("unknown", "NotSupportedError"))
  return importKey.call(this, format, data, algorithm, ...others)
}"""
"""A browser that has everything but this."""

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def machine(tmp_path):
    return JoiningMachine(tmp_path)


@pytest.fixture
def server(tmp_path, machine):
    with SshServer(tmp_path / "sshd", machine.command, passwords=True) as started:
        yield started


def look(page, target, **fields: str):
    """Fill in where it is and have its host key looked at; returns the part of the page."""
    section = page.get_by_role("region", name="Enrol by ssh")
    for label, text in {"User and host": str(target), **fields}.items():
        section.get_by_label(label.replace("_", " ")).fill(text)
    section.get_by_role("button", name="Look at its host key").click()
    return section


def sign_in_by_key(section, server: SshServer, name: str = "key", passphrase: str = "") -> None:
    section.get_by_label("a private key").check()
    section.get_by_label("Private key file").set_input_files(server.folder / name)
    section.get_by_label("Its passphrase").fill(passphrase)
    section.get_by_role("button", name="enrol").click()


def accept(section, server: SshServer) -> None:
    section.get_by_label(server.host_key.fingerprint).check()


def failed(section):
    """Where it says why it is not enrolled."""
    return section.get_by_role("status").filter(has_text="It is not enrolled")


def test_a_machine_is_enrolled_from_a_node_and_every_line_is_shown_as_it_comes(open_page, rig, machine, server):
    page = open_page("/enrol", "otto")
    sent = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers} {request.post_data}"))
    section = page.get_by_role("region", name="Enrol by ssh")
    section.get_by_label("Signed in from").fill("ad")
    assert section.locator("#push-sources option").evaluate_all("(all) => all.map((one) => one.value)") == ["ada"]
    machine.hold.touch()
    machine.said.write_text("first line\n" + "\n".join(TEXTS) + "\n")
    section = look(page, server.target, Signed_in_from="ada", Tags_that_it_gets="room=lab beamline")
    expect(section.get_by_text("shows its host key for the first time")).to_be_visible()
    accept(section, server)
    sign_in_by_key(section, server, "locked", PASSPHRASE)
    said = section.get_by_role("log")
    expect(said).to_contain_text("first line")  # and it has not ended yet
    expect(said).to_contain_text(MARKUP[:60])
    expect(section.get_by_text("Signing in and installing")).to_be_visible()
    expect(section.locator("input")).to_have_count(0)
    expect(section.get_by_role("heading", name=str(server.target))).to_be_focused()
    assert_harmless(page)
    agent = machine.start(rig)
    machine.hold.unlink()
    expect(section.get_by_text("is online.")).to_be_visible()
    expect(section.get_by_role("link", name="eva")).to_have_attribute("href", "nodes/eva")
    expect(said).to_contain_text("enrolled at http")
    assert rig.node("eva")["tags"] == {"room": "lab", "beamline": ""}

    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.cookie])")
    secrets = [PASSPHRASE, server.locked.splitlines()[2]]
    assert len(sent) > 4 and any("/answer" in each for each in sent)
    assert not [each for each in [*sent, kept, page.content()] for secret in secrets if secret in each]
    [row] = page.get_by_role("table", name="Host keys").get_by_role("row").filter(has_text=server.target.place).all()
    expect(row).to_contain_text(server.host_key.fingerprint)
    expect(row).to_contain_text("otto")
    section.get_by_role("button", name="Enrol another").click()
    expect(section.get_by_label("User and host")).to_have_value("")
    agent.stop()


def test_a_host_key_has_to_be_chosen_the_first_time_is_known_later_and_refused_when_it_has_changed(open_page, server):
    page = open_page("/enrol", "otto")
    section = look(page, server.target)
    password = section.get_by_label(f"Password of {server.target}")
    password.fill(PASSWORD_THERE)
    section.get_by_role("button", name="Accept the host key and enrol").click()
    assert section.get_by_label(server.host_key.fingerprint).evaluate("(one) => one.validity.valueMissing")
    expect(password).to_have_value(PASSWORD_THERE)  # nothing was sent
    accept(section, server)
    section.get_by_role("button", name="Accept the host key and enrol").click()
    expect(failed(section)).to_contain_text("Permission denied")
    assert PASSWORD_THERE not in page.content()

    section.get_by_role("button", name="Try again").click()
    expect(section.get_by_label("User and host")).to_have_value(str(server.target))
    section.get_by_role("button", name="Look at its host key").click()
    expect(section.get_by_text("Its host key is the known one")).to_contain_text(server.host_key.fingerprint)
    section.get_by_role("button", name="Cancel").click()
    expect(section.get_by_text("It was cancelled")).to_be_visible()

    before = server.host_key.fingerprint
    server.new_host_key()
    section.get_by_role("button", name="Try again").click()
    section.get_by_role("button", name="Look at its host key").click()
    for part in ("HAS CHANGED", before, server.host_key.fingerprint):
        expect(failed(section)).to_contain_text(part)
    expect(section.locator("input")).to_have_count(0)
    page.get_by_role("button", name=f"Forget the host key of {server.target.place} from the hub").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_text(f"Forgot the host key of {server.target.place}")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=server.target.place)).to_have_count(0)
    section.get_by_role("button", name="Try again").click()
    section.get_by_role("button", name="Look at its host key").click()
    expect(section.get_by_text("shows its host key for the first time")).to_be_visible()


def test_what_fails_there_is_said_and_nothing_secret_stays_in_the_form(open_page, machine, server):
    page = open_page("/enrol", "otto")
    machine.fault.write_text(f"dvic: the disk is full {BREAKOUT}\n")
    section = look(page, server.target)
    accept(section, server)
    (server.folder / "large").write_text("x" * 40_000)
    for name, says in (("key.pub", "no private key"), ("large", "too large")):
        sign_in_by_key(section, server, name)
        expect(section.get_by_role("alert")).to_contain_text(says)
    for name, passphrase, says in (("foreign", "", "Permission denied"), ("locked", "wrong", "Permission denied"),
                                   ("key", "", "the installer failed there: dvic: the disk is full")):
        sign_in_by_key(section, server, name, passphrase)
        expect(failed(section)).to_contain_text(says)
        assert_harmless(page)
        section.get_by_role("button", name="Try again").click()
        section.get_by_role("button", name="Look at its host key").click()
        expect(section.get_by_text("Its host key is the known one")).to_be_visible()
        expect(section.locator("input[type=password]")).to_have_value("")


def test_a_secret_that_the_hub_did_not_take_is_gone_from_the_form_too(open_page, rig, server):
    page = open_page("/enrol", "otto")
    section = look(page, server.target)
    accept(section, server)
    page.route("**/answer", lambda route: route.abort())
    section.get_by_label("Password of").fill(PASSWORD_THERE)
    section.get_by_role("button", name="enrol").click()
    expect(section.get_by_role("alert")).to_contain_text("The hub does not answer")
    expect(section.get_by_label("Password of")).to_have_value("")
    expect(section.get_by_label(server.host_key.fingerprint)).to_be_checked()
    section.get_by_role("button", name="Cancel").click()


def test_what_can_t_be_begun_is_refused_beside_the_button(open_page, rig):
    page = open_page("/enrol", "otto")
    for target, fields, says in (("lab-8", {}, "USER@HOST"), ("root@-oProxyCommand=x", {}, "neither a host's name"),
                                 ("root@lab-8", {"Signed_in_from": "nobody"}, "there is no node nobody"),
                                 ("root@lab-8", {"Signed_in_from": "", "Tags_that_it_gets": "a=<b>"}, "a tag's value"),
                                 ("root@lab-8", {"Tags_that_it_gets": "", "Name_of_the_new_node": "bob"}, "already")):
        section = look(page, target, **fields)
        expect(section.get_by_role("alert")).to_contain_text(says)
        expect(section.get_by_label("User and host")).to_have_value(target)


def test_a_machine_that_can_t_be_reached_says_so(open_page, server):
    server.stop()
    section = look(open_page("/enrol", "otto"), server.target)
    expect(failed(section)).to_be_visible()


def test_what_nobody_will_answer_ends_when_one_goes_elsewhere(open_page, rig, server):
    page = open_page("/enrol", "otto")
    section = look(page, server.target, Signed_in_from="ada")
    expect(section.get_by_text("It waits for you")).to_be_visible()
    run = rig.request("GET", "/api/v1/runs?kind=enroll")[1]["items"][0]
    page.get_by_role("navigation").get_by_role("link", name="Home").click()
    until(lambda: rig.request("GET", f"/api/v1/runs/{run['id']}")[1]["counts"] == {"cancelled": 1}, "it is ended")


def test_a_viewer_is_offered_none_of_it_and_the_hub_refuses_it(open_page, rig):
    page = open_page("/enrol", "vera")
    expect(page.get_by_role("button", name="Make the line")).to_be_visible()
    for name in ("Enrol by ssh", "Remembered host keys"):
        expect(page.get_by_role("region", name=name)).to_have_count(0)
    for method, path in (("GET", "host-keys"), ("POST", "pushes"), ("DELETE", "host-keys/0")):
        body = {"data": {"user": "root", "host": "lab-8"}} if method == "POST" else {}
        answer = page.request.fetch(f"/api/v1/{path}", method=method, headers={"Origin": rig.url}, **body)
        assert answer.status == 403, path


def assert_only_hubctl_is_offered(page, reason: str) -> None:
    section = page.get_by_role("region", name="Enrol by ssh")
    expect(section.get_by_text(reason)).to_be_visible()
    section.get_by_label("User and host").fill("pi@lab-8:2222")
    section.get_by_label("Signed in from").fill("ada")
    section.get_by_label("Tags that it gets").fill("room=lab web")
    expect(section.locator("code")).to_have_text(
        "hubctl node enroll pi@lab-8:2222 --via ada --ask-password --tag room=lab --tag web=")
    expect(section.get_by_role("button", name="Look at its host key")).to_have_count(0)
    expect(section.locator("input[type=password], input[type=file]")).to_have_count(0)
    assert stumbles(page) == []


def test_a_browser_that_lacks_the_algorithm_gets_hubctl_s_line(open_page):
    page = open_page("/enrol", "otto")
    page.add_init_script(WITHOUT_THE_CIPHER)
    page.reload()
    assert_only_hubctl_is_offered(page, "it lacks X25519 or ChaCha20-Poly1305")


def test_over_plain_http_from_elsewhere_no_secret_is_asked_for(browser, open_page, rig):
    cookies = open_page("/enrol", "otto").context.cookies()
    from_elsewhere = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FLAGS, f"--host-resolver-rules=MAP hub.test 127.0.0.1:{rig.port}"])
    try:
        context = from_elsewhere.new_context()
        context.add_cookies([{**cookie, "domain": "hub.test"} for cookie in cookies])
        page = context.new_page()
        page.goto(f"{PLAIN_HTTP}/enrol")
        assert page.evaluate("isSecureContext") is False
        assert_only_hubctl_is_offered(page, "plain http from another machine")
    finally:
        from_elsewhere.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_suits_a_phone_and_everybody(open_page, machine, server, scheme):
    page = open_page("/enrol", "otto", width=375, height=740, scheme=scheme)
    machine.said.write_text("\n".join([*TEXTS, "x" * 3000]) + "\n")
    machine.fault.write_text("no\n")

    def assert_fits() -> None:
        assert page.evaluate(WIDER) <= 0
        assert stumbles(page) == []

    expect(page.get_by_role("button", name="Look at its host key")).to_be_visible()
    assert_fits()
    section = look(page, server.target)
    accept(section, server)
    section.get_by_label("a private key").check()
    assert_fits()
    sign_in_by_key(section, server)
    expect(failed(section)).to_be_visible()
    expect(page.get_by_role("table", name="Host keys")).to_contain_text(server.host_key.fingerprint)
    assert_fits()


def test_a_hub_that_is_started_again_meanwhile_says_that_it_knows_nothing_of_it(open_page, rig, machine, server):
    page = open_page("/enrol", "otto")
    machine.hold.touch()
    section = look(page, server.target, Signed_in_from="bob")
    accept(section, server)
    sign_in_by_key(section, server)
    expect(section.get_by_text("Signing in and installing")).to_be_visible()
    rig.hub.kill()
    expect(section.get_by_role("alert")).to_contain_text("The hub does not answer")
    rig.start_hub()
    expect(failed(section)).to_contain_text("knows nothing of it any more")
    machine.fault.write_text("no\n")
    machine.hold.unlink()
    audit = json.dumps(rig.request("GET", "/api/v1/audit?action=push.answer")[1])
    assert server.host_key.fingerprint in audit and server.key.splitlines()[2] not in audit
