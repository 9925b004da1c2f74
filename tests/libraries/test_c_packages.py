"""Packages from C: what the schema and the agent's reader want, beside Python's publishers; and they harm nobody."""

import json
import math
import os
import subprocess

import jsonschema
import pytest
from c_programs import ADDRESS, THREAD, TOP, Programs, run

import dvic_log
from dvic_wire.packages import read_file

pytestmark = pytest.mark.hub
SOURCE = "tests/libraries/c_programs/publish.c"
SCHEMA = json.loads((TOP / "docs/histograms.schema.json").read_text())


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def publish(programs, logs):
    """Runs one trial; returns its package's head, and objects by name."""

    def published(word, package, options=ADDRESS, **environ):
        run(programs.c(SOURCE, options), word, environ={"DVIC_LOG_DIR": str(logs.path), **environ})
        return of(logs, package)

    return published


def of(logs, package):
    [path] = logs.path.glob(f"dvic_package_{package}-*")
    found = read_file(path.read_bytes())
    assert not list(logs.path.glob(".dvic_package_*"))
    return found.head, {name: json.loads(line) for name, line in zip(found.head.objects, found.lines, strict=True)}


def valid(name, value):
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}).validate(value)


def test_every_kind_of_object_is_what_the_schema_and_the_agent_want(publish, logs):
    head, objects = publish("kinds", "kinds")
    for each in objects.values():
        valid("object", each)
    [path] = logs.path.glob("dvic_package_*")
    valid("head", json.loads(path.read_bytes().splitlines()[0]))
    assert (head.serial, head.skipped, head.title, head.layout) == (1, 0, "Kinds", '<package name="é"/>')
    assert head.objects == ["flow", "odd", "weighted", "profile", "weighted profile", "names", "table", "turned",
                            "none", "gain", "rate", "a b  ?</script>"]
    assert not logs.files(), logs.messages()


def test_numbers_are_the_same_when_they_are_read_again(publish):
    _, objects = publish("kinds", "kinds")
    assert objects["flow"]["storage"] == {"type": "double", "values": [1, 0.1, -3, 1e300, 5e-324, 1 / 3]}
    assert objects["flow"]["axes"] == [{"type": "regular", "lower": -1, "upper": 1, "bins": 4, "underflow": True,
                                        "overflow": True, "circular": False, "metadata": {"label": "x"}}]
    odd = objects["odd"]
    assert odd["storage"]["values"][:3] == ["NaN", "Infinity", "-Infinity"]
    assert math.copysign(1, odd["storage"]["values"][3]) == -1
    assert odd["axes"][0]["edges"] == [0, 1, 10, 100, "Infinity"]
    table, turned = (objects[name]["storage"]["values"] for name in ("table", "turned"))
    assert table == turned == [[11, 12, 13], [21, 22, 23]]
    assert objects["names"]["axes"] == [{"type": "category_str", "categories": ["muon", 'el"ectron'], "flow": True}]
    assert [objects[name]["storage"]["type"] for name in ("weighted", "profile", "weighted profile")] == [
        "weighted", "mean", "weighted_mean"]
    assert objects["gain"]["y_errors"] == {"low": [1, 0.1], "high": [11, 12]} and objects["gain"]["title"] == "<b>"
    assert objects["rate"]["type"] == "time"


def test_what_can_not_be_published_is_left_out_and_the_log_says_why(publish, logs):
    head, _ = publish("wrong", "wrong-n-me")
    assert head.objects == ["good"] and head.name == "wrong-n-me"
    said = "\n".join(logs.messages())
    for reason in ("is published as wrong-n-me", "/no/such/layout: No such file",
                   "good of package wrong-n-me is left out: another one has this name",
                   "empty of package wrong-n-me is left out: it has no values",
                   "large of package wrong-n-me is left out: it has more than 400000 bins (MAX_BINS)", "larger of",
                   "square of", "half of package wrong-n-me is left out: a graph has x and y",
                   "it has 100001 points, at most 100000 (MAX_POINTS)", "upwards of", "a profile has variances",
                   "endless of", "heavy of package wrong-n-me is left out: it has more than 2097152 bytes"):
        assert reason in said
    assert {record["l"] for record in logs.records()} == {"error"}
    assert {record["f"]["logger"] for record in logs.records()} == {"dvic_log.package"}


@pytest.mark.parametrize("options", [ADDRESS, THREAD], ids=["address", "thread"])
def test_of_a_flood_the_last_is_written_at_the_end_and_the_serial_says_how_many_were_not(publish, options):
    head, objects = publish("flood", "flood", options)
    assert objects["h"]["storage"]["values"] == [4711]
    assert head.serial == 2 and head.skipped > 1000


@pytest.mark.parametrize("options", [ADDRESS, THREAD], ids=["address", "thread"])
def test_an_update_that_came_too_soon_is_written_when_it_is_time(publish, options):
    publish("wait", "wait", options)


def test_a_directory_that_is_not_there_is_no_trouble(programs, tmp_path):
    run(programs.c("libraries/c/examples/histograms.c", ADDRESS), environ={"DVIC_LOG_DIR": str(tmp_path / "none")})


def test_a_link_in_the_files_place_is_replaced_and_never_followed(publish, logs, tmp_path):
    publish("kinds", "kinds")
    [path] = logs.path.glob("dvic_package_*")
    path.unlink()
    (tmp_path / "victim").write_text("precious")
    path.symlink_to(tmp_path / "victim")
    publish("kinds", "kinds")
    assert not path.is_symlink() and (tmp_path / "victim").read_text() == "precious"


def test_c_and_python_publish_one_package_and_the_later_one_is_shown(programs, logs):
    environ = {"DVIC_LOG_DIR": str(logs.path), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([programs.c(SOURCE, ADDRESS), "pair"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=environ, text=True) as earlier:
        assert earlier.stdout.readline() == "1\n"
        later = dvic_log.Package("pair")
        assert later.publish({"h": [1, 2]})
        earlier.stdin.write("\n")
        earlier.stdin.flush()
        assert earlier.stdout.readline() == "0\n"
        earlier.stdin.close()
    assert later.path == str(next(logs.path.glob("dvic_package_*")))
    assert of(logs, "pair")[1]["h"]["storage"]["values"] == [1, 2]
    said = [text for text in logs.messages() if "is not shown" in text]
    assert said == [f"package pair is not shown: process {os.getpid()} of the same user, started later, publishes one "
                    "of that name; give one of them another name"]


def test_what_the_agent_says_against_a_package_is_in_the_programs_log(programs, logs, tmp_path):
    environ = {"DVIC_LOG_DIR": str(logs.path), "DVIC_LOG_LEVELS": str(tmp_path / "log_levels"), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen([programs.c(SOURCE, ADDRESS), "pair"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=environ, text=True) as program:
        assert program.stdout.readline() == "1\n"
        [path] = logs.path.glob("dvic_package_*")
        told = {"/other": {"instance": "x", "more": [1, {"a": "}"}], "reason": "of another"},
                str(path): {"reason": 'too many "bins" é', "instance": of(logs, "pair")[0].instance}}
        (tmp_path / "packages").write_text(json.dumps(told))
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "1\n"
        program.stdin.close()
    assert 'package pair is not shown: too many "bins" é' in logs.messages()


def test_the_example_of_the_page_runs(programs, logs):
    run(programs.c("libraries/c/examples/histograms.c"), environ={"DVIC_LOG_DIR": str(logs.path)})
    head, objects = of(logs, "readout")
    assert head.objects == ["adc/charge", "gain"] and sum(objects["adc/charge"]["storage"]["values"]) == 44
