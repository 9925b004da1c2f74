"""dvic-log for JavaScript, in the machine's own Node.js."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from readme_code import blocks

LIBRARY = Path(__file__).resolve().parents[2] / "libraries/javascript"


@pytest.fixture
def run(logs, tmp_path):
    """Runs a program that has the library as a package; returns what it printed."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/dvic-log").symlink_to(LIBRARY)

    def run(text, name="program.cjs", code=0):
        program = tmp_path / name
        program.write_text(text)
        done = subprocess.run(["node", "--preserve-symlinks", str(program)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "DVIC_LOG_LEVELS": str(tmp_path / "levels")})
        assert done.returncode == code, done.stderr
        return done.stdout

    return run


def program(text):
    return f"const dvic = require('dvic-log')\n{text}\n"


def test_a_record_has_its_level_text_and_fields_and_the_header_says_whose_it_is(logs, run):
    said = run(program("""
        dvic.warning('gain is low', {channel: 3, rate: -1200.5, ok: true, big: 2n ** 62n, huge: 2n ** 63n, nan: NaN,
                                     none: null, when: new Date(0), list: [1, {a: 2n}], bytes: Buffer.from('x')})
        dvic.log('FATAL', 'q"\\\\ é😀\\ud800\\0')
        console.log(process.pid)"""))
    first, second = logs.records()
    assert (first["l"], first["m"]) == ("warning", "gain is low")
    assert (second["l"], second["m"]) == ("critical", 'q"\\ é😀\\ud800\0')
    assert first["f"] == {"channel": 3, "rate": -1200.5, "ok": True, "big": 2**62, "huge": str(2**63), "nan": "NaN",
                          "none": "", "when": "1970-01-01T00:00:00.000Z", "list": '[1,{"a":"2"}]', "bytes": "x"}
    [file] = logs.files()
    header = logs.header(file)
    assert (header["pid"], header["name"]) == (int(said), "program")
    assert header["library"].startswith("javascript ") and Path(header["executable"]).name == "node"
    assert file.stat().st_mode & 0o777 == 0o644


def test_import_and_require_share_one_file_and_its_types_name_what_there_is(logs, run):
    said = run("import * as a from 'dvic-log'\nimport { createRequire } from 'node:module'\n"
               "a.info('import'); createRequire(import.meta.url)('dvic-log').info('require')\n"
               "console.log(Object.keys(a).join(' '))\n", "program.mjs")
    assert logs.messages() == ["import", "require"] and len(logs.files()) == 1
    types = (LIBRARY / "index.d.cts").read_text()
    assert all(f" {name}(" in types or f" {name}:" in types or f"class {name} " in types
               for name in said.split() if name != "default")
    assert "export * from './index.cjs'" in (LIBRARY / "index.d.mts").read_text()


def test_no_value_can_harm_the_program(logs, run):
    assert run(program("""
        const loop = {}; loop.self = loop
        const hostile = { toString () { throw new Error('no') }, toJSON () { throw new Error('no') } }
        const getter = { get x () { throw new Error('no') } }
        const revoked = Proxy.revocable({}, {}); revoked.revoke()
        const bare = Object.create(null)
        for (const bad of [loop, hostile, getter, revoked.proxy, Symbol('s'), () => 1, undefined, null, 3, bare]) {
          dvic.info(bad, bad); dvic.info('x', { bad }); dvic.log(bad, 'y')
          dvic.getLogger(bad, { service: bad, cycle: bad }).start(bad)
        }
        const nested = { toJSON () { dvic.info('within', { nested }); return 1 } }
        dvic.info('outer', { nested })
        console.log('alive')""")) == "alive\n"
    assert {"x", "y", "within", "outer"} <= set(logs.messages())


def test_errors_bring_their_stack_and_their_causes(logs, run):
    run(program("const e = new Error('disk', {cause: new TypeError('cable')})\n"
                "dvic.error('read-out failed', e)\ndvic.error(e)"))
    for record in logs.records():
        assert "Error: disk\n    at " in record["m"] and "caused by TypeError: cable" in record["m"]


def test_steps_carry_their_place_and_what_is_thrown_within_goes_on(logs, run):
    run(program("""
        process.env.DVIC_CYCLE = 'c-1'
        const log = dvic.getLogger('main', { service: 'meteor', component: 'decode', source: 'msu' })
        log.start(); log.done('17 frames', { n: 17 }); log.skip(); log.fail()
        if (log.within(() => 42) !== 42) process.exit(9)
        try { log.within(() => { throw new Error('no carrier') }) } catch (e) { dvic.info('seen ' + e.message) }
        log.step('extract').within(async () => { throw new Error('late') })
          .catch(e => dvic.info('seen ' + e.message))"""))
    told = [(r.get("e"), r.get("c"), r["m"].splitlines()[0]) for r in logs.records()]
    assert told == [("start", "decode", "started"), ("done", "decode", "17 frames"), ("skip", "decode", "skipped"),
                    ("fail", "decode", "failed"), ("start", "decode", "started"), ("done", "decode", "done"),
                    ("start", "decode", "started"), ("fail", "decode", "Error: no carrier"),
                    (None, None, "seen no carrier"), ("start", "extract", "started"),
                    ("fail", "extract", "Error: late"), (None, None, "seen late")]
    assert {(r["s"], r["y"], r["f"]["logger"]) for r in logs.records() if "s" in r} == {("meteor", "c-1", "main")}


