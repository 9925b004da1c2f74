"""A program publishes, an agent reads, the hub shows: real processes."""

import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import boost_histogram as bh
import uhi.io.json
from mount_namespaces import as_root
from rig import BIN, Rig, until

import dvic_log


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


PUBLISHER = """
import sys
import dvic_log
package = dvic_log.Package("readout", directory=sys.argv[1])
package.publish({"adc": [int(sys.argv[2])]})
sys.stdin.read()
"""


@as_root
def test_programs_in_two_containers_have_two_packages_of_one_name_that_go_on_when_the_agent_does(tmp_path):
    with Rig(tmp_path) as rig, contextlib.ExitStack() as running:
        rig.start_hub()
        ada = rig.new_agent("ada").start(executor=False)
        programs = [running.enter_context(subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs t "$1" && exec "$0" -c "$2" "$1" "$3"', sys.executable,
             str(ada.logs), PUBLISHER, str(number)], stdin=subprocess.PIPE)) for number in (1, 2)]
        until(lambda: len(packages(rig)) == 2, "both packages are there")
        shown = {each["id"]: rig.request("GET", f"/api/v1/packages/{each['id']}/objects")[1] for each in packages(rig)}
        assert sorted(each["objects"][0]["data"]["storage"]["values"] for each in shown.values()) == [[1], [2]]
        assert all(each["package"]["container"] for each in shown.values())

        ada.agent.kill()
        ada.start(executor=False).online()
        programs[0].communicate()
        until(lambda: sorted(each["state"] for each in packages(rig)) == ["gone", "live"], "one has ended")
        assert {each["id"] for each in packages(rig)} == set(shown)


def test_hubctl_shows_exports_and_keeps_what_a_program_publishes(tmp_path):
    with Rig(tmp_path) as rig:
        rig.start_hub()
        ada = rig.new_agent("ada").start(executor=False)
        made = bh.Histogram(bh.axis.Regular(4, 0, 4), storage=bh.storage.Weight())
        made.fill([0.5, 1.5, 1.5, 9], weight=[1, 2, 3, float("inf")])
        package = dvic_log.Package("readout", directory=str(ada.logs))
        package.publish({"adc": made, "gain": dvic_log.graph([1, 2], [3, 4], y_errors=0.5)})
        until(lambda: packages(rig), "the package is there")

        assert "readout" in rig.hubctl("packages") and "live" in rig.hubctl("packages", "ls", "--node", "ada")
        shown = rig.hubctl("packages", "show", "readout")
        assert "regular, weighted" in shown and "graph, scatter" in shown
        plot = rig.hubctl("packages", "show", "readout", "adc")
        assert "█" in plot and "mean" in plot
        assert "2 points" not in plot
        rows = rig.hubctl("packages", "export", "readout", "adc", "--format", "csv").splitlines()
        assert rows[0] == "x_low,x_high,values,variances"
        assert rows[1].startswith("-Infinity,0.0,") and rows[-1].startswith("4.0,Infinity,Infinity")
        target = tmp_path / "readout.json"
        rig.hubctl("packages", "export", "readout", "--format", "uhi", "--to", str(target))
        read = json.loads(target.read_text(), object_hook=uhi.io.json.object_hook)
        assert bh.Histogram(read["adc"]) == made
        whole = json.loads(rig.hubctl("packages", "export", "readout"))
        assert whole["dvic_package"] == 1 and list(whole["objects"]) == ["adc", "gain"]

        rig.hubctl("packages", "reference", "add", "readout", "run-1")
        watch = rig.process([str(BIN / "hubctl"), "packages", "watch", "readout", "adc"], "watch")
        watch.start()
        until(lambda: "readout  1  adc  entries" in watch.said(), "watch says how it stands")
        package.publish({"adc": [1]})
        package.close()
        until(lambda: packages(rig)[0]["serial"] == 2, "the second update is there")
        until(lambda: "readout  2  adc  entries 1" in watch.said(), "watch tells the update")
        old = json.loads(rig.hubctl("packages", "show", "readout", "adc", "--at", "reference:run-1", "-o", "json"))
        assert old[0]["data"]["storage"]["type"] == "weighted"
        assert "run-1" in rig.hubctl("packages", "reference", "ls", "readout", "--all")
        layout = tmp_path / "layout.xml"
        layout.write_text('<package name="readout"/>')
        rig.hubctl("packages", "layout", "check", "readout", str(layout))
        rig.hubctl("packages", "layout", "set", "readout", str(layout))
        assert rig.hubctl("packages", "layout", "get", "readout") == layout.read_text()
        rig.hubctl("packages", "show", "nothing", code=4)
        rig.hubctl("packages", "rm", "readout", "--yes")
        assert packages(rig) == []


def test_what_the_hub_refuses_is_in_the_programs_log_and_two_users_have_two_packages(tmp_path, monkeypatch):
    with Rig(tmp_path) as rig:
        rig.start_hub()
        ada = rig.new_agent("ada").start(executor=False)
        monkeypatch.setenv("DVIC_LOG_LEVELS", str(ada.folder / "log_levels"))
        log = dvic_log.LogFile("program", str(ada.logs))
        package = dvic_log.Package("readout", directory=str(ada.logs), period=0.05, log=dvic_log.Logger(log))
        package.publish({"a": [1]})
        until(lambda: packages(rig), "the package is there")
        good = Path(package.path).read_bytes()
        bad = good.replace(b'"values":[1]', b'"values":[1,2]').replace(b'"serial":1', b'"serial":2')
        beside = ada.logs / "beside"
        beside.write_bytes(bad)  # the library would not write this
        beside.rename(package.path)
        until(lambda: "must be 1 numbers" in packages(rig)[0]["problem"], "the hub says what is wrong")
        told = ada.folder / "packages"
        until(lambda: told.exists() and "must be 1 numbers" in told.read_text(), "the agent tells it")

        def said():
            package.publish({"a": [1, 2, 3]})
            return "must be 1 numbers" in Path(log.path).read_text() if log.path else False

        until(said, "it is in the program's log")
        until(lambda: packages(rig)[0]["problem"] == "", "the next good update is shown")

        beside.write_bytes(good)
        os.chown(beside, 12345, 12345)
        other = ada.logs / (Path(package.path).name[:-1] + "12345")
        beside.rename(other)
        until(lambda: len(packages(rig)) == 2, "another user's package of that name is another")
        assert {each["owner"] for each in packages(rig)} == {"root", "12345"}
        assert rig.request("GET", "/api/v1/packages/readout")[0] == 409
