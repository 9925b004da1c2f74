"""Paths on this machine, walked with the rights of the user that we are, and through nobody else's symlinks.

A symlink is followed only where root or we ourselves made it. So whoever may write to a folder on the way (/tmp, or the
home of the user whose file root copies) can't lead us to a place that they could not change or read themselves. Each
step is taken from a descriptor of the folder before, so that nothing can be exchanged between a look and its use.
"""

import os
import stat
from collections import deque

MAX_LINKS = 40
"""Symlinks on the way to one file."""


class CopyFailed(Exception):
    """Says why, for people; nothing was changed."""


def walk(path: str) -> tuple[int, str]:
    """A descriptor (O_PATH) of the folder, and the name in it: of no symlink, maybe of nothing yet, "." where the path
    leads to a folder. Raises CopyFailed."""
    at = os.open("/" if path.startswith("/") else ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    parts = deque(part for part in path.split("/") if part not in ("", "."))
    links = 0
    try:
        while parts:
            part = parts.popleft()
            try:
                found = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            except FileNotFoundError:
                if parts or path.endswith("/"):
                    raise CopyFailed(f"{path}: there is no folder {part} on the way") from None
                return at, part
            status = os.fstat(found)
            if stat.S_ISLNK(status.st_mode):
                links += 1
                target = _link_target(path, part, found, status, links)
                parts.extendleft(step for step in reversed(target.split("/")) if step not in ("", "."))
                if target.startswith("/"):
                    os.close(at)
                    at = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            elif stat.S_ISDIR(status.st_mode):
                os.close(at)
                at = found
            else:
                os.close(found)
                if parts or path.endswith("/"):
                    raise CopyFailed(f"{path}: {part} is no folder")
                return at, part
    except OSError as error:
        os.close(at)
        raise CopyFailed(f"{path}: {error.strerror}") from None
    except CopyFailed:
        os.close(at)
        raise
    return at, "."


def _link_target(path: str, part: str, link: int, status: os.stat_result, links: int) -> str:
    """Where a symlink leads; its descriptor is closed."""
    try:
        if status.st_uid not in (0, os.geteuid()):
            raise CopyFailed(f"{path}: {part} is a symlink of another user, which is not followed")
        if links > MAX_LINKS:
            raise CopyFailed(f"{path}: more than {MAX_LINKS} symlinks")
        return os.readlink("", dir_fd=link)
    finally:
        os.close(link)
