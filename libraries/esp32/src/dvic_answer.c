/* What a hub answers. Every byte of it may be anything: nothing is read behind `length`, and numbers stay in range. */
#include "dvic_core.h"

static int64_t number(const char *text, size_t length, size_t *at) {
    int64_t value = 0;
    for (; *at < length && text[*at] >= '0' && text[*at] <= '9'; ++*at)
        value = value > INT64_MAX / 10 - 9 ? INT64_MAX / 10 - 9 : value * 10 + (text[*at] - '0');
    return value;
}

static int same(const char *text, size_t length, const char *wanted) {
    size_t i = 0;
    while (wanted[i] && i < length && (text[i] | 0x20) == wanted[i])
        i++;
    return !wanted[i] && i == length;
}

int64_t dvic_read_date(const char *text, size_t length) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char form[] = "AAA, 00 AAA 0000 00:00:00 GMT";
    if (length < sizeof form - 1)
        return 0;
    for (size_t i = 0; form[i]; i++) {
        int digit = text[i] >= '0' && text[i] <= '9', letter = (text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z';
        if (form[i] == '0' ? !digit : form[i] == 'A' ? !letter : text[i] != form[i])
            return 0;
    }
    int month = 0;
    while (month < 12 && (text[8] != months[month * 3] || text[9] != months[month * 3 + 1] ||
                          text[10] != months[month * 3 + 2]))
        month++;
    if (month == 12)
        return 0;
    size_t at = 5;
    int64_t day = number(text, 7, &at), year = number(text, 16, (at = 12, &at));
    int64_t hour = number(text, 19, (at = 17, &at)), minute = number(text, 22, (at = 20, &at));
    int64_t second = number(text, 25, (at = 23, &at));
    /* days since 1970, counted in years that begin with March, so that the day of a leap year comes last */
    int64_t years = year - (month < 2);
    int64_t days = 365 * years + years / 4 - years / 100 + years / 400 + (153 * ((month + 10) % 12) + 2) / 5 + day;
    return ((days - 719469) * 24 + hour) * 3600 + minute * 60 + second;
}

/* Behind the text that begins at `at`, which is a quote. */
static size_t behind_text(const char *text, size_t length, size_t at) {
    for (at++; at < length && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < length ? at + 1 : length;
}

void dvic_read_body(const char *text, size_t length, dvic_answer *answer) {
    size_t depth = 0;
    for (size_t at = 0; at < length;) {
        if (text[at] == '{' || text[at] == '[')
            depth++;
        if ((text[at] == '}' || text[at] == ']') && depth)
            depth--;
        if (text[at] != '"') {
            at++;
            continue;
        }
        size_t name = at + 1, end = behind_text(text, length, at);
        size_t size = end > name ? end - 1 - name : 0;
        for (at = end; at < length && (text[at] == ' ' || text[at] == ':'); at++)
            ;
        if (depth != 1 || at == end || at >= length)
            continue;
        if (text[at] == '"') { /* a value that is text */
            size_t value = at + 1;
            at = behind_text(text, length, at);
            if (same(text + name, size, "code")) {
                size_t i = 0;
                for (; value + i + 1 < at && i + 1 < sizeof answer->code; i++)
                    answer->code[i] = text[value + i];
                answer->code[i] = 0;
            }
        } else if (text[at] >= '0' && text[at] <= '9') {
            int64_t value = number(text, length, &at);
            if (same(text + name, size, "serial"))
                answer->serial = value;
            if (same(text + name, size, "limit"))
                answer->limit = value;
            if (same(text + name, size, "time"))
                answer->time = value / 1000000;
        }
    }
}

int dvic_read_answer(const char *text, size_t length, dvic_answer *answer) {
    *answer = (dvic_answer){0};
    if (length < 13 || !same(text, 7, "http/1.") || text[8] != ' ')
        return 0;
    size_t at = 9;
    answer->status = (int)number(text, 12, &at);
    while (at + 3 < length && !(text[at] == '\r' && text[at + 2] == '\r' && text[at + 3] == '\n')) {
        if (text[at++] != '\n')
            continue;
        size_t colon = at, value;
        while (colon < length && text[colon] != ':' && text[colon] != '\r')
            colon++;
        for (value = colon + 1; value < length && text[value] == ' '; value++)
            ;
        if (value < length && same(text + at, colon - at, "date"))
            answer->date = dvic_read_date(text + value, length - value);
    }
    if (at + 4 > length)
        return 0;
    dvic_read_body(text + at + 4, length - at - 4, answer);
    return at + 4 <= length && answer->status >= 100;
}
