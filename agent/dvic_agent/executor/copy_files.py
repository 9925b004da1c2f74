"""The file that a copy writes, and the one that it reads.

What is written has no name until all of it has come, has the signed SHA-256 and is on the disk; then it appears under
its own name at once. A copy that is killed leaves nothing, save on file systems without O_TMPFILE, where it may leave
a hidden file `.NAME.RUN`.
"""

import errno
import grp
import hashlib
import os
import pwd
import stat
from contextlib import suppress

from dvic_wire.copies import KEEP_MODE, CopySpec, FileAbout

from .copy_paths import CopyFailed, walk

_UNSUPPORTED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}


class Incoming:
    """The file that comes to this machine. `run` makes the name that it has for a moment, or, unless it may be
    `nameless`, until it is whole. Raises CopyFailed."""

    def __init__(self, spec: CopySpec, run: str, nameless: bool = True):
        self._spec = spec
        self._folder, self._name = _place(spec)
        self._beside = f".{self._name[:200]}.{run}"
        self._named = False
        self._digest = hashlib.sha256()
        self.taken = 0
        self._former = self._find_former()
        self._check_room()
        try:
            self._handle = self._open(nameless)
        except OSError as error:
            raise self._problem(error) from None

    @property
    def whole(self) -> bool:
        return self.taken == self._spec.size

    def write(self, offset: int, data: bytes) -> None:
        """Take a piece; one that does not go on where the last one ended counts for nothing."""
        if offset != self.taken or self.taken + len(data) > self._spec.size:
            return
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
        except OSError as error:
            raise self._problem(error) from None
        self._digest.update(data)
        self.taken += len(data)

    def settle(self) -> None:
        """Check what has come and give it its name, for good."""
        if self._digest.hexdigest() != self._spec.sha256:
            raise CopyFailed(f"what has come is not the file that the hub signed for: its sha256 is "
                             f"{self._digest.hexdigest()}, not {self._spec.sha256}")
        try:
            self._give_rights()
            os.fsync(self._handle)
            if not self._named:
                os.link(f"/proc/self/fd/{self._handle}", self._beside, dst_dir_fd=self._folder, follow_symlinks=True)
                self._named = True
            os.rename(self._beside, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._named = False
            self._sync_folder()
        except OSError as error:
            raise self._problem(error) from None

    def discard(self) -> None:
        """Leave nothing behind; after `settle` there is nothing to leave."""
        if self._named:
            with suppress(OSError):
                os.unlink(self._beside, dir_fd=self._folder)

    def _find_former(self) -> os.stat_result | None:
        """The file that is replaced."""
        try:
            former = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem(error) from None
        if not stat.S_ISREG(former.st_mode):
            raise CopyFailed(f"{self._spec.path}: {self._name} is no plain file")
        if not os.access(self._name, os.W_OK, dir_fd=self._folder, effective_ids=True, follow_symlinks=False):
            raise CopyFailed(f"{self._spec.path}: {self._name} may not be written")
        return former

    def _check_room(self) -> None:
        with suppress(OSError):
            room = os.fstatvfs(self._folder)
            if room.f_bavail * room.f_frsize < self._spec.size:
                raise CopyFailed(f"{self._spec.path}: no room: the file has {self._spec.size} bytes, "
                                 f"{room.f_bavail * room.f_frsize} are free")

    def _open(self, nameless: bool) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            if nameless:
                return os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        handle = os.open(self._beside, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self._folder)
        self._named = True
        return handle

    def _give_rights(self) -> None:
        """Owner and mode, as far as we may: those of the order, or else of the file that is replaced."""
        spec, former = self._spec, self._former
        if spec.mode == KEEP_MODE:
            umask = os.umask(0o022)
            os.umask(umask)
            mode = stat.S_IMODE(former.st_mode) & 0o777 if former else 0o666 & ~umask
            uid, gid = (former.st_uid, former.st_gid) if former else (-1, -1)
        else:
            mode, uid, gid = spec.mode, _uid(spec.owner), _gid(spec.group)
        for owner, group in ((uid, -1), (-1, gid)):
            with suppress(PermissionError):
                os.fchown(self._handle, owner, group)
        os.fchmod(self._handle, mode)

    def _sync_folder(self) -> None:
        with suppress(PermissionError):  # a folder may be written and not read
            handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _problem(self, error: OSError) -> CopyFailed:
        return CopyFailed(f"{self._spec.path}: {error.strerror}")


class Outgoing:
    """The file that goes from this machine, as it was when the copy began. Raises CopyFailed."""

    def __init__(self, spec: CopySpec):
        self._path = spec.path
        folder, name = walk(spec.path)
        try:
            looked = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            found = os.fstat(looked)
            if not stat.S_ISREG(found.st_mode):  # before it is opened, which of a device is more than a look
                raise CopyFailed(f"{spec.path}: it is no plain file")
            self._handle = os.open(f"/proc/self/fd/{looked}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise CopyFailed(f"{spec.path}: {error.strerror}") from None
        if found.st_size > spec.size:
            raise CopyFailed(f"{spec.path}: it has {found.st_size} bytes, at most {spec.size} are copied")
        self._digest = hashlib.sha256()
        self._hashed = 0
        self.about = FileAbout(name, found.st_size, stat.S_IMODE(found.st_mode) & 0o777, _user_name(found.st_uid),
                               _group_name(found.st_gid), int(found.st_mtime))

    @property
    def size(self) -> int:
        return self.about.size

    def read(self, offset: int, most: int) -> bytes:
        """A piece from `offset` on, within the file as it was."""
        wanted = min(most, self.size - offset)
        try:
            data = os.pread(self._handle, wanted, offset)
        except OSError as error:
            raise CopyFailed(f"{self._path}: {error.strerror}") from None
        if len(data) < wanted:
            raise CopyFailed(f"{self._path}: it became shorter while it was copied")
        if offset <= self._hashed < offset + len(data):
            self._digest.update(data[self._hashed - offset:])
            self._hashed = offset + len(data)
        return data

    def sha256(self) -> str:
        """Of all of it; "" before all of it was read once."""
        return self._digest.hexdigest() if self._hashed == self.size else ""

    def hash_up_to(self, offset: int) -> None:
        """Read what somebody else has already, so that the hash is of all."""
        while self._hashed < min(offset, self.size):
            self.read(self._hashed, 1024 * 1024)


def _place(spec: CopySpec) -> tuple[int, str]:
    """Folder and name of the file that is to be."""
    folder, name = walk(spec.path)
    if name != ".":
        return folder, name
    os.close(folder)
    folder, name = walk(f"{spec.path.rstrip('/')}/{spec.name}")
    if name == ".":
        raise CopyFailed(f"{spec.path}: there is a folder {spec.name} in it")
    return folder, name


def _uid(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if name else -1
    except KeyError:
        return -1


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid if name else -1
    except KeyError:
        return -1


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
