/* Log to files that DVIC's agent collects, and publish histograms that people watch in a browser. See README.md.
 *
 *     dvic_info("run %d started", 17);
 *     dvic_log_with(NULL, DVIC_WARNING, DVIC_FIELDS(dvic_int("channel", 3)), "noisy");
 *
 * - C99 and POSIX threads, Linux. Add dvic_log.c to the program, or link with `pkg-config --cflags --libs dvic-log`.
 * - No call here fails in a way that its caller must handle: none raises a signal, ends the program, changes errno or
 *   is a cancellation point. What can't be written is counted, and the log says so when there is room again.
 * - Every call may be made by any thread, and in a forked child, which writes a file of its own.
 * - A log call allocates nothing: once the process's first line is written, or after dvic_open.
 * - A null pointer where text is expected stands for an empty text; a null logger for the process's own.
 */
#ifndef DVIC_LOG_H
#define DVIC_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DVIC_LOG_VERSION "0.1.0"

#if defined(__GNUC__)
#define DVIC_PRINTF(place, first) __attribute__((__format__(__printf__, place, first)))
#else
#define DVIC_PRINTF(place, first)
#endif

/* ---- limits: what is longer is cut and says how much was cut */

#define DVIC_MAX_MESSAGE (256 * 1024) /* characters of a message */
#define DVIC_MAX_FIELD (16 * 1024)    /* characters of one field's text */
#define DVIC_MAX_FIELDS 64            /* fields of one record; `fields_cut` counts the rest */
#define DVIC_MAX_KEY 64               /* characters of a field's name, of a logger's name and place */
#define DVIC_MAX_BYTES (16 * 1024 * 1024) /* size at which a file is rotated; a process keeps at most twice this */

/* ---- messages */

typedef enum { DVIC_DEBUG, DVIC_INFO, DVIC_NOTICE, DVIC_WARNING, DVIC_ERROR, DVIC_CRITICAL } dvic_level;

/* The level with this name (any case, usual short forms); DVIC_INFO for anything else. */
dvic_level dvic_level_of(const char *name);

void dvic_log(dvic_level level, const char *format, ...) DVIC_PRINTF(2, 3);
void dvic_debug(const char *format, ...) DVIC_PRINTF(1, 2);
void dvic_info(const char *format, ...) DVIC_PRINTF(1, 2);
void dvic_notice(const char *format, ...) DVIC_PRINTF(1, 2);
void dvic_warning(const char *format, ...) DVIC_PRINTF(1, 2);
void dvic_error(const char *format, ...) DVIC_PRINTF(1, 2);
void dvic_critical(const char *format, ...) DVIC_PRINTF(1, 2);

/* ---- fields: what a record says beside its message */

typedef enum { DVIC_END, DVIC_TEXT, DVIC_WHOLE, DVIC_UNSIGNED, DVIC_NUMBER, DVIC_FLAG } dvic_type;

typedef struct {
    const char *key;
    size_t length; /* of a text, bytes */
    union {
        const char *text;
        int64_t whole;
        uint64_t positive;
        double number;
        bool flag;
    } value;
    dvic_type type;
} dvic_field;

dvic_field dvic_text(const char *key, const char *value);
dvic_field dvic_bytes(const char *key, const char *value, size_t length);
dvic_field dvic_int(const char *key, int64_t value);
dvic_field dvic_uint(const char *key, uint64_t value);
dvic_field dvic_double(const char *key, double value);
dvic_field dvic_bool(const char *key, bool value);

/* An array of fields for the calls below, which end at a field of the type DVIC_END. */
#define DVIC_FIELDS(...) ((const dvic_field[]){__VA_ARGS__, {0, 0, {0}, DVIC_END}})

/* ---- loggers: a part of a program, and a step of a monitoring service */

typedef struct dvic_logger dvic_logger;

/* A logger whose records carry `name` (as the field `logger`) and, for monitoring services, the other four. `cycle`
 * null: the environment's DVIC_CYCLE where there is a service, else the hub finds out. Each may be null. Returns null
 * when there is no memory, and null is a logger too. */
dvic_logger *dvic_logger_open(const char *name, const char *service, const char *component, const char *cycle,
                              const char *source);
/* No thread may use it any more. */
void dvic_logger_close(dvic_logger *logger);

/* `fields`: by DVIC_FIELDS, or null. */
void dvic_log_with(dvic_logger *logger, dvic_level level, const dvic_field *fields, const char *format, ...)
    DVIC_PRINTF(4, 5);

/* Whether a record of this level would be written: to leave out work that is only for a message. */
bool dvic_wanted(dvic_logger *logger, dvic_level level);

