"""What each kind of rule finds wrong, from what it is told and what time it is."""

import pytest

from dvic_hub.domain.alarm_defaults import BY_NAME, DEFAULTS
from dvic_hub.domain.alarm_demos import programs_of
from dvic_hub.domain.alarm_logs import LogLine
from dvic_hub.domain.alarm_model import Alarm
from dvic_hub.domain.alarm_rules import KINDS, Rule, checked, read, written
from dvic_hub.domain.alarm_slope import full_in
from dvic_hub.domain.alarm_watches import GRACE, STALE, WATCHES, watch_of
from dvic_hub.domain.hosts import Host
from dvic_hub.domain.liveness import NodeView
from dvic_hub.domain.model import Node
from dvic_hub.errors import BadRequest

S = 1_000_000
T = 1_763_640_000 * S


def view(name="ada", state="online", **tags):
    return NodeView(f"n-{name}", name, tags, "Debian 12", state, Node(f"n-{name}", name, b""))


def watch(kind, selector="all", **settings):
    return watch_of(checked(Rule("r", kind, selector=selector, settings=settings)))


def due(watch, now=T):
    return [finding.subject for finding in watch.conditions.due(now)]


def raise_due(watch, now=T):
    """Raise what is due, as the hub does; returns the subjects."""
    found = watch.conditions.due(now)
    for number, finding in enumerate(found):
        watch.conditions.opened(Alarm(str(number), "r", finding.subject, "info", finding.summary, now, now,
                                      finding.node, value=finding.value))
    return [finding.subject for finding in found]


# ---- rules


def test_every_kind_has_a_watch_and_a_default_rule_that_is_on_where_no_one_need_say_what_is_well():
    of_histograms = {"package-mean", "package-empty-bin", "package-hot-bin", "package-chi2", "package-kolmogorov"}
    assert set(WATCHES) == set(KINDS) == {rule.kind for rule in DEFAULTS} | of_histograms
    assert [rule.name for rule in DEFAULTS if not rule.on] == ["package-stopped"]
    for rule in DEFAULTS:
        assert read(written(rule)) == rule and watch_of(rule).rule is rule


def test_a_rule_is_complete_and_what_it_can_not_have_is_refused():
    assert checked(Rule("r", "disk-full")).settings == {"metric": "disk.*.percent", "days": 3, "above": 50}
    for kind, settings in (("disk-full", {"days": "soon"}), ("disk-full", {"days": float("nan")}),
                           ("disk-full", {"dais": 3}), ("log", {"level": "bad"}), ("log", {"pattern": "x" * 501}),
                           ("log", {"level": "error", "source": "a\nb"}), ("metric", {"metric": "x" * 201, "above": 1}),
                           ("metric", {"metric": "x", "above": 1, "below": 0})):
        with pytest.raises(BadRequest):
            checked(Rule("r", kind, settings=settings))
    with pytest.raises(BadRequest):
        read('{"name": "r", "kind": "unheard-of"}')


# ---- nodes and hosts


def test_a_node_is_told_silent_after_a_while_and_well_when_it_is_heard():
    silent = watch("node-silent")
    silent.node(view(state="silent"), T)
    assert due(silent, T + 14 * S) == [] and raise_due(silent, T + 15 * S) == ["node:n-ada"]
    silent.node(view(state="online"), T + 16 * S)
    assert silent.conditions.done == {"node:n-ada": ""}


def test_after_its_own_absence_the_hub_gives_all_nodes_time_to_be_heard():
    silent = watch("node-silent", seconds=0)
    silent.node(view(state="silent"), T)
    silent.hold(T)
    silent.node(view(state="silent"), T + S)
    assert due(silent, T + S) == []
    silent.node(view(state="silent"), T + GRACE * S)
    assert due(silent, T + GRACE * S) == ["node:n-ada"]


