"""dvic_log.file: safe files that outlive threads, forks, cleaners, full disks and hostile neighbours."""

import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections import Counter

import pytest

from dvic_log import LogFile, lines
from dvic_log.file import RETRY


def line(text):
    return lines.record(1, "info", text)


def test_a_file_is_made_at_the_first_line_and_is_readable_by_all(logs):
    file = LogFile("daq")
    assert logs.files() == []
    old = os.umask(0o077)
    try:
        assert file.write(line("one"))
    finally:
        os.umask(old)
    [made] = logs.files()
    assert made.name.startswith("dvic_log_daq-") and str(made) == file.path
    assert stat.S_IMODE(made.stat().st_mode) == 0o644
    assert logs.header(made)["pid"] == os.getpid() and logs.header(made)["name"] == "daq"
    assert logs.messages() == ["one"]


def test_every_file_has_another_name(logs):
    for _ in range(3):
        LogFile("daq").write(line("x"))
    assert len(logs.files()) == 3


def test_a_name_can_not_leave_the_directory(logs):
    assert LogFile("../../etc/pass wd\n").write(line("x"))
    [made] = logs.files()
    assert made.name.startswith("dvic_log_etc-pass-wd")


def test_threads_write_whole_lines(logs):
    file = LogFile("daq")
    threads = [threading.Thread(target=lambda n=n: [file.write(line(f"{n}:{i}" + "x" * 3000)) for i in range(200)])
               for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logs.files()) == 1
    assert Counter(text.split("x")[0] for text in logs.messages()) == Counter(
        f"{n}:{i}" for n in range(8) for i in range(200))


def test_a_full_file_is_renamed_and_a_new_one_begins(logs):
    file = LogFile("daq", max_bytes=2000)
    for number in range(40):
        file.write(line(f"{number:03d}" + "x" * 100))
    names = [made.name for made in logs.files()]
    base = os.path.basename(file.path)
    assert names == [base, base + ".1"]
    assert all(made.stat().st_size <= 2000 and "dvic_log" in logs.header(made) for made in logs.files())
    older, newer = [record["m"][:3] for record in logs.lines(logs.files()[1])[1:]], [
        record["m"][:3] for record in logs.lines(logs.files()[0])[1:]]
    assert older + newer == [f"{number:03d}" for number in range(40)][-len(older + newer):]


def test_rotation_goes_elsewhere_when_the_name_is_not_ours_any_more(logs):
    file = LogFile("daq", max_bytes=500)
    file.write(line("first"))
    path = file.path
    os.rename(path, path + ".moved")
    os.symlink("/etc/passwd", path)
    for _ in range(10):
        file.write(line("x" * 100))
    assert os.readlink(path) == "/etc/passwd"
    assert file.path != path and "first" in logs.messages()


def test_a_link_that_waits_under_the_name_is_not_followed(logs, tmp_path):
    class Guessed(LogFile):
        def _new_path(self):
            return str(logs.path / "dvic_log_guessed")

    victim = tmp_path / "victim"
    victim.write_text("precious")
    (logs.path / "dvic_log_guessed").symlink_to(victim)
    assert not Guessed("daq").write(line("x"))
    assert victim.read_text() == "precious"


def test_a_deleted_file_is_replaced(logs):
    file = LogFile("daq")
    file.write(line("one"))
    os.unlink(file.path)
    file.write(line("two"))
    assert logs.messages() == ["two"]


def test_a_descriptor_that_the_program_closed_and_used_again_is_left_alone(logs, tmp_path):
    file = LogFile("daq")
    file.write(line("one"))
    handle = next(int(fd) for fd in os.listdir("/proc/self/fd")
                  if os.path.lexists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}") == file.path)
    mine = os.open(tmp_path / "mine", os.O_WRONLY | os.O_CREAT)
    os.dup2(mine, handle)
    file.write(line("two"))
    file.close()
    assert (tmp_path / "mine").read_bytes() == b""
    os.write(handle, b"still open")
    assert (tmp_path / "mine").read_bytes() == b"still open"
    assert sorted(logs.messages()) == ["one", "two"]
    os.close(mine)
    os.close(handle)


def test_standard_streams_that_are_closed_do_not_end_in_the_log(logs):
    program = ("import os; os.close(1); os.close(2); import dvic_log; dvic_log.info('logged');"
               "os.write(1, b'printed') if os.path.exists('/proc/self/fd/1') else None")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert logs.messages() == ["logged"]