/* What becomes of the logger's step; always written, whatever the level set at the hub. `format` null: the usual word. */
void dvic_start(dvic_logger *logger, const char *format, ...) DVIC_PRINTF(2, 3);
void dvic_done(dvic_logger *logger, const char *format, ...) DVIC_PRINTF(2, 3);
void dvic_fail(dvic_logger *logger, const char *format, ...) DVIC_PRINTF(2, 3);
void dvic_skip(dvic_logger *logger, const char *format, ...) DVIC_PRINTF(2, 3);

typedef enum { DVIC_NO_STEP, DVIC_START, DVIC_DONE, DVIC_FAIL, DVIC_SKIP } dvic_step;

/* All of the above, for text of any bytes that is made already: what other languages' libraries call. */
void dvic_write(dvic_logger *logger, dvic_level level, dvic_step step, const dvic_field *fields, const char *text,
                size_t length);

/* A name for a cycle that nobody else has, such as 20261120T100000-3f9a1c; `name` has DVIC_CYCLE_SIZE bytes. */
#define DVIC_CYCLE_SIZE 32
void dvic_new_cycle(char name[DVIC_CYCLE_SIZE]);

/* ---- the process's file */

/* Open it now rather than at the first line. `name`: null for the program's; `directory`: null for DVIC_LOG_DIR, else
 * /tmp; `max_bytes`: 0 for DVIC_MAX_BYTES. Returns whether it is open; a line opens it later where it is not. */
bool dvic_open(const char *name, const char *directory, size_t max_bytes);
/* Its path into `path`, "" while there is none. Returns the length that it has. */
size_t dvic_path(char *path, size_t size);
/* Close it; a later line opens a new one. */
void dvic_close(void);

/* ---- packages: histograms and graphs that belong together (docs/histograms.md) */

typedef struct {
    const char *label;
    size_t bins;
    double lower, upper;           /* equal bins from lower to upper ... */
    const double *edges;           /* ... or bins + 1 edges, ... */
    const char *const *categories; /* ... or a name for each bin */
    bool underflow, overflow;      /* the arrays have such a bin before the first, after the last (or for other names) */
} dvic_axis;

/* One histogram or graph. What is not set is not there. Of a histogram the arrays have a number for each bin; with two
 * axes the bins of y beside each other, values[x * all_of_y + y], unless `x_first` is set, as ROOT has it.
 *
 *     values                               counts
 *     values, variances                    weighted: sums of weights, and of their squares
 *     counts, values, variances            profile: entries, mean and variance of the sample in each bin
 *     sum_of_weights, sum_of_weights_squared, values, variances    the same with weights
 *
 * A graph has no axes, `points`, `x` and `y`; errors are distances; the upward ones null: as the downward ones. */
typedef struct {
    const char *name, *title;
    dvic_axis x_axis, y_axis; /* y_axis.bins 0: one axis */
    const double *values, *variances, *counts, *sum_of_weights, *sum_of_weights_squared;
    bool x_first;
    size_t points;
    const double *x, *y, *x_errors, *x_errors_high, *y_errors, *y_errors_high;
    const char *x_label, *y_label;
    bool time; /* x of a graph counts seconds since 1970 */
} dvic_object;

#define DVIC_MAX_OBJECTS 1000     /* objects of one package */
#define DVIC_MAX_OBJECT_NAME 200  /* characters of its name, of titles and labels; what is longer is cut */
#define DVIC_MAX_OBJECT_BYTES (2 * 1024 * 1024)
#define DVIC_MAX_PACKAGE_BYTES (4 * 1024 * 1024)
#define DVIC_MAX_LAYOUT_BYTES (256 * 1024)
#define DVIC_MAX_BINS 400000      /* bins of one histogram, flow bins among them */
#define DVIC_MAX_POINTS 100000    /* points of one graph */

typedef struct dvic_package dvic_package;

/* `name`: letters, digits and . _ @ - (others become -), at most 64. `layout`: XML, or the path of a file of it, read
 * once. `period`: seconds between two updates, at least 0.05; 0: 0.2. Returns null when there is no memory; null is a
 * package too, that is never shown. */
dvic_package *dvic_package_open(const char *name, const char *title, const char *layout, double period);

/* Make these the package: a copy of this moment. Returns whether it was written at once; otherwise it is written when
 * `period` has gone by (the newest wins), or the log says why not. */
bool dvic_publish(dvic_package *package, const dvic_object *objects, size_t count);

/* The package's file, as dvic_path. */
size_t dvic_package_path(dvic_package *package, char *path, size_t size);

/* Write what waits. The file stays: people still look at it. At exit it is done for all. */
void dvic_package_close(dvic_package *package);

#ifdef __cplusplus
}
#endif

#endif
