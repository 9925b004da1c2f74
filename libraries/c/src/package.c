/* Packages: histograms and graphs that belong together, written at most once in a period; the newest copy waits, and a
 * thread of the package writes it when it is time. That thread takes none of the program's signals. */

#define COMPLAINTS 64
#define COMPLAIN_AGAIN 60000 /* milliseconds until the same complaint is logged again */

struct dvic_package {
    char name[DVIC_MAX_KEY + 1], title[SHOWN_SIZE], instance[17];
    char *layout;
    published file;
    pid_t pid;
    int64_t start, period, next; /* microseconds; milliseconds */
    uint64_t serial, asked;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, quit, waiting;
    arena copy;
    size_t count, kept;
    out head, lines;
    struct { uint64_t said; int64_t again; } complained[COMPLAINTS];
    dvic_package *following;
};

static dvic_package *packages; /* all that are open, under packages_lock */
static pthread_mutex_t packages_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread volatile sig_atomic_t publishing;
static dvic_logger package_log = {.from = {(char *)"", 0, "dvic_log.package"}};

static void complain(dvic_package *package, const char *format, ...) DVIC_PRINTF(2, 3);

/* To the program's log, the same once a minute. */
static void complain(dvic_package *package, const char *format, ...)
{
    char said[2048];
    va_list arguments;
    uint64_t digest = 14695981039346656037u; /* FNV-1a */
    size_t place = 0;
    int64_t now = steady_milliseconds();
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    for (const char *at = said; *at; at++)
        digest = (digest ^ (unsigned char)*at) * 1099511628211u;
    for (size_t number = 0; number < COMPLAINTS; number++) {
        if (package->complained[number].said == digest) {
            if (now < package->complained[number].again)
                return;
            place = number;
            break;
        }
        if (package->complained[number].again < package->complained[place].again)
            place = number; /* the one that is known for longest is forgotten first */
    }
    package->complained[place].said = digest, package->complained[place].again = now + COMPLAIN_AGAIN;
    log_line(&package_log, DVIC_ERROR, DVIC_NO_STEP, NULL, said, strlen(said), 0);
}

static bool grow(out *to, size_t most)
{
    size_t size = to->size ? 2 * to->size : 65536;
    char *at = to->size >= most ? NULL : realloc(to->at, size > most ? most : size);
    if (!at)
        return false;
    to->at = at, to->size = size > most ? most : size;
    return true;
}

static dvic_object *objects_of(dvic_package *package)
{
    return (dvic_object *)(void *)package->copy.bytes;
}

/* The lines of all objects that can be shown; `points` of the others becomes SIZE_MAX and is looked at by put_head. */
static void put_objects(dvic_package *package)
{
    dvic_object *objects = objects_of(package);
    const size_t most = DVIC_MAX_PACKAGE_BYTES + DVIC_MAX_OBJECT_BYTES;
    package->lines.used = 0;
    for (size_t number = 0; number < package->count; number++) {
        size_t before = package->lines.used, earlier = 0;
        const char *name = objects[number].name;
        while (earlier < number && (objects[earlier].points == SIZE_MAX || strcmp(objects[earlier].name, name) != 0))
            earlier++;
        if (earlier < number) {
            complain(package, "%s of package %s is left out: another one has this name", name, package->name);
            objects[number].points = SIZE_MAX;
            continue;
        }
        do {
            package->lines.used = before, package->lines.full = false;
            put_object(&package->lines, &objects[number]);
            put(&package->lines, "\n", 1);
        } while (package->lines.full && grow(&package->lines, most));
        if (package->lines.full || package->lines.used - before > DVIC_MAX_OBJECT_BYTES + 1) {
            package->lines.used = before, objects[number].points = SIZE_MAX;
            complain(package, "%s of package %s is left out: it has more than %d bytes (MAX_OBJECT_BYTES), or the package "
                     "more than %d (MAX_PACKAGE_BYTES): rebin it", name, package->name, DVIC_MAX_OBJECT_BYTES,
                     DVIC_MAX_PACKAGE_BYTES);
        }
    }
}

static void put_head(dvic_package *package)
{
    out *to = &package->head;
    dvic_object *objects = objects_of(package);
    const char *before = "";
    do {
        to->used = 0, to->full = false;
        put_member(to, "{\"dvic_package\":1,\"name\":", package->name, DVIC_MAX_KEY);
        put_member(to, ",\"title\":", package->title, SHOWN_SIZE);
        put_member(to, ",\"instance\":", package->instance, DVIC_MAX_KEY);
        put_raw(to, ",\"serial\":"), put_unsigned(to, package->serial + 1);
        put_raw(to, ",\"skipped\":"), put_unsigned(to, package->asked ? package->asked - 1 : 0);
        put_raw(to, ",\"time\":"), put_whole(to, now_microseconds());
        put_raw(to, ",\"pid\":"), put_whole(to, package->pid);
        put_raw(to, ",\"start\":"), put_whole(to, package->start);
        put_raw(to, ",\"library\":\"" LIBRARY "\",\"objects\":[");
        before = "";
        for (size_t number = 0; number < package->count; number++)
            if (objects[number].points != SIZE_MAX) {
                put_member(to, before, objects[number].name, SHOWN_SIZE);
                before = ",";
            }
        put(to, "]", 1);
        if (package->layout)
            put_member(to, ",\"layout\":", package->layout, DVIC_MAX_LAYOUT_BYTES);
        put(to, "}\n", 2);
    } while (to->full && grow(to, DVIC_MAX_PACKAGE_BYTES));
}

