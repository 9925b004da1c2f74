/* What is said, as JSON of valid UTF-8 in a buffer of a given size. */

/* JSON on its way into a buffer. What does not fit is not there, and `full` says so. */
typedef struct {
    char *at;
    size_t used, size;
    bool full;
} out;

static void put(out *to, const char *bytes, size_t length)
{
    if (length > to->size - to->used) {
        to->full = true;
        return;
    }
    if (length) /* there may be no buffer yet */
        memcpy(to->at + to->used, bytes, length);
    to->used += length;
}

static void put_raw(out *to, const char *text)
{
    put(to, text, strlen(text));
}

static void put_unsigned(out *to, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put(to, digits + at, sizeof digits - at);
}

static void put_whole(out *to, int64_t value)
{
    if (value < 0)
        put(to, "-", 1);
    put_unsigned(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Bytes of the character that begins here, 0 for what is not UTF-8 (RFC 3629: no surrogates, nothing too long). */
static size_t character(const unsigned char *at, size_t left)
{
    unsigned char low = 0x80, high = 0xbf, first = at[0];
    size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (size == 0 || size > left)
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    for (size_t number = 1; number < size; number++) {
        if (at[number] < low || at[number] > high)
            return 0;
        low = 0x80, high = 0xbf;
    }
    return size;
}

static const char HEX[] = "0123456789abcdef";

/* One character, or one byte that is none, as it stands in a JSON text. Returns how many characters a reader sees. */
static size_t put_character(out *to, const unsigned char *at, size_t size)
{
    char escaped[8];
    if (size == 0) { /* as Python's backslashreplace shows it: \xff */
        snprintf(escaped, sizeof escaped, "\\\\x%02x", at[0]);
        put(to, escaped, 5);
        return 4;
    }
    if (size > 1 || (at[0] >= 0x20 && at[0] != '"' && at[0] != '\\')) {
        put(to, (const char *)at, size);
        return 1;
    }
    switch (at[0]) {
    case '"': put(to, "\\\"", 2); break;
    case '\\': put(to, "\\\\", 2); break;
    case '\n': put(to, "\\n", 2); break;
    case '\r': put(to, "\\r", 2); break;
    case '\t': put(to, "\\t", 2); break;
    default:
        memcpy(escaped, "\\u00", 4);
        escaped[4] = HEX[at[0] >> 4], escaped[5] = HEX[at[0] & 15];
        put(to, escaped, 6);
    }
    return 1;
}

/* The inside of a JSON text: at most `limit` characters, and how many were cut. `unseen`: bytes that follow and that the
 * caller does not have. */
static void put_inside(out *to, const char *text, size_t length, size_t limit, size_t unseen)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t shown = 0, cut = 0, size;
    for (size_t left = length; left > 0; at += size ? size : 1, left -= size ? size : 1) {
        /* A run of what needs no care goes as it is. */
        size_t plain = 0;
        while (plain < left && plain < limit - shown && at[plain] >= 0x20 && at[plain] < 0x7f && at[plain] != '"' &&
               at[plain] != '\\')
            plain++;
        put(to, (const char *)at, plain);
        shown += plain, at += plain, left -= plain;
        if (left == 0)
            break;
        size = character(at, left);
        if (shown < limit)
            shown += put_character(to, at, size);
        else
            cut += size ? 1 : 4;
        if (shown > limit)
            shown = limit; /* the last one was a byte in four characters */
    }
    if (cut || unseen) {
        put_raw(to, "... (");
        put_unsigned(to, cut + unseen);
        put_raw(to, unseen ? " characters or bytes cut)" : " characters cut)");
    }
}

static void put_text(out *to, const char *text, size_t length, size_t limit)
{
    put(to, "\"", 1);
    put_inside(to, text, length, limit, 0);
    put(to, "\"", 1);
}

static void put_member(out *to, const char *before, const char *text, size_t limit)
{
    put_raw(to, before);
    put_text(to, text, strlen(text), limit);
}

/* The shortest digits from which the number can be read again, with a point whatever the locale has there. `whole`: a
 * number without a fraction has ".0" behind it, so that it is not taken for an integer. Finite numbers only. */
static void put_number(out *to, double value, bool whole)
{
    char made[40], plain[40];
    size_t used = 0;
    bool fraction = false, apart = false;
    if (value > -9007199254740992.0 && value < 9007199254740992.0 && value == (double)(int64_t)value &&
        !(value == 0 && signbit(value))) {
        put_whole(to, (int64_t)value);
        if (whole)
            put(to, ".0", 2);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(made, sizeof made, "%.*g", digits, value);
        if (digits == 17 || strtod(made, NULL) == value)
            break;
    }
    for (const char *at = made; *at && used < sizeof plain - 4; at++) {
        if ((*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == 'e') {
            fraction = fraction || *at == 'e';
            apart = false;
            plain[used++] = *at;
        } else if (!apart) { /* the point, which may be several bytes */
            fraction = apart = true;
            plain[used++] = '.';
        }
    }
    put(to, plain, used);
    if ((whole && !fraction) || value == 0) /* only as -0.0 does a zero keep its sign */
        put(to, ".0", 2);
}
