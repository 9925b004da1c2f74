"""Publish histograms and graphs, that people watch in a browser. See README.md.

    package = dvic_log.Package("readout")
    package.publish({"adc/charge": histogram, "gain": dvic_log.graph(channels, gains)})

- Nothing raises, whatever is given: what can't be published is left out, and the log says why, once a minute at most.
- At most one update in `period` seconds is written. Of those that come sooner the newest waits, as a copy of that
  moment, and is written when it is time; `skipped` says how many were never written.
- When the agent or the hub refuses a package, the log says that too.
"""

import atexit
import json
import os
import secrets
import threading
import time
import weakref

from . import histograms
from .file import now
from .lines import LIBRARY, MAX_KEY, text
from .logger import FILE, Logger
from .package_file import PackageFile
from .refusals import REFUSALS

SCHEMA = 1

PERIOD = 0.2
"""Seconds between two updates, at least, where a program does not say."""

MIN_PERIOD = 0.05
"""The shortest period that can be had."""

MAX_OBJECTS = 1000
"""Objects of one package: the hub takes no more."""

MAX_OBJECT_NAME = 200
"""Characters of an object's name and of titles; what is longer is cut."""

MAX_OBJECT_BYTES = 2 * 1024 * 1024
"""One object, bytes of JSON."""

MAX_PACKAGE_BYTES = 4 * 1024 * 1024
"""One package, bytes of its file."""

MAX_LAYOUT_BYTES = 256 * 1024
"""A layout, bytes."""

COMPLAIN_AGAIN = 60.0
"""Seconds until the same complaint is logged again."""

MAX_COMPLAINTS = 1000
"""Different complaints that are remembered."""

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-")


