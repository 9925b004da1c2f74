package org.dvic.log;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Map;
import java.util.Set;

/**
 * The log file of one process: opened at the first line, safe in a directory that everybody may write to.
 *
 * <ul>
 * <li>Created new (O_EXCL) under a random name, readable by all (0644: the agent is another user).
 * <li>One write with O_APPEND a line, under a lock. A stream rather than a channel, which an interrupted thread closes.
 * <li>A file that a cleaner removed is begun anew.
 * <li>At maxBytes it is renamed to PATH.1 (the one before is dropped) and a new one begins.
 * <li>What can't be written is counted; the next line that can be written is preceded by a record that says how many.
 * <li>write never throws.
 * </ul>
 */
public final class LogFile {
    /** Size at which a file is rotated, bytes; a process keeps at most twice this on the disk. */
    public static final long MAX_BYTES = 16L * 1024 * 1024;

    private static final long RETRY_NANOS = 1_000_000_000L;
    private static final Set<PosixFilePermission> READABLE = PosixFilePermissions.fromString("rw-r--r--");
    private static final SecureRandom RANDOM = new SecureRandom();

    private final String name;
    private final String directory;
    private final long maxBytes;
    private final long start = now();
    private FileOutputStream out;
    private Path path;
    private Object identity;
    private long size;
    private long lost;
    private String reason = "";
    private boolean torn;
    private long failedAt;
    private boolean busy;

    /** The usual file: of the program's name, in DVIC_LOG_DIR or /tmp. */
    public LogFile() {
        this(null, null, MAX_BYTES);
    }

    /** Null: the program's name, and DVIC_LOG_DIR or /tmp. */
    public LogFile(String name, String directory, long maxBytes) {
        this.name = name == null || name.isEmpty() ? programName() : name;
        this.directory = directory;
        this.maxBytes = maxBytes;
    }

    /** Where it is; null before the first line. */
    public synchronized Path path() {
        return path;
    }

    synchronized boolean write(String line) {
        if (busy) { // code of the program that runs within, and logs
            lost++;
            return false;
        }
        busy = true;
        try {
            byte[] bytes = line.getBytes(StandardCharsets.UTF_8);
            if (out == null || !identity.equals(identityOf(path))) {
                close();
                if (!open()) {
                    lost++;
                    return false;
                }
            } else if (size + bytes.length > maxBytes && size > 0) {
                rotate();
            }
            if (lost > 0) {
                String said = lost + " lines could not be written: " + reason;
                put(Lines.record(now(), Level.WARNING, said, new Object[] {"lost", lost}, 2, "", "")
                    .getBytes(StandardCharsets.UTF_8));
                lost = 0;
            }
            put(bytes);
            return true;
        } catch (IOException | RuntimeException error) {
            lost++;
            reason = Lines.text(error.getClass().getSimpleName() + " " + error.getMessage(), 200);
            return false;
        } finally {
            busy = false;
        }
    }

    /** Close the file; a later line opens a new one. */
    public synchronized void close() {
        if (out != null) {
            try {
                out.close();
            } catch (IOException ignored) {
                // nothing is kept in it
            }
        }
        out = null;
        path = null;
        identity = null;
    }

    private void put(byte[] bytes) throws IOException {
        if (torn) { // a write that the disk cut short left a line without its end
            byte[] whole = new byte[bytes.length + 1];
            whole[0] = '\n';
            System.arraycopy(bytes, 0, whole, 1, bytes.length);
            bytes = whole;
        }
        torn = true;
        out.write(bytes);
        torn = false;
        size += bytes.length;
    }

    /** False while the next try is still to wait for. */
    private boolean open() throws IOException {
        if (failedAt != 0 && System.nanoTime() - failedAt < RETRY_NANOS) {
            return false;
        }
        try {
            create(newPath());
            failedAt = 0;
            return true;
        } catch (IOException | RuntimeException error) {
            failedAt = System.nanoTime() | 1;
            throw error;
        }
    }

    private Path newPath() {
        String where = directory != null ? directory : System.getenv("DVIC_LOG_DIR");
        String shown = name.replaceAll("[^A-Za-z0-9.-]+", "-").replaceAll("^[-.]+|[-.]+$", "");
        shown = shown.substring(0, Math.min(32, shown.length()));
        return Path.of(where == null || where.isEmpty() ? "/tmp" : where, // the agent looks there
            "dvic_log_" + (shown.isEmpty() ? "" : shown + "-") + String.format("%012x", RANDOM.nextLong() & 0xffffffffffffL));
    }

    private void create(Path where) throws IOException {
        Files.createFile(where, PosixFilePermissions.asFileAttribute(READABLE)); // O_EXCL: it was not there, and no link
        try {
            Files.setPosixFilePermissions(where, READABLE); // whatever the umask is
            identity = identityOf(where);
            out = new FileOutputStream(where.toFile(), true);
            path = where;
            size = 0;
            torn = false;
            if (identity == null || !identity.equals(identityOf(where))) {
                throw new IOException("somebody else's file has our name");
            }
            ProcessHandle self = ProcessHandle.current();
            put(Lines.header(self.pid(), self.info().command().orElse(""), System.getProperty("user.name"), name, start)
                .getBytes(StandardCharsets.UTF_8));
        } catch (IOException | RuntimeException error) {
            close(); // a file without its header would say nothing of its writer
            Files.deleteIfExists(where);
            throw error;
        }
    }

    private void rotate() throws IOException {
        Path where = path;
        try {
            Files.move(where, Path.of(where + ".1"), StandardCopyOption.ATOMIC_MOVE);
            close();
            create(where);
        } catch (IOException | RuntimeException error) {
            close(); // a name of ours is taken: begin elsewhere rather than grow without end
            create(newPath());
        }
    }

    /** Microseconds since 1970. */
    static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
    }

    private static Object identityOf(Path where) {
        try {
            Map<String, Object> is = Files.readAttributes(where, "unix:dev,ino,nlink", LinkOption.NOFOLLOW_LINKS);
            return is.get("dev") + ":" + is.get("ino");
        } catch (IOException gone) {
            return null;
        }
    }

    private static String programName() {
        String[] words = System.getProperty("sun.java.command", "").split(" ");
        // `java Example.java` runs a part of the compiler, which runs the program
        String command = words[words.length > 1 && words[0].startsWith("jdk.compiler/") ? 1 : 0];
        command = command.substring(command.lastIndexOf('/') + 1).replaceAll("\\.(jar|java)$", "");
        command = command.substring(command.lastIndexOf('.') + 1);
        return command.isEmpty() ? "java" : command;
    }
}
