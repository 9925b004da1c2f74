/* What programs call. */

/* Make the line and write it; `unseen` as in put_record. */
static void log_line(dvic_logger *logger, dvic_level level, dvic_step step, const dvic_field *fields, const char *text,
                     size_t length, size_t unseen)
{
    char line[SMALL];
    out to = {line, 0, sizeof line, false};
    const origin *from = logger ? &logger->from : NULL;
    int64_t now = now_microseconds();
    if (length < SMALL)
        put_record(&to, now, level, text, length, unseen, fields, from, step);
    else
        to.full = true;
    if (inside) {
        if (to.full)
            lost_inside++;
        else
            file_write_inside(line, to.used);
        return;
    }
    file_acquire();
    if (to.full) {
        out large = {large_line, 0, sizeof large_line, false};
        put_record(&large, now, level, text, length, unseen, fields, from, step);
        to = large;
    }
    file_write(to.at, to.used);
    file_release();
}

static void log_format(dvic_logger *logger, dvic_level level, dvic_step step, const dvic_field *fields,
                       const char *format, va_list arguments) DVIC_PRINTF(5, 0);

static void log_format(dvic_logger *logger, dvic_level level, dvic_step step, const dvic_field *fields,
                       const char *format, va_list arguments)
{
    char small[SMALL_MESSAGE];
    visit mine = enter();
    va_list again;
    int length;
    if ((unsigned)level > DVIC_CRITICAL)
        level = DVIC_INFO;
    if (step == DVIC_NO_STEP && !is_wanted(logger, level)) {
        leave(mine);
        return;
    }
    if (!format) {
        log_line(logger, level, step, fields, WORDS[step], strlen(WORDS[step]), 0);
        leave(mine);
        return;
    }
    va_copy(again, arguments);
    errno = mine.error; /* for %m */
    length = vsnprintf(small, sizeof small, format, arguments);
    if (length < 0) { /* what can't be formatted is shown as it stands */
        log_line(logger, level, step, fields, format, strlen(format), 0);
    } else if ((size_t)length < sizeof small) {
        log_line(logger, level, step, fields, small, (size_t)length, 0);
    } else if (inside) {
        log_line(logger, level, step, fields, small, sizeof small - 1, (size_t)length - sizeof small + 1);
    } else {
        out to = {large_line, 0, sizeof large_line, false};
        size_t there;
        file_acquire();
        errno = mine.error;
        vsnprintf(large_message, sizeof large_message, format, again);
        there = (size_t)length < sizeof large_message ? (size_t)length : sizeof large_message - 1;
        put_record(&to, now_microseconds(), level, large_message, there, (size_t)length - there, fields,
                   logger ? &logger->from : NULL, step);
        file_write(to.at, to.used);
        file_release();
    }
    va_end(again);
    leave(mine);
}

#define LOG(logger, level, step, fields)                            \
    do {                                                            \
        va_list arguments;                                          \
        va_start(arguments, format);                                \
        log_format(logger, level, step, fields, format, arguments); \
        va_end(arguments);                                          \
    } while (0)

void dvic_log(dvic_level level, const char *format, ...) { LOG(NULL, level, DVIC_NO_STEP, NULL); }
void dvic_debug(const char *format, ...) { LOG(NULL, DVIC_DEBUG, DVIC_NO_STEP, NULL); }
void dvic_info(const char *format, ...) { LOG(NULL, DVIC_INFO, DVIC_NO_STEP, NULL); }
void dvic_notice(const char *format, ...) { LOG(NULL, DVIC_NOTICE, DVIC_NO_STEP, NULL); }
void dvic_warning(const char *format, ...) { LOG(NULL, DVIC_WARNING, DVIC_NO_STEP, NULL); }
void dvic_error(const char *format, ...) { LOG(NULL, DVIC_ERROR, DVIC_NO_STEP, NULL); }
void dvic_critical(const char *format, ...) { LOG(NULL, DVIC_CRITICAL, DVIC_NO_STEP, NULL); }

void dvic_log_with(dvic_logger *logger, dvic_level level, const dvic_field *fields, const char *format, ...)
{
    LOG(logger, level, DVIC_NO_STEP, fields);
}

