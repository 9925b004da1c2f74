"""Package files as programs write them, for tests of the agent."""

import json

HISTOGRAM = b'{"uhi_schema":1,"axes":[{"type":"boolean"}],"storage":{"type":"int","values":[%d,0]}}'


def package(serial=1, objects=None, **head) -> bytes:
    """The content of a package file."""
    objects = {"a": HISTOGRAM % 1, "b": HISTOGRAM % 2} if objects is None else objects
    first = {"dvic_package": 1, "name": "readout", "instance": "one", "serial": serial, "time": 5,
             "objects": list(objects), **head}
    return b"\n".join([json.dumps(first).encode(), *objects.values()]) + b"\n"
