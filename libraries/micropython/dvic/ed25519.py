"""Ed25519 signatures (RFC 8032) by MicroPython's whole numbers.

Their arithmetic takes longer for some numbers than for others: somebody who can time or tap the device exactly could
learn of the key from it. Over a network there is nothing to time, since nobody chooses what is signed.
"""

from .sha512 import sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_table = []


def _add(p, q):
    """Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, section 5.1.4)."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = 2 * p[3] * q[3] * _D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p):
    a, b = p[0] * p[0] % _P, p[1] * p[1] % _P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1])
    g = a - b
    f = 2 * p[2] * p[2] + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _base():
    """The base point; its x is the even one that the curve has for its y."""
    square = (_BASE_Y * _BASE_Y - 1) * pow(_D * _BASE_Y * _BASE_Y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if x & 1:
        x = _P - x
    return x, _BASE_Y, 1, x * _BASE_Y % _P


def _times_base(scalar):
    """`scalar` times the base point, encoded; four bits at a time."""
    if not _table:
        _table.append((0, 1, 1, 0))
        for _ in range(15):
            _table.append(_add(_table[-1], _base() if len(_table) == 1 else _table[1]))
    point = _table[0]
    for shift in range(252, -4, -4):
        point = _double(_double(_double(_double(point))))
        point = _add(point, _table[scalar >> shift & 15])
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _number(data):
    return int.from_bytes(data, "little")


def _secret(seed):
    hashed = sha512(seed)
    return _number(hashed[:32]) & (2**254 - 8) | 2**254, hashed[32:]


def public_of(seed):
    """The public key of the 32 bytes `seed`."""
    return _times_base(_secret(seed)[0])


def sign(seed, public, message):
    """The signature of `message`, 64 bytes. `public` must be `public_of(seed)`: with another one a signature would give
    the key away."""
    secret, prefix = _secret(seed)
    nonce = _number(sha512(prefix, message)) % _L
    point = _times_base(nonce)
    challenge = _number(sha512(point, public, message)) % _L
    return point + ((nonce + challenge * secret) % _L).to_bytes(32, "little")
