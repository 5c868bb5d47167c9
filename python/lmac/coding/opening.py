"""``open``: a compressed file by its path, to read or write its content as bytes or as text, in one call."""

from __future__ import annotations

import io
from typing import Literal, Unpack, overload

from .codec import Codec, CodecOptions, default_codec
from .lmac_file import FileSource, LmacFile


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
    if codec is None:
        codec = Codec(**options) if options else default_codec()
    binary = LmacFile(file, mode.replace("t", ""), codec=codec, max_output_size=max_output_size)
    return io.TextIOWrapper(binary, encoding, errors, newline) if is_text else binary
