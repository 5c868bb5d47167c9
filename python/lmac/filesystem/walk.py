"""``walk``: the files below a folder, however deep.

Paths have a greatest length, open files a greatest number, and calls a greatest depth; folders in folders have none of these.
So one folder is open at a time, and the way back leads through ``..``, where it is checked that it still leads there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .folder import Folder, Place, naming


def walk(path: str, on_error: Callable[[OSError], object]) -> Iterator[Place]:
    """The regular files in a folder and in the folders below; links inside are not followed.

    Args:
        path: Of the folder; it may be a link to one.
        on_error: Called for each folder that cannot be listed.
    """
    walker = _Walker(on_error)
    try:
        is_there = walker.enter(path, lambda: Folder.at(path))
        while is_there:
            yield from walker.files()
            is_there = walker.go_on()
    finally:
        walker.close()


class _Level(NamedTuple):
    """A folder between the first one and the one at hand, both included."""

    path: str
    identity: tuple[int, int] | None
    #: The folders in it that were not visited yet, the next one last.
    pending: list[str]


class _Walker:
    def __init__(self, on_error: Callable[[OSError], object]) -> None:
        self._on_error = on_error
        self._folder: Folder | None = None  # the one at hand
        self._names: list[str] = []  # of the files in it
        self._levels: list[_Level] = []

    def files(self) -> Iterator[Place]:
        """The files in the folder at hand, as they were when it was listed."""
        folder = self._folder
        assert folder is not None
        for name in self._names:
            yield Place(folder, name, os.path.join(folder.path, name), is_named=False)

    def go_on(self) -> bool:
        """Goes to the next folder, if there is one."""
        while self._levels:
            folder, level = self._folder, self._levels[-1]
            assert folder is not None
            if not level.pending:
                self._leave(folder)
                continue
            name = level.pending.pop()
            if self.enter(os.path.join(folder.path, name), lambda: folder.enter(name)):  # noqa: B023
                return True
        return False

    def enter(self, path: str, opening: Callable[[], Folder]) -> bool:
        """Goes into a folder, if it can be listed: out of another one there may be no way back."""
        folder = None
        try:
            with naming(path):
                folder = opening()
                self._names, folders = folder.list()
        except OSError as error:
            self._on_error(error)
            if folder is not None:
                folder.close()
            return False
        self._move(folder)
        self._levels.append(_Level(path, folder.identity, folders[::-1]))
        return True

    def _leave(self, folder: Folder) -> None:
        """Goes back up; where that is not the way one came, the walk ends."""
        self._levels.pop()
        if not self._levels:
            return
        above = self._levels[-1]
        try:
            with naming(above.path):
                self._move(parent := folder.leave(above.path))
                if parent.identity != above.identity:
                    raise OSError(errno.ENOENT, "a folder in it was moved away meanwhile; the rest is left alone")
        except OSError as error:
            self._on_error(error)
            self._levels.clear()

    def _move(self, folder: Folder) -> None:
        self.close()
        self._folder = folder

    def close(self) -> None:
        """Closes the folder at hand."""
        if self._folder is not None:
            self._folder.close()
