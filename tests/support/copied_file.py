"""A file that is copied through a real hub, as somebody who watches it sees it."""

import http.client
from pathlib import Path

from rig import Rig, until

PART = 4 * 1024 * 1024


def ask(rig: Rig, method: str, path: str, data: bytes = b"") -> tuple[int, bytes]:
    """Bytes to the hub, and bytes back."""
    link = http.client.HTTPConnection("127.0.0.1", rig.port, timeout=60)
    try:
        link.request(method, path, data or None, {"Authorization": f"Bearer {rig.api_token}"})
        answer = link.getresponse()
        return answer.status, answer.read()
    finally:
        link.close()


def bring(rig: Rig, name: str, content: bytes) -> str:
    """Have a file at the hub; returns its id."""
    status, kept = rig.request("POST", "/api/v1/files", {"name": name, "size": len(content)})
    assert status == 201, kept
    for at in range(0, len(content), PART):
        status, text = ask(rig, "PUT", f"/api/v1/files/{kept['id']}?offset={at}", content[at:at + PART])
        assert status == 200, text
    return kept["id"]


class CopiedFile:
    """To `node` when there is a `file` (its id), from it otherwise."""

    def __init__(self, rig: Rig, node: str, path: Path, file: str = "", **more: object):
        self.rig = rig
        self.file = file
        status, copy = rig.request("POST", "/api/v1/copies",
                                   {"selector": node, "path": str(path), "file": file, **more})
        assert status == 201, copy
        self.id = copy["id"]

    def now(self) -> dict:
        """How it stands; {} while the hub does not answer."""
        try:
            status, copy = self.rig.request("GET", f"/api/v1/copies/{self.id}")
        except OSError:
            return {}
        return copy if status == 200 else {}

    def reaches(self, offset: int) -> int:
        """Wait until so many bytes have safely arrived, before it is over; returns how many have."""
        def far_enough():
            copy = self.now()
            assert not copy.get("ended"), copy
            return copy and copy["nodes"][0]["offset"] >= offset and copy["nodes"][0]["offset"]

        return until(far_enough, f"{offset} bytes of the file have arrived", 60)

    def ends(self) -> dict:
        """Wait for its end; returns how it stands on the node."""
        return until(lambda: (copy := self.now()) and copy["ended"] and copy["nodes"][0], "the copy ends", 120)

    def content(self) -> bytes:
        """Of a file from the node."""
        status, data = ask(self.rig, "GET", f"/api/v1/files/{self.now()['file']}/content")
        assert status == 200, data
        return data