class Package:
    """`name`: letters, digits and . _ @ - (others become -), at most 64. `layout`: XML, or the path of a file of it,
    read once. Safe to share between threads; a forked child goes on as a publisher of its own."""

    def __init__(self, name, title="", layout=None, period=PERIOD, directory=None, log=None):
        self.name = "".join(letter if letter in _LETTERS else "-" for letter in text(name, MAX_KEY))[:MAX_KEY] or "-"
        self.title = _one_line(title)
        self.serial = 0
        self._log = log or Logger(FILE, "dvic_log.package")
        self._period = period if isinstance(period, (int, float)) and period > MIN_PERIOD else MIN_PERIOD
        self._directory = directory
        self._complained = {}
        self._layout = self._read_layout(layout)
        self._begin()
        if self.name != name:
            self._complain("the package %r is published as %s" % (name, self.name))
        _ALL.add(self)

    @property
    def path(self):
        """The package's file."""
        return self._file.path

    def publish(self, objects):
        """Make these (a dict: names to histograms and graphs) the package. Returns whether it was written at once;
        otherwise it is written soon, or the log says why not. Never raises."""
        try:
            if self._pid != os.getpid():
                self._begin()
            copies = self._taken(objects)
            with self._lock:
                self._asked += 1
                self._waiting = copies
                left = self._next - time.monotonic()
                if left <= 0 and self._timer is None:
                    return self._write()
                if self._timer is None:
                    timer = threading.Timer(max(left, 0.0), self._flush)
                    timer.daemon = True
                    timer.start()  # where no thread can be had it raises, and the next update is written in its time
                    self._timer = timer
        except Exception as error:
            self._complain("package %s was not published: %s" % (self.name, text(error, 1000)))
        return False

    def close(self):
        """Write what waits. The file stays: people still look at it. Never raises."""
        try:
            self._flush()
        except Exception:
            pass

    def _begin(self):
        """A publisher anew: at first, and in a forked child."""
        self._pid, self._start = os.getpid(), now()
        self._instance = secrets.token_hex(8)
        self._file = PackageFile(self.name, self._directory)
        self._lock = threading.RLock()
        self._timer = self._waiting = None
        self._next = 0.0
        self.serial = self._asked = 0

    def _taken(self, objects):
        copies = []
        for key, value in list(objects.items()):
            name = _one_line(key) or "-"
            if len(copies) == MAX_OBJECTS:
                self._complain("package %s has %d objects, at most %d (MAX_OBJECTS): the rest is left out" % (
                    self.name, len(objects), MAX_OBJECTS))
                break
            try:
                copies.append((name, histograms.taken(value)))
            except Exception as error:
                self._left_out(name, text(error, 1000) or type(error).__name__)
        return copies

    def _flush(self):
        with self._lock:
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            if self._waiting is not None and self._pid == os.getpid():
                self._write()

    def _write(self):
        """Write what waits; returns whether it was."""
        copies, self._waiting = self._waiting, None
        self._tell_refusal()
        self._next = time.monotonic() + self._period
        rival = self._file.rival(self._start)
        if rival:
            self._complain("package %s is not shown: process %d of the same user, started later, publishes one of that "
                           "name; give one of them another name" % (self.name, rival))
            return False
        try:
            data = self._data(copies)
            if len(data) > MAX_PACKAGE_BYTES:
                self._complain("package %s has %d bytes, at most %d (MAX_PACKAGE_BYTES): it is not updated; publish "
                               "less, or in several packages" % (self.name, len(data), MAX_PACKAGE_BYTES))
                return False
            self._file.replace(data)
        except OSError as error:
            self._complain("package %s can't be written: %s" % (self.name, error))
            return False
        self.serial, self._asked = self.serial + 1, 0
        return True

    def _data(self, copies):
        names, lines = [], []
        for name, copy in copies:
            try:
                line = histograms.line(copy)
            except Exception as error:
                self._left_out(name, text(error, 1000))
                continue
            if name in names:
                self._left_out(name, "another one has this name")
            elif len(line) > MAX_OBJECT_BYTES:
                self._left_out(name, "it has %d bytes, at most %d (MAX_OBJECT_BYTES): rebin it" % (
                    len(line), MAX_OBJECT_BYTES))
            else:
                names.append(name)
                lines.append(line)
        head = {"dvic_package": SCHEMA, "name": self.name, "title": self.title, "instance": self._instance,
                "serial": self.serial + 1, "skipped": max(0, self._asked - 1), "time": now(), "pid": self._pid,
                "start": self._start, "library": LIBRARY, "objects": names}
        if self._layout is not None:
            head["layout"] = self._layout
        first = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
        return b"\n".join([first] + lines) + b"\n"

    def _read_layout(self, layout):
        try:
            if layout is None:
                return None
            if not isinstance(layout, str) or "<" not in layout:
                with open(os.fspath(layout), "rb") as file:
                    layout = file.read(MAX_LAYOUT_BYTES + 1).decode("utf-8")
            if len(layout.encode("utf-8")) <= MAX_LAYOUT_BYTES:
                return layout
            self._complain("the layout of package %s has more than %d bytes (MAX_LAYOUT_BYTES) and is left out" % (
                self.name, MAX_LAYOUT_BYTES))
        except Exception as error:
            self._complain("the layout of package %s can't be read: %s" % (self.name, text(error, 1000)))
        return None

    def _tell_refusal(self):
        reason = REFUSALS.of(self._file.path, self._instance)
        if reason:
            self._complain("package %s is not shown: %s" % (self.name, reason))

    def _left_out(self, name, reason):
        self._complain("%s of package %s is left out: %s" % (name, self.name, reason))

    def _complain(self, said):
        at = time.monotonic()
        if len(self._complained) < MAX_COMPLAINTS and at >= self._complained.get(said, at):
            self._complained[said] = at + COMPLAIN_AGAIN
            self._log.error("%s", said)


_ALL = weakref.WeakSet()


@atexit.register
def _close_all():
    """What waits when the program ends is written."""
    for package in list(_ALL):
        package.close()


def _one_line(value):
    """Text without what can't be shown: controls and line ends become blanks."""
    shown = text(value, 4 * MAX_OBJECT_NAME)
    return "".join(letter if letter.isprintable() else " " for letter in shown)[:MAX_OBJECT_NAME].strip()
