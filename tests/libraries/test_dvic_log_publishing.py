"""Publishing packages: what lands in the file, how often, beside whom, and that nothing harms the program."""

import json
import math
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import dvic_log
from dvic_log import histograms
from dvic_log import package as packages
from dvic_log.refusals import Refusals
from dvic_wire import limits
from dvic_wire.packages import read_file

ALWAYS = 0.0
"""A period so short that each update may be written."""


@pytest.fixture(autouse=True)
def log_of_its_own(monkeypatch):
    """The process's log file is opened once, and would be the first test's."""
    monkeypatch.setattr(packages, "FILE", dvic_log.LogFile())


class Numbers:
    """What a library's histogram looks like that follows UHI's PlottableHistogram."""

    def __init__(self, values, axes, kind="COUNT", variances=None, counts=None, **named):
        self.axes, self.kind = axes, kind
        self._arrays = values, variances, counts
        vars(self).update(named)

    def values(self):
        return self._arrays[0]

    def variances(self):
        return self._arrays[1]

    def counts(self):
        return self._arrays[2]


class Hostile:
    """Raises whatever is asked of it."""

    def __getattr__(self, name):
        if name == "__name__":  # pytest asks for it
            raise AttributeError(name)
        raise RuntimeError("no " + name)


def of(package) -> dict:
    """The file: its head, and the objects by name."""
    found = read_file(Path(package.path).read_bytes())
    return {"head": json.loads(Path(package.path).read_bytes().split(b"\n")[0]),
            **dict(zip(found.head.objects, map(json.loads, found.lines), strict=True))}


def published(value, **settings):
    package = dvic_log.Package("readout", **settings)
    assert package.publish({"a": value})
    return of(package)["a"]


def until(reached, what):
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_package_is_one_file_that_the_agent_can_read(logs):
    package = dvic_log.Package("readout", title="Read-out")
    assert package.publish({"<b>adc</b>/1": [1, 2], "b": []})
    path, = logs.path.glob("dvic_package_*")
    assert str(path) == package.path and path.stat().st_mode & 0o777 == 0o644
    head = of(package)["head"]
    assert (head["name"], head["title"], head["serial"], head["skipped"], head["pid"]) == \
        ("readout", "Read-out", 1, 0, os.getpid())
    assert of(package)["<b>adc</b>/1"]["storage"]["values"] == [1, 2] and of(package)["b"]["axes"][0]["bins"] == 0
    assert logs.files() == []


def test_serials_grow_and_a_new_publisher_has_another_instance(logs):
    first = dvic_log.Package("readout", period=ALWAYS)
    first.publish({"a": [1]})
    until(lambda: first.publish({"a": [2]}) or first.serial > 1, "the second is written")
    assert of(first)["head"]["serial"] == first.serial >= 2
    second = dvic_log.Package("readout")
    second.publish({"a": [3]})
    assert second.path == first.path and of(second)["head"]["serial"] == 1
    assert of(second)["a"]["storage"]["values"] == [3]


def test_a_tight_loop_writes_seldom_and_ends_with_its_last_update(logs):
    package = dvic_log.Package("readout", period=60)
    for number in range(1000):
        package.publish({"a": [number]})
    assert package.serial == 1 and of(package)["a"]["storage"]["values"] == [0]
    package.close()
    assert of(package)["a"]["storage"]["values"] == [999]
    assert of(package)["head"]["serial"] == 2 and of(package)["head"]["skipped"] == 998


def test_the_last_update_of_a_burst_is_written_without_another_call(logs):
    package = dvic_log.Package("readout", period=0.1)
    values = [1]
    package.publish({"a": values})
    values[0] = 2
    package.publish({"a": values})
    values[0] = 3  # a copy of the moment is what waits
    until(lambda: of(package)["a"]["storage"]["values"] != [1], "the second is written")
    assert of(package)["a"]["storage"]["values"] == [2]


