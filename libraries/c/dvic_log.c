/* Log to files that DVIC's agent collects, and publish histograms. See dvic_log.h for what is promised.
 *
 * Its parts, each of which knows only those above it, are compiled as one; `build.sh source` puts them into one file, so
 * that a program takes it in by copying two:
 *
 *     text        what is said, as JSON of valid UTF-8 in a buffer of a given size
 *     lines       a record, a header
 *     system      writing, reading and naming files without harm to the caller
 *     scanning    the small JSON files by which the agent tells programs something
 *     file        one of each process: opened, rotated, lost and found
 *     levels      the level that is set at the hub
 *     logging     what programs call
 *     arrays      copies of histograms and graphs
 *     objects     histograms and graphs as JSON
 *     published   the file of a package
 *     package     its rate, its complaints
 *     publish     what programs call to publish
 *
 * A line that is shorter than SMALL is made on the caller's stack, and only its write is locked. What is longer is made
 * under the lock in a static buffer, whose pages cost nothing until then. So a log call allocates nothing.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* secure_getenv, program_invocation_short_name, O_NOFOLLOW */
#endif

#include "dvic_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIBRARY "c " DVIC_LOG_VERSION
#define SMALL_MESSAGE 1024
#define SMALL 2048
#define LARGE_MESSAGE (4 * DVIC_MAX_MESSAGE + 1024)
/* A message and 64 fields in which every character is written as \u0001, and the rest of a record. */
#define LARGE (6 * (DVIC_MAX_MESSAGE + (DVIC_MAX_FIELDS + 2) * (DVIC_MAX_FIELD + DVIC_MAX_KEY + 256)) + 8192)
#define PATH_SIZE 4096

#include "src/text.c"
#include "src/lines.c"
#include "src/system.c"
#include "src/scanning.c"
#include "src/file.c"
#include "src/levels.c"
#include "src/logging.c"
#include "src/arrays.c"
#include "src/objects.c"
#include "src/published.c"
#include "src/package.c"
#include "src/publish.c"
