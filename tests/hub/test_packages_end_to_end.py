"""A program publishes, an agent reads, the hub shows: real processes."""

import json
import os
import urllib.parse

import dvic_log
from rig import Rig, until


def packages(rig) -> list[dict]:
    return rig.request("GET", "/api/v1/packages")[1]["items"]


def test_what_a_program_publishes_is_at_the_hub_and_goes_with_its_file(tmp_path):
    with Rig(tmp_path) as rig:
        rig.start_hub()
        ada = rig.new_agent("ada").start(executor=False)
        package = dvic_log.Package("readout", title="Read-out", directory=str(ada.logs), layout="<package/>")
        package.publish({"adc/<b>1</b>": [1, 2, 3], "gain": dvic_log.graph([1, 2], [3, float("nan")])})
        until(lambda: packages(rig), "the package is there")
        status, shown = rig.request("GET", "/api/v1/packages/readout/objects")
        assert status == 200
        assert shown["package"]["node"] == "ada" and shown["package"]["title"] == "Read-out"
        assert [each["name"] for each in shown["objects"]] == ["adc/<b>1</b>", "gain"]
        assert shown["objects"][0]["data"]["storage"] == {"type": "double", "values": [1, 2, 3]}
        assert shown["objects"][1]["data"]["y"] == [3, "NaN"]
        assert rig.request("GET", "/api/v1/packages/readout/layout")[1]["text"] == "<package/>"

        package.publish({"gain": dvic_log.graph([1, 2], [3, float("nan")]), "new": [7]})
        package.close()
        until(lambda: packages(rig)[0]["serial"] == 2, "the second update is there")
        known = shown["objects"][1]["hash"]
        shown = rig.request("GET", f"/api/v1/packages/readout/objects?known={known}")[1]
        assert [each["name"] for each in shown["package"]["objects"]] == ["gain", "new"]
        assert [each["name"] for each in shown["objects"]] == ["new"]
        names = urllib.parse.quote(json.dumps(["adc/<b>1</b>"]))
        first = shown["package"]["snapshot"] - 1
        shown = rig.request("GET", f"/api/v1/packages/readout/objects?at={first}&names={names}")[1]
        assert [each["name"] for each in shown["objects"]] == ["adc/<b>1</b>"] and shown["package"]["serial"] == 1

        rig.hub.kill()
        rig.start_hub()
        ada.online()
        assert packages(rig)[0]["serial"] == 2

        assert rig.request("DELETE", "/api/v1/packages/readout")[0] == 204
        ada.agent.kill()
        ada.start(executor=False).online()
        assert packages(rig) == []
        package.publish({"new": [8]})
        until(lambda: packages(rig), "it comes back with its next update")

        os.unlink(package.path)
        until(lambda: packages(rig)[0]["state"] == "gone", "it has ended")