def test_what_waits_is_written_when_the_program_ends(logs):
    program = "import dvic_log; p = dvic_log.Package('x', period=60); [p.publish({'a': [n]}) for n in range(9)]"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    path, = logs.path.glob("dvic_package_x*")
    assert b"[8]" in path.read_bytes()


def test_threads_may_share_a_package(logs):
    package = dvic_log.Package("readout", period=ALWAYS)

    def work(name):
        for number in range(50):
            package.publish({name: [number]})

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    package.close()
    assert of(package)["head"]["serial"] == package.serial


def test_a_forked_child_is_a_publisher_of_its_own(logs):
    package = dvic_log.Package("readout", period=ALWAYS)
    package.publish({"a": [1]})
    mine = of(package)["head"]["instance"]
    child = os.fork()
    if not child:
        package.publish({"a": [2]})
        os._exit(0)
    os.waitpid(child, 0)
    assert of(package)["head"]["instance"] != mine and of(package)["head"]["serial"] == 1


@pytest.mark.parametrize(("value", "reason"), [
    (object(), "is no histogram"), (None, "is no histogram"), ("text", "is no histogram"), (7, "is no histogram"),
    (Hostile(), "no "), ({"uhi_schema": 2}, "schema 2"), ({}, "uhi_schema"),
    ([1] * (limits.MAX_BINS + 1), "MAX_BINS"), ([[0] * 10_000] * 1000, "10000000 bins"),
    (dvic_log.graph([1], [1, 2]), "as many x as y"), (dvic_log.graph([1], [1], kind="pie"), "scatter or time"),
    (dvic_log.graph(list(range(limits.MAX_POINTS + 1)), list(range(limits.MAX_POINTS + 1))), "MAX_POINTS"),
    (([1, 2], [0, 1]), "values are 2"), ([[1, 2], [3]], "values are"),
    (Numbers([1], [["a"]] * 3), "3 axes"),
])
def test_what_cannot_be_published_is_left_out_and_the_log_says_why(logs, value, reason):
    package = dvic_log.Package("readout")
    assert package.publish({"bad": value, "good": [1]})
    assert list(of(package))[1:] == ["good"]
    said, = logs.messages()
    assert said.startswith("bad of package readout is left out: ") and reason in said


@pytest.mark.parametrize("objects", [None, 7, Hostile(), [1, 2]])
def test_publish_never_raises(logs, objects):
    assert dvic_log.Package("readout").publish(objects) is False
    assert len(logs.messages()) == 1


def test_the_same_complaint_is_not_logged_again_and_again(logs):
    package = dvic_log.Package("readout", period=ALWAYS)
    for _ in range(20):
        package.publish({"bad": None})
    assert len(logs.messages()) == 1


def test_names_are_made_what_the_hub_takes(logs):
    package = dvic_log.Package("read out/<b>")
    package.publish({"a\nb\x1b": [1], "": [2], "x" * 300: [3], 5: [4]})
    assert of(package)["head"]["name"] == "read-out--b-"
    assert set(of(package)) == {"head", "a b", "-", "x" * 200, "5"}


def test_nan_and_infinities_are_texts(logs):
    found = published([1.0, math.nan, math.inf, -math.inf])
    assert found["storage"]["values"] == [1, "NaN", "Infinity", "-Infinity"]
    graph = published(dvic_log.graph([1, 2], [math.nan, 2], y_errors=(([math.inf, 1]), [0, 0])))
    assert graph["y"] == ["NaN", 2] and graph["y_errors"] == {"low": ["Infinity", 1], "high": [0, 0]}


def test_lists_and_pairs_of_counts_and_edges(logs):
    assert published([[1, 2, 3], [4, 5, 6]])["axes"][1]["bins"] == 3
    axis = published(([1, 2], [0, 0.5, 1]))["axes"][0]
    assert (axis["type"], axis["lower"], axis["upper"], axis["bins"]) == ("regular", 0, 1, 2)
    axis = published(([1, 2], [0, 0.1, 1]))["axes"][0]
    assert axis["type"] == "variable" and axis["edges"] == [0, 0.1, 1]


