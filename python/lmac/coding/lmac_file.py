"""``LmacFile``: a compressed file that reads and writes like a file, as ``compression.zstd`` has it; ``opening`` has ``open``.

Reading restores one block at a time and holds one; seeking finds the block by the headers (``blocks``) and
restores no other. Writing holds one block back.

Who forgets to close a file that was written loses what was held back. It cannot be coded when the file is collected, because
that may happen in the middle of another call, of the same predictor.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import warnings
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from .codec import Codec, default_codec
from .content_reader import ContentReader
from .stream import LmacCompressor
from .turns import Turn, in_turn

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: A path, or a binary file that is open already.
FileSource: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]


class LmacFile(io.BufferedIOBase):
    """A file of frames that reads as their content, or that compresses what is written to it.

    Close it, best by ``with``: what is collected unclosed gives a ``ResourceWarning``, and what it had not written is lost.
    Threads may share it; they take turns.

    Args:
        file: A path, or a binary file, which is then not closed.
        mode: ``"r"`` to read, ``"w"`` to write, ``"x"`` to write a file that must not exist, ``"a"`` to append
            a frame; each may end in ``"b"``.
        codec: The model and the settings; ``None`` for the default ones.
        max_output_size: When reading, refuse content longer than this, in bytes.

    Raises:
        ValueError: Another mode.
        OSError: The file cannot be opened.

    Reading raises ``FormatError`` for what is no frame, ``ModelMismatchError`` for another model's, ``CorruptedDataError``
    for what was damaged or cut short, and ``LmacError`` beyond ``max_output_size``.
    """

    FLUSH_BLOCK: ClassVar[int] = LmacCompressor.FLUSH_BLOCK
    FLUSH_FRAME: ClassVar[int] = LmacCompressor.FLUSH_FRAME

    def __init__(
        self,
        file: FileSource,
        /,
        mode: str = "r",
        *,
        codec: Codec | None = None,
        max_output_size: int | None = None,
    ) -> None:
        self._turn = Turn()
        self._file: Any = None
        self._reader: io.BufferedReader | None = None
        self._compressor: LmacCompressor | None = None
        self._unwritten: bytes | memoryview = b""  # compressed, and not taken by the file so far
        self._is_forgotten = False
        plain_mode = mode.removesuffix("b")
        if plain_mode not in ("r", "w", "x", "a"):
            raise ValueError(f"invalid mode {mode!r}: use r, w, x or a, with or without b")
        codec = default_codec() if codec is None else codec
        if plain_mode != "r":
            self._compressor = LmacCompressor(codec)
        if isinstance(file, str | bytes | os.PathLike):
            self._file, self._is_path = builtins.open(file, plain_mode + "b"), True  # noqa: SIM115
        elif hasattr(file, "read" if plain_mode == "r" else "write"):
            self._file, self._is_path = file, False
        else:
            raise TypeError("file must be a path or a binary file")
        if plain_mode == "r":
            self._reader = io.BufferedReader(ContentReader(self._file, codec, max_output_size))
        self._has_frame = False
        self._position = 0

    @in_turn
    def close(self) -> None:
        """Writes what was held back, ends the frame, and closes the file if it was opened here.

        After a call of ``write`` or ``flush`` that failed, the frame stays incomplete: readers will notice.
        """
        if self._file is None:
            return
        try:
            if self._reader is not None:
                self._reader.close()
            elif self._compressor is not None and not self._is_forgotten:
                self._flush(self._compressor, self.FLUSH_FRAME)
        finally:
            file, self._file = self._file, None
            self._reader = self._compressor = None
            if self._is_path:
                file.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            try:
                self._dealloc_warn(self)
            finally:
                self.close()

    def _dealloc_warn(self, source: object) -> None:
        """Called before ``close`` when this file, or a text file or buffer around it (``source``), is collected unclosed."""
        self._is_forgotten = True
        if self._compressor is not None or self._is_path:
            lost = "; what was not flushed is lost" if self._compressor is not None else ""
            warnings.warn(f"unclosed file {self!r}{lost}", ResourceWarning, stacklevel=2, source=source)

    def __repr__(self) -> str:
        if self._file is None:
            return "<LmacFile, closed>"
        name = getattr(self._file, "name", None)
        return f"<LmacFile{'' if name is None else f' name={name!r}'} mode={self.mode!r}>"

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        return self._file is None

    @property
    def mode(self) -> Literal["rb", "wb"]:
        """``"rb"`` or ``"wb"``."""
        return "rb" if self.readable() else "wb"

    @property
    def name(self) -> Any:
        """The name of the underlying file."""
        self._check_open()
        return self._file.name

    def fileno(self) -> int:
        """The descriptor of the underlying file."""
        self._check_open()
        descriptor: int = self._file.fileno()
        return descriptor

    def readable(self) -> bool:
        """Whether it was opened for reading."""
        self._check_open()
        return self._reader is not None

    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return not self.readable()

    def seekable(self) -> bool:
        """Whether ``seek`` works: when reading from a file that can seek."""
        return self.readable() and self._content.seekable()

    @in_turn
    def write(self, data: ReadableBuffer, /) -> int:
        """Takes content; it reaches the file when a block is full, and with ``flush`` and ``close``.

        Returns:
            Its length in bytes.

        Raises:
            LmacError: As ``LmacCompressor.compress``.
            BlockingIOError: The underlying file takes no more now. Nothing is lost: what is compressed is kept for the next ``write`` or ``flush``.
        """
        compressor = self._writer
        with memoryview(data) as view:
            length = view.nbytes
        if not self._is_forgotten:
            self._write_out(compressor, data, LmacCompressor.CONTINUE)
        self._position += length
        return length

    @in_turn
    def flush(self, mode: int = FLUSH_BLOCK) -> None:
        """Writes what was held back: with ``FLUSH_BLOCK`` as a block of its own, with ``FLUSH_FRAME`` as the end of the frame.

        Every block begins without knowledge, so this costs size. It does nothing when reading.

        Raises:
            ValueError: Another mode.
            LmacError, BlockingIOError: As ``write``.
        """
        self._check_open()
        if mode not in (self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("mode must be FLUSH_BLOCK or FLUSH_FRAME of LmacFile")
        if self._compressor is not None and not self._is_forgotten:
            self._flush(self._compressor, mode)

    def _flush(self, compressor: LmacCompressor, mode: int) -> None:
        is_done = compressor.last_mode == mode and self._has_frame
        is_empty = mode == self.FLUSH_BLOCK and compressor.last_mode == self.FLUSH_FRAME  # nothing was written since
        if is_done or is_empty:
            self._drain()
            return
        self._write_out(compressor, b"", mode)
        self._has_frame = True
        if hasattr(self._file, "flush"):
            self._file.flush()

    def _write_out(self, compressor: LmacCompressor, data: ReadableBuffer, mode: int) -> None:
        """Compresses, and writes what comes of it."""
        try:
            output = compressor.compress(data, mode)
            self._unwritten = bytes(self._unwritten) + output
            self._drain()
        except BlockingIOError:
            raise
        except BaseException:
            self._give_up()
            raise

    def _drain(self) -> None:
        """Writes all that is compressed; a raw file may take less at once."""
        while self._unwritten:
            try:
                written = self._file.write(self._unwritten)
            except BlockingIOError as error:
                self._unwritten = memoryview(self._unwritten)[error.characters_written :]
                raise
            if written is None and not isinstance(self._file, io.RawIOBase):
                written = len(self._unwritten)  # not every file says it; of raw ones, None is nothing
            if not written:
                raise BlockingIOError(errno.EAGAIN, "the underlying file takes no more now; flush again when it does")
            self._unwritten = memoryview(self._unwritten)[written:]

    def _give_up(self) -> None:
        """After an error: content is missing, so the frame must not be completed."""
        self._compressor = None

    @in_turn
    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes of content, or all that is left if it is negative or ``None``."""
        return self._content.read(-1 if size is None else size)

    @in_turn
    def read1(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes, without reading more than one block for them."""
        return self._content.read1(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    @in_turn
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills ``buffer`` with content, and returns how many bytes that were."""
        return self._content.readinto(buffer)

    @in_turn
    def readinto1(self, buffer: WriteableBuffer, /) -> int:
        """As ``readinto``, without reading more than one block."""
        return self._content.readinto1(buffer)

    @in_turn
    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line, or at most ``size`` bytes of it."""
        return self._content.readline(-1 if size is None else size)

    @in_turn
    def peek(self, size: int = -1, /) -> bytes:
        """Some of the next bytes, without going on; none at the end only."""
        return self._content.peek(size)

    @in_turn
    def __next__(self) -> bytes:
        """The next line."""
        if line := self._content.readline():
            return line
        raise StopIteration

    @in_turn
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a place of the content, at most to its end; returns the new position.

        It reads the headers of the blocks on the way; a block is restored when it is read.
        """
        return self._content.seek(offset, whence)

    @in_turn
    def tell(self) -> int:
        """The position in the content, in bytes."""
        self._check_open()
        return self._position if self._reader is None else self._reader.tell()

    def _check_open(self) -> None:
        if self._file is None:
            raise ValueError("I/O operation on closed file")

    @property
    def _content(self) -> io.BufferedReader:
        self._check_open()
        if self._reader is None:
            raise io.UnsupportedOperation("the file was not opened for reading")
        return self._reader

    @property
    def _writer(self) -> LmacCompressor:
        self._check_open()
        if self._reader is not None:
            raise io.UnsupportedOperation("the file was not opened for writing")
        if self._compressor is None:
            raise ValueError("an earlier write failed: the frame cannot be completed")
        return self._compressor
