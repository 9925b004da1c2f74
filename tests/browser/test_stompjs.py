"""The real client @stomp/stompjs, in a page of the hub's own origin."""

import pytest
from stompjs import source

pytestmark = pytest.mark.browser

CONNECT = """(token) => new Promise((done, failed) => {
    window.heard = []
    window.client = new StompJs.Client({
        brokerURL: location.origin.replace("http", "ws") + "/stomp", reconnectDelay: 0,
        connectHeaders: {login: "page", passcode: token}, heartbeatIncoming: 5000, heartbeatOutgoing: 5000,
        onConnect: (frame) => done(frame.headers.version),
        onStompError: (frame) => done("refused: " + frame.headers.message),
        onWebSocketError: () => failed("no socket"),
    })
    window.client.activate()
})"""

SUBSCRIBE = """() => new Promise((done) => {
    window.client.watchForReceipt("ready", () => done(true))
    window.client.subscribe("/topic/events.node", (message) => {
        window.heard.push(JSON.parse(message.body)); message.ack()
    }, {ack: "client-individual", receipt: "ready"})
})"""


def test_stompjs_connects_hears_acknowledges_and_leaves(open_page, rig):
    page = open_page("/", "vera")
    page.evaluate(source())
    assert page.evaluate(CONNECT, rig.api_token) == "1.2"
    assert page.evaluate("client.webSocket.protocol") == "v12.stomp"
    assert page.evaluate(SUBSCRIBE)
    rig.request("POST", "/api/v1/nodes", {"name": "stomped", "generate": "hmac"})
    page.wait_for_function("heard.some((event) => event.kind === 'node' && event.node === 'stomped')")
    assert page.evaluate("client.deactivate().then(() => client.connected)") is False


def test_stompjs_is_told_why_it_is_refused(open_page):
    page = open_page("/", "vera")
    page.evaluate(source())
    assert page.evaluate(CONNECT, "dvic_wrong_token").startswith("refused: ")


SEND = """() => new Promise((done) => {
    window.client.watchForReceipt("sent", () => done(true))
    window.client.watchForReceipt("ready", () => {
        const transaction = window.client.begin()
        for (const step of ["start", "done"])
            window.client.publish({destination: "/topic/stomped", body: step,
                                   headers: {component: "decode", step, transaction: transaction.id}})
        transaction.commit()
        window.client.publish({destination: "/queue/stomped", headers: {receipt: "sent"},
                               body: JSON.stringify({component: "archive", step: "start"})})
    })
    window.client.subscribe("/topic/stomped", (message) => window.heard.push(JSON.parse(message.body)),
                            {receipt: "ready"})
})"""


def test_stompjs_sends_to_a_service_and_hears_its_steps_move(open_page, rig):
    page = open_page("/", "vera")
    page.evaluate(source())
    status, answer = rig.request("POST", "/api/v1/services", {
        "name": "stomped", "components": [{"name": "decode"}, {"name": "archive"}]})
    assert status == 201, answer
    assert page.evaluate(CONNECT, rig.api_token) == "1.2"
    assert page.evaluate(SEND)
    page.wait_for_function("() => heard.some((one) => one.kind === 'event' && one.message === 'done')")
    page.wait_for_function("() => heard.some((one) => one.kind === 'service' && one.component === 'archive' "
                           "&& one.state === 'running')")
    page.evaluate("client.deactivate()")
