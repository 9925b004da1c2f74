"""SHA-512 (FIPS 180-4), which the firmware for ESP32 does not have; `hashlib` is used where it does."""

_MASK = (1 << 64) - 1
_K, _START = [], []


def _root(value, power):
    """The first 64 bits behind the point of the square or cube root: what the standard's constants are."""
    wanted = value << (64 * power)
    low, high = 0, 1 << 72
    while high - low > 1:
        middle = (low + high) >> 1
        if middle**power <= wanted:
            low = middle
        else:
            high = middle
    return low & _MASK


def _prepare():
    prime = 1
    while len(_K) < 80:
        prime += 1
        if all(prime % factor for factor in range(2, int(prime**0.5) + 1)):
            _K.append(_root(prime, 3))
            if len(_START) < 8:
                _START.append(_root(prime, 2))


def sha512(*pieces):
    """The digest of the pieces, one behind the other: 64 bytes."""
    if not _K:
        _prepare()
    data = b"".join(pieces)
    data += b"\x80" + bytes((111 - len(data)) % 128) + (len(data) * 8).to_bytes(16, "big")
    state = _START[:]
    for start in range(0, len(data), 128):
        state = _block(state, data, start)
    return b"".join(word.to_bytes(8, "big") for word in state)


def _block(state, data, start):
    # A rotation by n is (v >> n | v << (64 - n)); three of them share one doubled word v | v << 64.
    mask, k = _MASK, _K
    words = [int.from_bytes(data[at:at + 8], "big") for at in range(start, start + 128, 8)]
    for i in range(16, 80):
        v, w = words[i - 15], words[i - 2]
        v2, w2 = v | v << 64, w | w << 64
        words.append((words[i - 16] + ((v2 >> 1 ^ v2 >> 8) & mask ^ v >> 7) + words[i - 7]
                      + ((w2 >> 19 ^ w2 >> 61) & mask ^ w >> 6)) & mask)
    a, b, c, d, e, f, g, h = state
    for i in range(80):
        e2, a2 = e | e << 64, a | a << 64
        t = h + ((e2 >> 14 ^ e2 >> 18 ^ e2 >> 41) & mask) + (g ^ e & (f ^ g)) + k[i] + words[i]
        u = ((a2 >> 28 ^ a2 >> 34 ^ a2 >> 39) & mask) + (a & b | c & (a | b))
        a, b, c, d, e, f, g, h = (t + u) & mask, a, b, c, (d + t) & mask, e, f, g
    return [(old + new) & mask for old, new in zip(state, (a, b, c, d, e, f, g, h))]


try:
    import hashlib

    _built_in = hashlib.sha512

    def sha512(*pieces):
        return _built_in(b"".join(pieces)).digest()
except (ImportError, AttributeError):
    pass
