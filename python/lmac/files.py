"""Files of the command line: whole or not at all.

Output goes to a temporary name beside its target and is renamed when it is complete and on the disk, so that
nobody ever sees half a file, whatever happens on the way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path


def read(path: Path | None) -> bytes:
    """The whole content of a file, or of standard input."""
    return sys.stdin.buffer.read() if path is None else path.read_bytes()


def write_stdout(data: bytes) -> None:
    """Writes to standard output, and notices here if nobody reads it."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write(path: Path, data: bytes, like: Path | None) -> None:
    """Writes a file, all of it or nothing.

    Args:
        path: The target. A device or pipe is written to directly.
        data: Its content.
        like: The file whose permissions and modification time it gets.
    """
    target = path.resolve()  # a symbolic link stays, and what it points at is replaced
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _copy_attributes(like, temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _copy_attributes(like: Path | None, path: Path) -> None:
    if like is not None:
        shutil.copystat(like, path)
        return
    mask = os.umask(0)  # a temporary file is private; give it the mode of any new file
    os.umask(mask)
    path.chmod(0o666 & ~mask)
