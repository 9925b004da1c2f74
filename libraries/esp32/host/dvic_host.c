/* The device on a Linux machine: the same C as on an ESP32, with sockets under it. It does what lines of its input say,
 * and answers each with one line; the test suite speaks to it.
 *
 *   dvic-host HOST PORT HUB KEYFILE [UDPPORT]
 *
 *   log LEVEL TEXT             keep a record
 *   number NAME VALUE          for the next beat
 *   beat [STATUS]              "1", or "0" and the problem, and what the hub said
 *   ahead SECONDS              turn the clock; it was never set when that is before 2026
 *   serial NUMBER              as if it had been the last one
 *   write NOW SERIAL PERIOD [HEX]   the signed heartbeat, with a status of these bytes and the numbers
 *   answer HEX                 what is read of an answer of these bytes
 *   key HEX                    kind and id of a key file of these bytes
 *   node                       the device's id */
#define _POSIX_C_SOURCE 200809L

#include "dvic_device.h"
#include "dvic_sodium.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    const char *host, *port, *udp;
    int64_t ahead;
} place;

static int64_t seconds(void *context) { return time(NULL) + ((place *)context)->ahead; }

static uint32_t milliseconds(void *context) {
    struct timespec at;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint32_t)((uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000);
}

static int connected(const char *host, const char *port, int kind) {
    struct addrinfo hints = {.ai_socktype = kind}, *found;
    struct timeval patience = {.tv_sec = 30};
    if (getaddrinfo(host, port, &hints, &found))
        return -1;
    int opened = socket(found->ai_family, kind, 0);
    if (opened >= 0) {
        setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(opened, found->ai_addr, found->ai_addrlen)) {
            close(opened);
            opened = -1;
        }
    }
    freeaddrinfo(found);
    return opened;
}

