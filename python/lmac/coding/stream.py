"""``LmacCompressor`` and ``LmacDecompressor``: frames a piece at a time, with the manners of ``compression.zstd``.

The work is done in Rust (rust/lmac-core/src/stream.rs), block by block; a stream adds the model of a ``Codec`` to it, and lets
threads take turns. For files there is ``LmacFile``. Where they differ from the standard library's
classes, and why, is in docs/python-api.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from .. import _core
from ..predictors.predictor import Predictor
from .codec import Codec, default_codec, done_bytes
from .turns import Turn, in_turn

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class LmacCompressor:
    """Compresses content that comes in pieces.

    Content is held back until a block is full (``block_len`` of the codec: 16 MiB unless told otherwise), so most
    calls return nothing. What fits one block gives the same bytes as ``Codec.compress``, and so does longer content
    whose size was announced.

    Args:
        codec: The model and the settings; ``None`` for the default ones. It may serve several streams.
        progress: Called now and then with the number of bytes of the frame's content compressed so far.

    Example:
        >>> import lmac
        >>> compressor = lmac.LmacCompressor()
        >>> blob = compressor.compress(b"To be, or ") + compressor.compress(b"not to be") + compressor.flush()
        >>> lmac.decompress(blob)
        b'To be, or not to be'
    """

    #: Hold content back until a block is full.
    CONTINUE: ClassVar[int] = 0
    #: End the block: all content so far can be restored from the bytes so far. Short blocks cost size.
    FLUSH_BLOCK: ClassVar[int] = 1
    #: End the frame: more content begins a new one.
    FLUSH_FRAME: ClassVar[int] = 2

    def __init__(self, codec: Codec | None = None, *, progress: Callable[[int], object] | None = None) -> None:
        self._codec = default_codec() if codec is None else codec
        self._compressor = self._codec._begin_frames()
        self._turn = Turn()
        self._progress = done_bytes(progress)
        self._last_mode = self.FLUSH_FRAME

    @property
    def last_mode(self) -> int:
        """The mode of the last call: ``CONTINUE``, ``FLUSH_BLOCK`` or, also before the first, ``FLUSH_FRAME``."""
        return self._last_mode

    @in_turn
    def compress(self, data: ReadableBuffer, mode: int = CONTINUE) -> bytes:
        """Takes content, and returns what it completes.

        Args:
            data: Any bytes-like object.
            mode: ``CONTINUE``, ``FLUSH_BLOCK`` or ``FLUSH_FRAME``.

        Raises:
            ValueError: Another mode.
            LmacError: The content is longer or shorter than was announced, or an earlier call failed: the frame
                can then no longer be completed.
            PredictorError: The predictor broke its contract.
        """
        if mode not in (self.CONTINUE, self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("mode must be CONTINUE, FLUSH_BLOCK or FLUSH_FRAME of LmacCompressor")
        output = self._codec._engine.run(lambda predictor: self._compressor.compress(data, mode, predictor, progress=self._progress))
        self._last_mode = mode
        return output

    def flush(self, mode: int = FLUSH_FRAME) -> bytes:
        """Ends the block or the frame, and returns what was held back.

        Without any content, ``FLUSH_FRAME`` gives an empty frame and ``FLUSH_BLOCK`` nothing.

        Raises:
            ValueError: A mode other than ``FLUSH_BLOCK`` and ``FLUSH_FRAME``.
            LmacError: As ``compress``.
        """
        if mode not in (self.FLUSH_BLOCK, self.FLUSH_FRAME):
            raise ValueError("mode must be FLUSH_BLOCK or FLUSH_FRAME of LmacCompressor")
        return self.compress(b"", mode)

    @in_turn
    def set_pledged_input_size(self, size: int | None) -> None:
        """Announces the length of the next frame's content in bytes, so that its header can state it.

        Raises:
            ValueError: The frame has content already, or ``size`` is not below 2^63.
        """
        if self._last_mode != self.FLUSH_FRAME:
            raise ValueError("the size is announced at the beginning of a frame: before the first call, or after FLUSH_FRAME")
        if size is not None and not 0 <= size < 1 << 63:
            raise ValueError("size must be between 0 and 2^63 - 1 bytes, or None")
        self._compressor.pledge(size)


class LmacDecompressor:
    """Restores the content of one frame that comes in pieces.

    It holds at most one block of content, and the input that was given but not needed yet. For several frames in a
    row use one decompressor for each and begin with the ``unused_data`` of the last, or use ``LmacFile``.

    Args:
        codec: The model; ``None`` for those inside the package.
        max_output_size: Refuse content longer than this, in bytes.
        progress: Called now and then with the number of bytes restored in this block.

    Example:
        >>> import lmac
        >>> decompressor = lmac.LmacDecompressor()
        >>> decompressor.decompress(lmac.compress(b"To be, or not to be") + b"more", max_length=5)
        b'To be'
        >>> decompressor.decompress(b"", max_length=100), decompressor.eof, decompressor.unused_data
        (b', or not to be', True, b'more')
    """

    def __init__(
        self,
        codec: Codec | None = None,
        *,
        max_output_size: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self._codec = default_codec() if codec is None else codec
        self._decompressor = _core.Decompressor(max_output_size=max_output_size, max_memory=self._codec.max_memory)
        self._turn = Turn()
        self._remember()
        self._progress = done_bytes(progress)

    def _remember(self) -> None:
        """Keeps what holds between two calls, so that it can be asked also during one."""
        self._eof, self._needs_input = self._decompressor.eof, self._decompressor.needs_input
        self._unused_data = self._decompressor.unused_data

    @property
    def eof(self) -> bool:
        """Whether the frame has ended and all of its content was returned."""
        return self._eof

    @property
    def needs_input(self) -> bool:
        """Whether ``decompress`` can return nothing more before it is given more input."""
        return self._needs_input

    @property
    def unused_data(self) -> bytes:
        """What was given after the end of the frame; empty before ``eof``."""
        return self._unused_data

    @in_turn
    def decompress(self, data: ReadableBuffer, max_length: int = -1) -> bytes:
        """Takes a piece of the frame, and returns content.

        Args:
            data: Any bytes-like object; may be empty.
            max_length: Return at most this many bytes, if not negative; the rest comes with later calls.

        Raises:
            EOFError: The frame has ended.
            FormatError: ``data`` does not begin with a frame, or one of a newer version.
            ModelMismatchError: Another model compressed it.
            CorruptedDataError: It was damaged. (That it was cut short is for the caller to see: ``eof`` is not set.)
            LmacError: The content is longer than ``max_output_size``.
        """
        if self._eof:
            raise EOFError("the frame has ended; begin the next one with a new LmacDecompressor")
        limit = None if max_length < 0 else min(max_length, sys.maxsize)
        pieces = [data]  # taken by the first call, also by one that fails

        def restore(predictor: Predictor) -> bytes:
            return self._decompressor.decompress(pieces.pop() if pieces else b"", limit, predictor, progress=self._progress)

        try:
            return self._codec._engine.restore(restore)
        finally:
            self._remember()


class FrameHeader(NamedTuple):
    """What the beginning of a frame says."""

    #: Length of the content in bytes, or ``None`` if the header does not state it.
    decompressed_size: int | None
    #: The first bytes of the model's content id.
    model_id: bytes
    #: Whether the model is mixed with what the content itself has shown.
    adaptive: bool


def get_frame_info(frame_buffer: ReadableBuffer) -> FrameHeader:
    """Reads the beginning of a frame; ``inspect`` reads whole frames, and says more.

    Args:
        frame_buffer: Any bytes-like object that begins with a frame; 32 bytes are enough.

    Raises:
        FormatError: It does not begin with a frame.
        CorruptedDataError: It is too short.

    Example:
        >>> import lmac
        >>> lmac.get_frame_info(lmac.compress(b"once")[:14]).decompressed_size
        4
    """
    head = _head(frame_buffer, 0)
    reader = _core.FrameReader(head)
    size = reader.info().content_size
    if reader.single_block:
        block = reader.next_block(head[reader.frame_len :])
        size = block.content_len if block else 0
    info = reader.info()
    return FrameHeader(size, info.model_id, info.adaptive)


def get_frame_size(frame_buffer: ReadableBuffer) -> int:
    """The length in bytes of the frame that ``frame_buffer`` begins with, headers and end included.

    Raises:
        FormatError: It does not begin with a frame.
        CorruptedDataError: It does not hold all of the frame.
    """
    reader = _core.FrameReader(_head(frame_buffer, 0))
    while reader.next_block(_head(frame_buffer, reader.frame_len)):
        pass
    if reader.frame_len > memoryview(frame_buffer).nbytes:
        raise _core.CorruptedDataError("frame_buffer ends inside the frame: give all of it")
    return reader.frame_len


def _head(data: ReadableBuffer, start: int) -> bytes:
    with memoryview(data) as view:
        content = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())
        with content:
            return bytes(content[start : start + _core.MAX_HEADER_LEN])
