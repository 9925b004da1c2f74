package org.dvic.log;

import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;

/**
 * For programs that use java.util.logging already: one handler, and all their records go to DVIC too, with their logger and
 * their thread. Never throws and never prints.
 *
 * <pre>java.util.logging.Logger.getLogger("").addHandler(new DvicHandler());</pre>
 *
 * or in logging.properties: handlers = org.dvic.log.DvicHandler
 */
public final class DvicHandler extends Handler {
    private static final Formatter MESSAGE = new SimpleFormatter();

    private final Logger logger;

    public DvicHandler() {
        this(DvicLog.logger(""));
    }

    /** Records go to the place of this logger. */
    public DvicHandler(Logger logger) {
        this.logger = logger;
    }

    @Override
    public void publish(LogRecord record) {
        if (record == null || !isLoggable(record)) {
            return;
        }
        try {
            String said;
            try {
                said = MESSAGE.formatMessage(record);
            } catch (RuntimeException unfit) {
                said = record.getMessage();
            }
            if (record.getThrown() != null) {
                said = said + "\n" + Lines.text(record.getThrown(), Lines.MAX_MESSAGE);
            }
            String name = record.getLoggerName();
            logger.write(levelOf(record.getLevel().intValue()), said, new Object[] {
                "logger", name == null ? "" : name, "thread", record.getThreadID()}, "");
        } catch (RuntimeException error) {
            // the program goes on
        }
    }

    private static Level levelOf(int value) {
        return value > 1000 ? Level.CRITICAL : value >= 1000 ? Level.ERROR : value >= 900 ? Level.WARNING
            : value >= 800 ? Level.INFO : Level.DEBUG;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
