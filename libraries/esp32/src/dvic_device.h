/* A device of a DVIC hub's: what it says next, and again where the hub says that its clock or its serial is wrong.
 *
 * C99 without any library, like the core: time and network are functions of whoever carries it. Nothing is allocated,
 * and nothing is written to a flash: serials are made of the time, so they grow over restarts and deep sleep. */
#ifndef DVIC_DEVICE_H
#define DVIC_DEVICE_H

#include "dvic_core.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef DVIC_BUFFER /* bytes of one message; a heartbeat needs about 600 */
#define DVIC_BUFFER 4096
#endif
#ifndef DVIC_WAITING /* log records that wait for the next beat */
#define DVIC_WAITING 16
#endif
#ifndef DVIC_MESSAGE /* bytes of a log record's text, its closing 0 included */
#define DVIC_MESSAGE 128
#endif

typedef struct {
    const char *name;
    double value;
} dvic_value;

typedef struct {
    /* Unix seconds by the device's own clock; anything before 2026 counts as never set. */
    int64_t (*now)(void *context);
    /* Milliseconds since some moment. */
    uint32_t (*ticks)(void *context);
    /* The device's clock was never set, and the hub tells the time: set it, or do nothing. May be NULL. */
    void (*set_clock)(void *context, int64_t seconds);
    /* POST `body` to the hub's URL and `path`; fill `answer` (dvic_read_answer); 0 when nothing answered. */
    int (*post)(void *context, const char *path, const char *body, size_t length, dvic_answer *answer);
    /* Send a datagram; 0 when it did not go out. NULL: everything goes by POST. */
    int (*send)(void *context, const char *data, size_t length);
    void *context;
} dvic_ways;

typedef struct {
    uint32_t ticks;
    const char *level;
    char text[DVIC_MESSAGE];
} dvic_waiting;

typedef struct {
    const dvic_signer *signer;
    const char *hub;
    int32_t period;
    dvic_ways ways;
    const char *problem; /* why the last beat failed, "" when it did not */
    int64_t serial, ahead;
    int first, count, by_udp;
    uint32_t lost;
    dvic_answer answer; /* the last one */
    dvic_waiting waiting[DVIC_WAITING];
    char buffer[DVIC_BUFFER];
} dvic_device;

/* `hub` is the hub's fingerprint, `period` the seconds in which the next beat is promised; both texts and the signer stay. */
void dvic_device_begin(dvic_device *device, const dvic_signer *signer, const char *hub, int32_t period, dvic_ways ways);
/* Keep a record for the next beat; levels: debug, info, notice, warning, error, critical. The oldest goes where there is no room. */
void dvic_log(dvic_device *device, const char *level, const char *text);
/* Say that the device is alive, and send what was logged; 1 when the hub took it, or by UDP went out. */
int dvic_beat(dvic_device *device, const dvic_value *numbers, size_t count, const char *status);
/* Unix seconds as far as the device knows; 0 when it does not. */
int64_t dvic_now(const dvic_device *device);

#ifdef __cplusplus
}
#endif
#endif
