"""``copy_attributes``: what one file has beside its content, given to another one through the descriptors of both.

Nothing is gained on the way: of the mode, the nine bits of permissions are kept, so that no result runs with anybody's
rights; and where the group, or a list of who else has access, cannot be kept, nobody gets through its bits what was meant
for others. That is xz's rule. Of extended attributes, those in the user's hands (``user.*``) are kept, which excludes
capabilities and labels of security.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_ACCESS_LIST = "system.posix_acl_access"


def copy_attributes(source: int, target: int | str) -> list[str]:
    """Gives a file the owner, group, permissions, times and extended attributes of another.

    Args:
        source: The descriptor of the other file.
        target: The descriptor of the file; where the system sets attributes by path only (Windows), its path.

    Returns:
        What could not be kept, in words.
    """
    copy = _Copy(source, target)
    copy.owner()
    is_group_kept = copy.group()
    is_list_kept = copy.access_list()
    copy.permissions(is_restricted=not (is_group_kept and is_list_kept))
    copy.user_attributes()
    copy.times()
    return copy.refused


class _Copy:
    def __init__(self, source: int, target: int | str) -> None:
        self._source, self._target = source, target
        self._first, self._new = os.fstat(source), os.stat(target)
        self.refused: list[str] = []

    def _try(self, what: str, change: Callable[[], object]) -> bool:
        try:
            change()
        except OSError as error:
            self.refused.append(f"{what} could not be kept ({error.strerror})")
            return False
        return True

    def owner(self) -> None:
        """Only the superuser can give files away."""
        if self._first.st_uid != self._new.st_uid and os.geteuid() == 0:
            self._try("the owner", lambda: os.chown(self._target, self._first.st_uid, -1))

    def group(self) -> bool:
        if self._first.st_gid == self._new.st_gid:
            return True
        return self._try("the group", lambda: os.chown(self._target, -1, self._first.st_gid))

    def access_list(self) -> bool:
        """It must be set before the permissions, which bound it; a list inherited from the folder goes."""
        if _ACCESS_LIST in self._attributes(self._source):
            return self._try("the list of who else has access", lambda: self._copy_attributes([_ACCESS_LIST]))
        if _ACCESS_LIST in self._attributes(self._target):
            return self._try("that nobody else has access", lambda: os.removexattr(self._target, _ACCESS_LIST))
        return True

    def permissions(self, *, is_restricted: bool) -> None:
        """The group's and the others' bits become what both had, where the group is another one: the old group are others now."""
        mode = self._first.st_mode & 0o777
        if is_restricted:
            shared = mode >> 3 & mode & 0o7
            mode = mode & 0o700 | shared << 3 | shared
        self._try("the permissions", lambda: os.chmod(self._target, mode))

    def user_attributes(self) -> None:
        names = [name for name in self._attributes(self._source) if name.startswith("user.")]
        if names:
            self._try("extended attributes", lambda: self._copy_attributes(names))

    def times(self) -> None:
        times = self._first.st_atime_ns, self._first.st_mtime_ns
        self._try("the modification time", lambda: os.utime(self._target, ns=times))

    def _copy_attributes(self, names: list[str]) -> None:
        for name in names:
            os.setxattr(self._target, name, os.getxattr(self._source, name))

    @staticmethod
    def _attributes(file: int | str) -> list[str]:
        """The names of extended attributes; none where the system, or the file system, has no such thing."""
        try:
            return os.listxattr(file) if hasattr(os, "listxattr") else []
        except OSError:
            return []
