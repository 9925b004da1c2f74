/* What programs call to publish. */

/* Letters, digits and . _ @ -, another character is a dash; returns whether it is the name that was given. */
static bool package_name(char to[DVIC_MAX_KEY + 1], const char *name)
{
    const unsigned char *at = (const unsigned char *)(name ? name : "");
    size_t left = strlen((const char *)at), used = 0;
    bool same = left > 0;
    while (left > 0 && used < DVIC_MAX_KEY) {
        size_t size = character(at, left), step = size ? size : 1;
        bool good = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-", at[0]) != NULL;
        to[used++] = good ? (char)at[0] : '-';
        same = same && good;
        at += step, left -= step;
    }
    if (used == 0)
        to[used++] = '-';
    to[used] = '\0';
    return same && left == 0;
}

static void read_layout(dvic_package *package, const char *layout)
{
    size_t used = 0;
    ssize_t had = 1;
    int handle;
    if (!layout)
        return;
    package->layout = calloc(1, DVIC_MAX_LAYOUT_BYTES + 2);
    if (package->layout && strchr(layout, '<')) {
        used = strlen(layout);
        copy_text(package->layout, DVIC_MAX_LAYOUT_BYTES + 2, layout);
    } else if (package->layout) {
        handle = open(layout, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        while (handle >= 0 && had > 0 && used <= DVIC_MAX_LAYOUT_BYTES) {
            had = read(handle, package->layout + used, DVIC_MAX_LAYOUT_BYTES + 1 - used);
            used += had > 0 ? (size_t)had : 0;
        }
        if (handle < 0 || had < 0) {
            complain(package, "the layout of package %s can't be read: %s: %s", package->name, layout, strerror(errno));
            free(package->layout);
            package->layout = NULL;
        }
        if (handle >= 0)
            close(handle);
    }
    if (package->layout && used > DVIC_MAX_LAYOUT_BYTES) {
        complain(package, "the layout of package %s has more than %d bytes (MAX_LAYOUT_BYTES) and is left out",
                 package->name, DVIC_MAX_LAYOUT_BYTES);
        free(package->layout);
        package->layout = NULL;
    }
}

dvic_package *dvic_package_open(const char *name, const char *title, const char *layout, double period)
{
    visit mine = enter();
    dvic_package *package = calloc(1, sizeof *package);
    if (package) {
        pthread_once(&environment_read, read_environment);
        pthread_once(&packages_watched, watch_packages);
        pthread_mutex_init(&package->lock, NULL);
        bool same = package_name(package->name, name);
        show(package->title, title);
        package->period = period == 0 ? 200 : period > 0.05 ? period < 86400 ? (int64_t)(period * 1000) : 86400000 : 50;
        begin_package(package);
        if (!same)
            complain(package, "the package %.200s is published as %s", name ? name : "", package->name);
        read_layout(package, layout);
        publishing = 1;
        pthread_mutex_lock(&packages_lock);
        package->following = packages;
        packages = package;
        pthread_mutex_unlock(&packages_lock);
        publishing = 0;
    }
    leave(mine);
    return package;
}

/* A copy of what is there now becomes what waits. */
static bool take(dvic_package *package, const dvic_object *objects, size_t count)
{
    size_t taken = 0;
    char reason[128], shown[SHOWN_SIZE];
    package->copy.used = 0, package->copy.full = false;
    if (count > DVIC_MAX_OBJECTS) {
        complain(package, "package %s has %zu objects, at most %d (MAX_OBJECTS): the rest is left out", package->name,
                 count, DVIC_MAX_OBJECTS);
        count = DVIC_MAX_OBJECTS;
    }
    arena_add(&package->copy, objects, count * sizeof *objects);
    for (size_t number = 0; number < count && !package->copy.full; number++) {
        dvic_object given = objects[number], copy;
        show(shown, given.name);
        given.name = *shown ? shown : "-";
        if (is_wrong(&given, reason, sizeof reason)) {
            complain(package, "%s of package %s is left out: %s", given.name, package->name, reason);
            continue;
        }
        copy = copy_object(&package->copy, &given);
        memcpy(package->copy.bytes + taken++ * sizeof copy, &copy, sizeof copy);
    }
    if (package->copy.full) {
        complain(package, "package %s was not published: there is no memory for a copy of it", package->name);
        return false;
    }
    for (size_t number = 0; number < taken; number++)
        settle_object(&package->copy, &objects_of(package)[number]);
    package->count = taken;
    return true;
}

bool dvic_publish(dvic_package *package, const dvic_object *objects, size_t count)
{
    visit mine = enter();
    bool written = false;
    if (package && !publishing && (objects || count == 0)) {
        publishing = 1;
        pthread_mutex_lock(&package->lock);
        if (package->pid != getpid())
            begin_package(package);
        package->waiting = take(package, objects, count);
        package->asked += package->waiting;
        if (package->waiting && steady_milliseconds() >= package->next) {
            written = write_package(package);
        } else if (package->waiting) {
            start_thread(package);
            pthread_cond_signal(&package->wake);
        }
        pthread_mutex_unlock(&package->lock);
        publishing = 0;
    }
    leave(mine);
    return written;
}

size_t dvic_package_path(dvic_package *package, char *path, size_t size)
{
    visit mine = enter();
    size_t length = 0;
    if (size)
        path[0] = '\0';
    if (package && !publishing) {
        publishing = 1;
        pthread_mutex_lock(&package->lock);
        length = strlen(package->file.path);
        if (size)
            copy_text(path, size, package->file.path);
        pthread_mutex_unlock(&package->lock);
        publishing = 0;
    }
    leave(mine);
    return length;
}

void dvic_package_close(dvic_package *package)
{
    visit mine = enter();
    if (package && !publishing) {
        publishing = 1;
        pthread_mutex_lock(&packages_lock);
        for (dvic_package **each = &packages; *each; each = &(*each)->following)
            if (*each == package) {
                *each = package->following;
                break;
            }
        pthread_mutex_unlock(&packages_lock);
        finish(package);
        pthread_mutex_destroy(&package->lock);
        free(package->copy.bytes), free(package->head.at), free(package->lines.at);
        free(package->layout), free(package);
    }
    leave(mine);
}
