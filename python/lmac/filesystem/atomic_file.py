"""``AtomicFile``: a file that is whole or not there, whatever happens on the way.

Content goes to a temporary name in the folder of its target, to the disk, and only then to its own name. Until then it
is its owner's alone. All is done through two descriptors, that of the folder and that of the new file, so that who may
write to the folder can spoil the file, which is his right, but gets no attributes of it for another.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Iterator
from types import TracebackType

from .attributes import copy_attributes
from .folder import HAS_FOLDERS, NOFOLLOW, Place, naming, place_of

_TEMPORARY = re.compile(r"\.lmac-[0-9a-f]{16}\.tmp")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW

#: How a file system says that it does not do what it was asked for, and never will.
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that is being written, or was left behind by a crash."""
    return _TEMPORARY.fullmatch(name) is not None


class AtomicFile:
    """A file to write, in a ``with`` block: at its end the file appears, unless there was an error.

    Args:
        place: Its name. A link of that name is replaced, not followed.
        like: The descriptor of a file whose attributes it gets.
        overwrite: Whether it may replace a file; if not, one that appears meanwhile is a ``FileExistsError``.
    """

    def __init__(self, place: Place, *, like: int | None = None, overwrite: bool = True) -> None:
        self._place, self._like, self._overwrite = place, like, overwrite
        # Independent of the name, which may already be as long as names can be.
        self._temporary = f".lmac-{secrets.token_hex(8)}.tmp"
        #: What the file system refused, in words; the content is complete all the same.
        self.warnings: list[str] = []
        #: Whether the complete file is known to be on the disk, under its name.
        self.is_safe = False

    def __enter__(self) -> AtomicFile:
        with naming(self._place.path), self._removing_on_error():
            self._file = io.FileIO(self._place.folder.open(self._temporary, _CREATE), "wb")
        return self

    @contextlib.contextmanager
    def _removing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._remove_temporary()
            raise

    def _remove_temporary(self) -> None:
        with contextlib.suppress(OSError):
            self._place.folder.unlink(self._temporary)

    def write(self, data: bytes | memoryview, /) -> int:
        """Writes all of ``data``; returns its length."""
        rest = memoryview(data)
        with naming(self._place.path):
            while rest:
                rest = rest[self._file.write(rest) :]
        return len(data)

    def flush(self) -> None:
        """Does nothing: nothing is held back."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            with naming(self._place.path):
                if kind is None:
                    self._complete()
        finally:
            self._file.close()
            self._remove_temporary()  # also after success: a link to it was made

    def _complete(self) -> None:
        self._set_attributes()
        is_synced = self._sync()
        written = os.fstat(self._file.fileno())
        if not HAS_FOLDERS:
            self._file.close()  # Windows renames no open files; elsewhere an open one keeps its number, so that no other can have it
        self._publish()
        is_synced &= self._sync_folder()
        found = self._place.folder.find(self._place.name)
        if found is None or not os.path.samestat(found, written):
            self.warnings.append("somebody has removed or replaced it already")
        else:
            self.is_safe = is_synced

    def _set_attributes(self) -> None:
        descriptor = self._file.fileno()
        target = descriptor if HAS_FOLDERS else self._place.folder.spell(self._temporary)
        if self._like is not None:
            self.warnings += copy_attributes(self._like, target)
            return
        mask = os.umask(0)
        os.umask(mask)
        try:
            os.chmod(target, 0o666 & ~mask)
        except OSError as error:
            self.warnings.append(f"the usual permissions could not be given ({error.strerror})")

    def _sync(self) -> bool:
        """Brings the content to the disk; whether the file system does such a thing."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
            self.warnings.append(f"the file system does not say when it is on the disk ({error.strerror})")
            return False
        return True

    def _publish(self) -> None:
        """Gives the complete file its name."""
        folder, name = self._place.folder, self._place.name
        if not self._overwrite:
            try:
                folder.link(self._temporary, name)  # unlike a rename, it never replaces a file
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                if folder.find(name) is not None:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            else:
                return
        folder.rename(self._temporary, name)

    def _sync_folder(self) -> bool:
        """Brings the name to the disk; whether it is there, as far as the file system can say."""
        try:
            self._place.folder.sync()
        except OSError as error:
            self.warnings.append(f"its folder could not be synced to the disk ({error.strerror})")
            return error.errno in _NOT_SUPPORTED
        return True


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[AtomicFile]:
    """An ``AtomicFile`` that replaces whatever has this path.

    >>> with replacing("model.onnx") as file:  # doctest: +SKIP
    ...     file.write(b"content")
    """
    with place_of(os.fspath(path)) as place, AtomicFile(place) as file:
        yield file
