"""dvic-log for Java, compiled for Java 11 by the machine's own JDK."""

import os
import subprocess
from pathlib import Path

import pytest
from readme_code import blocks

LIBRARY = Path(__file__).resolve().parents[2] / "libraries/java"
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    done = subprocess.run(["javac", "--release", "11", "-Xlint:all", "-Werror", "-d", str(folder),
                           *map(str, sorted((LIBRARY / "src/main/java").rglob("*.java")))],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def run(logs, tmp_path, classes):
    """Runs a program, one source file; returns what it printed."""
    def run(source, **environ):
        program = tmp_path / "Example.java"
        program.write_text(source)
        done = subprocess.run(["java", *QUICK, "-cp", str(classes), str(program)], capture_output=True, text=True,
                              timeout=120, env={**os.environ, **environ})
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def program(text):
    return ("import org.dvic.log.*; import java.nio.file.*;\npublic class Example {\n"
            "  public static void main(String[] arguments) throws Exception {\n" + text + "\n  }\n}\n")


def test_no_value_no_thread_and_no_exception_can_harm_the_program(logs, run):
    said, _ = run(program("""
        Object hostile = new Object() { public String toString() { throw new IllegalStateException(); } };
        Object nothing = new Object() { public String toString() { return null; } };
        Object nested = new Object() { public String toString() { DvicLog.info("within", "k", this); return "n"; } };
        for (Object bad : new Object[] {hostile, nothing, nested, null, Double.NaN, '\\ud800', new int[3]}) {
            DvicLog.info(bad, bad, bad, "x", bad); DvicLog.info("odd", bad);
            DvicLog.logger(null).of("s", null, null, "i").start(bad);
        }
        DvicLog.log(null, "no level", (Object[]) null);
        Thread.currentThread().interrupt();
        DvicLog.info("interrupted"); DvicLog.info("and again");
        if (!Thread.interrupted()) throw new AssertionError("the interrupt is the program's");
        DvicLog.error("read-out failed", "channel", 3, new RuntimeException("disk", new Exception("cable")));
        Thread[] all = new Thread[8];
        for (int i = 0; i < 8; i++) (all[i] = new Thread(() -> {
            for (int j = 0; j < 200; j++) DvicLog.info("t".repeat(9000)); })).start();
        for (Thread each : all) each.join();
        System.out.print("alive");"""))
    assert said == "alive" and len(logs.files()) == 1
    messages = logs.messages()
    assert {"within", "no level", "interrupted", "and again"} <= set(messages) and messages.count("t" * 9000) == 1600
    [failed] = [record for record in logs.records() if record["m"].startswith("read-out failed\n")]
    assert "RuntimeException: disk\n\tat " in failed["m"] and "Caused by: java.lang.Exception: cable" in failed["m"]
    assert failed["f"] == {"channel": 3}


def test_files_are_rotated_begun_anew_and_lost_lines_counted(logs, run, tmp_path):
    run(program(f"""
        LogFile file = new LogFile("a b/c", null, 2000); Logger log = DvicLog.logger("", file);
        for (int i = 0; i < 100; i++) log.info("line " + i);
        Files.delete(file.path()); log.info("anew"); log.info("again");
        Logger later = DvicLog.logger("", new LogFile("later", "{tmp_path}/later", 2000));
        later.info("lost"); later.info("lost"); Files.createDirectory(Path.of("{tmp_path}/later"));
        while (Path.of("{tmp_path}/later").toFile().list().length == 0) {{ later.info("more"); Thread.sleep(20); }}
        Object[] many = new Object[140]; java.util.Arrays.setAll(many, i -> i % 2 == 0 ? "f" + i : "y".repeat(20000));
        DvicLog.info("x".repeat(300000), many);"""))
    files = {file.name.split("-")[1] + file.suffix: file for file in logs.files() if "_a-b-c" in file.name}
    full = next(file for name, file in files.items() if name.endswith(".1"))
    anew = next(file for file in files.values() if file != full)
    assert full.stat().st_size <= 2000 and anew.stat().st_mode & 0o777 == 0o644
    assert [line["m"] for line in logs.lines(anew)[1:]] == ["anew", "again"]
    [file] = (tmp_path / "later").iterdir()
    assert logs.lines(file)[1]["f"]["lost"] >= 2 and "NoSuchFile" in logs.lines(file)[1]["m"]
    [record] = [record for record in logs.records() if record["m"].startswith("xxx")]
    assert record["m"].endswith("... (37856 characters cut)") and record["f"]["fields_cut"] == 6
    assert record["f"]["f0"].endswith("... (3616 characters cut)")


def test_records_of_java_util_logging_keep_their_level_name_arguments_and_exception(logs, run):
    said, printed = run("import java.util.logging.*;\n" + program("""
        LogManager.getLogManager().readConfiguration(new java.io.ByteArrayInputStream(
            "handlers = org.dvic.log.DvicHandler\\n.level = ALL\\n".getBytes()));
        java.util.logging.Logger log = java.util.logging.Logger.getLogger("a.b");
        log.log(java.util.logging.Level.SEVERE, "channel {0} is {1}", new Object[] {3, "noisy"});
        log.warning("w"); log.config("c");
        log.log(java.util.logging.Level.INFO, "failed", new RuntimeException("disk"));""")
        .replace("import org.dvic.log.*; ", ""))
    ours = [(r["l"], r["m"].splitlines()[0], r["f"]["logger"]) for r in logs.records() if r["f"]["logger"] == "a.b"]
    assert ours == [("error", "channel 3 is noisy", "a.b"), ("warning", "w", "a.b"), ("debug", "c", "a.b"),
                    ("info", "failed", "a.b")]
    assert "RuntimeException: disk" in logs.records()[-1]["m"] and not said + printed


def test_the_level_set_at_the_hub_is_read_again_when_it_changes_and_nonsense_means_everything(logs, run, tmp_path):
    levels = tmp_path / "levels"
    levels.write_text('{"m \\u00e9\\"": "warning", "m \\u00e9\\"/loud": "debug", "x": 3}')
    run(program("""
        Logger log = DvicLog.logger("").of("m \\u00e9\\"", null, null, null);
        log.info("left out"); log.start(); log.step("loud", null).debug("kept");
        Path told = Path.of(System.getenv("DVIC_LOG_LEVELS"));
        Files.writeString(told, "no sense");
        Path file = Files.list(Path.of(System.getenv("DVIC_LOG_DIR"))).findFirst().get();
        while (!Files.readString(file).contains("everything")) { log.info("everything"); Thread.sleep(20); }"""),
        DVIC_LOG_LEVELS=str(levels))
    assert logs.messages() == ["started", "kept", "everything"]


def test_the_example_of_its_page_runs(logs, run):
    run(blocks(LIBRARY / "README.md", "java")[0])
    assert [(r["l"], r["m"]) for r in logs.records()] == [
        ("info", "run 17 started"), ("warning", "channel 3 is noisy"), ("info", "started"), ("debug", "frame 17"),
        ("info", "done"), ("error", "sda is nearly full")]
    assert [logs.header(file)["name"] for file in logs.files()] == ["Example"]
