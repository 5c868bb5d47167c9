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
    try:
        with naming(path):
            walker = _Walker(Folder.at(path), on_error)
    except OSError as error:
        on_error(error)
        return
    try:
        yield from walker.visit()
        while walker.go_on():
            yield from walker.visit()
    finally:
        walker.folder.close()


class _Level(NamedTuple):
    """A folder between the first one and the one at hand, both included."""

    path: str
    identity: tuple[int, int] | None
    #: The folders in it that were not visited yet, the next one last.
    pending: list[str]


class _Walker:
    def __init__(self, folder: Folder, on_error: Callable[[OSError], object]) -> None:
        #: The one at hand.
        self.folder = folder
        self._on_error = on_error
        self._levels: list[_Level] = []

    def visit(self) -> Iterator[Place]:
        """The files in the folder at hand, as they were when it was listed."""
        names, folders = self._listed()
        for name in names:
            yield Place(self.folder, name, os.path.join(self.folder.path, name), is_named=False)
        self._levels.append(_Level(self.folder.path, self.folder.identity, folders[::-1]))

    def _listed(self) -> tuple[list[str], list[str]]:
        try:
            with naming(self.folder.path):
                return self.folder.list()
        except OSError as error:
            self._on_error(error)
            return [], []

    def go_on(self) -> bool:
        """Goes to the next folder, if there is one."""
        while self._levels:
            if not self._levels[-1].pending:
                self._leave()
            elif self._enter(self._levels[-1].pending.pop()):
                return True
        return False

    def _enter(self, name: str) -> bool:
        try:
            with naming(os.path.join(self.folder.path, name)):
                self._move(self.folder.enter(name))
        except OSError as error:
            self._on_error(error)
            return False
        return True

    def _leave(self) -> None:
        """Goes back up; where that is not the way one came, the walk ends."""
        self._levels.pop()
        if not self._levels:
            return
        above = self._levels[-1]
        try:
            with naming(above.path):
                self._move(self.folder.leave(above.path))
                if self.folder.identity != above.identity:
                    raise OSError(errno.ENOENT, "a folder in it was moved away meanwhile; the rest is left alone")
        except OSError as error:
            self._on_error(error)
            self._levels.clear()

    def _move(self, folder: Folder) -> None:
        self.folder.close()
        self.folder = folder
