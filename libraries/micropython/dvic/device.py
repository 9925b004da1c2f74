"""A device of the hub's: says that it is alive, with numbers and a text, and what there is to log.

Nothing here raises, whatever is wrong: `beat` says False, and `problem` what it was. Nothing is written to the flash:
serials are made of the time, so they grow over restarts and deep sleep without being kept.
"""

import socket
import time

from .clock import Clock
from .http import post, split_url
from .paper import read_key, signed

LEVELS = ("debug", "info", "notice", "warning", "error", "critical")

MAX_WAITING = 32
"""Log records that wait for the next beat; the oldest go first, and the log says how many."""

MAX_MESSAGE = 1024
"""Characters of a log record's message, or of one of its fields."""

MAX_FIELDS = 16
MAX_NUMBERS = 32
MAX_STATUS = 256

POST_EVERY = 100
"""Of so many beats by UDP, which is never answered, one goes by POST and learns the hub's time."""

_MAX_SERIAL = 2**53 - 1

_VALID = 300
"""Seconds for which a signature counts."""


class Device:
    """`url` and `hub` (its fingerprint) say whose, `key` is a file's name. `udp`: "host:port", where the hub hears
    heartbeats; without it beats go by POST. `ca`: the file of the certificate (DER) that signed the hub's, which https
    needs; "any" trusts whoever answers. `ntp`: whether to ask it for the time first, where nobody has set the clock."""

    def __init__(self, url, hub, key="dvic.key", period=60, udp=None, ca=None, ntp=True, timeout=10, clock=None):
        self.period = min(max(int(period), 1), 86400)
        self.problem = ""
        self.name = ""
        self._url, self._hub, self._key_file, self._ca_file = url, hub, key, ca
        self._udp, self._ntp, self._timeout = udp, ntp, timeout
        self._clock = clock or Clock()
        self._key = self._ca = None
        self._serial = self._by_udp = self._lost = 0
        self._records = []

    def beat(self, numbers=None, status=""):
        """Say that the device is alive, and send what was logged; True when the hub took it, or by UDP went out."""
        try:
            self.problem = ""
            self._load()
            if self._ntp:
                self._clock.ask_ntp()
            claims = {"period": self.period, "numbers": _finite(numbers or {}), "status": str(status)[:MAX_STATUS]}
            if self._udp and self._clock.known() and not self._records and self._by_udp < POST_EVERY - 1:
                self._by_udp += 1
                return self._send_udp(claims)
            self._by_udp = 0
            return self._send_post(claims)
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
            return False

    def log(self, level, message, **fields):
        """Keep a log record for the next beat."""
        try:
            record = {"level": level if level in LEVELS else "info", "message": str(message)[:MAX_MESSAGE]}
            kept = {name: _field(fields[name]) for name in list(fields)[:MAX_FIELDS]}
            if kept:
                record["fields"] = kept
            self._records.append((time.ticks_ms(), record))
            if len(self._records) > MAX_WAITING:
                self._records.pop(0)
                self._lost += 1
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"

    @property
    def node(self):
        """The device's id, n-..., empty when its key can't be read."""
        try:
            self._load()
            return self._key.node
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
            return ""

    def _load(self):
        if self._key is None:
            with open(self._key_file) as file:
                self._key = read_key(file.read(512))
        if self._ca is None and split_url(self._url)[0]:
            if not self._ca_file:
                raise ValueError('https needs "ca": the file of a certificate, or "any" to trust whoever answers')
            self._ca = b""
            if self._ca_file != "any":
                with open(self._ca_file, "rb") as file:
                    self._ca = file.read(8192)

    def _claims(self, claims):
        now = self._clock.now()
        self._serial = max(self._serial + 1, now * 1000)
        who = {"iss": self._key.node, "aud": self._hub, "serial": self._serial, "iat": now, "exp": now + _VALID}
        who.update(claims)
        return who

    def _send_udp(self, claims):
        host, _, port = self._udp.partition(":")
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(port or 43278), 0, socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.sendto(signed(self._key, "keepalive-udp", self._claims(claims)).encode(), address)
        finally:
            opened.close()
        return True

    def _send_post(self, claims):
        """Again, where the hub says that the clock or the serial is wrong: it says also what is right."""
        sent = len(self._records)
        for _ in range(3):
            if sent:
                what, purpose = "records", "records-post"
                told = {"records": self._told(sent)}
                told.update(claims)
            else:
                what, purpose, told = "keepalive", "keepalive-post", claims
            status, date, said = post(self._url, "/api/v1/" + what,
                                      {what: signed(self._key, purpose, self._claims(told))}, self._timeout, self._ca)
            if status == 200:
                self._took(sent, said)
                return True
            code = said.get("code")
            if code == "replay" and 0 < said.get("limit", 0) < _MAX_SERIAL:
                self._serial = max(self._serial, said["limit"])
            elif not (code == "clock" and self._clock.told(date)):
                break
        self.problem = f"the hub says {status}: {said.get('detail') or said.get('title') or ''}"
        if sent and 400 <= status < 500 and code not in ("clock", "replay", "too-many"):
            self._dropped(sent)  # it would say so again, and a device that only asks in vain would never be heard
        return False

    def _took(self, sent, said):
        self._dropped(sent)
        self._lost = 0
        self.name = said.get("name", "")
        if 0 < said.get("serial", 0) < _MAX_SERIAL:
            self._serial = max(self._serial, said["serial"])
        self._clock.told(said.get("time", 0) // 1000000)

    def _dropped(self, sent):
        self._records = self._records[sent:]

    def _told(self, sent):
        """The records with their times, which are counted back from now: the clock may have been set since."""
        now, ticks = self._clock.now() * 1000000, time.ticks_ms()
        told = [dict(time=now - time.ticks_diff(ticks, at) * 1000, **record) for at, record in self._records[:sent]]
        if self._lost:
            text = f"gap (overrun), {self._lost} records missing"
            gap = {"reason": "overrun", "detail": "", "missed": self._lost, "unit": "records"}
            told.insert(0, {"time": told[0]["time"], "level": "warning", "message": text, "gap": gap})
        return told


def _finite(numbers):
    """Those that the hub takes, since one that it doesn't would cost the whole beat."""
    kept = {}
    for name in list(numbers)[:MAX_NUMBERS]:
        number = numbers[name]
        if isinstance(number, (int, float)) and -1e30 < number < 1e30 and 0 < len(name) <= 64:
            kept[name] = number if isinstance(number, float) else int(number)
    return kept


def _field(value):
    if value is True or value is False:
        return value
    if isinstance(value, (int, float)) and -1e15 < value < 1e15:
        return value
    return str(value)[:MAX_MESSAGE]
