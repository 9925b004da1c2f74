/* Trials that need a program without sanitizers: one that counts allocations, one in a locale of its own. */
#include <dvic_log.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
static int allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

int main(int count, char **words)
{
    if (count == 2 && strcmp(words[1], "locale") == 0) {
        char shown[16];
        if (!setlocale(LC_NUMERIC, ""))
            return 2;
        snprintf(shown, sizeof shown, "%.1f", 0.5);
        dvic_log_with(NULL, DVIC_INFO, DVIC_FIELDS(dvic_text("shown", shown), dvic_double("number", 0.5)), "locale");
        return 0;
    }
    dvic_logger *log = dvic_logger_open("x", "meteor", "decode", NULL, NULL);
    char *big = calloc(1, 100000);
    memset(big, 'x', 99999);
    dvic_info("first"); /* opens the file */
    allocations = 0;
    dvic_start(log, NULL);
    dvic_log_with(log, DVIC_WARNING, DVIC_FIELDS(dvic_double("x", 0.1), dvic_text("y", "z")), "%d %s", 7, "text");
    dvic_info("%s", big);
    dvic_write(log, DVIC_INFO, DVIC_NO_STEP, NULL, big, 99999);
    dvic_done(log, NULL);
    free(big);
    dvic_logger_close(log);
    return allocations ? 3 : 0;
}
