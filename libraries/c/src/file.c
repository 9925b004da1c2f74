/* The log file of one process: opened at the first line, rotated, lost and found. The rules are those of the Python
 * library's file.py. */

static struct {
    pid_t pid; /* whose state this is: a forked child starts anew */
    int handle;
    dev_t device;
    ino_t inode;
    int64_t start, retry_at;
    size_t lost, max_bytes;
    int reason;
    bool torn;
    char path[PATH_SIZE], name[256], executable[1024], user[256];
} file = {.handle = -1, .max_bytes = DVIC_MAX_BYTES};

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static char large_line[LARGE], large_message[LARGE_MESSAGE];

/* A signal handler, or a destructor, may log while its very thread is inside. */
static __thread volatile sig_atomic_t inside;
static volatile size_t lost_inside;

static bool file_is_ours(struct stat *status)
{
    return file.handle >= 0 && fstat(file.handle, status) == 0 && status->st_dev == file.device &&
           status->st_ino == file.inode;
}

static void file_forget(void)
{
    struct stat status;
    if (file_is_ours(&status))
        close(file.handle);
    file.handle = -1;
    file.path[0] = '\0';
}

/* The name of a user id, without asking services that may be slow: from /etc/passwd, else its number. */
static void find_user(char *to, size_t size)
{
    char line[1024], *field, *rest;
    FILE *users;
    snprintf(to, size, "%lu", (unsigned long)geteuid());
    users = fopen("/etc/passwd", "re");
    while (users && fgets(line, sizeof line, users)) {
        field = strtok_r(line, ":", &rest);
        if (field && strtok_r(NULL, ":", &rest)) {
            char *number = strtok_r(NULL, ":", &rest);
            if (number && strtoul(number, NULL, 10) == (unsigned long)geteuid()) {
                copy_text(to, size, field);
                break;
            }
        }
    }
    if (users)
        fclose(users);
}

/* Who writes; of a child what its parent found out, but for what differs. */
static void file_begin(void)
{
    pid_t pid = getpid();
    ssize_t length;
    if (file.pid == pid)
        return;
    pthread_once(&environment_read, read_environment);
    file_forget();
    if (!file.name[0])
        copy_text(file.name, sizeof file.name, program_invocation_short_name);
    length = readlink("/proc/self/exe", file.executable, sizeof file.executable - 1);
    file.executable[length > 0 ? length : 0] = '\0';
    if (file.pid == 0)
        find_user(file.user, sizeof file.user);
    file.pid = pid;
    file.start = now_microseconds();
    file.retry_at = 0, file.lost = 0, file.reason = 0, file.torn = false, lost_inside = 0;
}

static bool file_put(const char *line, size_t length)
{
    ssize_t written;
    if (file.torn && write_quietly(file.handle, "\n", 1) != 1) /* a line that the disk cut short has no end */
        return false;
    file.torn = false;
    written = write_quietly(file.handle, line, length);
    if (written == (ssize_t)length)
        return true;
    if (written >= 0) {
        file.torn = written > 0;
        errno = ENOSPC;
    }
    return false;
}

static void new_path(char *path, size_t size)
{
    char name[33], chance[13];
    safe_name(name, file.name);
    random_hex(chance, 6);
    snprintf(path, size, "%s/dvic_log_%s%s%s", log_directory, name, *name ? "-" : "", chance);
}

static bool file_create(const char *path)
{
    char line[8192];
    out to = {line, 0, sizeof line, false};
    struct stat status;
    int handle = create_file(path, O_APPEND);
    if (handle < 0)
        return false;
    if (fstat(handle, &status) != 0) {
        close(handle);
        return false;
    }
    file.handle = handle, file.torn = false;
    file.device = status.st_dev, file.inode = status.st_ino;
    if (path != file.path)
        copy_text(file.path, sizeof file.path, path);
    put_raw(&to, "{\"dvic_log\":1,\"pid\":");
    put_whole(&to, file.pid);
    put_member(&to, ",\"executable\":", file.executable, DVIC_MAX_FIELD);
    put_member(&to, ",\"user\":", file.user, DVIC_MAX_KEY);
    put_member(&to, ",\"name\":", file.name, DVIC_MAX_KEY);
    put_raw(&to, ",\"start\":");
    put_whole(&to, file.start);
    put_raw(&to, ",\"library\":\"" LIBRARY "\"}\n");
    if (!to.full && file_put(line, to.used))
        return true;
    /* A file without its header would say nothing of its writer. */
    int error = errno;
    unlink(path);
    file_forget();
    errno = error;
    return false;
}

