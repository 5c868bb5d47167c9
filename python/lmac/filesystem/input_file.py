"""Files to read, opened so that nothing hangs: a name may belong to a pipe, a socket, a device, or a link to one.

What is read as a whole has a greatest length, and must be a regular file, such as models and what belongs to them.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
from pathlib import Path

from .._core import LmacError
from .folder import NOFOLLOW, Place, naming, place_of

#: How an input is opened: without waiting for the other end of a pipe, or becoming the process of a terminal.
_FLAGS: int = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)

#: The longest JSON file that is read, and the longest graph: what a message of protobuf can hold. In bytes.
MAX_JSON_LEN, MAX_GRAPH_LEN = 1 << 28, 1 << 31


class InputFile(io.FileIO):
    """A file to read, with a descriptor of its own.

    Reading waits for the other end of a pipe, but a regular file that is not ready, as some of the kernel's, is an error.

    Args:
        descriptor: It belongs to the input from now on.
        path: What errors call it.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        super().__init__(descriptor, "rb")
        self._path = path
        #: What it was when it was opened.
        self.first = os.fstat(descriptor)
        #: Where it ends for us, if something is appended meanwhile.
        self.end: int | None = None
        self._waits = stat.S_ISFIFO(self.first.st_mode)

    @property
    def is_regular(self) -> bool:
        """Whether it is a file on a disk, and no folder, pipe, socket or device."""
        return stat.S_ISREG(self.first.st_mode)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Reads into a buffer what there is, one byte or more; returns how many, 0 at the end."""
        view = memoryview(buffer).cast("B")
        if self.end is not None:
            view = view[: max(self.end - self.tell(), 0)]
        if self._waits:  # a pipe that nobody has opened to write yet looks as if it had ended
            self._waits = False
            self._wait()
        with naming(self._path):
            while (count := super().readinto(view)) is None:
                if self.is_regular:
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                self._wait()
        return count

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        poll.poll()


def open_input(place: Place, *, follow: bool = True) -> InputFile:
    """Opens what has a name, whatever it is; a name such as ``/dev/stdin`` is the descriptor itself, with its position.

    Args:
        place: The name.
        follow: Whether it may be a link; if not, a link is an ``OSError`` with ``errno.ELOOP``.
    """
    with naming(place.path):
        if place.descriptor is not None:
            return input_of(os.dup(place.descriptor), place.path)
        return input_of(place.folder.open(place.name, _FLAGS | (0 if follow else NOFOLLOW)), place.path)


def input_of(descriptor: int, path: str) -> InputFile:
    """The input that a descriptor stands for, which then belongs to it; errors call it ``path``.

    Raises:
        IsADirectoryError: It is a folder.
    """
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return InputFile(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise


def open_regular(path: Path) -> io.BufferedReader:
    """Opens a regular file.

    Raises:
        LmacError: It is a pipe or a device.
        OSError: It cannot be opened.
    """
    with place_of(str(path)) as place:
        file = open_input(place)
    if not file.is_regular:
        file.close()
        raise LmacError(f"{path} is not a regular file; give the path of one")
    return io.BufferedReader(file)


def read_whole(path: Path, max_len: int) -> bytes:
    """The content of a regular file.

    Raises:
        LmacError: It is a pipe or a device, or longer than ``max_len`` bytes.
        OSError: It cannot be read.
    """
    with open_regular(path) as file, naming(str(path)):
        stated_len = os.fstat(file.fileno()).st_size
        content = file.read(max_len + 1) if stated_len <= max_len else b""
    if max(stated_len, len(content)) > max_len:
        raise LmacError(f"{path} is larger than {max_len} bytes, which is the most that is read; give another file")
    return content
