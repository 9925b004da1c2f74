"""The file of one package: replaced as a whole, safe in a directory that everybody may write to.

- A new file (O_EXCL|O_NOFOLLOW, random name, 0644) is written beside it and renamed over it: who reads sees an update
  whole, or the one before. A link in its place is replaced, never followed.
- The name says package and user, so a program that starts again goes on with its file. Where somebody else holds that
  name in a sticky directory, a random name is taken: nobody can keep another from publishing.
- What a process that was killed in the middle of writing left beside it is removed by the next start.
- Of two processes of one user with packages of one name the one that was started later is shown; see `rival`.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import time

PREFIX = "dvic_package_"

MAX_HEAD = 4 * 1024 * 1024
"""Bytes in which the head of a file must end, when another process's is looked at: as many as a package may have."""

LEFT_OVER = 60.0
"""Seconds without a change after which a file that was not renamed yet is nobody's any more."""

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class PackageFile:
    """`directory`: DVIC_LOG_DIR or /tmp. Not safe to share between threads: its caller holds a lock."""

    def __init__(self, name, directory=None):
        self.directory = directory or os.environ.get("DVIC_LOG_DIR") or "/tmp"  # noqa: S108 (the agent looks there)
        self._shown = _UNSAFE.sub("-", name)[:32].strip("-.")
        self._usual = "%s%s-%s-%d" % (PREFIX, self._shown, hashlib.sha256(name.encode()).hexdigest()[:8], os.geteuid())
        self.path = os.path.join(self.directory, self._usual)
        self._identity = None
        self._tidy = False

    def replace(self, data):
        """Make `data` (bytes) the content. Raises OSError, and then nothing has changed."""
        if not self._tidy:
            self._tidy = True
            self._remove_left_over()
        beside = os.path.join(self.directory, self._beside() + secrets.token_hex(6) + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(beside, flags, 0o644)
        try:
            try:
                os.fchmod(handle, 0o644)  # whatever the umask is: the agent is another user
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view):]
                status = os.fstat(handle)
            finally:
                os.close(handle)
            self._rename(beside)
        except BaseException:
            try:
                os.unlink(beside)
            except OSError:
                pass
            raise
        self._identity = (status.st_dev, status.st_ino)

    def rival(self, start):
        """The pid of another living process of this user whose package has this file, and that was started later than
        `start` (microseconds); 0 when there is none. Costs one lstat while the file is the one that we put there."""
        try:
            status = os.lstat(self.path)
            if (status.st_dev, status.st_ino) == self._identity or status.st_uid != os.geteuid():
                return 0
            head = self._head()
            pid = head.get("pid")
            if not isinstance(pid, int) or pid in (0, os.getpid()) or not isinstance(head.get("start"), int):
                return 0
            os.kill(pid, 0)
            return pid if head["start"] > start else 0
        except Exception:
            return 0  # it is gone, or no package, or its process has ended

    def _beside(self):
        return ".%s-" % (PREFIX + self._shown)

    def _remove_left_over(self):
        """Half written by processes of this user that were killed. Young ones may belong to one that lives."""
        try:
            for name in os.listdir(self.directory):
                if name.startswith(self._beside()) and name.endswith(".new"):
                    path = os.path.join(self.directory, name)
                    status = os.lstat(path)
                    if status.st_uid == os.geteuid() and time.time() - status.st_mtime > LEFT_OVER:
                        os.unlink(path)
        except OSError:
            pass  # nothing depends on it

    def _head(self):
        handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return json.loads(os.read(handle, MAX_HEAD).split(b"\n", 1)[0].decode("utf-8"))
        finally:
            os.close(handle)

    def _rename(self, beside):
        try:
            os.rename(beside, self.path)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.EISDIR, errno.ENOTEMPTY):
                raise
            # Another user's file (the directory is sticky), or a directory, has the name.
            self.path = os.path.join(self.directory, "%s-%s" % (self._usual, secrets.token_hex(6)))
            os.rename(beside, self.path)
