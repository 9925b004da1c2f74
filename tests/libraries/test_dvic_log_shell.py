"""dvic-log for shell scripts: in dash and in bash as a POSIX shell."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from readme_code import blocks

LIBRARY = Path(__file__).resolve().parents[2] / "libraries/shell"
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"]}


@pytest.fixture(params=SHELLS)
def run(request, logs, tmp_path):
    """Runs a script in which `dvic-log` is the library in this shell; returns what was printed."""
    shell = SHELLS[request.param]
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "dvic-log"
    program.write_text(f'#!/bin/sh\nexec {" ".join(shell)} {LIBRARY / "dvic-log"} "$@"\n')
    program.chmod(0o755)

    def run(text, code=0, **environ):
        script = tmp_path / "job.sh"
        script.write_text(text)
        done = subprocess.run([*shell, str(script)], capture_output=True, timeout=60,
                              env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}",
                                   "DVIC_LOG_LEVELS": str(tmp_path / "levels"), **environ})
        assert done.returncode == code, done.stderr
        return done.stdout.decode() + done.stderr.decode()

    return run


def test_one_call_is_one_record_with_its_fields(logs, run):
    run("dvic-log warning 'gain is low' channel=3 rate=-1200.5 ok=true run=007 range=1-2 empty= 'not a=field'")
    [record] = logs.records()
    assert (record["l"], record["m"]) == ("warning", "gain is low not a=field")
    assert record["f"] == {"channel": 3, "rate": -1200.5, "ok": True, "run": "007", "range": "1-2", "empty": ""}


def test_calls_of_one_script_share_its_file_and_the_header_says_whose_it_is(logs, run):
    said = run("echo $$\ndvic-log a\n(dvic-log b; :) &\nwait\ndvic-log --logger x c\n", DVIC_LOG_PID="")
    first, _ = sorted(logs.files(), key=lambda file: len(logs.lines(file)), reverse=True)
    header = logs.header(first)
    assert [line["m"] for line in logs.lines(first)[1:]] == ["a", "c"]
    assert (header["pid"], header["name"], header["library"].split()[0]) == (int(said), "job", "shell")
    assert Path(header["executable"]).name in ("dash", "bash")
    assert first.stat().st_mode & 0o777 == 0o644


def test_subshells_and_jobs_write_to_the_scripts_file_when_it_says_so_and_lines_never_mix(logs, run):
    run("export DVIC_LOG_PID=$$\ndvic-log begins\nlong=$(printf '%20000s' x)\n"
        "for i in 1 2 3 4 5 6; do (dvic-log \"$i$long\"; :) & done\nwait\n")
    assert len(logs.files()) == 1
    assert sorted(len(message) for message in logs.messages()) == [6] + [20001] * 6


def test_any_bytes_become_a_line_that_can_be_read(logs, run):
    run("dvic-log \"$(printf "
        "'q\"b\\\\t\\tn\\ne\\303\\251x\\377\\355\\240\\200\\360\\237\\230\\200\\001\\177')\" "
        "k=\"$(printf '\\300')\"")
    [record] = logs.records()
    assert record["m"] == 'q"b\\t\tn\neéx\\xff\\xed\\xa0\\x80😀\x01\x7f' and record["f"] == {"k": "\\xc0"}


def test_what_is_piped_in_becomes_records_with_the_level_that_its_words_tell(logs, run):
    run("printf 'plain\\n<3>prio\\n[warn] b\\n\\nx ERROR y\\nlevel=debug z\\r\\na: crit: b\\nnul\\000x\\377\\nlast' |"
        " dvic-log --name piped --logger l")
    assert [(record["l"], record["m"]) for record in logs.records()] == [
        ("info", "plain"), ("error", "prio"), ("warning", "[warn] b"), ("error", "x ERROR y"),
        ("debug", "level=debug z"), ("critical", "a: crit: b"), ("info", "nul\\x00x\\xff"), ("info", "last")]
    [file] = logs.files()
    assert logs.header(file)["name"] == "piped" and logs.records()[0]["f"] == {"logger": "l"}
    times = [record["t"] for record in logs.records()]
    assert times == sorted(times)


def test_a_piped_line_is_there_while_the_program_runs(logs, run):
    run('(echo first; until cat "$DVIC_LOG_DIR"/dvic_log_* | grep -q first; do sleep 0.05; done; echo seen) |\n'
        'dvic-log error\n')
    assert [(record["l"], record["m"]) for record in logs.records()] == [("error", "first"), ("error", "seen")]


def test_the_steps_of_a_service_carry_their_place(logs, run):
    said = run("export DVIC_CYCLE=$(dvic-log --new-cycle)\necho $DVIC_CYCLE\n"
               "log() { dvic-log --service meteor --component decode \"$@\"; }\n"
               "log --source msu start\nlog done '17 frames' n=17\nlog fail\nlog skip\n")
    assert [(record["e"], record["l"], record["m"]) for record in logs.records()] == [
        ("start", "info", "started"), ("done", "info", "17 frames"), ("fail", "error", "failed"),
        ("skip", "info", "skipped")]
    places = {(record["s"], record["c"], record["y"]) for record in logs.records()}
    assert places == {("meteor", "decode", said.strip())}
    assert logs.records()[0]["i"] == "msu"


@pytest.mark.parametrize("compact", [False, True])
def test_the_level_that_is_set_at_the_hub_is_followed(logs, run, tmp_path, compact):
    levels = {"a": "debug", 'm "é': "warning", 'm "é/decode': "debug", "meteor/x": "error"}
    (tmp_path / "levels").write_text(json.dumps(levels, separators=(",", ":") if compact else None))
    run("dvic-log --service 'm \"é' info no\ndvic-log --service 'm \"é' --component decode info yes\n"
        "dvic-log --service 'm \"é' start begins\ndvic-log --service meteor info 'no level'\n"
        "printf 'debug: no\\nerror: piped\\n' | dvic-log --service 'm \"é'\n")
    assert sorted(logs.messages()) == ["begins", "error: piped", "no level", "yes"]


def test_a_full_file_makes_room_for_a_new_one_and_only_two_stay(logs, run):
    run("for i in 1 2 3 4 5; do dvic-log --max-bytes 250 \"$i$(printf '%100s' x)\"; done\n"
        "seq 300 | dvic-log --max-bytes 4000\n")
    script, piped = (sorted(file for file in logs.files() if logs.header(file)["pid"] == pid)
                     for pid in sorted({logs.header(file)["pid"] for file in logs.files()}))
    assert len(script) == len(piped) == 2
    assert [record["m"] for file in piped for record in logs.lines(file)[1:]][-1] == "300"
    assert logs.lines(script[-1])[-1]["m"].startswith("5")


def test_links_and_names_of_others_are_never_written_to(logs, run, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept\n")
    run("read -r stat </proc/$$/stat; stat=${stat##*) }; set -- $stat; start=${20}\n"
        f"ln -s {victim} \"$DVIC_LOG_DIR/dvic_log_x-$$.$start-000007-aaaaaaaaaaaa\"\n"
        f"ln {victim} \"$DVIC_LOG_DIR/dvic_log_y-$$.$start-000008-aaaaaaaaaaaa\"\n"
        "mkfifo \"$DVIC_LOG_DIR/dvic_log_z-$$.$start-000009-aaaaaaaaaaaa\"\ndvic-log hello\n")
    assert victim.read_text() == "kept\n"
    [written] = list(logs.path.glob("dvic_log_job-*"))
    assert logs.lines(written)[1]["m"] == "hello"


def test_a_script_goes_on_where_nothing_can_be_written(run, tmp_path):
    said = run("set -e\nexport DVIC_LOG_DIR=/nowhere\ndvic-log error x\nseq 20000 | dvic-log\necho went on\n")
    assert "went on" in said and "could not be written in /nowhere" in said


def test_lines_that_could_not_be_written_are_counted_when_there_is_room_again(logs, run, tmp_path):
    later = tmp_path / "later"
    # more than a pipe holds: when the last is written, the first ones were read and had no place
    run(f"export DVIC_LOG_DIR={later}\n(seq 30000; mkdir {later}\n"
        f"until grep -qs lost {later}/dvic_log_*; do echo more; sleep 0.1; done) | dvic-log\n")
    [file] = later.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines() if line]
    assert lines[1]["l"] == "warning" and lines[1]["f"]["lost"] >= 2


def test_wrong_options_are_told_with_what_there_is(logs, run):
    assert "there is no option --colour" in run("dvic-log --colour x", code=2)
    assert "--name needs a value" in run("dvic-log --name", code=2)
    assert "PROGRAM 2>&1 | dvic-log" in run("dvic-log --max-bytes x y", code=2)


def test_too_many_and_too_long_fields_are_cut_and_it_is_said(logs, run):
    run("set --; i=0; while [ $i -lt 70 ]; do set -- \"$@\" \"f$i=$i\"; i=$((i + 1)); done\n"
        "dvic-log --logger l x \"long=$(printf '%20000s' x)\" \"$@\"\n")
    [record] = logs.records()
    assert record["f"]["fields_cut"] == 7 and len(record["f"]) == 66
    assert record["f"]["long"].endswith("... (3616 characters cut)")


def test_the_example_of_its_page_runs(logs, run):
    [example] = blocks(LIBRARY / "README.md", "sh")
    assert run(example) == ""
    records = logs.records()
    assert {"run 17 started", "channel 3 is noisy", "started", "frame 17", "1 frame"} <= {r["m"] for r in records}
    assert [r["e"] for r in records if r.get("c") == "decode" and "e" in r] == ["start", "done"]
    assert any(" bin" in r["m"] for r in records)