def test_what_is_about_a_node_that_is_gone_or_no_longer_meant_is_over():
    silent = watch("node-silent", "tag:room=lab", seconds=0)
    known = {name: view(name, "silent", room="lab") for name in ("ada", "bob", "cyd")}
    for one in known.values():
        assert silent.means(one)
        silent.node(one, T)
    raise_due(silent)
    known["bob"] = view("bob", "silent", room="hall")
    del known["cyd"]
    silent.sift({one.id: one for one in known.values()}.get)
    assert silent.conditions.done == {"node:n-bob": "the rule is no longer about this node",
                                      "node:n-cyd": "the node was removed"}
    assert not silent.means(known["bob"]), "a tag that was changed counts at once"


def test_a_host_is_told_silent_until_it_is_heard_or_forgotten():
    silent = watch("host-silent", address="10.0.*")
    for address, state in (("10.0.0.7", "silent"), ("192.168.0.7", "silent"), ("10.0.0.8", "alive")):
        silent.host(Host(address, state, 1, 1), T)
    assert raise_due(silent) == ["host:10.0.0.7"]
    silent.known({"10.0.0.7"})
    assert silent.conditions.done == {}
    silent.known(set())
    assert silent.conditions.done == {"host:10.0.0.7": "the host was forgotten"}


# ---- measurements


def test_a_measurement_is_raised_and_cleared_at_different_values():
    hot = watch("metric", metric="temp.*", above=80, clear=70, seconds=60)
    assert hot.wants_metric("temp.cpu") and not hot.wants_metric("cpu.total")
    for second, value in ((0, 81), (30, 85), (59, 90)):
        hot.sample(view(), "temp.cpu", value, T + second * S)
    assert due(hot, T + 59 * S) == []
    hot.sample(view(), "temp.cpu", 82, T + 60 * S)
    [finding] = hot.conditions.due(T + 60 * S)
    assert (finding.summary, finding.value) == ("temp.cpu of ada is above 80 for 1 min", "82")
    raise_due(hot, T + 60 * S)
    hot.sample(view(), "temp.cpu", 75, T + 70 * S)
    assert hot.conditions.done == {}, "not low enough"
    hot.sample(view(), "temp.cpu", 70, T + 80 * S)
    assert hot.conditions.done == {"node:n-ada temp.cpu": ""}


def test_a_break_begins_the_time_anew_and_below_works_the_other_way():
    low = watch("metric", metric="voltage", below=11, clear=12, seconds=20)
    for second, value in ((0, 10), (10, 11.5), (15, 10), (30, 10)):
        low.sample(view(), "voltage", value, T + second * S)
    assert due(low, T + 34 * S) == []
    low.sample(view(), "voltage", 10, T + 35 * S)
    assert raise_due(low, T + 35 * S) == ["node:n-ada voltage"]
    low.sample(view(), "voltage", 12, T + 36 * S)
    assert low.conditions.done


def test_a_measurement_that_is_no_longer_told_is_no_longer_wrong():
    full = watch("metric", metric="disk.*.percent", above=90, seconds=0)
    full.sample(view(), "disk./mnt.percent", 95, T)
    raise_due(full)
    full.sample(view(), "disk./mnt.percent", 95, T + S)
    full.complete(view(), T + STALE * S)
    assert full.conditions.done == {}
    full.complete(view(), T + (STALE + 2) * S)
    assert full.conditions.done == {"node:n-ada disk./mnt.percent": "it is no longer measured"}


def hours(start, end, slope, at=60.0):
    """Ten-minute points from `start` to `end` hours, growing by `slope` percent an hour."""
    times = [T + int(hour * 3600 * S) for hour in (number / 6 for number in range(int(start * 6), int(end * 6) + 1))]
    return times, [at + slope * (time - times[0]) / S / 3600 for time in times]


def test_when_a_disk_is_full_follows_from_its_slope_and_not_from_single_points():
    times, values = hours(0, 6, 1.0)
    assert full_in(times, values) == pytest.approx(34 * 3600, rel=1e-6)
    for place in (3, 9, 20):
        values[place] = 1.0  # a sample from somewhere else
    assert full_in(times, values) == pytest.approx(34 * 3600, rel=0.1)
    assert full_in(*hours(0, 6, 0.0)) is None and full_in(*hours(0, 6, -1.0)) is None
    assert full_in(*hours(0, 2, 9.0)) is None, "two hours are too little to tell"
    assert full_in([], []) is None
    assert full_in(*hours(0, 6, 10.0)) == 0.0, "it is full by now"


