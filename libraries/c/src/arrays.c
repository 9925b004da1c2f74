/* Histograms and graphs: copied at once, and written as JSON later (docs/histograms.md). */

#define FLOW(axis) ((size_t)(axis)->underflow + (axis)->overflow)

/* A copy of what a program published: one block, that grows and is used again, and where its parts are. */
typedef struct {
    char *bytes;
    size_t used, size;
    bool full; /* there was no memory */
} arena;

/* Places in an arena are offsets while it grows, and pointers (`settle`) once it is whole. */
static size_t arena_add(arena *to, const void *bytes, size_t length)
{
    size_t at = (to->used + 15) / 16 * 16, wanted = at + length;
    if (wanted > to->size) {
        size_t size = wanted + wanted / 2;
        char *bytes_now = realloc(to->bytes, size);
        if (!bytes_now) {
            to->full = true;
            return 0;
        }
        to->bytes = bytes_now, to->size = size;
    }
    if (length)
        memcpy(to->bytes + at, bytes, length);
    to->used = wanted;
    return at;
}

static size_t all_bins(const dvic_axis *axis)
{
    size_t names = axis->categories ? (size_t)axis->overflow : FLOW(axis);
    return axis->bins > DVIC_MAX_BINS ? DVIC_MAX_BINS + 1 : axis->bins + names;
}

static bool is_graph(const dvic_object *object)
{
    return object->x || object->y;
}

/* How many numbers each array of a histogram has. */
static size_t all_numbers(const dvic_object *object)
{
    return all_bins(&object->x_axis) * (object->y_axis.bins ? all_bins(&object->y_axis) : 1);
}

/* Why it can't be published, into `reason`; false when it can. */
static bool is_wrong(const dvic_object *object, char *reason, size_t size)
{
    const dvic_axis *axes[] = {&object->x_axis, &object->y_axis};
    if (is_graph(object)) {
        if (!object->x || !object->y)
            snprintf(reason, size, "a graph has x and y");
        else if (object->points > DVIC_MAX_POINTS)
            snprintf(reason, size, "it has %zu points, at most %d (MAX_POINTS)", object->points, DVIC_MAX_POINTS);
        else if ((object->x_errors_high && !object->x_errors) || (object->y_errors_high && !object->y_errors))
            snprintf(reason, size, "it has errors upwards and none downwards");
        else
            return false;
        return true;
    }
    if (!object->values)
        snprintf(reason, size, "it has no values");
    else if (all_numbers(object) > DVIC_MAX_BINS)
        snprintf(reason, size, "it has more than %d bins (MAX_BINS): rebin it", DVIC_MAX_BINS);
    else if ((object->counts || object->sum_of_weights) && !object->variances)
        snprintf(reason, size, "a profile has variances");
    else if (object->sum_of_weights && !object->sum_of_weights_squared)
        snprintf(reason, size, "a profile with weights has sum_of_weights_squared");
    else {
        for (int number = 0; number < 2; number++)
            if (!axes[number]->edges && (!isfinite(axes[number]->lower) || !isfinite(axes[number]->upper))) {
                snprintf(reason, size, "its axis does not begin and end at numbers");
                return true;
            }
        return false;
    }
    return true;
}

/* The members of an object that point at something: doubles, texts, lists of texts. */
static void copy_doubles(arena *to, const double **place, size_t count)
{
    if (*place)
        *place = (const double *)(uintptr_t)(arena_add(to, *place, count * sizeof **place) + 1);
}

static void copy_word(arena *to, const char **place)
{
    if (*place)
        *place = (const char *)(uintptr_t)(arena_add(to, *place, strlen(*place) + 1) + 1);
}

static void settle(const arena *to, void *place)
{
    uintptr_t at;
    memcpy(&at, place, sizeof at);
    if (at) {
        const char *there = to->bytes + at - 1;
        memcpy(place, &there, sizeof there);
    }
}

static void copy_axis(arena *to, dvic_axis *axis)
{
    copy_word(to, &axis->label);
    if (axis->categories && axis->bins) {
        size_t list = arena_add(to, axis->categories, axis->bins * sizeof *axis->categories);
        for (size_t number = 0; number < axis->bins && !to->full; number++) {
            const char *word = axis->categories[number] ? axis->categories[number] : "";
            copy_word(to, &word);
            memcpy(to->bytes + list + number * sizeof word, &word, sizeof word);
        }
        axis->categories = (const char *const *)(uintptr_t)(list + 1);
    }
    copy_doubles(to, &axis->edges, axis->bins + 1);
}

