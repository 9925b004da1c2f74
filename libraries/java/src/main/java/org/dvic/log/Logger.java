package org.dvic.log;

import java.util.concurrent.Callable;

/**
 * Writes records of one part of a program, all of them with its name and its place. Every call is safe anywhere: it throws
 * nothing whatever it is given. After a message come names and values of fields in turn; a Throwable at the end adds its
 * stack to the message.
 */
public final class Logger {
    private static final int MAX_NESTING = 3;
    private static final ThreadLocal<int[]> NESTING = ThreadLocal.withInitial(() -> new int[1]);
    static final LogFile FILE = new LogFile();

    private final LogFile file;
    private final String name;
    private final String service;
    private final String component;
    private final String cycle;
    private final String source;
    private final String place;

    Logger(LogFile file, String name, String service, String component, String cycle, String source) {
        this.file = file == null ? FILE : file;
        this.name = Lines.text(name, Lines.MAX_KEY);
        this.service = Lines.text(service, Lines.MAX_KEY);
        this.component = Lines.text(component, Lines.MAX_KEY);
        this.cycle = Lines.text(cycle == null && !this.service.isEmpty() ? System.getenv("DVIC_CYCLE") : cycle, Lines.MAX_KEY);
        this.source = Lines.text(source, Lines.MAX_KEY);
        StringBuilder members = new StringBuilder();
        String[][] all = {{"s", this.service}, {"c", this.component}, {"y", this.cycle}, {"i", this.source}};
        for (String[] each : all) {
            if (!each[1].isEmpty()) {
                Lines.quoted(members.append(",\"").append(each[0]).append("\":"), each[1]);
            }
        }
        this.place = members.toString();
    }

    /** The same for a step of a monitoring service; `cycle` null: the environment's DVIC_CYCLE, else the hub finds out. */
    public Logger of(String service, String component, String cycle, String source) {
        return new Logger(file, name, service, component, cycle, source);
    }

    /** A logger of another component (or source, null for none) in the same cycle. */
    public Logger step(String component, String source) {
        return new Logger(file, name, service, component, cycle, source);
    }

    public void debug(Object message, Object... fields) {
        write(Level.DEBUG, message, fields, "");
    }

    public void info(Object message, Object... fields) {
        write(Level.INFO, message, fields, "");
    }

    public void notice(Object message, Object... fields) {
        write(Level.NOTICE, message, fields, "");
    }

    public void warning(Object message, Object... fields) {
        write(Level.WARNING, message, fields, "");
    }

    public void error(Object message, Object... fields) {
        write(Level.ERROR, message, fields, "");
    }

    public void critical(Object message, Object... fields) {
        write(Level.CRITICAL, message, fields, "");
    }

    public void log(Level level, Object message, Object... fields) {
        write(level == null ? Level.INFO : level, message, fields, "");
    }

    /** The step begins (again). */
    public void start(Object message, Object... fields) {
        write(Level.INFO, message, fields, "start");
    }

    public void start() {
        start("started");
    }

    /** The step has ended; well, unless it logged warnings or errors. */
    public void done(Object message, Object... fields) {
        write(Level.INFO, message, fields, "done");
    }

    public void done() {
        done("done");
    }

    /** The step has ended badly. */
    public void fail(Object message, Object... fields) {
        write(Level.ERROR, message, fields, "fail");
    }

    public void fail() {
        fail("failed");
    }

    /** The step is left out in this cycle. */
    public void skip(Object message, Object... fields) {
        write(Level.INFO, message, fields, "skip");
    }

    public void skip() {
        skip("skipped");
    }

    /** start(), `work`, and done(), or fail() with what it threw, which goes on. */
    public <T> T within(Callable<T> work) throws Exception {
        start();
        try {
            T made = work.call();
            done();
            return made;
        } catch (Throwable thrown) {
            fail(thrown);
            throw thrown;
        }
    }

    void write(Level level, Object message, Object[] fields, String step) {
        int[] depth = NESTING.get();
        if (depth[0] >= MAX_NESTING) {
            return;
        }
        depth[0]++;
        try {
            if (!service.isEmpty() && step.isEmpty() && !Levels.wanted(service, component, level)) {
                return;
            }
            Object[] pairs = fields == null ? new Object[0] : fields;
            String said = Lines.text(message, Lines.MAX_MESSAGE);
            if (pairs.length % 2 == 1) {
                Object odd = pairs[pairs.length - 1];
                said = Lines.text(said + (odd instanceof Throwable ? "\n" : " ") + Lines.text(odd, Lines.MAX_MESSAGE),
                    Lines.MAX_MESSAGE);
            }
            file.write(Lines.record(LogFile.now(), level, said, pairs, pairs.length - pairs.length % 2, name,
                step.isEmpty() ? place : place + ",\"e\":\"" + step + "\""));
        } catch (Exception | StackOverflowError error) {
            // a value that can't be had at all: its record is left out, and the program goes on
        } finally {
            depth[0]--;
        }
    }
}