def test_a_copy_of_two_hours_after_a_quiet_day_is_no_slope():
    times, values = hours(0, 22, 0.0)
    more, grown = hours(22, 24, 8.0)
    assert full_in(times + more[1:], values + grown[1:]) is None


def test_a_disk_that_will_be_full_soon_is_told_and_cleared_when_it_is_far_again():
    filling = watch("disk-full", days=2)
    filling.sample(view(), "disk./.percent", 60.0, T)
    filling.sample(view(), "disk./boot.percent", 20.0, T)
    assert filling.near == {"node:n-ada disk./.percent": "n-ada"}
    filling.fillings(view(), "disk./.percent", *hours(0, 6, 1.0), T)
    [finding] = filling.conditions.due(T)
    assert finding.summary == "disk./ of ada is full in 1.4 days at the present slope"
    raise_due(filling)
    filling.fillings(view(), "disk./.percent", *hours(0, 6, 0.5), T)
    assert filling.conditions.done == {}, "three days are not yet far"
    filling.fillings(view(), "disk./.percent", *hours(0, 6, 0.1), T)
    assert filling.conditions.done
    filling.conditions.closed("node:n-ada disk./.percent", T)
    filling.fillings(view(), "disk./.percent", *hours(0, 6, 1.0, at=10.0), T)
    assert due(filling) == [], "so empty a disk is not looked at"


def test_a_disk_that_was_emptied_is_over_at_once():
    filling = watch("disk-full", days=2)
    filling.sample(view(), "disk./.percent", 60.0, T)
    filling.fillings(view(), "disk./.percent", *hours(0, 6, 1.0), T)
    raise_due(filling)
    filling.sample(view(), "disk./.percent", 12.0, T)
    assert filling.conditions.done and filling.near == {}


# ---- logs


def lines(*seconds, level="error", message="it failed", unit=""):
    return [LogLine(T + int(second * S), level, message, unit) for second in seconds]


def test_so_many_records_within_a_time_are_raised_and_cleared_after_a_calm_one():
    many = watch("log", level="error", count=3, window=60)
    assert many.wants("journal", 0b010000) and not many.wants("journal", 0b001111)
    many.lines(view(), lines(0, 70, level="error") + lines(71, level="warning"), T + 71 * S)
    assert due(many, T + 71 * S) == []
    many.lines(view(), lines(100), T + 100 * S)
    assert due(many, T + 100 * S) == []
    many.lines(view(), lines(129, message="the \x07 last"), T + 129 * S)
    [finding] = many.conditions.due(T + 129 * S)
    assert finding.summary == "3 records or more of level error or worse on ada within 1 min: the   last"
    raise_due(many, T + 129 * S)
    many.lines(view(), lines(150), T + 150 * S)  # still three within a minute
    many.tick(T + 210 * S)
    assert many.conditions.done == {}
    many.tick(T + 211 * S)
    assert many.conditions.done == {"node:n-ada": ""}


def test_a_text_is_looked_for_by_re2_in_the_units_and_files_that_are_named():
    oom = watch("log", pattern="(?i)out of memory", source="journal*", unit="kernel*")
    assert oom.wants("journal", 1) and not oom.wants("/tmp/dvic_log_x", 1)
    oom.lines(view(), lines(0, message="Out of memory: killed", unit="ssh.service"), T)
    oom.lines(view(), lines(0, message="all well", unit="kernel"), T)
    assert due(oom) == []
    oom.lines(view(), lines(0, message="Out of memory: killed", unit="kernel"), T)
    assert [finding.summary for finding in oom.conditions.due(T)] == [
        "a record like (?i)out of memory on ada: Out of memory: killed"]


def test_what_an_unplugged_machine_brings_later_is_no_flood_and_what_is_a_year_old_does_not_count():
    many = watch("log", level="error", count=3, window=60)
    many.lines(view(), lines(*range(-36_000, 0, 600)), T)
    assert due(many) == []
    many.lines(view(), lines(-3000, -2999, -2998), T)
    assert due(many) == ["node:n-ada"], "it was one then, and nobody has heard of it"
    old = watch("log", level="error", count=1)
    old.lines(view(), lines(-366 * 86_400), T)
    assert due(old) == []