def test_what_follows_the_plottable_protocol_is_taken(logs):
    made = published(Numbers([1, 2], [[(0.0, 1.0), (1.0, 3.0)]], title="T"))
    assert made["axes"][0]["edges"] == [0, 1, 3] and made["storage"] == {"type": "double", "values": [1, 2]}
    assert made["metadata"] == {"title": "T"}
    made = published(Numbers([1, 2], [["a", "b"]], variances=[1, 4]))
    assert made["axes"][0]["categories"] == ["a", "b"] and made["storage"]["variances"] == [1, 4]
    made = published(Numbers([1.5], [[7]], kind="MEAN", variances=[0.5], counts=[3]))
    assert made["axes"][0]["categories"] == [7]
    assert made["storage"] == {"type": "mean", "counts": [3], "values": [1.5], "variances": [0.5]}


def test_a_serialized_histogram_may_be_sparse_or_empty(logs):
    axes = [{"type": "boolean"}, {"type": "category_str", "categories": ["a", "b", "c"], "flow": False}]
    sparse = {"uhi_schema": 1, "axes": axes, "storage": {"type": "int", "index": [[0, 1], [2, 0]], "values": [5, 6]}}
    assert published(sparse)["storage"]["values"] == [[0, 0, 5], [6, 0, 0]]
    empty = {"uhi_schema": 1, "axes": axes[:1], "storage": {"type": "weighted"}}
    assert published(empty)["storage"] == {"type": "weighted", "values": [0, 0], "variances": [0, 0]}


def test_a_link_in_its_place_is_replaced_and_never_followed(logs):
    victim = logs.path / "victim"
    victim.write_text("dear")
    package = dvic_log.Package("readout")
    os.symlink(victim, package.path)
    assert package.publish({"a": [1]})
    assert victim.read_text() == "dear" and not os.path.islink(package.path)


def test_a_name_that_cannot_be_had_is_made_another(logs):
    package = dvic_log.Package("readout")
    wanted = Path(package.path)
    (wanted / "taken").mkdir(parents=True)
    assert package.publish({"a": [1]})
    assert package.path != str(wanted) and package.path.startswith(str(wanted))
    assert not list(logs.path.glob(".dvic_package*"))


def test_a_directory_that_is_not_there_is_logged_and_harms_nothing(logs):
    package = dvic_log.Package("readout", directory=str(logs.path / "nowhere"), period=ALWAYS)
    assert package.publish({"a": [1]}) is False
    assert "can't be written" in logs.messages()[0]
    (logs.path / "nowhere").mkdir()
    until(lambda: package.publish({"a": [1]}) or package.serial, "it is written when it can be")


def test_too_large_a_package_is_not_written_and_the_log_names_the_limit(logs):
    package = dvic_log.Package("readout", period=ALWAYS)
    package.publish({"a": [1]})
    large = [0.123456789012345] * 100_000
    package.publish({str(number): large for number in range(4)})
    package.close()
    assert "MAX_PACKAGE_BYTES" in logs.messages()[0] and of(package)["a"]
    one = dvic_log.Package("one")
    assert one.publish({"a": large, "b": [0.123456789012345] * 200_000})
    assert list(of(one))[1:] == ["a"] and "MAX_OBJECT_BYTES" in logs.messages()[1]


RIVAL = """
import dvic_log, sys
package = dvic_log.Package("readout")
package.publish({"theirs": [1]})
print("there", flush=True)
sys.stdin.read()
"""