void dvic_start(dvic_logger *logger, const char *format, ...) { LOG(logger, DVIC_INFO, DVIC_START, NULL); }
void dvic_done(dvic_logger *logger, const char *format, ...) { LOG(logger, DVIC_INFO, DVIC_DONE, NULL); }
void dvic_fail(dvic_logger *logger, const char *format, ...) { LOG(logger, DVIC_ERROR, DVIC_FAIL, NULL); }
void dvic_skip(dvic_logger *logger, const char *format, ...) { LOG(logger, DVIC_INFO, DVIC_SKIP, NULL); }

void dvic_write(dvic_logger *logger, dvic_level level, dvic_step step, const dvic_field *fields, const char *text,
                size_t length)
{
    visit mine = enter();
    if ((unsigned)level > DVIC_CRITICAL)
        level = DVIC_INFO;
    if ((unsigned)step > DVIC_SKIP)
        step = DVIC_NO_STEP;
    if (step != DVIC_NO_STEP || is_wanted(logger, level))
        log_line(logger, level, step, fields, text ? text : "", text ? length : 0, 0);
    leave(mine);
}

bool dvic_wanted(dvic_logger *logger, dvic_level level)
{
    visit mine = enter();
    bool wanted = is_wanted(logger, level);
    leave(mine);
    return wanted;
}

dvic_logger *dvic_logger_open(const char *name, const char *service, const char *component, const char *cycle,
                              const char *source)
{
    visit mine = enter();
    const char *values[] = {service, component, cycle, source}, *keys[] = {"s", "c", "y", "i"};
    size_t size = 64, named = name ? strlen(name) : 0;
    dvic_logger *logger = calloc(1, sizeof *logger);
    pthread_once(&environment_read, read_environment);
    if (!cycle && service && *service)
        values[2] = given_cycle;
    for (int number = 0; number < 4; number++)
        size += 6 * DVIC_MAX_KEY + 64 + (values[number] ? strlen(values[number]) : 0);
    if (logger) {
        char *kept = malloc(named + 1), *place = malloc(size);
        if (kept && place) {
            out to = {place, 0, size, false};
            copy_text(kept, named + 1, name);
            for (int number = 0; number < 4; number++)
                if (values[number] && *values[number]) {
                    put_raw(&to, ",\"");
                    put_raw(&to, keys[number]);
                    put_member(&to, "\":", values[number], DVIC_MAX_KEY);
                }
            logger->from = (origin){place, to.used, kept};
        }
        if (kept && place && service && *service) {
            logger->service = strdup(service);
            size = strlen(service) + (component ? strlen(component) : 0) + 2;
            logger->step = malloc(size);
            if (logger->step)
                snprintf(logger->step, size, "%s/%s", service, component ? component : "");
        }
        if (!kept || !place || (service && *service && (!logger->service || !logger->step))) {
            free(kept), free(place), free(logger->service), free(logger->step), free(logger);
            logger = NULL;
        }
    }
    leave(mine);
    return logger;
}

void dvic_logger_close(dvic_logger *logger)
{
    visit mine = enter();
    if (logger) {
        free(logger->from.place), free((char *)logger->from.name);
        free(logger->service), free(logger->step), free(logger);
    }
    leave(mine);
}

void dvic_new_cycle(char name[DVIC_CYCLE_SIZE])
{
    visit mine = enter();
    time_t now = time(NULL);
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    gmtime_r(&now, &parts);
    size_t length = strftime(name, DVIC_CYCLE_SIZE - 8, "%Y%m%dT%H%M%S-", &parts);
    random_hex(name + length, 3);
    leave(mine);
}

dvic_field dvic_bytes(const char *key, const char *value, size_t length)
{
    dvic_field field = {key, value ? length : 0, {value}, DVIC_TEXT};
    return field;
}

dvic_field dvic_text(const char *key, const char *value)
{
    return dvic_bytes(key, value, value ? strlen(value) : 0);
}

dvic_field dvic_int(const char *key, int64_t value)
{
    dvic_field field = {key, 0, {.whole = value}, DVIC_WHOLE};
    return field;
}

dvic_field dvic_uint(const char *key, uint64_t value)
{
    dvic_field field = {key, 0, {.positive = value}, DVIC_UNSIGNED};
    return field;
}

dvic_field dvic_double(const char *key, double value)
{
    dvic_field field = {key, 0, {.number = value}, DVIC_NUMBER};
    return field;
}

dvic_field dvic_bool(const char *key, bool value)
{
    dvic_field field = {key, 0, {.flag = value}, DVIC_FLAG};
    return field;
}