def test_clocks_that_are_ahead_do_not_count_for_ever():
    many = watch("log", level="error", count=2, window=60)
    many.lines(view(), lines(86_400), T)
    many.lines(view(), lines(120), T + 120 * S)
    assert due(many, T + 120 * S) == []


def test_what_was_heard_before_a_restart_raises_nothing_but_counts():
    many = watch("log", level="error", count=3, window=60)
    many.remember(view(), lines(0, 1), T + 10 * S)
    assert due(many, T + 10 * S) == []
    many.lines(view(), lines(20), T + 20 * S)
    assert due(many, T + 20 * S) == ["node:n-ada"]


def test_of_how_many_nodes_a_rule_counts_is_bounded(monkeypatch):
    monkeypatch.setattr("dvic_hub.domain.alarm_logs.MAX_LOG_NODES", 2)
    many = watch("log", level="error", count=2, window=60)
    for name in ("ada", "bob", "cyd"):
        many.lines(view(name), lines(0), T)
    for name in ("ada", "cyd"):
        many.lines(view(name), lines(1), T)
    assert due(many) == ["node:n-cyd"], "of the one that was quiet for longest nothing was kept"


# ---- programs


def demo(state, since, file="/tmp/dvic_log_a", name="shower"):
    return {"file": file, "name": name, "state": state, "since": T + int(since * S)}


def test_a_program_that_ran_for_long_and_ended_is_told_until_it_runs_again():
    ended = watch("demo-ended")
    ended.demos(view(), [demo("alive", -3600)], T)
    ended.demos(view(), [demo("ended", 0)], T)
    assert due(ended, T + 59 * S) == [] and raise_due(ended, T + 60 * S) == ["node:n-ada demo shower"]
    ended.demos(view(), [demo("alive", 70, file="/tmp/dvic_log_b")], T + 70 * S)
    assert ended.conditions.done == {"node:n-ada demo shower": ""}


def test_what_runs_for_seconds_ends_as_it_should_and_one_of_two_is_not_the_end():
    ended = watch("demo-ended", seconds=0)
    ended.demos(view(), [demo("alive", 0), demo("ended", 5)], T + 5 * S)
    assert due(ended, T + 5 * S) == []
    ended.demos(view(), [demo("alive", -9999), demo("alive", -9999, file="/tmp/b")], T)
    ended.demos(view(), [demo("ended", 0)], T)
    assert due(ended) == []
    ended.demos(view(), [demo("ended", 0, file="/tmp/b")], T)
    assert due(ended) == ["node:n-ada demo shower"]
    raise_due(ended)
    ended.demos(view(), [demo("gone", 9, file="/tmp/b")], T)
    assert ended.conditions.done == {"node:n-ada demo shower": "its log file is gone"}


def test_what_ended_while_nobody_watched_is_told_after_the_restart():
    ended = watch("demo-ended", seconds=0)
    stored = [demo("ended", 0) | {"time": T}, demo("ended", -50, name="old") | {"time": T - 50 * S},
              demo("ended", 0, name="again") | {"time": T}, demo("alive", 1, name="again", file="/tmp/2") | {"time": T}]
    ended.recall(view(), stored, T - 10 * S, T)
    assert due(ended) == ["node:n-ada demo shower"]


def test_a_program_that_starts_again_and_again_is_told_and_a_job_of_each_minute_is_not():
    flapping, job = watch("demo-restarts", window=100), watch("demo-restarts")
    for second in (0, 20, 40, 60):
        flapping.demos(view(), [demo("alive", second, file=f"/tmp/{second}")], T + second * S)
        flapping.demos(view(), [demo("ended", second + 10, file=f"/tmp/{second}")], T + (second + 10) * S)
    assert raise_due(flapping, T + 70 * S) == ["node:n-ada demo shower"]
    flapping.tick(T + 170 * S)
    flapping.tick(T + 171 * S)
    assert flapping.conditions.done
    for minute in range(20):
        job.demos(view(), [demo("alive", 60 * minute, file=f"/tmp/{minute}")], T)
        job.demos(view(), [demo("ended", 60 * minute + 10, file=f"/tmp/{minute}")], T)
    assert due(job, T + 3600 * S) == []


