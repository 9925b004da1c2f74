package org.dvic.log;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * At which level the records of a service shall be written, as the hub's people set it. The agent keeps the file, a JSON
 * object of names to levels: {"meteor": "warning", "meteor/decode": "debug"}. It is looked at at most once a second, and
 * read where it has changed. No file, or one that makes no sense: everything is written. Nothing here throws.
 */
final class Levels {
    private static final String PATH = "/run/dvic-agent/log_levels";
    private static final long MAX_FILE = 1024 * 1024;
    private static final long LOOK_AGAIN_NANOS = 1_000_000_000L;
    private static final Pattern ENTRY = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*+)\"\\s*:\\s*\"([a-z]+)\"");

    private static volatile Map<String, Level> least = Map.of();
    private static volatile long lookedAt = System.nanoTime() - LOOK_AGAIN_NANOS;
    private static String seen = "";

    private Levels() {}

    /** Whether a record of this level shall be written. */
    static boolean wanted(String service, String component, Level level) {
        if (System.nanoTime() - lookedAt >= LOOK_AGAIN_NANOS) {
            look();
        }
        Map<String, Level> told = least;
        if (told.isEmpty()) {
            return true;
        }
        Level bound = told.get(service + "/" + component);
        bound = bound != null ? bound : told.get(service);
        return bound == null || level.compareTo(bound) >= 0;
    }

    private static synchronized void look() {
        lookedAt = System.nanoTime();
        try {
            String given = System.getenv("DVIC_LOG_LEVELS");
            Path file = Path.of(given == null || given.isEmpty() ? PATH : given);
            Map<String, Object> is = Files.readAttributes(file, "unix:ino,size,lastModifiedTime,isRegularFile");
            if (is.toString().equals(seen)) {
                return;
            }
            seen = "";
            boolean sound = (Boolean) is.get("isRegularFile") && (Long) is.get("size") <= MAX_FILE;
            least = sound ? parsed(Files.readString(file, StandardCharsets.UTF_8).strip()) : Map.of();
            seen = is.toString();
        } catch (IOException | RuntimeException error) {
            seen = "";
            least = Map.of();
        }
    }

    private static Map<String, Level> parsed(String json) {
        Map<String, Level> levels = new HashMap<>();
        if (json.startsWith("{") && json.endsWith("}")) {
            Matcher entry = ENTRY.matcher(json);
            while (entry.find()) {
                for (Level level : Level.values()) {
                    if (level.word.equals(entry.group(2))) {
                        levels.put(unescaped(entry.group(1)), level);
                    }
                }
            }
        }
        return levels;
    }

    private static String unescaped(String text) {
        StringBuilder plain = new StringBuilder();
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '\\') {
                c = text.charAt(++at);
                if (c == 'u') {
                    c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                    at += 4;
                } else {
                    int found = "bfnrt".indexOf(c);
                    c = found < 0 ? c : "\b\f\n\r\t".charAt(found);
                }
            }
            plain.append(c);
        }
        return plain.toString();
    }
}
