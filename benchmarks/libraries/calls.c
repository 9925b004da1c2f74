/* What one log call costs in C; benchmarks/libraries.py compiles and runs it: calls CALLS ROUNDS FILE. Beside it fprintf with
 * a flush a line, as a program has it whose lines shall not be lost. */
#include <dvic_log.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#define MEASURE(name, call)                                            \
    do {                                                               \
        double start = now();                                          \
        for (long at = 0; at < calls; at++)                            \
            call;                                                      \
        if (round > 0)                                                 \
            printf(name " %.12f\n", (now() - start) / (double)calls);  \
    } while (0)

int main(int words, char **word)
{
    if (words != 4)
        return 2;
    long calls = atol(word[1]), rounds = atol(word[2]);
    volatile int level = 30;
    dvic_logger *log = dvic_logger_open("bench", "bench", NULL, NULL, NULL);
    FILE *usual = fopen(word[3], "w");
    if (!usual || dvic_wanted(log, DVIC_DEBUG))
        return 1;
    for (long round = 0; round <= rounds; round++) {
        MEASURE("ours", dvic_log_with(log, DVIC_WARNING, DVIC_FIELDS(dvic_double("gain", 0.25)),
                                      "gain of channel %d is low", 17));
        MEASURE("theirs", (fprintf(usual, "%ld warning gain of channel %d is low: %g\n", (long)time(NULL), 17, 0.25),
                           fflush(usual)));
        MEASURE("ours_below", dvic_log_with(log, DVIC_DEBUG, DVIC_FIELDS(dvic_double("gain", 0.25)),
                                            "gain of channel %d is low", 17));
        MEASURE("theirs_below", level <= 10 ? fprintf(usual, "gain of channel %d is low: %g\n", 17, 0.25) : 0);
    }
    dvic_logger_close(log);
    fclose(usual);
    return 0;
}