static void settle_axis(const arena *to, dvic_axis *axis)
{
    settle(to, &axis->label);
    settle(to, &axis->edges);
    if (axis->categories && axis->bins) {
        settle(to, &axis->categories);
        for (size_t number = 0; number < axis->bins; number++)
            settle(to, (char *)(uintptr_t)axis->categories + number * sizeof *axis->categories);
    }
}

static const double **doubles_of(dvic_object *object, int number)
{
    switch (number) {
    case 0: return &object->values;
    case 1: return &object->variances;
    case 2: return &object->counts;
    case 3: return &object->sum_of_weights;
    case 4: return &object->sum_of_weights_squared;
    case 5: return &object->x;
    case 6: return &object->y;
    case 7: return &object->x_errors;
    case 8: return &object->x_errors_high;
    case 9: return &object->y_errors;
    default: return &object->y_errors_high;
    }
}

/* The object with all that it points at, into the arena; one that is not wrong. Returns a copy with offsets. */
static dvic_object copy_object(arena *to, const dvic_object *given)
{
    dvic_object copy = *given;
    bool graph = is_graph(given);
    for (int number = 0; number < 11; number++) {
        const double **place = doubles_of(&copy, number);
        if (graph == (number >= 5))
            copy_doubles(to, place, graph ? copy.points : all_numbers(given));
        else
            *place = NULL;
    }
    copy_word(to, &copy.name), copy_word(to, &copy.title);
    copy_word(to, &copy.x_label), copy_word(to, &copy.y_label);
    copy_axis(to, &copy.x_axis), copy_axis(to, &copy.y_axis);
    return copy;
}

static void settle_object(const arena *to, dvic_object *copy)
{
    for (int number = 0; number < 11; number++)
        settle(to, doubles_of(copy, number));
    settle(to, &copy->name), settle(to, &copy->title), settle(to, &copy->x_label), settle(to, &copy->y_label);
    settle_axis(to, &copy->x_axis), settle_axis(to, &copy->y_axis);
}

/* Text of one line into `to` (DVIC_MAX_OBJECT_NAME characters at most): what can't be shown becomes a blank. The blanks
 * at its ends go. */
#define SHOWN_SIZE (4 * DVIC_MAX_OBJECT_NAME + 1)

static bool can_be_shown(const unsigned char *at, size_t size)
{
    unsigned code = size == 2   ? (at[0] & 31u) << 6 | (at[1] & 63u)
                    : size == 3 ? (at[0] & 15u) << 12 | (at[1] & 63u) << 6 | (at[2] & 63u)
                    : size == 4 ? (at[0] & 7u) << 18 | (at[1] & 63u) << 12 | (at[2] & 63u) << 6 | (at[3] & 63u)
                                : at[0];
    return code >= 0x20 && (code < 0x7f || code > 0xa0) && code != 0xad && code != 0x1680 && code != 0x180e &&
           (code < 0x2000 || code > 0x200f) && (code < 0x2028 || code > 0x202f) && (code < 0x205f || code > 0x206f) &&
           code != 0x3000 && (code < 0xe000 || code > 0xf8ff) && code != 0xfeff && (code < 0xfff0 || code > 0xfffb) &&
           (code & 0xfffe) != 0xfffe && code < 0xe0000;
}

static void show(char to[SHOWN_SIZE], const char *text)
{
    const unsigned char *at = (const unsigned char *)(text ? text : "");
    size_t left = strlen((const char *)at), used = 0, from = 0;
    for (int shown = 0; left > 0 && shown < DVIC_MAX_OBJECT_NAME; shown++) {
        size_t size = character(at, left), step = size ? size : 1;
        if (size && can_be_shown(at, size)) {
            memcpy(to + used, at, size);
            used += size;
        } else {
            to[used++] = size ? ' ' : '?';
        }
        at += step, left -= step;
    }
    while (used > 0 && to[used - 1] == ' ')
        used--;
    while (from < used && to[from] == ' ')
        from++;
    memmove(to, to + from, used - from);
    to[used - from] = '\0';
}

/* A member with a text that can be shown, where there is one. */
static void put_shown(out *to, const char *before, const char *text)
{
    char shown[SHOWN_SIZE];
    show(shown, text);
    if (*shown)
        put_member(to, before, shown, SHOWN_SIZE);
}
