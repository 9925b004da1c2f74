#include "dvic_sodium.h"

#include <sodium.h>
#include <string.h>

static size_t sign_ed25519(void *context, const unsigned char *data, size_t size, unsigned char signature[64]) {
    unsigned long long length = 0;
    return crypto_sign_detached(signature, &length, data, size, ((dvic_secret *)context)->secret) ? 0 : (size_t)length;
}

static size_t sign_shared(void *context, const unsigned char *data, size_t size, unsigned char signature[64]) {
    return crypto_auth_hmacsha256(signature, data, size, ((dvic_secret *)context)->secret) ? 0 : 32;
}

int dvic_sodium_signer(dvic_signer *signer, dvic_secret *secret, const char *text, size_t length) {
    unsigned char key[32], named[64], digest[32];
    memset(signer, 0, sizeof *signer);
    enum dvic_kind kind = dvic_read_key(text, length, key);
    if (kind == DVIC_NO_KEY || sodium_init() < 0)
        return 0;
    size_t size;
    if (kind == DVIC_ED25519) {
        size = sizeof "dvic-node" - 1;
        memcpy(named, "dvic-node", size);
        if (crypto_sign_seed_keypair(named + size, secret->secret, key))
            return 0;
        signer->sign = sign_ed25519;
    } else {
        size = sizeof "dvic-device" - 1;
        memcpy(named, "dvic-device", size);
        memcpy(named + size, key, 32);
        memcpy(secret->secret, key, 32);
        signer->sign = sign_shared;
    }
    crypto_hash_sha256(digest, named, size + 32);
    dvic_node_id(digest, signer->node);
    sodium_memzero(key, sizeof key);
    sodium_memzero(named, sizeof named);
    signer->kind = kind;
    signer->context = secret;
    return 1;
}
