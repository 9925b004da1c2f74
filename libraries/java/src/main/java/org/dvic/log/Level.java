package org.dvic.log;

import java.util.Locale;

/** How bad something is. */
public enum Level {
    DEBUG, INFO, NOTICE, WARNING, ERROR, CRITICAL;

    final String word = name().toLowerCase(Locale.ROOT);
}
