"""The C library for ESP32 at a real hub, with sockets of this machine in the place of the device's."""

import json
from datetime import datetime

import pytest
from esp32_host import Esp32, compiled
from rig import Rig, free_port, until

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig_folder, udp = tmp_path_factory.mktemp("rig"), free_port()
    with Rig(rig_folder, settings=f'heartbeat_listen = "127.0.0.1:{udp}"') as rig:
        rig.udp = str(udp)
        rig.program = compiled(tmp_path_factory.mktemp("esp32"))
        yield rig.start_hub()


def device(rig, folder, name, kind="ed25519", *udp):
    key = folder / f"{name}.key"
    rig.hubctl("node", "add", name, "--generate-key", kind, "--key-file", str(key))
    hub = rig.request("GET", "/api/v1/hub-key")[1]["fingerprint"]
    return Esp32(rig.program, key, hub, rig.url.rsplit(":", 1)[1], *udp)


def logged(rig, name):
    return [json.loads(line) for line in rig.hubctl("logs", name, "-o", "jsonl").splitlines()]


@pytest.mark.parametrize("kind", ["ed25519", "hmac"])
def test_it_is_online_with_its_numbers_its_text_and_its_log(rig, tmp_path, kind):
    with device(rig, tmp_path, f"c3-{kind}", kind) as esp:
        esp.say('log error gain is "low" ä')
        esp.say("log loud what level is that")
        esp.say("number celsius 21.5")
        assert esp.say("beat warm") == "1  200 "
    node = rig.node(f"c3-{kind}")
    assert (node["state"], node["status"]) == ("online", "warm")
    assert f"c3-{kind}" in rig.hubctl("nodes", "state:online")
    assert {(record["level"], record["message"]) for record in logged(rig, f"c3-{kind}")} == {
        ("error", 'gain is "low" ä'), ("info", "what level is that")}


def test_heartbeats_go_by_udp_and_what_was_logged_by_post(rig, tmp_path):
    with device(rig, tmp_path, "c3-udp", "ed25519", rig.udp) as esp:
        assert esp.say("beat by udp") == "1  0 "
        until(lambda: rig.node("c3-udp").get("status") == "by udp", "the datagram was heard")
        esp.say("log info more")
        assert esp.say("beat by post") == "1  200 "
        assert rig.node("c3-udp")["status"] == "by post"


def test_without_a_clock_it_takes_the_hubs_and_its_records_have_their_times(rig, tmp_path):
    with device(rig, tmp_path, "c3-clock", "ed25519", rig.udp) as esp:
        esp.say("ahead -1700000000")
        esp.say("log info before there was a time")
        assert esp.say("beat") == "1  200 "
        assert esp.say("beat by udp, with the right time") == "1  200 "
        until(lambda: rig.node("c3-clock").get("status", "").startswith("by udp"), "its clock is right")
    record = logged(rig, "c3-clock")[-1]
    assert abs(datetime.fromisoformat(record["time"]).timestamp() - datetime.now().timestamp()) < 300


def test_a_serial_that_is_behind_goes_on_from_the_hubs(rig, tmp_path):
    with device(rig, tmp_path, "c3-serial") as esp:
        esp.say("serial 5000000000000")
        assert esp.say("beat") == "1  200 "
        esp.say("serial 0")
        assert esp.say("beat") == "1  200 "
        assert esp.say("beat") == "1  200 "


def test_what_waits_too_long_is_told_as_a_gap(rig, tmp_path):
    with device(rig, tmp_path, "c3-gap") as esp:
        for number in range(30):
            esp.say(f"log debug n{number} " + "x" * 200)
        assert esp.say("beat") == "1  200 "
    messages = [record["message"] for record in logged(rig, "c3-gap")]
    assert sum(message.startswith("n") for message in messages) == 16
    assert [message for message in messages if "missing" in message]


def test_no_hub_and_another_hubs_fingerprint_only_make_it_say_so(rig, tmp_path):
    with device(rig, tmp_path, "c3-wrong"):
        pass
    with Esp32(rig.program, tmp_path / "c3-wrong.key", "x", 1) as esp:
        assert esp.say("beat") == "0 the hub does not answer 0 "
    with Esp32(rig.program, tmp_path / "c3-wrong.key", "A" * 43, rig.url.rsplit(":", 1)[1]) as esp:
        assert esp.say("beat").startswith("0 the hub refuses it: see answer 403 signature")
