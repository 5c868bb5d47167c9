"""Files of the command line: what is read, and where bytes go.

A source is opened once; whether it is still the same is asked of its descriptor. It is removed only after its result is
on the disk, and only if it still is the file that was read. How results are written is in ``filesystem.atomic_file``.
"""

from __future__ import annotations

import hashlib
import io
import os
import select
from typing import Protocol

from ..filesystem.folder import HAS_FOLDERS, NOFOLLOW, Place, naming
from ..filesystem.input_file import input_of, open_input
from .standard_streams import STDIN

#: How much is read at once to compare it, in bytes.
CHECKED_LEN = 1 << 20


class RefusedError(Exception):
    """What the command declines to do, and how to have it done."""


class ChangedError(Exception):
    """The source is no longer what it was when reading began.

    Args:
        consequence: What became of the result and of the source.
    """

    def __init__(self, consequence: str = "") -> None:
        self.consequence = consequence

    def __str__(self) -> str:
        return f"the file changed while it was read; {self.consequence}"


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Writes all of ``data``."""
        ...


class Source:
    """A file to read, or standard input, and whether it is still the same.

    Args:
        place: ``None`` for standard input.
        follow: Whether its name may be a link.
    """

    def __init__(self, place: Place | None, *, follow: bool = True) -> None:
        self.place = place
        self._input = input_of(os.dup(STDIN), "standard input") if place is None else open_input(place, follow=follow)
        self._first = self._input.first
        #: Whether it is a file on a disk.
        self.is_regular = self._input.is_regular
        self._start = self._input.tell() if self.is_regular else 0
        self._end = self._stated_end() if self.is_regular else None
        #: How much there is to read, in bytes; ``None`` for what has no length, or does not tell it.
        self.size = None if self._end is None else max(self._end - self._start, 0) or None
        self._input.end = self._end  # what is appended meanwhile is not read
        self.file = io.BufferedReader(self._input)
        #: A hash of all content, if ``read`` has read it from the beginning to the end.
        self._content = hashlib.sha256()
        self._is_content_known = False

    def _stated_end(self) -> int | None:
        """How long the file is; ``None`` where that is a lie, as in /proc, whose files seem empty, and in /sys, whose files seem long."""
        size = self._first.st_size
        if not hasattr(os, "pread"):
            return size
        has_last_byte = bool(os.pread(self.descriptor, 1, max(size - 1, 0)))
        is_lie = has_last_byte != (size > 0) and os.fstat(self.descriptor).st_size == size
        return None if is_lie else size

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        return self._input.fileno()

    def rewind(self) -> None:
        """Goes back to where reading began; only if there is a ``size``."""
        self.file.seek(self._start)

    def is_file(self, found: os.stat_result) -> bool:
        """Whether this is the file that was read."""
        return os.path.samestat(found, self._first)

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes of the content; fewer at its end only."""
        piece = self.file.read(size)
        self._content.update(piece)
        self._is_content_known = True
        return piece

    def check_unchanged(self) -> None:
        """Checks that nobody wrote to what was read of the file since it was opened. Something may have been appended.

        Times and sizes tell only that the file may have changed: a log grows, a program writes anew what is longer. So its
        content is then read again. Compressed content, which is not read in one go, has checks of its own.

        Raises:
            ChangedError: Somebody did.
        """
        now = os.fstat(self.descriptor)
        if self._end is None or self._is_as_read(now):
            return
        if self._is_content_known:
            is_same = self._content_again() == self._content.digest()
        else:
            is_same = now.st_size > self._first.st_size or (now.st_size, now.st_mtime_ns) == (self._first.st_size, self._first.st_mtime_ns)
        if not is_same:
            raise ChangedError

    def _content_again(self) -> bytes:
        self._input.seek(self._start)
        again = io.BufferedReader(self._input)  # of its own, since the other one may still hold what was there
        content = hashlib.sha256()
        while piece := again.read(CHECKED_LEN):
            content.update(piece)
        again.detach()
        return content.digest()

    def remove(self) -> None:
        """Removes the file, if it still is the one that was read, to the last byte.

        Raises:
            ChangedError: It was written to, or its attributes were changed, or its name now belongs to another file.
        """
        assert self.place is not None
        now = os.fstat(self.descriptor)
        if not HAS_FOLDERS:
            self.file.close()  # Windows removes no open files; elsewhere an open one keeps its number, so that no other can have it
        found = self.place.folder.find(self.place.name)
        if found is None or not self._is_as_read(now) or not self._is_as_read(found):
            raise ChangedError
        with naming(self.place.path):
            self.place.folder.unlink(self.place.name)

    def _is_as_read(self, found: os.stat_result) -> bool:
        first = self._first
        times = (first.st_size, first.st_mtime_ns, first.st_ctime_ns)
        return self.is_file(found) and (found.st_size, found.st_mtime_ns, found.st_ctime_ns) == times

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Device:
    """What is written to as it is: a device, a pipe with a name, or a descriptor such as a shell's ``/dev/fd/63``.

    Args:
        place: Its name; not that of a link.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def write(self, data: bytes, /) -> None:
        """Writes all of ``data``."""
        rest = memoryview(data)
        with naming(self._place.path):
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # whoever reads is slow, and the shell's end of the pipe does not wait
                    select.select([], [self._descriptor], [])

    def __enter__(self) -> Device:
        place = self._place
        with naming(place.path):
            if place.descriptor is not None:
                self._descriptor = os.dup(place.descriptor)
            else:
                self._descriptor = place.folder.open(place.name, os.O_WRONLY | NOFOLLOW | getattr(os, "O_NOCTTY", 0))
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class Nowhere:
    """The sink of a test."""

    def write(self, data: bytes, /) -> None:
        """Does nothing."""
