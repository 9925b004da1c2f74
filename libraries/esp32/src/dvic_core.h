/* What a device tells a DVIC hub, written without allocation, and what the hub answers, read.
 *
 * C99 that needs no library at all (gcc -ffreestanding): who has the bytes signed, sent and stored says so by functions.
 * Texts are UTF-8; bytes that are none become '?'. */
#ifndef DVIC_CORE_H
#define DVIC_CORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DVIC_KEEPALIVE_POST "dvic-keepalive-post+jws"
#define DVIC_KEEPALIVE_UDP "dvic-keepalive-udp+jws"
#define DVIC_RECORDS_POST "dvic-records-post+jws"

#define DVIC_NODE_SIZE 23 /* n- and 20 characters, and the 0 */
#define DVIC_MAX_NUMBERS 32
#define DVIC_MAX_STATUS 256 /* characters */

enum dvic_kind { DVIC_NO_KEY, DVIC_ED25519, DVIC_SHARED };

/* Who signs. `sign` writes the signature of `size` bytes (at most 64) and returns its length, 0 when it can't. */
typedef struct {
    enum dvic_kind kind;
    char node[DVIC_NODE_SIZE];
    size_t (*sign)(void *context, const unsigned char *data, size_t size, unsigned char signature[64]);
    void *context;
} dvic_signer;

/* A message under way. Its members are not for callers. */
typedef struct {
    const dvic_signer *signer;
    char *out;
    size_t size, length, start;
    uint32_t bits;
    int waiting, part, items, failed;
} dvic_message;

/* Read what `hubctl node add --generate-key` wrote: PEM, or 43 characters of base64url. */
enum dvic_kind dvic_read_key(const char *text, size_t length, unsigned char key[32]);

/* A node's id, of the SHA-256 of "dvic-node" and the public key, or of "dvic-device" and the shared one. */
void dvic_node_id(const unsigned char digest[32], char node[DVIC_NODE_SIZE]);

/* Begin a message in `out`, behind `start` bytes that are there already; `now` is Unix seconds. Then come, in this
 * order, any number of dvic_number, at most one dvic_status, any number of dvic_record, and dvic_end. */
void dvic_begin(dvic_message *message, char *out, size_t size, size_t start, const dvic_signer *signer,
                const char *purpose, const char *hub, int64_t now, int64_t serial, int32_t period);
/* One that is no finite number, or has no name, is left out: it would cost the whole message. */
void dvic_number(dvic_message *message, const char *name, double value);
void dvic_status(dvic_message *message, const char *text);
/* `time` is in microseconds since 1970; `missed` above 0 makes it a gap of so many records. */
void dvic_record(dvic_message *message, int64_t time, const char *level, const char *text, uint32_t missed);
/* The signed text, closed by a 0, ends at the returned length; 0: it had no room, or could not be signed. */
size_t dvic_end(dvic_message *message);

/* An answer of the hub's. `date` and `time` are Unix seconds, 0 when not said; `limit` is the highest serial of a replay. */
typedef struct {
    int status;
    int64_t date, time, serial, limit;
    char code[16];
} dvic_answer;

/* Read an HTTP answer, header and body; 0 when it is none. */
int dvic_read_answer(const char *text, size_t length, dvic_answer *answer);
/* The JSON of a body alone, for transports that read the header themselves. */
void dvic_read_body(const char *text, size_t length, dvic_answer *answer);
/* Unix seconds of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`; 0 for anything else. */
int64_t dvic_read_date(const char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