def test_of_two_programs_with_one_name_the_later_one_is_shown_while_it_lives(logs):
    package = dvic_log.Package("readout", period=ALWAYS)
    package.publish({"mine": [1]})
    rival = subprocess.Popen([sys.executable, "-c", RIVAL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert rival.stdout.readline() == "there\n"
    try:
        package.publish({"mine": [2]})
        package.close()
        assert "theirs" in of(package)
        assert f"process {rival.pid} of the same user, started later" in logs.messages()[0]
    finally:
        rival.communicate()
    until(lambda: package.publish({"mine": [3]}) or "mine" in of(package), "the first is shown again")


def test_a_layout_travels_with_the_package_from_a_text_or_a_file(logs):
    package = dvic_log.Package("readout", layout="<package/>")
    package.publish({})
    assert of(package)["head"]["layout"] == "<package/>"
    file = logs.path / "layout.xml"
    file.write_text("<package name='é'/>", encoding="utf-8")
    package = dvic_log.Package("readout", layout=str(file))
    package.publish({})
    assert of(package)["head"]["layout"] == "<package name='é'/>"
    for wrong in (str(logs.path / "nowhere.xml"), "<a>" * limits.MAX_LAYOUT_BYTES, 7):
        package = dvic_log.Package("readout", layout=wrong)
        package.publish({"a": [1]})
        assert "layout" not in of(package)["head"]
    assert len(logs.messages()) == 3


def test_what_the_agent_refused_is_in_the_programs_log(logs, monkeypatch):
    monkeypatch.setenv("DVIC_LOG_LEVELS", str(logs.path / "log_levels"))
    monkeypatch.setattr(packages, "REFUSALS", Refusals())
    package = dvic_log.Package("readout", period=ALWAYS)
    package.publish({"a": [1]})
    told = {package.path: {"instance": of(package)["head"]["instance"], "reason": "MAX_OBJECTS: at most 1000"}}
    (logs.path / "packages").write_text(json.dumps(told))
    package.publish({"a": [2]})
    package.close()
    assert logs.messages() == ["package readout is not shown: MAX_OBJECTS: at most 1000"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"PATH": 5}', '{"PATH": {"instance": "one"}}', '{"PATH": null}'])
def test_a_file_of_refusals_that_makes_no_sense_says_nothing(logs, content):
    path = logs.path / "packages"
    path.write_text(content.replace("PATH", "/tmp/p"))
    assert Refusals(str(path)).of("/tmp/p", "one") == ""


def test_a_pipe_in_the_place_of_that_file_holds_up_nobody(logs):
    os.mkfifo(logs.path / "packages")
    assert Refusals(str(logs.path / "packages")).of("/tmp/p", "one") == ""


@pytest.mark.parametrize("name", ["MAX_OBJECTS", "MAX_OBJECT_NAME", "MAX_OBJECT_BYTES", "MAX_PACKAGE_BYTES",
                                  "MAX_LAYOUT_BYTES", "MAX_BINS", "MAX_POINTS"])
def test_the_library_knows_the_limits_of_the_wire(name):
    assert getattr(packages, name, getattr(histograms, name, None)) == getattr(limits, name)


def test_a_disk_without_room_harms_nothing_and_is_logged_and_the_next_update_is_written(logs):
    package = dvic_log.Package("readout", period=0.05)
    assert package.publish({"a": [1]})
    before = Path(package.path).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)  # the kernel cuts a write there as it does on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        package.publish({"a": list(range(5000))})
        package.close()
        assert logs.messages() == ["package readout can't be written: [Errno 27] File too large"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(package.path).read_bytes() == before and not list(logs.path.glob(".*"))
    package.publish({"a": [2]})
    package.close()
    head = json.loads(Path(package.path).read_bytes().split(b"\n")[0])
    assert (head["serial"], head["skipped"]) == (2, 1)


def test_what_a_killed_program_left_half_written_is_removed_by_the_next_start(logs):
    old, young, other = (logs.path / f".dvic_package_{name}.new" for name in ("readout-1", "readout-2", "trigger-1"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    assert dvic_log.Package("readout").publish({"a": [1]})
    assert not old.exists() and young.exists() and other.exists()


def test_where_no_thread_can_be_had_updates_are_written_in_their_time(logs):
    package = dvic_log.Package("readout", period=0.05)
    assert package.publish({"a": [1]})
    before = threading.stack_size(1 << 46)
    try:
        package.publish({"a": [2]})
        assert "can't start new thread" in logs.messages()[0]
        until(lambda: package.publish({"a": [3]}), "an update is written without a thread")
    finally:
        threading.stack_size(before)
