"""A device keeps itself known to a DVIC hub. Settings stand in the file dvic.json, the key in dvic.key.

    import dvic

    dvic.log("warning", "gain is low", gain=0.4)
    dvic.beat(numbers={"celsius": 21.5}, status="warm")     # True when the hub took it; dvic.problem() says why not

Nothing here raises. Whoever wants other names of files, or two hubs, makes a `Device`.
"""

import json

from .device import Device

__version__ = "0.1.0"

_device = None
_unusable = ""


def device():
    """The device of dvic.json; None while that can't be used."""
    global _device, _unusable
    if _device is None:
        try:
            with open("dvic.json") as file:
                settings = json.load(file)
            _device = Device(**settings)
            _unusable = ""
        except Exception as error:
            _unusable = f"dvic.json can't be used: {error}"
    return _device


def beat(numbers=None, status=""):
    """Say that this device is alive, and send what was logged."""
    found = device()
    return found.beat(numbers, status) if found else False


def log(level, message, **fields):
    """Keep a log record for the next beat."""
    found = device()
    if found:
        found.log(level, message, **fields)


def problem():
    """Why the last beat failed; empty when it did not."""
    return _device.problem if _device else _unusable