/* Write what waits, under the package's lock; returns whether it was. */
static bool write_package(dvic_package *package)
{
    char reason[1024], shown[SHOWN_SIZE];
    out parts[2];
    pid_t rival;
    package->waiting = false;
    package->next = steady_milliseconds() + package->period;
    if (published_refused(&package->file, package->instance, reason, sizeof reason)) {
        show(shown, reason);
        complain(package, "package %s is not shown: %s", package->name, shown);
    }
    rival = published_rival(&package->file, package->start);
    if (rival) {
        complain(package, "package %s is not shown: process %ld of the same user, started later, publishes one of that "
                 "name; give one of them another name", package->name, (long)rival);
        return false;
    }
    put_objects(package);
    put_head(package);
    if (package->head.full || package->head.used + package->lines.used > DVIC_MAX_PACKAGE_BYTES) {
        complain(package, "package %s has more than %d bytes (MAX_PACKAGE_BYTES): it is not updated; publish less, or in "
                 "several packages", package->name, DVIC_MAX_PACKAGE_BYTES);
        return false;
    }
    parts[0] = package->head, parts[1] = package->lines;
    if (!published_replace(&package->file, parts, 2)) {
        complain(package, "package %s can't be written: %s", package->name, strerror(errno));
        return false;
    }
    package->serial++, package->asked = 0;
    return true;
}

static void *write_when_time(void *argument)
{
    dvic_package *package = argument;
    pthread_mutex_lock(&package->lock);
    while (!package->quit) {
        int64_t next = package->next;
        struct timespec until = {(time_t)(next / 1000), (long)(next % 1000) * 1000000};
        if (!package->waiting)
            pthread_cond_wait(&package->wake, &package->lock);
        else if (steady_milliseconds() < next)
            pthread_cond_timedwait(&package->wake, &package->lock, &until);
        else
            write_package(package);
    }
    pthread_mutex_unlock(&package->lock);
    return NULL;
}

static void start_thread(dvic_package *package)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (package->running || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    package->running = pthread_create(&package->thread, &attributes, write_when_time, package) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* A publisher anew: at first, and in a forked child, which has none of its parent's threads. */
static void begin_package(dvic_package *package)
{
    pthread_condattr_t steady;
    package->pid = getpid(), package->start = now_microseconds();
    random_hex(package->instance, 8);
    published_begin(&package->file, package->name);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&package->wake, &steady);
    pthread_condattr_destroy(&steady);
    package->running = package->quit = package->waiting = false;
    package->serial = package->asked = 0, package->next = 0;
}

/* Write what waits, and let the thread end. */
static void finish(dvic_package *package)
{
    bool joined = false;
    publishing = 1;
    pthread_mutex_lock(&package->lock);
    if (package->pid == getpid()) {
        if (package->waiting)
            write_package(package);
        package->quit = true;
        joined = package->running, package->running = false;
        pthread_cond_signal(&package->wake);
    }
    pthread_mutex_unlock(&package->lock);
    if (joined)
        pthread_join(package->thread, NULL);
    publishing = 0;
}

static void finish_all(void)
{
    if (publishing)
        return;
    pthread_mutex_lock(&packages_lock);
    for (dvic_package *each = packages; each; each = each->following)
        finish(each);
    pthread_mutex_unlock(&packages_lock);
}

static void before_fork_of_packages(void)
{
    if (publishing)
        return;
    pthread_mutex_lock(&packages_lock);
    for (dvic_package *each = packages; each; each = each->following)
        pthread_mutex_lock(&each->lock);
}

static void after_fork_of_packages(void)
{
    if (publishing)
        return;
    for (dvic_package *each = packages; each; each = each->following)
        pthread_mutex_unlock(&each->lock);
    pthread_mutex_unlock(&packages_lock);
}

static pthread_once_t packages_watched = PTHREAD_ONCE_INIT;

static void watch_packages(void)
{
    pthread_once(&fork_watched, watch_forks); /* first: at a fork the packages' locks are taken before the file's */
    pthread_atfork(before_fork_of_packages, after_fork_of_packages, after_fork_of_packages);
    atexit(finish_all);
}
