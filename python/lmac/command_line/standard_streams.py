"""The standard streams in whatever state they are: closed, full, non-blocking, or with nobody at the other end.

Data and messages go to their descriptors at once, without a buffer, so that an error is noticed where it happens and not when Python
exits. Data that cannot be written ends the run (``StdoutError``); a message that cannot be is no reason to stop.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

STDIN, STDOUT, STDERR = 0, 1, 2  # descriptors


class StdoutError(Exception):
    """Standard output takes no more: whatever else would be written to it is not worth doing."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: {error.strerror}")
        #: Whether whoever read it has left, which is no fault: ``lmac -dc f | head``.
        self.nobody_reads = isinstance(error, (BrokenPipeError, ConnectionResetError))


class Stdout:
    """Standard output without a buffer."""

    def write(self, data: bytes, /) -> None:
        """Writes all of ``data``.

        Raises:
            StdoutError: That is not possible.
        """
        try:
            _write(STDOUT, data)
        except OSError as error:
            raise StdoutError(error) from None

    def check(self) -> None:
        """Asks whether anybody still reads, before much is done for nobody.

        Raises:
            StdoutError: Nobody does.
        """
        if not hasattr(select, "poll"):  # Windows
            return
        poll = select.poll()
        poll.register(STDOUT, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            raise StdoutError(BrokenPipeError())


def say(text: str) -> None:
    """Writes to standard error, if that is possible."""
    stream = sys.stderr
    with suppress(OSError):
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # no file, as in notebooks
            stream.write(text)
            return
        _write(descriptor, text.encode(stream.encoding, "backslashreplace"))


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def occupy_closed() -> None:
    """Puts the null device in the place of standard streams that are closed, so that no file opened later becomes one of them.

    It is opened the wrong way round: reading standard input and writing to standard output remain errors. Messages are lost.
    """
    for descriptor, flags in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest number that is free: this one, since those below are taken
    sys.stdin = sys.stdin or os.fdopen(STDIN, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w", closefd=False)
