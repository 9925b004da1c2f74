"""Updates of histogram packages as an agent sends them, for tests of the hub."""

import json

from batches import message

from dvic_hub.domain.decoding import decode_batch
from dvic_hub.domain.packages import PackageChange, change_of
from dvic_wire.packages import digest

STREAM = "package:1000:0123456789abcdef"
ABOUT = {"path": "/tmp/dvic_package_readout", "owner": "ada", "uid": 1000}


def histogram(*values: object, **more: object) -> str:
    """The JSON of a one-dimensional histogram without flow bins."""
    axis = {"type": "regular", "lower": 0, "upper": 1, "bins": len(values), "underflow": False, "overflow": False,
            "circular": False}
    return json.dumps({"uhi_schema": 1, "axes": [axis], "storage": {"type": "double", "values": list(values)}, **more})


def update(objects: dict[str, str | None], serial: int = 1, held: dict[str, str] | None = None, **more: object) -> dict:
    """The record of an update; what is in `held` (names to JSON) with the same JSON is only named."""
    held = held or {}
    entries = [{"name": name, "hash": digest(data.encode()), **({} if held.get(name) == data else {"data": data})}
               for name, data in objects.items()]
    layout = more.get("layout")
    more.setdefault("layout_hash", digest(layout.encode()) if layout else "")
    return {"time": 5_000_000, "package": {"schema": 1, "name": "readout", "instance": "one", "serial": serial,
                                           "objects": entries, **more}}


def package_message(record: dict | None, start: str = "", end: str = "1", stream: str = STREAM,
                    **more: object) -> bytes:
    """The JSON of the batch with it; None: none, the stream closes."""
    return message(stream, [record] if record else [], start, end, **{
        "source": "dvic_package_readout", "about": ABOUT, "closed": record is None} | more)


def change(record: dict | None, node: str = "n-ada", received: int = 6_000_000, check_layout=lambda text: [],
           stream: str = STREAM, container: dict | None = None, **settings: object) -> PackageChange:
    """The same, checked and ready for the store. `container`: what the agent tells of the one that it is in."""
    about = ABOUT if container is None else {**ABOUT, "container": container}
    return change_of(node, decode_batch(package_message(record, stream=stream, about=about)), received, check_layout,
                     **settings)
