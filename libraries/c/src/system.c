/* Writing, reading and naming files without harm to the caller. */

static int64_t now_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t steady_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 2 * bytes digits of chance, at most 16 bytes, and a zero. */
static void random_hex(char *to, size_t bytes)
{
    unsigned char chance[16];
    if (getrandom(chance, bytes, GRND_NONBLOCK) != (ssize_t)bytes) { /* names only have to differ: O_EXCL guards them */
        uint64_t seed = (uint64_t)now_microseconds() ^ (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)to;
        for (size_t number = 0; number < bytes; number++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            chance[number] = (unsigned char)(seed >> 56);
        }
    }
    for (size_t number = 0; number < bytes; number++) {
        to[2 * number] = HEX[chance[number] >> 4];
        to[2 * number + 1] = HEX[chance[number] & 15];
    }
    to[2 * bytes] = '\0';
}

/* Cancellation points of a thread that logs are none: it would leave with our lock. Paired with `leave`. */
typedef struct {
    int error, cancel;
} visit;

static visit enter(void)
{
    visit mine = {errno, 0};
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mine.cancel);
    return mine;
}

static void leave(visit mine)
{
    int ignored;
    pthread_setcancelstate(mine.cancel, &ignored);
    errno = mine.error;
}

/* write(2), without the signal by which a program ends whose files may not grow any further (RLIMIT_FSIZE). */
static ssize_t write_quietly(int handle, const void *bytes, size_t length)
{
    struct rlimit limit;
    sigset_t block, before, pending;
    ssize_t written;
    bool limited = getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
    if (limited) {
        sigemptyset(&block);
        sigaddset(&block, SIGXFSZ);
        sigpending(&pending);
        pthread_sigmask(SIG_BLOCK, &block, &before);
    }
    do
        written = write(handle, bytes, length);
    while (written < 0 && errno == EINTR);
    if (limited) {
        int error = errno;
        struct timespec none = {0, 0};
        if (written < 0 && error == EFBIG && !sigismember(&pending, SIGXFSZ))
            sigtimedwait(&block, NULL, &none);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = error;
    }
    return written;
}

/* A new file that all may read, above the standard streams: what a program prints must not land in it. -1: errno. */
static int create_file(const char *path, int flags)
{
    int handle = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | flags, 0644);
    if (handle >= 0 && handle <= 2) {
        int low = handle;
        handle = fcntl(low, F_DUPFD_CLOEXEC, 3);
        close(low);
    }
    if (handle >= 0)
        fchmod(handle, 0644);
    return handle;
}

/* Letters, digits, dots and dashes of a name, at most 32, none of the latter at its ends. */
static void safe_name(char to[33], const char *name)
{
    size_t used = 0, from = 0;
    bool apart = false;
    for (; *name && used < 32; name++) {
        bool safe = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || *name == '.' || *name == '-';
        if (safe || !apart)
            to[used++] = safe ? *name : '-';
        apart = !safe;
    }
    while (used > 0 && (to[used - 1] == '-' || to[used - 1] == '.'))
        used--;
    while (from < used && (to[from] == '-' || to[from] == '.'))
        from++;
    memmove(to, to + from, used - from);
    to[used - from] = '\0';
}

static void copy_text(char *to, size_t size, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= size)
        length = size - 1;
    if (length)
        memcpy(to, text, length);
    to[length] = '\0';
}

/* What the environment says, read once: getenv is not safe beside a setenv. A program with other rights than who starts
 * it does not believe it (secure_getenv). */
static char log_directory[PATH_SIZE - 256], levels_path[PATH_SIZE], refusals_path[PATH_SIZE], given_cycle[512];
static pthread_once_t environment_read = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
    const char *directory = secure_getenv("DVIC_LOG_DIR"), *levels = secure_getenv("DVIC_LOG_LEVELS"), *slash;
    copy_text(log_directory, sizeof log_directory, directory && *directory ? directory : "/tmp");
    copy_text(levels_path, sizeof levels_path, levels && *levels ? levels : "/run/dvic-agent/log_levels");
    copy_text(given_cycle, sizeof given_cycle, secure_getenv("DVIC_CYCLE"));
    slash = strrchr(levels_path, '/');
    snprintf(refusals_path, sizeof refusals_path, "%.*s/packages",
             slash ? (int)(slash - levels_path > 4000 ? 4000 : slash - levels_path) : 1, slash ? levels_path : ".");
}
