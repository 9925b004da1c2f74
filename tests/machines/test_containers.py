"""Logs of programs in containers, as real engines make them: whose they are, to their last line, from fifty at once,
and from one that belongs to an enemy. What the agent needs for it, it can't use for anything else."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from checkout import TOP
from engines import ENGINES, PODMAN, EngineRoom
from member_lab import MemberLab
from rig import until

pytestmark = pytest.mark.machines

FIFTY, LINES, BRIEF = 50, 1000, 15

WITHOUT_UNIT = ("containerd", "lxc")
"""Engines that make control groups without asking systemd."""

UNTIL_TOLD = "until [ -e /tmp/go ]; do sleep 0.05; done"


@pytest.fixture(scope="module")
def room(tmp_path_factory, agent_deb) -> Iterator[EngineRoom]:
    with MemberLab(tmp_path_factory.mktemp("containers"), agent_deb) as lab, EngineRoom.of(lab) as room:
        yield room


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_logged_in_a_container_says_whose_it_is_to_the_last_line(room, engine):
    word, before = f"of-{engine}", room.streams()
    box = room.start(engine, f"echo first-{word} > /tmp/dvic_log_{word}; {UNTIL_TOLD}; "
                             f"echo last-{word} >> /tmp/dvic_log_{word}")
    [first] = room.seen(f"first-{word}")
    [stream] = room.streams() - before
    room.into(f"last-{word}", "go")
    [last] = room.seen(f"last-{word}")
    box.wait()

    for line in (first, last):
        assert line["fields"]["container"] == box.short
        assert (box.id or box.name) in line.get("unit", "").replace(r"\x2d", "-") or engine in WITHOUT_UNIT
    until(lambda: stream not in room.streams(), "the agent saw its end")
    box.remove()
    assert not room.lines("missing", f"dvic_log_{word}")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_container_whose_log_the_agent_has_open_is_removed_at_once(room, engine):
    word = f"held-{engine}"
    box = room.start(engine, f"exec > /tmp/dvic_log_{word}; while echo line-{word}; do sleep 0.1; done")
    room.seen(f"line-{word}")
    until(lambda: room.agent_holds(f"dvic_log_{word}"), "the agent has its file open")
    box.remove()

    until(lambda: not room.agent_holds(f"dvic_log_{word}"), "the agent has let go of it")


def test_the_python_and_shell_libraries_log_in_a_container_as_they_do_on_the_machine(room):
    room.member.machine.put(TOP / "libraries/python/dvic_log", "/opt/lib/dvic_log")
    room.member.machine.put(TOP / "libraries/shell/dvic-log", "/opt/lib/dvic-log")
    room.start("docker", "PYTHONPATH=/opt/lib python3 -c 'import dvic_log; dvic_log.warning(\"a warning of Python\")'; "
                         "sh /opt/lib/dvic-log --name outer error 'an error of the shell'; sleep 1000",
               "--volume=/opt/lib:/opt/lib:ro")

    [warning], [error] = room.seen("a warning of Python"), room.seen("an error of the shell")
    assert (warning["level"], error["level"]) == ("warning", "error")
    assert warning["fields"]["container"] == error["fields"]["container"]


def test_of_fifty_that_start_and_log_and_end_at_once_each_line_is_there_or_a_gap_says_so(room, tell):
    before = room.streams()
    room.member.machine.write("/root/one", f"i=0; while [ $i -lt {LINES} ]; do echo \"fifty-$1 $i\"; i=$((i+1)); done "
                                           "> /tmp/dvic_log_fifty")
    ids = room.member.sh(f"for one in $(seq {FIFTY}); do docker run --detach --network=none image sh -c "
                         "\"$(cat /root/one)\" sh $one & done; wait", timeout=300).split()
    room.member.sh(f"docker wait {' '.join(ids)}", timeout=300)
    room.start("docker", "echo after-fifty > /tmp/dvic_log_after; sleep 1000")
    room.seen("after-fifty")
    until(lambda: len(room.streams() - before) == 1, "all that was read is at the hub", 60)

    found = room.lines("fifty-", "dvic_log_fifty")
    whole = Counter(line["fields"]["container"] for line in found)
    told = {line["gap"]["detail"].split()[1] for line in room.lines("ended before it could", "mount:*")}
    tell(f"of {FIFTY} containers {len(whole)} have all their lines, {len(told)} a gap")
    assert set(whole.values()) == {LINES}  # none is cut short, no line is there twice
    assert len({line["message"] for line in found}) == len(found)
    assert not told & whole.keys()
    assert {one[:12] for one in ids} == whole.keys() | (told & {one[:12] for one in ids})
    assert len(whole) > FIFTY / 2


def test_of_those_that_are_removed_at_their_end_each_line_is_there_or_a_gap_says_so(room, tell):
    member = room.member
    member.sh("mkdir -p /root/ids && rm -f /root/ids/*")
    for number in range(BRIEF):
        member.sh(f"docker run --rm --cidfile=/root/ids/{number} --network=none image sh -c "
                  f"'echo brief-{number} > /tmp/dvic_log_brief'")
    ids = {one[:12] for one in member.sh("tail --quiet -n +1 /root/ids/* | grep -o '[0-9a-f]\\{64\\}'").split()}
    assert len(ids) == BRIEF

    def there() -> tuple[set[str], set[str]]:
        whole = {line["fields"]["container"] for line in room.lines("brief-", "dvic_log_brief")}
        gaps = {line["gap"]["detail"].split()[1] for line in room.lines("ended before it could", "mount:*")}
        return whole & ids, gaps & ids

    until(lambda: ids == set().union(*there()), "each is accounted for")
    whole, told = there()
    assert not whole & told
    tell(f"of {BRIEF} containers that were removed at their end {len(whole)} have their line, {len(told)} a gap")
    assert len(whole) > BRIEF / 2


def test_a_hostile_container_leads_the_agent_nowhere_and_keeps_no_other_from_being_heard(room):
    member, agent = room.member, room.agent
    member.sh("echo precious > /root/dvic_log_secret; echo precious > /etc/dvic_log_planted; "
              "chmod 644 /root/dvic_log_secret /etc/dvic_log_planted")
    member.machine.write("/root/hostile", """cd /tmp
        ln -s /etc/passwd dvic_log_link && ln -s /proc/1/root/etc dvic_log_far
        mkfifo dvic_log_fifo && mknod dvic_log_device c 1 5 && mkdir dvic_log_folder
        touch dvic_log_mounted && mount --bind /secret dvic_log_mounted
        truncate -s 100G dvic_log_sparse && echo end-of-sparse >> dvic_log_sparse
        echo named-badly > "$(printf 'dvic_log_a\nb\033[31m')"
        until [ -e go ]; do sleep 0.05; done
        seq -f dvic_log_%g 10000 | xargs touch; sleep 1000""")
    member.machine.write("/root/linked", "rmdir /tmp && ln -s /machine /tmp && sleep 1000")
    rights = "--cap-add=SYS_ADMIN --cap-add=MKNOD --security-opt=seccomp=unconfined --security-opt=apparmor=unconfined"
    bad = [room.start("docker", member.sh("cat /root/hostile"), f"{rights} --volume=/root/dvic_log_secret:/secret:ro "
                      "--volume=/root/dvic_log_secret:/tmp/dvic_log_bound:ro"),
           room.start("docker", member.sh("cat /root/linked"), "--volume=/etc:/machine:ro"),
           room.start("nspawn", member.sh("cat /root/linked"), "--bind-ro=/etc:/machine")]
    room.seen("end-of-sparse")
    room.into("end-of-sparse", "go")
    until(lambda: bad[0].short in member.sh("journalctl -u dvic-agent | grep MAX_INSIDE || :"), "it says what waits")
    good = room.start("docker", "echo good-beside-bad > /tmp/dvic_log_good; sleep 1000")

    [line] = room.seen("good-beside-bad")
    assert line["fields"]["container"] == good.short
    assert not room.lines("precious") and not room.lines("root:x:0")
    [named] = room.lines("named-badly")
    assert named["source"].isprintable() and named["fields"]["container"] == bad[0].short
    for name in ("link", "far", "fifo", "device", "folder", "mounted", "bound"):
        assert not room.lines("", f"dvic_log_{name}")
    memory = int(re.search(r"VmRSS:\s+(\d+)", member.sh(f"cat /proc/{agent}/status"))[1])
    assert room.agent == agent and memory < 150_000, f"{memory} kB"
    for box in (*bad, good):
        box.remove()


PROBE = """
import ctypes, os, sys
libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
calls = {"ptrace": (101, 16, pid), "PTRACE_SEIZE": (101, 0x4206, pid), "process_vm_readv": (310, pid, 0, 0, 0, 0, 0),
         "process_vm_writev": (311, pid, 0, 0, 0, 0, 0), "kcmp": (312, pid, pid, 0, 0, 0),
         "get_robust_list": (274, pid, 0, 0), "pidfd_getfd": (438, 0, 0, 0), "process_madvise": (440, 0, 0, 0, 0, 0),
         "perf_event_open": (298, 0, pid, -1, -1, 0), "bpf": (321, 0, 0, 0), "setns": (308, 0, 0),
         "unshare": (272, 0x10000000), "chroot": (161, b"/"), "mount": (165, 0, 0, 0, 0, 0)}