def test_restarts_too_quick_to_be_seen_alive_and_into_the_same_file_count_too():
    quick, same = watch("demo-restarts"), watch("demo-restarts")
    for second in (0, 10, 20, 30):
        quick.demos(view(), [demo("ended", second, file=f"/tmp/{second}")], T + second * S)
        same.demos(view(), [demo("alive", second)], T + second * S)
    assert due(quick, T + 30 * S) == due(same, T + 30 * S) == ["node:n-ada demo shower"]


def container(state, since, name="web", id="1"):
    return {"engine": "docker", "id": id, "name": name, "state": state, "since": T + int(since * S), "time": T}


def test_a_container_that_ended_is_told_by_its_name_until_one_of_that_name_runs_or_there_is_none():
    ended = watch("demo-ended", seconds=0)
    ended.demos(view(), programs_of([container("running", -9999), container("paused", -9999, "still", "2")]), T)
    ended.demos(view(), programs_of([container("ended", 0), container("running", -9999, "still", "2")]), T)
    assert raise_due(ended) == ["node:n-ada container web"]
    ended.demos(view(), programs_of([container("running", 5, id="3")]), T)
    assert ended.conditions.done == {"node:n-ada container web": ""}
    ended.demos(view(), programs_of([container("ended", 9000, id="3"), container("ended", 9000, "still", "2")]), T)
    assert raise_due(ended) == ["node:n-ada container still"]
    ended.containers(view(), {"web"}, T)
    assert ended.conditions.done == {"node:n-ada container still": "the container is gone"}


def test_a_container_that_its_engine_starts_again_and_again_is_told_and_one_without_a_name_never():
    again = watch("demo-restarts")
    for second in (0, 10, 20, 30):
        again.demos(view(), programs_of([container("running", second), container("running", second, "")]), T)
        again.demos(view(), programs_of([container("restarting", second + 5), container("ended", second + 5, "")]), T)
    assert due(again, T + 40 * S) == ["node:n-ada container web"]


def test_a_demo_and_a_container_of_one_name_are_two():
    ended = watch("demo-ended", seconds=0)
    ended.demos(view(), [demo("alive", -9999, name="web"), *programs_of([container("running", -9999)])], T)
    ended.demos(view(), [demo("ended", 0, name="web")], T)
    assert due(ended) == ["node:n-ada demo web"]
    ended.containers(view(), (), T)
    assert due(ended) == ["node:n-ada demo web"]


def test_how_many_programs_of_a_node_are_followed_is_bounded(monkeypatch):
    monkeypatch.setattr("dvic_hub.domain.alarm_demos.MAX_NODE_DEMOS", 2)
    ended = watch("demo-ended", seconds=0)
    for name in "abc":
        ended.demos(view(), [demo("alive", -9999, name=name)], T)
        ended.demos(view(), [demo("ended", 0, name=name)], T)
    assert due(ended) == ["node:n-ada demo a", "node:n-ada demo b"]


# ---- steps, runs, updates, the hub


def step(watch, state, cycle=1, message="", component="decode", service="meteor"):
    watch.step(service, component, "msu", state, cycle, message, T)


def test_a_step_that_fails_in_each_cycle_is_one_alarm_until_it_is_ok():
    failed = watch("step-error", component="dec*")
    step(failed, "error", 1, "no carrier\n!")
    step(failed, "error", component="load")
    [finding] = failed.conditions.due(T)
    assert (finding.subject, finding.summary, finding.service, finding.component) == (
        "service:meteor/decode/msu", "meteor: decode (msu) failed: no carrier", "meteor", "decode")
    raise_due(failed)
    for state in ("idle", "waiting", "running", "skipped", "error"):
        step(failed, state, 2)
    assert failed.conditions.done == {}
    step(failed, "ok", 1)
    assert failed.conditions.done == {}, "what an older cycle says later changes nothing"
    step(failed, "warning", 3)
    assert failed.conditions.done == {"service:meteor/decode/msu": ""}