def test_a_missing_directory_costs_the_program_nothing_and_the_loss_is_told(logs, tmp_path):
    later = tmp_path / "later"
    file = LogFile("daq", directory=str(later))
    assert not file.write(line("one")) and not file.write(line("two"))
    later.mkdir()
    file._mine().retry_at = 0.0  # as if RETRY seconds had gone by
    assert RETRY > 0 and file.write(line("three"))
    [made] = later.glob("dvic_log_*")
    told, three = logs.lines(made)[1:]
    assert told["f"] == {"lost": 2} and "No such file or directory" in told["m"] and three["m"] == "three"


LIMITED = """
import os, resource, dvic_log
file = dvic_log.LogFile("daq", max_bytes=10**9)
file.write(dvic_log.lines.record(1, "info", "fits"))
size = os.stat(file.path).st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, resource.RLIM_INFINITY))
assert not file.write(dvic_log.lines.record(1, "info", "cut short by a full disk" * 10))
assert not file.write(dvic_log.lines.record(1, "info", "no room at all"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert file.write(dvic_log.lines.record(1, "info", "room again"))
"""


def test_a_disk_that_fills_up_in_mid_line_spoils_that_line_only(logs):
    # A file-size limit cuts a write short exactly as a full disk does.
    subprocess.run([sys.executable, "-c", LIMITED], check=True, timeout=30)
    [made] = logs.files()
    header, fits, torn, told, again = made.read_bytes().splitlines()
    assert b"fits" in fits and b"cut short" not in torn[-1:] and not torn.endswith(b"}")
    assert b'"lost":2' in told and b"room again" in again


def test_a_full_disk_is_no_trouble_and_the_loss_is_told_when_there_is_room(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        file = LogFile("daq", directory=str(disk))
        assert file.write(line("one"))
        filler = disk / "filler"
        filler.write_bytes(b"x" * (64 * 1024 - 2 * 4096))
        wrote = [file.write(line("y" * 1000)) for _ in range(20)]
        assert wrote[0] and not wrote[-1]
        filler.unlink()
        assert file.write(line("room again"))
        text = open(file.path, "rb").read()
        file.close()
        assert b"lines could not be written: No space left on device" in text and text.endswith(line("room again"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_forked_child_writes_a_file_of_its_own(logs):
    file = LogFile("daq")
    file.write(line("parent"))
    child = os.fork()
    if child == 0:
        os._exit(0 if file.write(line("child")) and file.write(line("child again")) else 1)
    assert os.waitpid(child, 0)[1] == 0
    file.write(line("parent again"))
    by_pid = {logs.header(made)["pid"]: [record["m"] for record in logs.lines(made)[1:]] for made in logs.files()}
    assert by_pid == {os.getpid(): ["parent", "parent again"], child: ["child", "child again"]}


def test_a_fork_while_another_thread_writes_can_not_hang_the_child(logs):
    file = LogFile("daq")
    stop = threading.Event()
    writers = [threading.Thread(target=lambda: [file.write(line("x")) for _ in iter(stop.is_set, True)])
               for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                os._exit(0 if file.write(line("child")) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert logs.messages().count("child") == 30


SPAWNED = """
import multiprocessing, sys
import dvic_log

def work(number):
    dvic_log.info("from %d", number)

if __name__ == "__main__":
    dvic_log.info("main")
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        pool.map(work, range(50), chunksize=1)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_loses_nothing(logs, tmp_path, method):
    program = tmp_path / "many.py"
    program.write_text(SPAWNED)
    subprocess.run([sys.executable, str(program), method], check=True, timeout=60)
    assert sorted(logs.messages()) == sorted(["main"] + [f"from {number}" for number in range(50)])
    assert len({logs.header(made)["pid"] for made in logs.files()}) == len(logs.files()) <= 4


def test_a_signal_handler_that_logs_while_its_thread_is_inside_does_not_hang(logs):
    program = ("import signal, dvic_log\n"
               "signal.signal(signal.SIGALRM, lambda *a: dvic_log.info('handler'))\n"
               "signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
               "for number in range(20000): dvic_log.info('main')\n"
               "signal.setitimer(signal.ITIMER_REAL, 0)\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    messages = Counter(logs.messages())
    assert messages["main"] == 20000 and messages["handler"] > 0


def test_descriptors_are_not_handed_to_programs_that_are_started(logs):
    file = LogFile("daq")
    file.write(line("x"))
    assert all(fcntl.fcntl(handle, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for handle in [file._mine().handle])


def test_running_out_of_descriptors_is_no_trouble(logs):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    file = LogFile("daq")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        assert not file.write(line("lost"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