for name, call in calls.items():
    ctypes.set_errno(0)
    done = libc.syscall(*call)
    print(name, done, ctypes.get_errno())
for name in ("mem", "environ", "fd"):
    try:
        os.listdir(f"/proc/{pid}/fd") if name == "fd" else open(f"/proc/{pid}/{name}", "rb").close()
        print(name, 0, 0)
    except OSError as error:
        print(name, -1, error.errno)
print(open(f"/proc/{pid}/root/tmp/dvic_log_probed").read())
"""


def test_what_the_agents_unit_lets_it_do_is_to_look_and_nothing_else(room):
    member = room.member
    unit = member.sh("cat /usr/lib/systemd/system/dvic-agent.service")
    for name in ("Type", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RuntimeDirectory", "User", "Group"):
        unit = re.sub(rf"^{name}=.*$", "", unit, flags=re.MULTILINE)
    room.start("docker", "echo look > /tmp/dvic_log_probed; sleep 4711")
    pid = until(lambda: member.sh("pgrep --full --oldest '^sleep 4711' || :"), "it sleeps")
    member.machine.write("/opt/probe.py", PROBE)
    member.machine.write("/etc/systemd/system/probe.service", unit.replace("[Service]", f"[Service]\nType=oneshot\n"
                         f"User=dvic-agent\nExecStart=/usr/bin/python3 /opt/probe.py {pid}", 1))
    member.sh("systemctl daemon-reload && systemctl start probe")
    said = member.sh("journalctl --output=cat --unit=probe")

    answers = re.findall(r"^(\S+) (-?\d+) (\d+)$", said, flags=re.MULTILINE)
    assert len(answers) == 17, said
    assert [name for name, done, error in answers if (done, error) not in (("-1", "1"), ("-1", "13"))] == [], said
    assert "\nlook\n" in said


def test_with_the_drop_in_nothing_of_containers_is_read_and_without_it_all_is(room):
    member, folder = room.member, "/etc/systemd/system/dvic-agent.service.d"
    member.sh(f"install -D -m 644 -t {folder} /usr/share/dvic-agent/no-containers.conf; systemctl daemon-reload; "
              "systemctl restart dvic-agent")
    assert re.search(r"CapEff:\s+0+$", member.sh(f"cat /proc/{room.agent}/status"), re.MULTILINE)
    room.start("docker", "echo kept-inside > /tmp/dvic_log_inside; sleep 1000")
    member.sh("echo beside-it > /tmp/dvic_log_beside")
    room.seen("beside-it")
    assert "may not look into containers" in member.sh("journalctl -u dvic-agent")
    assert not room.lines("kept-inside")

    member.sh(f"rm -r {folder}; systemctl daemon-reload; systemctl restart dvic-agent")
    room.seen("kept-inside")


def test_how_containers_do_is_told_by_the_kernel_and_more_by_engines_that_may_be_asked(room):
    def told() -> dict[str, tuple]:
        found = room.lab.rig.request("GET", "/api/v1/nodes/ada/containers?limit=1000")[1]["items"]
        return {one.get("name") or one["id"]: (one["state"], one.get("exit_code"), one.get("image")) for one in found}

    boxes = [room.start(engine, "exec sleep 1000") for engine in ENGINES if engine != "service"]
    for box in boxes:
        until(lambda box=box: told().get(box.id) == ("running", None, None), f"{box} is seen to run")
        box.remove()
        until(lambda box=box: told()[box.id] == ("ended", None, None), f"the end of {box} is seen")
    with room.asked():
        room.member.sh("docker run --detach --name=daq --network=none --restart=on-failure image sh -c "
                       "'echo of-daq > /tmp/dvic_log_daq; while ! [ -e /tmp/end ]; do sleep 0.1; done; exit 3'")
        room.member.sh(f"{PODMAN} run --detach --name=pod --network=none image sleep 1000")
        [line] = until(lambda: room.lab.rig.logs("&grep=of-daq&unit=daq"), "its line is found by its name")
        assert (line["fields"]["container"], line["fields"]["image"]) == ("daq", "image")
        until(lambda: told().get("daq") == ("running", None, "image"), "docker is asked")
        until(lambda: told().get("pod", "")[:2] == ("running", None), "podman is asked")
        room.member.sh("docker exec daq touch /tmp/end")
        until(lambda: told()["daq"] == ("restarting", 3, "image"), "it is started again and again")
        room.member.sh(f"docker rm --force daq; {PODMAN} kill pod; "
                       "docker run --rm --name=brief --network=none image sh -c 'exit 4'", code=4)
        until(lambda: told().get("brief") == ("ended", 4, "image"), "what was removed at once keeps its code")
        until(lambda: told()["pod"][:2] == ("ended", 137), "podman tells how it ended")
        room.member.sh(f"{PODMAN} rm pod")
