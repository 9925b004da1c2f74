"""What SQLite says, in the hub's words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from dvic_hub.errors import HubError, StoreError, StoreFull

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def translated(connection: apsw.Connection | None) -> Iterator[None]:
    """Raise StoreFull when the disk has no room, StoreError for the rest that the database says."""
    try:
        yield
    except apsw.Error as error:
        raise explain(error, connection) from error


def explain(error: Exception, connection: apsw.Connection | None) -> HubError:
    """The hub's error for an exception that came out of the database (or any other, while a group was written)."""
    if isinstance(error, HubError):
        return error
    if isinstance(error, apsw.FullError) or _out_of_room(error, connection):
        return StoreFull("the disk with the hub's database has no room")
    return StoreError(f"{type(error).__name__}: {error}")


def _out_of_room(error: Exception, connection: apsw.Connection | None) -> bool:
    """SQLite tells of a full disk as an I/O error where it syncs, or enlarges the file shared between readers."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    if not isinstance(error, apsw.IOError) or connection is None:
        return False
    return connection.system_errno in _NO_ROOM or error.extendedresult == apsw.SQLITE_IOERR_SHMSIZE
