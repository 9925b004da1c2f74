"""One POST of JSON and its answer, within a time and a size."""

import json
import socket
import time

from .clock import read_date

MAX_ANSWER = 4096
"""Bytes of an answer, its header included; more is read no further."""


class Unreachable(Exception):
    """There is no answer that can be used."""


def split_url(url):
    """(https?, host, port, path before /api) of a hub's URL. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise ValueError("the hub's url begins with http:// or https://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    return scheme == "https", host, int(port or (443 if scheme == "https" else 80)), path.rstrip("/")


def secured(opened, host, ca):
    """The socket under TLS; with `ca` (a certificate's bytes) nobody but the named host is spoken to."""
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = tls.CERT_REQUIRED
    else:
        context.verify_mode = tls.CERT_NONE
    return context.wrap_socket(opened, server_hostname=host)


def post(url, path, body, timeout, ca=None):
    """(status, the hub's clock in Unix seconds or 0, the answer as a dict). Raises Unreachable, OSError, ValueError."""
    https, host, port, before = split_url(url)
    start = time.ticks_ms()
    data = json.dumps(body).encode()
    target = ("/" + before if before else "") + path
    head = (f"POST {target} HTTP/1.0\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    opened = stream = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(timeout)
        opened.connect(address)
        if https:
            stream = secured(opened, host, ca)
        _send(stream, head.encode() + data)
        answer = b""
        while len(answer) < MAX_ANSWER:
            piece = stream.read(MAX_ANSWER - len(answer)) if https else opened.recv(MAX_ANSWER - len(answer))
            if not piece:
                break
            answer += piece
            if time.ticks_diff(time.ticks_ms(), start) > timeout * 2000:
                raise Unreachable("the hub answers too slowly")
    finally:
        if stream is not opened:
            stream.close()
        opened.close()
    return _parsed(answer)


def _send(stream, data):
    while data:
        sent = stream.write(data)
        if not sent:
            raise Unreachable("the hub takes nothing")
        data = data[sent:]


def _parsed(answer):
    head, found, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ")
    if not found or len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise Unreachable("what answers is no hub")
    date = 0
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"date":
            date = read_date(value.decode())
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return int(words[1]), date, said if isinstance(said, dict) else {}
