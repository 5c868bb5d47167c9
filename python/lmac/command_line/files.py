"""Files of the command line: whole or not at all.

Output goes to a temporary name beside its target, to the disk, and only then to its final name, so that nobody
ever sees half a file, whatever happens on the way. A source is removed only after that, and only if it still
is the file that was read.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .standard_streams import stdin


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Writes all of ``data``."""
        ...


class ChangedError(Exception):
    """The source is no longer what it was when reading began."""

    def __str__(self) -> str:
        return "the file changed while it was read; nothing was written or removed, try again"


class Source:
    """A file to read, or standard input, and whether it is still the same.

    Args:
        path: ``None`` for standard input.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.file = stdin() if path is None else path.open("rb")
        self._first = os.fstat(self.file.fileno())
        is_regular = stat.S_ISREG(self._first.st_mode)
        self._start = self.file.tell() if is_regular else 0
        #: How much there is to read, in bytes; ``None`` for what has no length, or hides it as /proc does.
        self.size = (self._first.st_size - self._start if is_regular else 0) or None

    def rewind(self) -> None:
        """Goes back to where reading began; only if there is a ``size``."""
        self.file.seek(self._start)

    def check_unchanged(self) -> None:
        """Checks that nobody wrote to the file since it was opened.

        Raises:
            ChangedError: Somebody did.
        """
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._first.st_size, self._first.st_mtime_ns) and stat.S_ISREG(now.st_mode):
            raise ChangedError

    def remove(self) -> None:
        """Removes the file, if it is still the one that was read.

        Raises:
            ChangedError: It was written to, or its name now belongs to another file.
        """
        assert self.path is not None
        self.check_unchanged()
        if not os.path.samestat(self.path.stat(), self._first):
            raise ChangedError
        self.path.unlink()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self.path is not None:
            self.file.close()


class _File:
    """A file whose errors name it as the user knows it."""

    def __init__(self, file: io.FileIO, name: Path) -> None:
        self._file, self._name = file, name

    def write(self, data: bytes, /) -> None:
        rest = memoryview(data)
        with _naming(self._name):
            while rest:
                rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Brings what was written to the disk."""
        with _naming(self._name):
            os.fsync(self._file.fileno())


@contextlib.contextmanager
def _naming(name: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        error.filename = str(name)
        raise


@contextlib.contextmanager
def replacing(path: Path, like: Path | None, *, overwrite: bool) -> Iterator[Sink]:
    """A sink whose bytes become the file ``path`` at the end of the ``with`` block, all of them or none.

    Args:
        path: The target. If it is a link, what it points at is replaced; a device or pipe is written to directly.
        like: The file whose permissions and modification time it gets.
        overwrite: Whether it may replace a file; if not, one that appears meanwhile is a ``FileExistsError``.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with io.FileIO(target, "wb") as device:
            yield _File(device, path)
        return
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(8)}.tmp")
    try:
        with _create(temporary, path) as file:
            output = _File(file, path)
            yield output
            output.sync()
        _copy_attributes(like, temporary)
        with _naming(path):
            _publish(temporary, target, overwrite)
        _sync_folder(target.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _create(temporary: Path, path: Path) -> io.FileIO:
    """A new file that nobody else reads: it gets its permissions when it is complete."""
    with _naming(path):
        return io.FileIO(temporary, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    """Gives a complete file its name."""
    if not overwrite:
        try:
            os.link(temporary, target)  # unlike a rename, it never replaces a file
        except FileExistsError:
            raise
        except OSError:
            pass  # a file system without links
        else:
            temporary.unlink()
            return
    temporary.replace(target)


def _copy_attributes(like: Path | None, path: Path) -> None:
    if like is not None:
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # others cannot give files away
            os.chown(path, like.stat().st_uid, like.stat().st_gid)
        shutil.copystat(like, path)
        return
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def _sync_folder(folder: Path) -> None:
    """Brings the new name to the disk; where folders cannot be opened (Windows) there is no such thing."""
    with contextlib.suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