static bool file_open(void)
{
    char path[PATH_SIZE];
    if (steady_milliseconds() < file.retry_at) {
        errno = file.reason;
        return false;
    }
    new_path(path, sizeof path);
    if (file_create(path))
        return true;
    file.retry_at = steady_milliseconds() + 1000;
    return false;
}

static bool file_rotate(void)
{
    char path[PATH_SIZE], beside[PATH_SIZE + 2];
    struct stat here;
    copy_text(path, sizeof path, file.path);
    snprintf(beside, sizeof beside, "%s.1", path);
    if (lstat(path, &here) == 0 && here.st_dev == file.device && here.st_ino == file.inode &&
        rename(path, beside) == 0) {
        file_forget();
        if (file_create(path))
            return true;
    }
    /* A name of ours is taken: begin elsewhere rather than grow without end. */
    file_forget();
    new_path(path, sizeof path);
    return file_create(path);
}

/* Append one line; under the lock. */
static void file_write(const char *line, size_t length)
{
    struct stat status;
    char told[512], reason[128];
    bool good = true;
    if (!file_is_ours(&status) || status.st_nlink == 0) {
        file_forget();
        good = file_open();
    } else if (status.st_size > 0 && (uint64_t)status.st_size + length > file.max_bytes) {
        good = file_rotate();
    }
    file.lost += lost_inside, lost_inside = 0;
    if (good && file.lost) {
        out to = {told, 0, sizeof told, false};
        char said[256];
        dvic_field fields[] = {dvic_uint("lost", file.lost), {0, 0, {0}, DVIC_END}};
        if (strerror_r(file.reason, reason, sizeof reason) != reason)
            snprintf(reason, sizeof reason, "%s", strerror(file.reason));
        int made = snprintf(said, sizeof said, "%zu lines could not be written: %s", file.lost, reason);
        put_record(&to, now_microseconds(), DVIC_WARNING, said, (size_t)made, 0, fields, NULL, DVIC_NO_STEP);
        good = file_put(told, to.used);
        if (good)
            file.lost = 0;
    }
    if (good && file_put(line, length))
        return;
    file.reason = errno;
    file.lost++;
}

/* A fork by one thread while another is inside would leave the child a lock that nobody opens. */
static void before_fork(void)
{
    if (!inside)
        pthread_mutex_lock(&file_lock);
}

static void after_fork(void)
{
    if (!inside)
        pthread_mutex_unlock(&file_lock);
}

static pthread_once_t fork_watched = PTHREAD_ONCE_INIT;

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork);
}

static void file_acquire(void)
{
    pthread_once(&fork_watched, watch_forks);
    inside = 1;
    pthread_mutex_lock(&file_lock);
    file_begin();
}

static void file_release(void)
{
    pthread_mutex_unlock(&file_lock);
    inside = 0;
}

/* A line of a thread that is inside already: no state is touched, and what can't be written is counted. */
static void file_write_inside(const char *line, size_t length)
{
    struct stat status;
    if (file.pid != getpid() || !file_is_ours(&status) || write_quietly(file.handle, line, length) != (ssize_t)length)
        lost_inside++;
}

bool dvic_open(const char *name, const char *directory, size_t max_bytes)
{
    visit mine = enter();
    bool open;
    struct stat status;
    if (inside) {
        leave(mine);
        return false;
    }
    file_acquire();
    if (name)
        copy_text(file.name, sizeof file.name, name);
    if (directory)
        copy_text(log_directory, sizeof log_directory, directory);
    file.max_bytes = max_bytes ? max_bytes : DVIC_MAX_BYTES;
    file_forget();
    file.retry_at = 0;
    open = file_open() && file_is_ours(&status);
    if (!open)
        file.reason = errno;
    file_release();
    leave(mine);
    return open;
}

size_t dvic_path(char *path, size_t size)
{
    visit mine = enter();
    size_t length = 0;
    if (size)
        path[0] = '\0';
    if (!inside) {
        file_acquire();
        length = strlen(file.path);
        if (size)
            copy_text(path, size, file.path);
        file_release();
    }
    leave(mine);
    return length;
}

void dvic_close(void)
{
    visit mine = enter();
    if (!inside) {
        file_acquire();
        file_forget();
        file_release();
    }
    leave(mine);
}
