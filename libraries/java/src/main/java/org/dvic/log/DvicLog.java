package org.dvic.log;

import java.security.SecureRandom;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Log to files that DVIC's agent collects. See README.md. */
public final class DvicLog {
    private static final Logger MAIN = new Logger(null, "", null, null, null, null);

    private DvicLog() {}

    /** A logger whose records carry `name`; {@link Logger#of} makes it one of a monitoring service's step. */
    public static Logger logger(String name) {
        return new Logger(null, name, null, null, null, null);
    }

    /** The same with a file of its own. */
    public static Logger logger(String name, LogFile file) {
        return new Logger(file, name, null, null, null, null);
    }

    /** The level of a name in any case; INFO for one that is none. */
    public static Level level(String name) {
        return Lines.level(name);
    }

    /** A name for a cycle that nobody else has, such as 20261120T100000-3f9a1c. */
    public static String newCycle() {
        DateTimeFormatter moment = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss").withZone(ZoneOffset.UTC);
        return moment.format(Instant.now()) + String.format("-%06x", new SecureRandom().nextInt(1 << 24));
    }

    public static void debug(Object message, Object... fields) {
        MAIN.debug(message, fields);
    }

    public static void info(Object message, Object... fields) {
        MAIN.info(message, fields);
    }

    public static void notice(Object message, Object... fields) {
        MAIN.notice(message, fields);
    }

    public static void warning(Object message, Object... fields) {
        MAIN.warning(message, fields);
    }

    public static void error(Object message, Object... fields) {
        MAIN.error(message, fields);
    }

    public static void critical(Object message, Object... fields) {
        MAIN.critical(message, fields);
    }

    public static void log(Level level, Object message, Object... fields) {
        MAIN.log(level, message, fields);
    }
}