static int send_all(int opened, const char *data, size_t length) {
    while (length) {
        ssize_t sent = send(opened, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        data += sent;
        length -= (size_t)sent;
    }
    return 1;
}

static int post(void *context, const char *path, const char *body, size_t length, dvic_answer *answer) {
    place *p = context;
    char head[256], text[4096];
    size_t got = 0;
    int opened = connected(p->host, p->port, SOCK_STREAM);
    if (opened < 0)
        return 0;
    snprintf(head, sizeof head, "POST %s HTTP/1.0\r\nHost: %s:%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             path, p->host, p->port, length);
    if (send_all(opened, head, strlen(head)) && send_all(opened, body, length)) {
        ssize_t more;
        while (got < sizeof text && (more = recv(opened, text + got, sizeof text - got, 0)) > 0)
            got += (size_t)more;
    }
    close(opened);
    return dvic_read_answer(text, got, answer);
}

static int send_datagram(void *context, const char *data, size_t length) {
    place *p = context;
    int opened = connected(p->host, p->udp, SOCK_DGRAM);
    if (opened < 0)
        return 0;
    ssize_t sent = send(opened, data, length, 0);
    close(opened);
    return sent == (ssize_t)length;
}

/* The bytes of a hexadecimal text, in memory of their own size, so that a sanitizer sees what is read behind them. */
static char *bytes_of(const char *hex, size_t *length) {
    *length = strlen(hex) / 2;
    char *bytes = malloc(*length + 1);
    for (size_t i = 0; bytes && i < *length; i++) {
        unsigned value = 0;
        sscanf(hex + 2 * i, "%2x", &value);
        bytes[i] = (char)value;
    }
    return bytes;
}

static void say_answer(const char *hex) {
    size_t length;
    char *text = bytes_of(hex, &length), *exact = malloc(length ? length : 1);
    dvic_answer a;
    memcpy(exact, text, length);
    int read = dvic_read_answer(exact, length, &a);
    printf("%d %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " ", read, a.status, a.date, a.time, a.serial, a.limit);
    for (const char *c = a.code; *c; c++)
        printf("%02x", (unsigned char)*c);
    printf(".\n");
    free(exact);
    free(text);
}

static void say_key(const char *hex) {
    size_t length;
    char *text = bytes_of(hex, &length), *exact = malloc(length ? length : 1);
    dvic_signer signer;
    dvic_secret secret;
    memcpy(exact, text, length);
    int read = dvic_sodium_signer(&signer, &secret, exact, length);
    printf("%d %s\n", read ? (int)signer.kind : 0, read ? signer.node : "");
    free(exact);
    free(text);
}

static void say_written(dvic_device *d, char *arguments, const dvic_value *numbers, size_t count) {
    int64_t now = 0, serial = 0;
    int period = 0, read = 0;
    size_t length;
    if (sscanf(arguments, "%" SCNd64 " %" SCNd64 " %d %n", &now, &serial, &period, &read) < 3) {
        puts("?");
        return;
    }
    char *status = bytes_of(arguments + read, &length);
    dvic_message m;
    status[length] = 0;
    dvic_begin(&m, d->buffer, sizeof d->buffer, 0, d->signer, DVIC_KEEPALIVE_POST, d->hub, now, serial, period);
    for (size_t i = 0; i < count; i++)
        dvic_number(&m, numbers[i].name, numbers[i].value);
    dvic_status(&m, status);
    size_t written = dvic_end(&m);
    puts(written ? d->buffer : "-");
    free(status);
}

static void say_beat(dvic_device *d, const dvic_value *numbers, size_t count, const char *status) {
    int done = dvic_beat(d, numbers, count, status);
    printf("%d %s %d %s\n", done, d->problem, d->answer.status, d->answer.code);
}

int main(int argc, char **argv) {
    static dvic_device device;
    static char line[1 << 17], names[64][80];
    dvic_value numbers[64];
    size_t count = 0;
    dvic_secret secret;
    dvic_signer signer = {0};
    char key[512] = "";
    if (argc < 5) {
        fprintf(stderr, "usage: dvic-host HOST PORT HUB KEYFILE [UDPPORT]\n");
        return 2;
    }
    FILE *file = fopen(argv[4], "r");
    size_t length = file ? fread(key, 1, sizeof key, file) : 0;
    if (file)
        fclose(file);
    if (!dvic_sodium_signer(&signer, &secret, key, length)) {
        fprintf(stderr, "%s holds no key as hubctl node add --generate-key writes it\n", argv[4]);
        return 2;
    }
    place p = {argv[1], argv[2], argc > 5 ? argv[5] : NULL, 0};
    dvic_device_begin(&device, &signer, argv[3], 60,
                      (dvic_ways){seconds, milliseconds, NULL, post, p.udp ? send_datagram : NULL, &p});
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *word = strtok(line, " "), *rest = strtok(NULL, "");
        rest = rest ? rest : (char[1]){0};
        if (!word)
            continue;
        if (!strcmp(word, "log")) {
            char *level = strtok(rest, " "), *text = strtok(NULL, "");
            dvic_log(&device, level, text);
            puts("ok");
        } else if (!strcmp(word, "number") && count < 64) {
            char *name = strtok(rest, " "), *value = strtok(NULL, "");
            snprintf(names[count], sizeof *names, "%s", name ? name : "");
            numbers[count] = (dvic_value){names[count], value ? strtod(value, NULL) : 0};
            count++;
            puts("ok");
        } else if (!strcmp(word, "beat")) {
            say_beat(&device, numbers, count, rest);
            count = 0;
        } else if (!strcmp(word, "ahead")) {
            p.ahead = strtoll(rest, NULL, 10);
            puts("ok");
        } else if (!strcmp(word, "serial")) {
            device.serial = strtoll(rest, NULL, 10);
            puts("ok");
        } else if (!strcmp(word, "write")) {
            say_written(&device, rest, numbers, count);
            count = 0;
        } else if (!strcmp(word, "answer")) {
            say_answer(rest);
        } else if (!strcmp(word, "key")) {
            say_key(rest);
        } else if (!strcmp(word, "node")) {
            puts(signer.node);
        } else {
            puts("?");
        }
    }
    return 0;
}
