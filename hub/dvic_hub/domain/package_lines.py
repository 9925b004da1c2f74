"""What subscribers are told of a package: one line, with the data of what changed or without. Pure.

The objects' JSON goes out as it came (it was checked, and is one line), so that nobody takes numbers apart again; and
a line is made once for all who want it.
"""

import msgspec

from dvic_hub.domain.packages import PackageEvent

MAX_LIVE_BYTES = 2 * 1024 * 1024
"""Bytes of objects in one line; those beyond are only named, and are to be fetched."""


def about(event: PackageEvent, node: str) -> dict:
    """The line without data; `node` is the node's name. Times in microseconds."""
    package = event.package
    return {"kind": "package", "event": event.event, "package": package.id, "name": package.name, "node": node,
            "node_id": package.node, "instance": package.instance, "serial": package.serial,
            "skipped": package.skipped, "time": package.time, "received": package.received,
            "snapshot": package.snapshot, "problem": package.problem, "layout": package.layout_origin,
            "changed": [each.name for each in event.changed], "gone": list(event.gone)}


def with_data(line: bytes, event: PackageEvent) -> bytes:
    """The same line with the objects that changed, as far as they fit."""
    objects, size = [], 0
    for each in event.changed:
        size += len(each.data)
        if size > MAX_LIVE_BYTES:
            break
        objects.append(object_json(each.name, each.hash, each.data))
    return b'%b,"objects":[%b]}' % (line[:-1], b",".join(objects))


def object_json(name: str, hash: str, data: bytes) -> bytes:
    """An object with its data, as JSON."""
    return b'{"name":%b,"hash":"%b","data":%b}' % (msgspec.json.encode(name), hash.encode(), data)
