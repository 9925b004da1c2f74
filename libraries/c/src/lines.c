/* A record as a line of the file. */

static const char *const LEVELS[] = {"debug", "info", "notice", "warning", "error", "critical"};
static const char *const STEPS[] = {"", "start", "done", "fail", "skip"};
static const char *const WORDS[] = {"", "started", "done", "failed", "skipped"};

/* What a logger says of itself, made once: the members s, c, y, i with their commas, and its name. */
typedef struct {
    char *place;
    size_t place_length;
    const char *name;
} origin;

static void put_field(out *to, const dvic_field *field)
{
    double number = field->value.number;
    switch (field->type) {
    case DVIC_WHOLE: put_whole(to, field->value.whole); return;
    case DVIC_FLAG: put_raw(to, field->value.flag ? "true" : "false"); return;
    case DVIC_UNSIGNED:
        if (field->value.positive <= INT64_MAX) {
            put_unsigned(to, field->value.positive);
        } else { /* more than what every reader's integers hold */
            put(to, "\"", 1);
            put_unsigned(to, field->value.positive);
            put(to, "\"", 1);
        }
        return;
    case DVIC_NUMBER:
        if (isfinite(number))
            put_number(to, number, true);
        else
            put_raw(to, isnan(number) ? "\"nan\"" : number > 0 ? "\"inf\"" : "\"-inf\"");
        return;
    default: put_text(to, field->value.text ? field->value.text : "", field->length, DVIC_MAX_FIELD);
    }
}

static void put_fields(out *to, const dvic_field *fields, const char *name)
{
    size_t count = 0;
    const char *before = ",\"f\":{";
    for (; fields && fields[count].type != DVIC_END; count++) {
        const char *key = fields[count].key ? fields[count].key : "";
        if (count >= DVIC_MAX_FIELDS)
            continue;
        put_member(to, before, key, DVIC_MAX_KEY);
        put(to, ":", 1);
        put_field(to, &fields[count]);
        before = ",";
        if (name && strcmp(key, "logger") == 0)
            name = NULL; /* the program's own one counts */
    }
    if (count > DVIC_MAX_FIELDS) {
        put_raw(to, ",\"fields_cut\":");
        put_unsigned(to, count - DVIC_MAX_FIELDS);
    }
    if (name && *name) {
        put_raw(to, before);
        put_raw(to, "\"logger\":");
        put_text(to, name, strlen(name), DVIC_MAX_KEY);
        before = ",";
    }
    if (*before == ',' && before[1] == '\0')
        put(to, "}", 1);
}

/* One line with its newline; `unseen`: bytes of the text that follow those that are here. */
static void put_record(out *to, int64_t time, dvic_level level, const char *text, size_t length, size_t unseen,
                       const dvic_field *fields, const origin *from, dvic_step step)
{
    put_raw(to, "{\"t\":");
    put_whole(to, time);
    put_raw(to, ",\"l\":\"");
    put_raw(to, LEVELS[level]);
    put_raw(to, "\",\"m\":\"");
    put_inside(to, text, length, DVIC_MAX_MESSAGE, unseen);
    put(to, "\"", 1);
    put_fields(to, fields, from ? from->name : NULL);
    if (from)
        put(to, from->place, from->place_length);
    if (step != DVIC_NO_STEP) {
        put_raw(to, ",\"e\":\"");
        put_raw(to, STEPS[step]);
        put(to, "\"", 1);
    }
    put(to, "}\n", 2);
}

dvic_level dvic_level_of(const char *name)
{
    static const struct { const char *name; dvic_level level; } known[] = {
        {"debug", DVIC_DEBUG}, {"info", DVIC_INFO}, {"notice", DVIC_NOTICE}, {"warning", DVIC_WARNING},
        {"error", DVIC_ERROR}, {"critical", DVIC_CRITICAL}, {"trace", DVIC_DEBUG}, {"warn", DVIC_WARNING},
        {"err", DVIC_ERROR}, {"fatal", DVIC_CRITICAL}, {"crit", DVIC_CRITICAL}, {"exception", DVIC_ERROR}};
    size_t length;
    if (!name)
        return DVIC_INFO;
    name += strspn(name, " \t\r\n");
    length = strcspn(name, " \t\r\n");
    for (size_t number = 0; number < sizeof known / sizeof *known; number++)
        if (strlen(known[number].name) == length && strncasecmp(known[number].name, name, length) == 0)
            return known[number].level;
    return DVIC_INFO;
}
