/* Signing by libsodium, which Arduino's core for ESP32 brings (2.x, and 3.0.2 and later) and Debian has as libsodium-dev. */
#ifndef DVIC_SODIUM_H
#define DVIC_SODIUM_H

#include "dvic_core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    unsigned char secret[64];
} dvic_secret;

/* Make a signer of a key file's text; 0 when it holds no key. `secret` has to stay as long as the signer. */
int dvic_sodium_signer(dvic_signer *signer, dvic_secret *secret, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
