/* What one log call costs in C, beside what a C program usually has: nanoseconds a call, as JSON on standard output.
 *
 *     gcc -std=c99 -D_GNU_SOURCE -O2 -Ilibraries/c benchmarks/libraries/c_calls.c libraries/c/dvic_log.c -pthread -o c_calls
 *     DVIC_LOG_DIR=/tmp/calls DVIC_LOG_LEVELS=levels ./c_calls 100000      # {"bench": "warning"} in the file `levels`
 *
 * `call`: one line with a number and a text, in the file when the call returns; `fields`: the same with two fields;
 * `below`: one that the level set at the hub leaves out. Beside it fprintf, with a flush a line, as a program has it whose
 * lines shall not be lost; and syslog(3), whose lines go to a socket (what it costs without a listener is less).
 */
#include <dvic_log.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define MEASURE(into, call)                      \
    do {                                         \
        double start = now();                    \
        for (long at = 0; at < count; at++)      \
            call;                                \
        into = (now() - start) / (double)count;  \
    } while (0)

int main(int words, char **word)
{
    long count = words > 1 ? atol(word[1]) : 100000;
    double call, fields, below, usual, to_syslog;
    struct stat status;
    dvic_logger *log = dvic_logger_open("bench", "bench", "calls", "", NULL);
    FILE *file = tmpfile();
    if (count < 1 || !file || dvic_wanted(log, DVIC_INFO)) {
        fprintf(stderr, "DVIC_LOG_LEVELS must name a file with {\"bench\": \"warning\"}\n");
        return 1;
    }
    dvic_info("first");
    MEASURE(call, dvic_info("event %ld of %s", at, "run"));
    MEASURE(fields, dvic_log_with(log, DVIC_ERROR, DVIC_FIELDS(dvic_int("at", at), dvic_double("rate", 0.5)), "event"));
    MEASURE(below, dvic_log_with(log, DVIC_INFO, NULL, "event %ld of %s", at, "run"));
    MEASURE(usual, (fprintf(file, "%ld event %ld of %s\n", (long)time(NULL), at, "run"), fflush(file)));
    MEASURE(to_syslog, syslog(LOG_DEBUG, "event %ld of %s", at, "run"));
    printf("{\"call\": %.1f, \"fields\": %.1f, \"below\": %.1f, \"fprintf\": %.1f, \"syslog\": %.1f, "
           "\"syslog_listens\": %s}\n", call, fields, below, usual, to_syslog,
           stat("/dev/log", &status) == 0 ? "true" : "false");
    dvic_logger_close(log);
    return 0;
}
