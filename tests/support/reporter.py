"""Nodes whose batches go straight into the ingest of an ApiHub: what they report is there at once."""

import json


class Reporter:
    """A node whose batches go straight into the hub's ingest."""

    def __init__(self, hub, node):
        self.hub, self.node, self.cursors = hub, node, {}

    async def send(self, stream: str, source: str, *sent: dict, closed: bool = False,
                   about: dict | None = None) -> None:
        held = self.cursors.get(stream, "")
        following = str(int(held or 0) + 1)
        batch = {"kind": "batch", "stream": stream, "from_cursor": held, "to_cursor": following, "source": source,
                 "records": list(sent), "about": about or {}, "closed": closed}
        ack = await self.hub.doors.ingest.commit(self.node.id, json.dumps(batch).encode())
        assert ack.stored, ack
        self.cursors[stream] = following


async def two_reporters(hub) -> tuple[Reporter, Reporter]:
    return (Reporter(hub, await hub.new_node("web-1", tags={"room": "lab"})),
            Reporter(hub, await hub.new_node("cam-1", tags={"room": "hall"})))