def test_an_overdue_step_is_no_longer_overdue_when_it_runs_or_has_failed():
    late = watch("step-overdue")
    for state in ("running", "ok", "error", "off", "skipped"):
        step(late, "overdue")
        assert raise_due(late) == ["service:meteor/decode/msu"]
        step(late, state)
        assert late.conditions.done == {"service:meteor/decode/msu": ""}
        late.conditions.closed("service:meteor/decode/msu", T)


def test_alarms_of_steps_that_were_switched_off_or_removed_are_over():
    failed = watch("step-error")
    step(failed, "error")
    step(failed, "error", component="load")
    step(failed, "error", service="other")
    raise_due(failed)
    failed.known({"meteor": frozenset({"load"})})
    assert set(failed.conditions.done) == {"service:meteor/decode/msu", "service:other/decode/msu"}


def test_a_run_that_failed_is_told_until_somebody_has_seen_it_or_a_day_is_over():
    failed = watch("run-failed")
    failed.run("r1", "apt\nupgrade", 2, 9, "otto", T)
    failed.run("r2", "true", 0, 9, "otto", T)
    assert [finding.summary for finding in failed.conditions.due(T)] == ["apt upgrade (by otto) failed on 2 of 9 nodes"]
    assert raise_due(failed) == ["run:r1"]
    failed.tick(T + 86_400 * S)
    assert failed.conditions.done == {}
    failed.tick(T + 86_401 * S)
    assert failed.conditions.done == {"run:r1": "it was long ago"}
    failed.conditions.closed("run:r1", T)
    failed.run("r1", "x", 1, 1, "otto", T)
    raise_due(failed)
    failed.seen("run:r1")
    assert failed.conditions.done == {"run:r1": "somebody has seen it"}


def test_an_update_that_was_rolled_back_is_over_when_one_holds():
    back = watch("update-rolled-back")
    back.update(view(), "u1", True, "no word from the agent", T)
    assert raise_due(back) == ["node:n-ada update"]
    back.update(view(), "u2", False, "", T)
    assert back.conditions.done == {"node:n-ada update": ""}


def test_the_hubs_certificate_is_told_when_it_ends_soon_or_is_refused():
    ending = watch("certificate", days=14)
    now = T / S
    ending.certificate("hub.example", now + 20 * 86_400, "", T)
    ending.certificate("hub.example", None, "", T)
    assert due(ending) == []
    ending.certificate("hub.example", now + 13.5 * 86_400, "", T)
    assert [finding.summary for finding in ending.conditions.due(T)] == [
        "the certificate of hub.example ends in 13.5 days"]
    raise_due(ending)
    ending.certificate("hub.example", None, "", T)
    assert ending.conditions.done == {}, "nobody answered: nothing is known"
    ending.certificate("hub.example", now + 90 * 86_400, "", T)
    assert ending.conditions.done
    ending.conditions.closed("hub certificate", T)
    ending.certificate("hub.example", now + 90 * 86_400, "hostname mismatch", T)
    assert ending.conditions.due(T)[0].summary == "the certificate of hub.example is refused: hostname mismatch"
    ending.certificate("hub.example", now - 5, "certificate has expired", T)
    assert ending.conditions.due(T)[0].summary == "the certificate of hub.example has ended"


def test_the_hubs_disk_is_told_when_it_fills_and_when_nothing_is_stored():
    disk = watch("hub-disk")
    disk.disk(91.0, "", T)
    assert raise_due(disk) == ["hub disk"]
    disk.disk(88.0, "the disk is full", T)
    assert raise_due(disk) == ["hub store"] and disk.conditions.done == {}
    disk.disk(85.0, "", T)
    assert set(disk.conditions.done) == {"hub disk", "hub store"}


def test_the_defaults_are_as_the_documents_say():
    assert BY_NAME["node-silent"].severity == "critical" and BY_NAME["run-failed"].severity == "info"
