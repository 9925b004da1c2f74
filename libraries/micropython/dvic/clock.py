"""What time it is, on a device that may not know: from NTP, or from what the hub answers.

A clock that was never set is set (also for the rest of the program, as ntptime does). One that is set is never touched:
where the hub's differs, the difference is kept here.
"""

import time

_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
"""Unix seconds at which this device's clock counts from."""

_KNOWN = 1767225600
"""2026: a clock before it was never set."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _set_by_ntp():
    import ntptime

    ntptime.settime()


def _set_machine(seconds):
    from machine import RTC

    year, month, day, hour, minute, second, weekday = time.gmtime(seconds - _EPOCH)[:7]
    RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


class Clock:
    """`machine_time` gives this device's seconds."""

    def __init__(self, machine_time=time.time, by_ntp=_set_by_ntp, set_machine=_set_machine):
        self._machine_time = machine_time
        self._by_ntp = by_ntp
        self._set_machine = set_machine
        self._ahead = 0

    def now(self):
        """Unix seconds."""
        return int(self._machine_time()) + _EPOCH + self._ahead

    def known(self):
        return self.now() >= _KNOWN

    def ask_ntp(self):
        """Set the clock by NTP where nobody has; False when that failed."""
        if self.known():
            return True
        try:
            self._by_ntp()
        except Exception:
            return False
        return self.known()

    def told(self, seconds):
        """The hub's clock says so; True when this one was wrong by more than two seconds."""
        if seconds < _KNOWN or abs(seconds - self.now()) <= 2:
            return False
        if not self.known():
            try:
                self._set_machine(seconds)
                self._ahead = 0
            except Exception:
                pass  # a port without such a clock: the difference is enough
        self._ahead += seconds - self.now()
        return True


def read_date(text):
    """Unix seconds of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`; 0 for anything else."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = (int(part) for part in clock.split(":"))
        year, month = int(year), _MONTHS.index(month) + 1
    except (ValueError, AttributeError):
        return 0
    # days since 1970, counted in years that begin with March, so that the day of a leap year comes last
    years = year - (month < 3)
    days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * ((month + 9) % 12) + 2) // 5 + int(day)
    return ((days - 719469) * 24 + hour) * 3600 + minute * 60 + second
