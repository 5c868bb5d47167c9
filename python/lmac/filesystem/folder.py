"""``Folder``, a folder that was opened once, and ``Place``, a name in one.

Whoever may write to a folder can give its names to other files at any time, and parts of a path as well. So a folder is
opened once, and what is in it is opened, renamed and removed relative to its descriptor. Windows has no such calls: there,
and only there, names are paths.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

_CALLS: set[Callable[..., Any]] = {os.open, os.stat, os.rename, os.link, os.unlink}

#: Whether folders have descriptors, and files are found relative to them.
HAS_FOLDERS = os.supports_dir_fd >= _CALLS and os.scandir in os.supports_fd

NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: int = getattr(os, "O_DIRECTORY", 0)
# O_PATH asks for no permission to list, which is not needed for the names one knows.
_ENTERED: int = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER
_BINARY: int = getattr(os, "O_BINARY", 0)

# What the system calls the descriptors that this process was started with, or a shell's <(...) and >(...).
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self))/fd/([0-9]{1,9})", re.ASCII)


class Folder:
    """A folder that was opened, until it is closed.

    Args:
        path: How the user knows it; on Windows, where it is.
        descriptor: Of the folder; ``None`` on Windows.
    """

    def __init__(self, path: str, descriptor: int | None) -> None:
        self.path, self._descriptor = path, descriptor

    @classmethod
    def at(cls, path: str) -> Folder:
        """Opens the folder that a path leads to."""
        return cls(path, os.open(path, _ENTERED) if HAS_FOLDERS else None)

    def enter(self, name: str) -> Folder:
        """Opens a folder in this one, but not through a link."""
        path = os.path.join(self.path, name)
        return Folder(path, self.open(name, _ENTERED | NOFOLLOW) if HAS_FOLDERS else None)

    def leave(self, path: str) -> Folder:
        """Opens the folder that this one is in, which is at ``path``, for all one knows: see ``identity``."""
        return Folder(path, self.open(os.pardir, _ENTERED) if HAS_FOLDERS else None)

    @property
    def identity(self) -> tuple[int, int] | None:
        """What no other folder has; ``None`` on Windows."""
        if self._descriptor is None:
            return None
        found = os.fstat(self._descriptor)
        return found.st_dev, found.st_ino

    def open(self, name: str, flags: int) -> int:
        """Opens a file in it; a new one is for its owner only."""
        return os.open(self.spell(name), flags | _BINARY, 0o600, dir_fd=self._descriptor)

    def find(self, name: str) -> os.stat_result | None:
        """What has this name in it, be it a link; ``None`` if nothing has."""
        try:
            return os.stat(self.spell(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def rename(self, old: str, new: str) -> None:
        """Gives a file another name, which it takes from whatever has it."""
        os.replace(self.spell(old), self.spell(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def link(self, old: str, new: str) -> None:
        """Gives a file a second name, which nothing must have."""
        # Whoever has put a link in the place of the file gets a name for that link.
        follows = os.link not in os.supports_follow_symlinks
        os.link(self.spell(old), self.spell(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=follows)

    def unlink(self, name: str) -> None:
        """Removes a name."""
        os.unlink(self.spell(name), dir_fd=self._descriptor)

    def list(self) -> tuple[list[str], list[str]]:
        """The names of its regular files and of its folders, in order; links, devices, pipes and sockets are neither."""
        listed = self.open(os.curdir, os.O_RDONLY | _FOLDER) if HAS_FOLDERS else None
        try:
            with os.scandir(self.path if listed is None else listed) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if _is_plain(entry))
        finally:
            if listed is not None:
                os.close(listed)
        return [name for name, is_folder in found if not is_folder], [name for name, is_folder in found if is_folder]

    def sync(self) -> None:
        """Brings its names to the disk; on Windows there is no such thing."""
        if self._descriptor is None:
            return
        descriptor = self.open(os.curdir, os.O_RDONLY | _FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def spell(self, name: str) -> str:
        """A name as the system's calls take it."""
        return os.path.join(self.path, name) if self._descriptor is None else name

    def close(self) -> None:
        """Closes it; a second time is allowed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)


class Place(NamedTuple):
    """Where a file is, or is to be."""

    folder: Folder
    name: str
    #: How the user knows it.
    path: str
    #: Whether the user has named it, so that a link of this name is followed.
    is_named: bool = True

    @property
    def descriptor(self) -> int | None:
        """The descriptor that its name stands for, as ``/dev/stdout`` and ``/dev/fd/63`` do."""
        match = _DESCRIPTOR.fullmatch(self.path)
        return int(match[1]) if match else _STREAMS.get(self.path)

    def sibling(self, name: str) -> Place:
        """Another name in the same folder."""
        return Place(self.folder, name, os.path.join(os.path.dirname(self.path), name), self.is_named)


@contextmanager
def place_of(path: str) -> Iterator[Place]:
    """Where a path leads, as long as the ``with`` block lasts."""
    parent, name = os.path.split(path)
    with naming(path):
        folder = Folder.at(parent or os.curdir)
    with folder:
        yield Place(folder, name or (os.curdir if parent else ""), path)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors of the system call a file as the user knows it."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = name, None
        raise
