/* The level that is set at the hub for a step of a monitoring service. */

struct dvic_logger {
    origin from;
    char *service, *step; /* "meteor", "meteor/decode": as the levels' file names them; null without a service */
    int least;
    int64_t look_at;
    pid_t looking; /* who reads the file now; of a forked child's parent: nobody */
    dev_t device;
    ino_t inode;
    struct timespec changed;
    off_t size;
};

/* The level that the file sets for the step, DVIC_DEBUG where it sets none or makes no sense. */
static int level_in_file(const char *path, const char *service, const char *step)
{
    scan from;
    char name[1024], level[16];
    bool first = true, whole;
    int of_service = DVIC_DEBUG, of_step = -1;
    if (!scan_open(&from, path, 1024 * 1024))
        return DVIC_DEBUG;
    scan_expect(&from, '{');
    while (scan_member(&from, &first, name, sizeof name, &whole)) {
        int known = -1;
        scan_blank(&from);
        if (scan_text(&from, level, sizeof level))
            for (int number = 0; number <= DVIC_CRITICAL; number++)
                known = strcmp(LEVELS[number], level) == 0 ? number : known;
        if (whole && known >= 0 && strcmp(name, service) == 0)
            of_service = known;
        if (whole && known >= 0 && strcmp(name, step) == 0)
            of_step = known;
    }
    if (from.bad || scan_blank(&from) >= 0)
        of_service = of_step = DVIC_DEBUG;
    close(from.handle);
    return of_step >= 0 ? of_step : of_service;
}

/* Look at the file again, at most once a second, and read it where it has changed. One thread does, the others go on. */
static void look_at_levels(dvic_logger *logger)
{
    int64_t now = steady_milliseconds();
    pid_t pid, other;
    struct stat status;
    if (now < __atomic_load_n(&logger->look_at, __ATOMIC_RELAXED))
        return;
    pid = getpid();
    other = __atomic_load_n(&logger->looking, __ATOMIC_RELAXED);
    if (other == pid || !__atomic_compare_exchange_n(&logger->looking, &other, pid, false, __ATOMIC_ACQUIRE,
                                                     __ATOMIC_RELAXED))
        return;
    pthread_once(&environment_read, read_environment);
    if (stat(levels_path, &status) != 0) {
        logger->inode = 0;
        __atomic_store_n(&logger->least, DVIC_DEBUG, __ATOMIC_RELAXED);
    } else if (status.st_dev != logger->device || status.st_ino != logger->inode || status.st_size != logger->size ||
               status.st_mtim.tv_sec != logger->changed.tv_sec || status.st_mtim.tv_nsec != logger->changed.tv_nsec) {
        logger->device = status.st_dev, logger->inode = status.st_ino, logger->size = status.st_size;
        logger->changed = status.st_mtim;
        __atomic_store_n(&logger->least, level_in_file(levels_path, logger->service, logger->step), __ATOMIC_RELAXED);
    }
    __atomic_store_n(&logger->look_at, now + 1000, __ATOMIC_RELAXED);
    __atomic_store_n(&logger->looking, 0, __ATOMIC_RELEASE);
}

static bool is_wanted(dvic_logger *logger, dvic_level level)
{
    if (!logger || !logger->service)
        return true;
    look_at_levels(logger);
    return (int)level >= __atomic_load_n(&logger->least, __ATOMIC_RELAXED);
}
