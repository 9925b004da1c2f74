#include "dvic_device.h"

#define KNOWN 1767225600 /* 2026: a clock before it was never set */
#define MAX_SERIAL 9007199254740990 /* the hub's highest but one */
#define POST_EVERY 100   /* of so many beats by UDP one goes by POST, and learns the hub's time */

static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "critical"};

static int same(const char *one, const char *other) {
    while (*one && *one == *other)
        one++, other++;
    return *one == *other;
}

static int64_t now(const dvic_device *d) { return d->ways.now(d->ways.context) + d->ahead; }

int64_t dvic_now(const dvic_device *d) { return now(d) < KNOWN ? 0 : now(d); }

/* The hub's clock says so; 1 when this one was wrong by more than two seconds. One that was set is left alone. */
static int told(dvic_device *d, int64_t seconds) {
    int64_t wrong = seconds - now(d);
    if (seconds < KNOWN || (wrong >= -2 && wrong <= 2))
        return 0;
    if (now(d) < KNOWN && d->ways.set_clock) {
        d->ways.set_clock(d->ways.context, seconds);
        d->ahead = 0;
    }
    d->ahead += seconds - now(d);
    return 1;
}

void dvic_device_begin(dvic_device *d, const dvic_signer *signer, const char *hub, int32_t period, dvic_ways ways) {
    d->signer = signer;
    d->hub = hub;
    d->period = period < 1 ? 1 : period > 86400 ? 86400 : period;
    d->ways = ways;
    d->problem = "";
    d->serial = d->ahead = 0;
    d->first = d->count = d->by_udp = 0;
    d->lost = 0;
    d->answer = (dvic_answer){0};
}

void dvic_log(dvic_device *d, const char *level, const char *text) {
    if (d->count == DVIC_WAITING) {
        d->first = (d->first + 1) % DVIC_WAITING;
        d->count--;
        d->lost++;
    }
    dvic_waiting *w = &d->waiting[(d->first + d->count++) % DVIC_WAITING];
    w->ticks = d->ways.ticks(d->ways.context);
    w->level = levels[1];
    for (size_t i = 0; level && i < sizeof levels / sizeof *levels; i++)
        if (same(level, levels[i]))
            w->level = levels[i];
    int i = 0;
    for (; text && text[i] && i < DVIC_MESSAGE - 1; i++)
        w->text[i] = text[i];
    if (text && text[i]) /* cut: not within a letter */
        while (i && (text[i] & 0xc0) == 0x80)
            i--;
    w->text[i] = 0;
}

/* Copy a text to the buffer; returns where it ends. */
static size_t copied(dvic_device *d, size_t at, const char *text) {
    while (*text && at + 1 < DVIC_BUFFER)
        d->buffer[at++] = *text++;
    d->buffer[at] = 0;
    return at;
}

static size_t written(dvic_device *d, size_t start, const char *purpose, int records, const dvic_value *numbers,
                      size_t count, const char *status) {
    dvic_message m;
    int64_t seconds = now(d);
    uint32_t ticks = d->ways.ticks(d->ways.context);
    d->serial = d->serial + 1 > seconds * 1000 ? d->serial + 1 : seconds * 1000;
    dvic_begin(&m, d->buffer, DVIC_BUFFER, start, d->signer, purpose, d->hub, seconds, d->serial, d->period);
    for (size_t i = 0; i < count; i++)
        dvic_number(&m, numbers[i].name, numbers[i].value);
    dvic_status(&m, status);
    for (int i = 0; i < records; i++) { /* counted back from now: the clock may have been set since */
        const dvic_waiting *w = &d->waiting[(d->first + i) % DVIC_WAITING];
        int64_t time = seconds * 1000000 - (int64_t)(ticks - w->ticks) * 1000;
        if (!i && d->lost)
            dvic_record(&m, time, "warning", "gap (overrun), log records are missing", d->lost);
        dvic_record(&m, time, w->level, w->text, 0);
    }
    return dvic_end(&m);
}

static void dropped(dvic_device *d, int records) {
    d->first = (d->first + records) % DVIC_WAITING;
    d->count -= records;
    if (records)
        d->lost = 0;
}

/* POST with as many records as there is room for; 1 when the hub took it. */
static int posted(dvic_device *d, int records, const dvic_value *numbers, size_t count, const char *status) {
    for (int tries = 0; tries < 3; tries++) {
        size_t end = 0;
        for (;; records /= 2) {
            size_t start = copied(d, 0, records ? "{\"records\":\"" : "{\"keepalive\":\"");
            end = written(d, start, records ? DVIC_RECORDS_POST : DVIC_KEEPALIVE_POST, records, numbers, count, status);
            if ((end && end + 3 < DVIC_BUFFER) || !records)
                break;
        }
        if (!end || end + 3 >= DVIC_BUFFER) {
            d->problem = "the message has no room in DVIC_BUFFER, or could not be signed";
            return 0;
        }
        end = copied(d, end, "\"}");
        d->answer = (dvic_answer){0};
        if (!d->ways.post(d->ways.context, records ? "/api/v1/records" : "/api/v1/keepalive", d->buffer, end, &d->answer)) {
            d->problem = "the hub does not answer";
            return 0;
        }
        if (d->answer.status == 200) {
            dropped(d, records);
            if (d->answer.serial > d->serial && d->answer.serial < MAX_SERIAL)
                d->serial = d->answer.serial;
            told(d, d->answer.time);
            return 1;
        }
        if (same(d->answer.code, "replay") && d->answer.limit > d->serial &&
            d->answer.limit < MAX_SERIAL)
            d->serial = d->answer.limit;
        else if (!same(d->answer.code, "clock") || !told(d, d->answer.date))
            break;
    }
    d->problem = "the hub refuses it: see answer";
    if (d->answer.status >= 400 && d->answer.status < 500 && !same(d->answer.code, "clock") &&
        !same(d->answer.code, "replay") && !same(d->answer.code, "too-many")) {
        d->lost += (uint32_t)records; /* it would say so again, and the device would never be heard */
        d->first = (d->first + records) % DVIC_WAITING;
        d->count -= records;
    }
    return 0;
}

int dvic_beat(dvic_device *d, const dvic_value *numbers, size_t count, const char *status) {
    d->problem = "";
    if (!d->signer || d->signer->kind == DVIC_NO_KEY) {
        d->problem = "there is no key";
        return 0;
    }
    if (d->ways.send && !d->count && dvic_now(d) && d->by_udp < POST_EVERY - 1) {
        d->by_udp++;
        size_t end = written(d, 0, DVIC_KEEPALIVE_UDP, 0, numbers, count, status);
        if (end && d->ways.send(d->ways.context, d->buffer, end))
            return 1;
        d->problem = "the datagram did not go out";
        return 0;
    }
    d->by_udp = 0;
    if (!posted(d, d->count, numbers, count, status))
        return 0;
    for (int more = 0; d->count && more < DVIC_WAITING; more++) /* what had no room in the first */
        if (!posted(d, d->count, NULL, 0, status))
            return 0;
    return 1;
}
