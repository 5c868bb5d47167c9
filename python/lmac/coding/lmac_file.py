"""``LmacFile`` and ``open``: compressed files that read and write like files, as ``compression.zstd`` has them.

Reading restores one block at a time and holds one; seeking finds the block by the headers (``blocks``) and
restores no other. Writing holds one block back.
"""

from __future__ import annotations

import builtins
import io
import os
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, Unpack, overload

from .codec import Codec, CodecOptions, default_codec
from .content_reader import ContentReader
from .stream import LmacCompressor

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

#: A path, or a binary file that is open already.
FileSource: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes]


class LmacFile(io.BufferedIOBase):
    """A file of frames that reads as their content, or that compresses what is written to it.

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
        self._file: Any = None
        self._reader: io.BufferedReader | None = None
        self._compressor: LmacCompressor | None = None
        plain_mode = mode.removesuffix("b")
        if plain_mode not in ("r", "w", "x", "a"):
            raise ValueError(f"invalid mode {mode!r}: use r, w, x or a, with or without b")
        codec = codec or default_codec()
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

    def close(self) -> None:
        """Writes what was held back, ends the frame, and closes the file if it was opened here.

        After a call of ``write`` or ``flush`` that failed, the frame stays incomplete: readers will notice.
        """
        if self._file is None:
            return
        try:
            if self._reader is not None:
                self._reader.close()
            elif self._compressor is not None:
                self.flush(self.FLUSH_FRAME)
        finally:
            file, self._file = self._file, None
            self._reader = self._compressor = None
            if self._is_path:
                file.close()

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

    def write(self, data: ReadableBuffer, /) -> int:
        """Takes content; it reaches the file when a block is full, and with ``flush`` and ``close``.

        Returns:
            Its length in bytes.

        Raises:
            LmacError: As ``LmacCompressor.compress``.
        """
        compressor = self._writer
        with memoryview(data) as view:
            length = view.nbytes
        try:
            self._file.write(compressor.compress(data))
        except BaseException:
            self._give_up()
            raise
        self._position += length
        return length

    def flush(self, mode: int = FLUSH_BLOCK) -> None:
        """Writes what was held back: with ``FLUSH_BLOCK`` as a block of its own, with ``FLUSH_FRAME`` as the end of the frame.

        Every block begins without knowledge, so this costs size. It does nothing when reading.

        Raises:
            ValueError: Another mode.
        """
        self._check_open()
        compressor = self._compressor
        if compressor is None:
            return
        if mode not in (self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("mode must be FLUSH_BLOCK or FLUSH_FRAME of LmacFile")
        if compressor.last_mode == mode and self._has_frame:
            return
        if mode == self.FLUSH_BLOCK and compressor.last_mode == self.FLUSH_FRAME:
            return  # nothing was written since
        try:
            self._file.write(compressor.flush(mode))
        except BaseException:
            self._give_up()
            raise
        self._has_frame = True
        if hasattr(self._file, "flush"):
            self._file.flush()

    def _give_up(self) -> None:
        """After an error: content is missing, so the frame must not be completed."""
        self._compressor = None

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes of content, or all that is left if it is negative or ``None``."""
        return self._content.read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes, without reading more than one block for them."""
        return self._content.read1(io.DEFAULT_BUFFER_SIZE if size < 0 else size)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills ``buffer`` with content, and returns how many bytes that were."""
        return self._content.readinto(buffer)

    def readinto1(self, buffer: WriteableBuffer, /) -> int:
        """As ``readinto``, without reading more than one block."""
        return self._content.readinto1(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line, or at most ``size`` bytes of it."""
        return self._content.readline(-1 if size is None else size)

    def peek(self, size: int = -1, /) -> bytes:
        """Some of the next bytes, without going on; none at the end only."""
        return self._content.peek(size)

    def __next__(self) -> bytes:
        """The next line."""
        if line := self._content.readline():
            return line
        raise StopIteration

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to a place of the content, at most to its end; returns the new position.

        It reads the headers of the blocks on the way; a block is restored when it is read.
        """
        return self._content.seek(offset, whence)

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


@overload
def open(
    file: FileSource,
    /,
    mode: Literal["r", "rb", "w", "wb", "x", "xb", "a", "ab"] = "rb",
    *,
    codec: Codec | None = None,
    max_output_size: int | None = None,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    **options: Unpack[CodecOptions],
) -> LmacFile: ...
@overload
def open(
    file: FileSource,
    /,
    mode: Literal["rt", "wt", "xt", "at"],
    *,
    codec: Codec | None = None,
    max_output_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[CodecOptions],
) -> io.TextIOWrapper: ...
@overload
def open(
    file: FileSource,
    /,
    mode: str,
    *,
    codec: Codec | None = None,
    max_output_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[CodecOptions],
) -> LmacFile | io.TextIOWrapper: ...
def open(
    file: FileSource,
    /,
    mode: str = "rb",
    *,
    codec: Codec | None = None,
    max_output_size: int | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    **options: Unpack[CodecOptions],
) -> LmacFile | io.TextIOWrapper:
    r"""Opens a compressed file, to read or write its content as bytes or text.

    Args:
        file: A path, or a binary file, which is then not closed.
        mode: ``"rb"`` (or ``"r"``), ``"wb"``, ``"xb"``, ``"ab"`` for bytes, ``"rt"``, ``"wt"``, ``"xt"``, ``"at"`` for text.
        codec: A codec that exists already, in place of the options below.
        max_output_size: When reading, refuse content longer than this, in bytes.
        encoding: As for the built-in ``open``, in text modes only.
        errors: As for the built-in ``open``, in text modes only.
        newline: As for the built-in ``open``, in text modes only.
        **options: ``model``, ``device``, ``threads`` and all others of ``Codec``. Whoever reads one byte restores the
            block around it: ``block_len`` makes that cheaper.

    Raises:
        ValueError: An unknown mode, text arguments in a binary mode, or options beside ``codec``.
        OSError: The file cannot be opened.

    Example:
        >>> import lmac, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "notes.lmac")
        >>> with lmac.open(path, "wt", encoding="utf-8") as file:
        ...     _ = file.write("first line\nsecond line\n")
        >>> with lmac.open(path, "rt", encoding="utf-8") as file:
        ...     [line.strip() for line in file]
        ['first line', 'second line']
        >>> with lmac.open(path) as file:
        ...     file.seek(6), file.read(4)
        (6, b'line')
    """
    is_text = "t" in mode
    if is_text and "b" in mode:
        raise ValueError(f"invalid mode {mode!r}: either t or b")
    if not is_text and (encoding, errors, newline) != (None, None, None):
        raise ValueError("encoding, errors and newline are for text modes")
    if codec is not None and options:
        raise ValueError(f"{', '.join(options)}: options of the codec; give either them or codec")
    codec = codec or (Codec(**options) if options else default_codec())
    binary = LmacFile(file, mode.replace("t", ""), codec=codec, max_output_size=max_output_size)
    return io.TextIOWrapper(binary, encoding, errors, newline) if is_text else binary