def test_the_level_that_is_set_at_the_hub_is_followed_within_seconds(logs, run, tmp_path):
    (tmp_path / "levels").write_text(json.dumps({"meteor": "warning", "meteor/decode": "debug", "x": 3}))
    run(program("""
        const a = dvic.getLogger('a', { service: 'meteor' })
        const b = dvic.getLogger('b', { service: 'meteor', component: 'decode' })
        a.info('left out'); a.start(); a.error('kept'); b.debug('kept too')
        require('fs').writeFileSync(process.env.DVIC_LOG_LEVELS, 'no sense')
        const until = setInterval(() => { a.info('everything'); if (require('fs').readFileSync(file())
          .includes('everything')) clearInterval(until) }, 50)
        function file () { const d = process.env.DVIC_LOG_DIR; return d + '/' + require('fs').readdirSync(d)[0] }"""))
    assert logs.messages()[:3] == ["started", "kept", "kept too"] and logs.messages()[-1] == "everything"


def test_worker_threads_and_child_processes_write_files_of_their_own(logs, run):
    run(program("""
        const { Worker, isMainThread } = require('node:worker_threads')
        const { fork } = require('node:child_process')
        if (!isMainThread) dvic.info('worker')
        else if (process.argv[2]) dvic.info('child')
        else { dvic.info('main'); fork(__filename, ['x'])
               new Worker(__filename, { execArgv: ['--preserve-symlinks'] }) }"""))
    assert sorted(logs.messages()) == ["child", "main", "worker"] and len(logs.files()) == 3


def test_the_console_goes_to_the_log_too_until_it_is_undone(logs, run):
    said = run(program("""
        const undo = dvic.patchConsole(dvic.getLogger('console'))
        console.log('%s is %d', 'x', 3, { a: 1 }); console.warn('w'); console.error(new Error('e')); console.debug('d')
        undo(); console.info('not this')"""))
    assert said == "x is 3 { a: 1 }\nd\nnot this\n"
    assert [(r["l"], r["m"].splitlines()[0]) for r in logs.records()] == [
        ("info", "x is 3 { a: 1 }"), ("warning", "w"), ("error", "Error: e"), ("debug", "d")]


def test_a_full_file_is_renamed_and_one_that_was_removed_is_begun_anew(logs, run):
    run(program("""
        const file = new dvic.LogFile({ name: 'a b/../c', maxBytes: 2000 }), log = dvic.getLogger('', { file })
        for (let i = 0; i < 100; i++) log.info('line ' + i)
        console.log(file.path); require('fs').unlinkSync(file.path); log.info('anew'); log.info('again')"""))
    full, anew = sorted(logs.files(), key=lambda file: file.suffix != ".1")
    assert full.name.startswith("dvic_log_a-b-..-c-") and full.suffix == ".1" and full.stat().st_size <= 2000
    assert [line["m"] for line in logs.lines(anew)[1:]] == ["anew", "again"]


def test_a_descriptor_that_became_another_file_is_never_written_to(logs, run, tmp_path):
    run(program(f"""
        const fs = require('fs'), name = fd => fs.readlinkSync('/proc/self/fd/' + fd); dvic.info('first')
        for (let fd = 3; fd < 200; fd++) {{
          try {{ if (name(fd).includes('dvic_log_')) {{ fs.closeSync(fd); break }} }} catch {{}} }}
        const theirs = fs.openSync('{tmp_path}/theirs', 'w'); dvic.info('second'); fs.writeSync(theirs, 'kept')"""))
    assert (tmp_path / "theirs").read_text() == "kept" and sorted(logs.messages()) == ["first", "second"]


def test_lines_that_could_not_be_written_are_counted(logs, run, tmp_path):
    run(program(f"""
        const fs = require('fs')
        const log = dvic.getLogger('', {{ file: new dvic.LogFile({{ directory: '{tmp_path}/later' }}) }})
        log.info('lost'); log.info('lost'); fs.mkdirSync('{tmp_path}/later')
        const wait = setInterval(() => {{
          log.info('more'); if (fs.readdirSync('{tmp_path}/later').length) clearInterval(wait) }}, 50)"""))
    [file] = (tmp_path / "later").iterdir()
    lines = logs.lines(file)
    assert lines[1]["f"]["lost"] >= 2 and "ENOENT" in lines[1]["m"] and lines[2]["m"] == "more"


def test_what_is_too_long_is_cut_and_says_so(logs, run):
    run(program("dvic.info('x'.repeat(300000), "
                "Object.fromEntries([...Array(70)].map((_, i) => ['f' + i, 'y'.repeat(20000)])))"))
    [record] = logs.records()
    assert record["m"].endswith("... (37856 characters cut)") and record["f"]["fields_cut"] == 6
    assert record["f"]["f0"].endswith("... (3616 characters cut)")


def test_the_example_of_its_page_runs(logs, run):
    run(blocks(LIBRARY / "README.md", "js")[0], "example.mjs")
    assert [(r["l"], r["m"]) for r in logs.records()] == [
        ("info", "run 17 started"), ("warning", "channel 3 is noisy"), ("info", "started"), ("debug", "frame 17"),
        ("info", "done"), ("error", "disk sda is nearly full")]
