/* Does what lines on standard input say, for the test that compares all libraries: one action a line, its parts apart by
 * tabs; in a part \t, \n and \\ stand for a tab, a newline and a backslash.
 *
 *     log LEVEL TEXT [KEY=VALUE...]                   VALUE: an integer, a decimal, true, false, or text
 *     logger NAME SERVICE COMPONENT CYCLE SOURCE      for the lines that follow; an empty part is none
 *     start|done|fail|skip [TEXT]
 *     many COUNT LEVEL TEXT                           the record so many times
 *     say TEXT                                        on standard output, when all above is logged
 */
#include <dvic_log.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 80

static void unescape(char *text)
{
    char *to = text;
    for (; *text; text++, to++) {
        *to = *text;
        if (*text == '\\' && text[1]) {
            text++;
            *to = *text == 't' ? '\t' : *text == 'n' ? '\n' : *text;
        }
    }
    *to = '\0';
}

static int split(char *line, char *parts[PARTS])
{
    int count = 0;
    while (line && count < PARTS) {
        char *tab = strchr(line, '\t');
        parts[count++] = line;
        if (tab)
            *tab = '\0';
        line = tab ? tab + 1 : NULL;
    }
    for (int number = 0; number < count; number++)
        unescape(parts[number]);
    return count;
}

/* A field of the type that its value has as text; 007 is no integer. */
static dvic_field field_of(const char *key, const char *value)
{
    size_t sign = value[0] == '-', whole = strspn(value + sign, "0123456789");
    const char *rest = value + sign + whole;
    bool number = whole == 1 || (whole > 1 && whole <= 18 && value[sign] != '0');
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        return dvic_bool(key, value[0] == 't');
    if (number && *rest == '\0')
        return dvic_int(key, strtoll(value, NULL, 10));
    if (number && *rest == '.' && rest[1] && rest[1 + strspn(rest + 1, "0123456789")] == '\0')
        return dvic_double(key, strtod(value, NULL));
    return dvic_text(key, value);
}

static const char *some(int count, char *parts[PARTS], int number)
{
    return number < count && parts[number][0] ? parts[number] : NULL;
}

static void log_parts(dvic_logger *logger, int count, char *parts[])
{
    dvic_field fields[PARTS];
    int used = 0;
    for (int number = 2; number < count; number++) {
        char *equals = strchr(parts[number], '=');
        if (!equals)
            continue;
        *equals = '\0';
        fields[used++] = field_of(parts[number], equals + 1);
    }
    fields[used].type = DVIC_END;
    dvic_log_with(logger, dvic_level_of(parts[0]), fields, "%s", parts[1]);
}

int main(void)
{
    static const char *const steps[] = {"", "start", "done", "fail", "skip"};
    dvic_logger *logger = NULL;
    char *line = NULL, *parts[PARTS];
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        int count;
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        count = split(line, parts);
        if (strcmp(parts[0], "logger") == 0) {
            dvic_logger_close(logger);
            logger = dvic_logger_open(some(count, parts, 1), some(count, parts, 2), some(count, parts, 3),
                                      some(count, parts, 4), some(count, parts, 5));
        } else if (strcmp(parts[0], "log") == 0 && count >= 3) {
            log_parts(logger, count - 1, parts + 1);
        } else if (strcmp(parts[0], "many") == 0 && count == 4) {
            for (long left = strtol(parts[1], NULL, 10); left > 0; left--)
                log_parts(logger, 2, parts + 2);
        } else if (strcmp(parts[0], "say") == 0 && count == 2) {
            printf("%s\n", parts[1]);
            fflush(stdout);
        } else {
            const char *text = some(count, parts, 1);
            int step = 1;
            while (step < 5 && strcmp(parts[0], steps[step]) != 0)
                step++;
            switch (step) {
            case DVIC_START: dvic_start(logger, text ? "%s" : NULL, text); break;
            case DVIC_DONE: dvic_done(logger, text ? "%s" : NULL, text); break;
            case DVIC_FAIL: dvic_fail(logger, text ? "%s" : NULL, text); break;
            case DVIC_SKIP: dvic_skip(logger, text ? "%s" : NULL, text); break;
            default: fprintf(stderr, "not understood: %s\n", parts[0]); return 2;
            }
        }
    }
    dvic_logger_close(logger);
    free(line);
    return 0;
}
