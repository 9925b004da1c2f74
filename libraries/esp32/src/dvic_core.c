#include "dvic_core.h"

enum { CLAIMS, NUMBERS, STATUS, RECORDS };

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const unsigned char ed25519_der[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                              0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

static void put(dvic_message *m, char letter) {
    if (m->length + 1 >= m->size)
        m->failed = 1;
    else
        m->out[m->length++] = letter;
}

/* A byte on its way into base64url. */
static void byte(dvic_message *m, unsigned char value) {
    m->bits = m->bits << 8 | value;
    if (++m->waiting < 3)
        return;
    for (int shift = 18; shift >= 0; shift -= 6)
        put(m, base64url[m->bits >> shift & 63]);
    m->bits = 0;
    m->waiting = 0;
}

static void flush(dvic_message *m) {
    int letters = m->waiting ? m->waiting + 1 : 0;
    uint32_t bits = m->bits << (m->waiting == 1 ? 16 : 8);
    for (int i = 0; i < letters; i++)
        put(m, base64url[bits >> (18 - 6 * i) & 63]);
    m->bits = 0;
    m->waiting = 0;
}

static void raw(dvic_message *m, const char *text) {
    while (*text)
        byte(m, (unsigned char)*text++);
}

/* How many bytes the UTF-8 letter there has; 0 when it is none (RFC 3629: the shortest form, no surrogates). */
static int letter_bytes(const unsigned char *s) {
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    int bytes = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    for (int i = 1; i < bytes; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return bytes;
}

/* A JSON text of at most `most` characters. */
static void quoted(dvic_message *m, const char *text, int most) {
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)text;
    byte(m, '"');
    for (int i = 0; *s && i < most; i++) {
        int bytes = letter_bytes(s);
        if (!bytes) {
            byte(m, '?');
            s++;
        } else if (bytes == 1 && (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)) {
            raw(m, "\\u00");
            byte(m, (unsigned char)hex[*s >> 4]);
            byte(m, (unsigned char)hex[*s & 15]);
            s++;
        } else {
            while (bytes--)
                byte(m, *s++);
        }
    }
    byte(m, '"');
}

static void whole(dvic_message *m, int64_t value) {
    char digits[21];
    int at = 20;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    raw(m, digits + at);
}

/* To nine digits, as 123456789e-7: no printf is needed, and every JSON reader takes it. */
static void real(dvic_message *m, double value) {
    int exponent = 0;
    double size = value < 0 ? -value : value;
    if (size > 0) {
        while (size >= 1e9) {
            size /= 10;
            exponent++;
        }
        while (size < 1e8) {
            size *= 10;
            exponent--;
        }
    }
    int64_t digits = (int64_t)(size + 0.5);
    while (digits && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    whole(m, value < 0 ? -digits : digits);
    if (digits && exponent) {
        byte(m, 'e');
        whole(m, exponent);
    }
}

static int sextet(char letter) {
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+' || letter == '-')
        return 62;
    return letter == '/' || letter == '_' ? 63 : -1;
}

static int starts(const char *text, size_t length, const char *with) {
    size_t i = 0;
    while (with[i] && i < length && text[i] == with[i])
        i++;
    return !with[i];
}

static int is_space(char letter) { return letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t'; }

enum dvic_kind dvic_read_key(const char *text, size_t length, unsigned char key[32]) {
    static const char head[] = "-----BEGIN PRIVATE KEY-----";
    unsigned char data[48];
    size_t got = 0, letters = 0;
    uint32_t bits = 0;
    while (length && is_space(*text))
        text++, length--;
    int pem = starts(text, length, head);
    for (size_t i = pem ? sizeof head - 1 : 0; i < length; i++) {
        int value = sextet(text[i]);
        if (is_space(text[i]))
            continue;
        if (pem && letters == 64 && starts(text + i, length - i, "-----END PRIVATE KEY-----"))
            break;
        if (value < 0 || letters == (pem ? 64U : 43U))
            return DVIC_NO_KEY;
        bits = bits << 6 | (uint32_t)value;
        if (++letters % 4 != 1 && got < sizeof data)
            data[got++] = (unsigned char)(bits >> (letters % 4 == 2 ? 4 : letters % 4 == 3 ? 2 : 0));
    }
    if (letters != (pem ? 64U : 43U))
        return DVIC_NO_KEY;
    for (int i = 0; pem && i < 16; i++)
        if (data[i] != ed25519_der[i])
            return DVIC_NO_KEY;
    for (int i = 0; i < 32; i++)
        key[i] = data[i + (pem ? 16 : 0)];
    volatile unsigned char *wiped = data; /* volatile: the compiler must not leave it out */
    for (size_t i = 0; i < sizeof data; i++)
        wiped[i] = 0;
    return pem ? DVIC_ED25519 : DVIC_SHARED;
}

void dvic_node_id(const unsigned char digest[32], char node[DVIC_NODE_SIZE]) {
    node[0] = 'n';
    node[1] = '-';
    for (int i = 0; i < 20; i++) {
        int at = i * 5 / 8, shift = 11 - i * 5 % 8;
        node[i + 2] = "abcdefghijklmnopqrstuvwxyz234567"[(digest[at] << 8 | digest[at + 1]) >> shift & 31];
    }
    node[22] = 0;
}

void dvic_begin(dvic_message *m, char *out, size_t size, size_t start, const dvic_signer *signer, const char *purpose,
                const char *hub, int64_t now, int64_t serial, int32_t period) {
    *m = (dvic_message){.signer = signer, .out = out, .size = size, .length = start, .start = start};
    m->failed = start >= size;
    raw(m, signer->kind == DVIC_SHARED ? "{\"alg\":\"HS256\",\"typ\":" : "{\"alg\":\"EdDSA\",\"typ\":");
    quoted(m, purpose, 40);
    byte(m, '}');
    flush(m);
    put(m, '.');
    raw(m, "{\"iss\":");
    quoted(m, signer->node, DVIC_NODE_SIZE);
    raw(m, ",\"aud\":");
    quoted(m, hub, 64);
    raw(m, ",\"serial\":");
    whole(m, serial);
    raw(m, ",\"period\":");
    whole(m, period);
    raw(m, ",\"iat\":");
    whole(m, now);
    raw(m, ",\"exp\":");
    whole(m, now + 300);
}

/* Go on to another part of the claims; `close` ends the one before. */
static void part(dvic_message *m, int next) {
    if (m->part == next)
        return;
    if (m->part > next)
        m->failed = 1;
    if (m->part == NUMBERS)
        byte(m, '}');
    if (next == NUMBERS)
        raw(m, ",\"numbers\":{");
    if (next == RECORDS)
        raw(m, ",\"records\":[");
    m->part = next;
    m->items = 0;
}

static int name_length(const char *name) {
    int length = 0;
    for (; name[length] && length <= 64; length++)
        if (name[length] < 0x20 || name[length] > 0x7e)
            return 0;
    return length <= 64 ? length : 0;
}

void dvic_number(dvic_message *m, const char *name, double value) {
    if (!(value > -1e300 && value < 1e300) || !name || !name_length(name))
        return;
    part(m, NUMBERS);
    if (m->items == DVIC_MAX_NUMBERS)
        return;
    if (m->items++)
        byte(m, ',');
    quoted(m, name, 64);
    byte(m, ':');
    real(m, value);
}

void dvic_status(dvic_message *m, const char *text) {
    part(m, STATUS);
    if (m->items++)
        m->failed = 1;
    raw(m, ",\"status\":");
    quoted(m, text ? text : "", DVIC_MAX_STATUS);
}

void dvic_record(dvic_message *m, int64_t time, const char *level, const char *text, uint32_t missed) {
    part(m, RECORDS);
    raw(m, m->items++ ? ",{\"time\":" : "{\"time\":");
    whole(m, time);
    raw(m, ",\"level\":");
    quoted(m, level, 16);
    raw(m, ",\"message\":");
    quoted(m, text, 4096);
    if (missed) {
        raw(m, ",\"gap\":{\"reason\":\"overrun\",\"detail\":\"\",\"unit\":\"records\",\"missed\":");
        whole(m, missed);
        byte(m, '}');
    }
    byte(m, '}');
}

size_t dvic_end(dvic_message *m) {
    unsigned char signature[64];
    if (m->part == NUMBERS)
        byte(m, '}');
    if (m->part == RECORDS)
        byte(m, ']');
    byte(m, '}');
    flush(m);
    if (m->failed)
        return 0;
    size_t length = m->signer->sign(m->signer->context, (const unsigned char *)m->out + m->start, m->length - m->start,
                                    signature);
    put(m, '.');
    for (size_t i = 0; i < length && i < sizeof signature; i++)
        byte(m, signature[i]);
    flush(m);
    if (m->failed || !length)
        return 0;
    m->out[m->length] = 0;
    return m->length;
}
