package org.dvic.log;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.math.BigInteger;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Pure: what is logged, as one line of text. Nothing here throws for what a caller hands in. */
final class Lines {
    static final String VERSION = "0.1.0";
    static final String LIBRARY = "java " + VERSION;

    /** Characters of a message; what is longer is cut and says how much was cut. */
    static final int MAX_MESSAGE = 256 * 1024;
    /** Fields of one record; of more, the first ones are kept and fields_cut counts the rest. */
    static final int MAX_FIELDS = 64;
    /** Characters of one field's text. */
    static final int MAX_FIELD = 16 * 1024;
    /** Characters of a field's name. */
    static final int MAX_KEY = 64;

    private static final Map<String, Level> LEVELS = Map.ofEntries(
        Map.entry("trace", Level.DEBUG), Map.entry("debug", Level.DEBUG), Map.entry("info", Level.INFO),
        Map.entry("notice", Level.NOTICE), Map.entry("warn", Level.WARNING), Map.entry("warning", Level.WARNING),
        Map.entry("err", Level.ERROR), Map.entry("error", Level.ERROR), Map.entry("severe", Level.ERROR),
        Map.entry("crit", Level.CRITICAL), Map.entry("critical", Level.CRITICAL), Map.entry("fatal", Level.CRITICAL));

    private Lines() {}

    /** The level of a name in any case; INFO for anything else. */
    static Level level(String name) {
        return LEVELS.getOrDefault(text(name, MAX_KEY).trim().toLowerCase(Locale.ROOT), Level.INFO);
    }

    /** Any object as text of at most about `limit` characters. */
    static String text(Object value, int limit) {
        try {
            String said = value == null ? "" : value instanceof Throwable ? trace((Throwable) value) : value.toString();
            if (said == null) {
                return "";
            }
            return said.length() > limit
                ? said.substring(0, limit) + "... (" + (said.length() - limit) + " characters cut)" : said;
        } catch (Exception | StackOverflowError | LinkageError error) {
            return "<a " + value.getClass().getName() + " that can't be shown>";
        }
    }

    /** A throwable with its stack and its causes. */
    static String trace(Throwable thrown) {
        StringWriter said = new StringWriter();
        thrown.printStackTrace(new PrintWriter(said));
        return said.toString().stripTrailing();
    }

    /** One line. `pairs`: names and values in turn, of which `count` count; `place`: JSON members that are ready. */
    static String record(long time, Level level, String said, Object[] pairs, int count, String logger, String place) {
        StringBuilder line = new StringBuilder(said.length() + 128);
        line.append("{\"t\":").append(time).append(",\"l\":\"").append(level.word).append("\",\"m\":");
        quoted(line, said);
        Set<String> names = new HashSet<>();
        for (int at = 0; at + 1 < count; at += 2) {
            if (names.size() == MAX_FIELDS) {
                line.append(",\"fields_cut\":").append(count / 2 - at / 2);
                break;
            }
            String name = text(pairs[at], MAX_KEY);
            if (names.add(name)) {
                line.append(names.size() == 1 ? ",\"f\":{" : ",");
                quoted(line, name);
                field(line.append(':'), pairs[at + 1]);
            }
        }
        if (!logger.isEmpty() && !names.contains("logger")) {
            quoted(line.append(names.isEmpty() ? ",\"f\":{" : ",").append("\"logger\":"), logger);
            names.add("logger");
        }
        return line.append(names.isEmpty() ? "" : "}").append(place).append("}\n").toString();
    }

    /** The first line of a file. */
    static String header(long pid, String executable, String user, String name, long start) {
        StringBuilder line = new StringBuilder("{\"dvic_log\":1,\"pid\":").append(pid).append(",\"executable\":");
        quoted(line, text(executable, MAX_FIELD));
        quoted(line.append(",\"user\":"), text(user, MAX_KEY));
        quoted(line.append(",\"name\":"), text(name, MAX_KEY));
        return line.append(",\"start\":").append(start).append(",\"library\":\"" + LIBRARY + "\"}\n").toString();
    }

    private static void field(StringBuilder line, Object value) {
        if (value instanceof Boolean || value instanceof Long || value instanceof Integer || value instanceof Short
                || value instanceof Byte
                || value instanceof BigInteger && ((BigInteger) value).bitLength() < 64
                || value instanceof Double && Double.isFinite((Double) value)
                || value instanceof Float && Float.isFinite((Float) value)) {
            line.append(value);
        } else {
            quoted(line, text(value, MAX_FIELD));
        }
    }

    static void quoted(StringBuilder line, String said) {
        line.append('"');
        for (int at = 0; at < said.length(); at++) {
            char c = said.charAt(at);
            if (c == '"' || c == '\\') {
                line.append('\\').append(c);
            } else if (c == '\n') {
                line.append("\\n");
            } else if (c == '\t') {
                line.append("\\t");
            } else if (c < ' ') {
                line.append(String.format("\\u%04x", (int) c));
            } else if (Character.isHighSurrogate(c) && at + 1 < said.length()
                    && Character.isLowSurrogate(said.charAt(at + 1))) {
                line.append(c).append(said.charAt(++at));
            } else if (Character.isSurrogate(c)) { // half a character, which no UTF-8 can hold
                line.append(String.format("\\\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        line.append('"');
    }
}
