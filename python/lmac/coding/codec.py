"""``Codec``: bytes to compressed bytes and back, with one model loaded once.

``compress`` and ``decompress`` of this module are the same with the models inside the package, for single
calls; ``stream`` and ``lmac_file`` do the same a piece at a time. Everything else happens in Rust
(rust/lmac-core/src/codec.rs; the format: docs/format.md).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, TypedDict, TypeVar

from .. import _core
from ..predictors.model import DEFAULT_MODEL, DeviceName, ExecutorName, ModelSource, Running, load_predictor, model_names
from ..predictors.predictor import Predictor

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")


class CodecOptions(TypedDict, total=False):
    """The arguments of ``Codec``, for functions that pass them on."""

    model: ModelSource
    device: DeviceName
    threads: int | None
    executor: ExecutorName
    adaptive: bool
    block_len: int | None
    lane_len: int | None
    verify: bool
    tokenizer: str | os.PathLike[str] | None
    context_length: int | None
    ignore_fingerprint: bool
    max_memory: int | None


class Codec:
    """Compresses and decompresses with one model.

    A codec may be shared by threads; they take turns. For parallel work give each thread its own.

    Args:
        model: Name of a model inside the package, path or bytes of a model file, a folder with a language model (ONNX,
            and its tokenizer.json), ``"hf:owner/repo"`` for one in Hugging Face's cache, or any ``Predictor``.
            ``None`` compresses with ``"default"``, and decompresses what any model inside the package has compressed.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for the best choice of the executor.
        threads: How many the executor may use; ``None`` for one per core. With an exact model the result does not
            depend on it, and blocks and records are coded at the same time.
        executor: ``"native"``, ``"onnx"`` (ONNX Runtime), or ``"auto"``: native except on a GPU. All write the
            same bytes. Only ONNX Runtime runs models that are not exact.
        adaptive: Mix the model with experts that learn from the content, and leave out the model where it does
            not help: better, and slower than the model alone by a few microseconds a byte.
        block_len: Bytes per independent block; ``None`` for 2^24 in adaptive mode, 2^20 otherwise. Shorter blocks
            compress less, occupy more threads, and make reading in the middle of a file cheaper: a read restores whole blocks.
        lane_len: Bytes per lane, the segments of a block that advance together: longer lanes compress better,
            more lanes run faster. ``None`` for the rule of the mode (docs/format.md); with a language model that is not
            exact, 2^16, in blocks of 2^20.
        verify: Decode what a model in floating point has coded before it counts as compressed, and code it in another
            way if that fails. It doubles the time. An exact model needs no such proof.
        tokenizer: Path of a tokenizer.json; ``None`` for the one beside the model.
        context_length: How many tokens a language model sees at most; ``None`` for as many as it can, up to 1,024.
        ignore_fingerprint: Try to decompress what a model in floating point has compressed elsewhere, although its
            numbers may differ here. If they do, that takes its time and ends with a ``CorruptedDataError``.
        max_memory: Bytes that the blocks under way may take, beside the model and what is handed in and out (docs/format.md,
            "Memory"). Fewer are coded at the same time if need be; one that takes more alone is refused. ``None``: blocks
            together stay below 2 GiB, and one alone may take more.

    Raises:
        FormatError: The file is no model.
        LmacError: The model is of a kind that cannot be used, or a part of it is missing.
        PredictorError: The executor does not reproduce the model's known answers, or ONNX Runtime cannot run it.

    Example:
        >>> import lmac
        >>> codec = lmac.Codec()
        >>> codec.decompress(codec.compress(b"To be, or not to be"))
        b'To be, or not to be'
    """

    def __init__(
        self,
        model: ModelSource = None,
        *,
        device: DeviceName = "auto",
        threads: int | None = None,
        executor: ExecutorName = "auto",
        adaptive: bool = True,
        block_len: int | None = None,
        lane_len: int | None = None,
        verify: bool = True,
        tokenizer: str | os.PathLike[str] | None = None,
        context_length: int | None = None,
        ignore_fingerprint: bool = False,
        max_memory: int | None = None,
    ) -> None:
        self._running = Running(executor, device, threads, tokenizer, context_length, ignore_fingerprint)
        self._predictor = load_predictor(model, self._running)
        self._is_named = model is not None
        self._settings = _core.Settings(
            adaptive=adaptive,
            block_len=getattr(self._predictor, "block_len", None) if block_len is None else block_len,
            lane_len=getattr(self._predictor, "lane_len", None) if lane_len is None else lane_len,
            verify=verify,
            max_memory=max_memory,
        )
        #: Bytes that the blocks under way may take.
        self.max_memory = max_memory
        self._lock = threading.RLock()  # the predictor holds the contexts of one call

    @property
    def model_id(self) -> bytes:
        """The content id of the model: 32 bytes; the first of them are in every frame it compresses."""
        return self._predictor.model_id

    def compress(self, data: ReadableBuffer, *, progress: Callable[[int], object] | None = None) -> bytes:
        """Compresses ``data`` to one frame.

        Args:
            data: Any bytes-like object.
            progress: Called now and then with the number of bytes of ``data`` done so far.

        Returns:
            The frame; never more than 0.1 % + 16 bytes longer than ``data``.

        Raises:
            ValueError: ``block_len`` or ``lane_len`` is out of range.
            PredictorError: The predictor broke its contract.
        """
        with self._lock:
            return _core.compress(data, self._predictor, self._settings, progress=done_bytes(progress))

    def decompress(
        self,
        data: ReadableBuffer,
        *,
        max_output_size: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> bytes:
        """Restores what ``compress`` was given; several frames in a row, of one model, give their contents in a row.

        ``LmacFile`` reads frames of several models too.

        Args:
            data: Any bytes-like object that holds whole frames.
            max_output_size: Refuse content longer than this, in bytes.
            progress: Called now and then with the number of bytes restored so far.

        Raises:
            FormatError: ``data`` does not begin with a frame, or one of a newer version.
            ModelMismatchError: Another model compressed it, or one in floating point under other conditions.
            CorruptedDataError: It was damaged or cut short.
            LmacError: The content is longer than ``max_output_size``, or a block takes more than ``max_memory``.
            OutOfMemoryError: There is not enough memory; this is a ``MemoryError``, too.
        """
        report = done_bytes(progress)
        return self.restore(lambda predictor: _core.decompress(data, predictor, max_output_size=max_output_size, max_memory=self.max_memory, progress=report))

    def compress_many(self, records: Iterable[ReadableBuffer], *, bare: bool = False, progress: Callable[[int], object] | None = None) -> list[bytes]:
        """Compresses many short records, each to a blob of its own, in the time that one batch takes.

        Args:
            records: Bytes-like objects, in any number.
            bare: Leave out what both sides know, the model, the mode and a checksum: at most two bytes beyond
                the coded symbols, for a record below 16 KiB. Damage to such a blob goes unnoticed, and only
                ``decompress_many(..., bare=True)`` of a codec with the same model and mode reads it.
            progress: Called now and then with the number of bytes of all records done so far.

        Returns:
            A blob for each record, in order; without ``bare`` the very frame of ``compress``.

        Raises:
            ValueError: A setting is out of range, or a record too long for the bare form (2^24 bytes).
            PredictorError: The predictor broke its contract.

        Example:
            >>> import lmac
            >>> codec = lmac.Codec()
            >>> blobs = codec.compress_many([b"level=info msg=started", b"level=info msg=stopped"], bare=True)
            >>> codec.decompress_many(blobs, bare=True)
            [b'level=info msg=started', b'level=info msg=stopped']
        """
        with self._lock:
            return _core.compress_many(list(records), self._predictor, self._settings, bare=bare, progress=done_bytes(progress))

    def decompress_many(
        self,
        blobs: Iterable[ReadableBuffer],
        *,
        bare: bool = False,
        max_output_size: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> list[bytes]:
        """Restores what ``compress_many`` was given; without ``bare``, of any frames.

        Args:
            blobs: Bytes-like objects.
            bare: Whether the blobs have the bare form.
            max_output_size: Refuse more content than this of all records together, in bytes.
            progress: Called now and then with the number of bytes restored so far.

        Raises:
            FormatError, ModelMismatchError, CorruptedDataError, LmacError: As ``decompress``; the message says which record.
        """
        records, report = list(blobs), done_bytes(progress)
        return self.restore(
            lambda predictor: _core.decompress_many(records, predictor, self._settings, bare=bare, max_output_size=max_output_size, progress=report)
        )

    @contextmanager
    def exclusive(self) -> Iterator[Predictor]:
        """The predictor, for one call at a time: it holds the contexts of the block at hand."""
        with self._lock:
            yield self._predictor

    def begin_frames(self) -> _core.Compressor:
        """The core of an ``LmacCompressor`` with the settings of this codec; its progress function is told all that the core reports."""
        return _core.Compressor(self._settings)

    def decompress_block(self, block: _core.Block, payload: bytes, *, progress: Callable[[int], object] | None = None) -> bytes:
        """The content of one block of a ``BlockWalk``.

        Raises:
            ModelMismatchError: Another model compressed it.
            CorruptedDataError: It was damaged or cut short.
        """
        return self.restore(lambda predictor: block.decompress(payload, predictor, max_memory=self.max_memory, progress=done_bytes(progress)))

    @property
    def blocks_at_once(self) -> int:
        """How many blocks ``decompress_blocks`` restores at the same time."""
        with self.exclusive() as predictor:
            return _core.blocks_at_once(predictor, max_memory=self.max_memory)

    def decompress_blocks(
        self, blocks: list[tuple[_core.Block, bytes]], *, progress: Callable[[int], object] | None = None
    ) -> list[bytes | _core.CorruptedDataError]:
        """The contents of blocks of one frame, given with their payloads; in the place of one that is damaged is the error.

        Raises:
            ModelMismatchError: Another model compressed them.
        """
        return self.restore(lambda predictor: _core.decompress_blocks(blocks, predictor, max_memory=self.max_memory, progress=done_bytes(progress)))

    def restore(self, decompress: Callable[[Predictor], T]) -> T:
        """Calls ``decompress`` with the predictor; if another model compressed the frame, and none was named, with those inside the package.

        Raises:
            ModelMismatchError: None of them compressed it. Whatever else ``decompress`` raises.
        """
        with self._lock:
            try:
                return decompress(self._predictor)
            except _core.ModelMismatchError:
                for predictor in self._alternatives:
                    with suppress(_core.ModelMismatchError):
                        return decompress(predictor)
                raise

    @cached_property
    def _alternatives(self) -> list[Predictor]:
        """The models inside the package that the default one is not; none if a model was named."""
        names = [] if self._is_named else [name for name in model_names() if name != DEFAULT_MODEL]
        return [load_predictor(name, self._running) for name in names]


def done_bytes(progress: Callable[[int], object] | None) -> Callable[[_core.Report], object] | None:
    """What tells ``progress`` the number of bytes done, of all that the core reports."""
    return None if progress is None else lambda report: progress(report.done)


def compress(data: ReadableBuffer, *, model: ModelSource = None, adaptive: bool = True) -> bytes:
    """Compresses ``data`` to one frame; see ``Codec`` and ``Codec.compress``.

    >>> import lmac
    >>> lmac.decompress(lmac.compress(b"once"))
    b'once'
    """
    return _codec(model, adaptive).compress(data)


def decompress(data: ReadableBuffer, *, model: ModelSource = None) -> bytes:
    """Restores what ``compress`` was given; see ``Codec.decompress``."""
    return _codec(model, adaptive=True).decompress(data)  # a frame says itself how it was coded


def _codec(model: ModelSource, adaptive: bool) -> Codec:
    return default_codec(adaptive) if model is None else Codec(model, adaptive=adaptive)


@cache
def default_codec(adaptive: bool = True) -> Codec:
    """The codec with the default model, loaded once."""
    return Codec(adaptive=adaptive)
