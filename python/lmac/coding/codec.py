"""``Codec``: bytes to compressed bytes and back, with one model loaded once.

A codec is configuration: it never changes, and can be copied, pickled, and used anywhere. What it runs is in ``engine``, and
whose turn that is in ``turns``. ``compress`` and ``decompress`` of this module are the same for single calls; ``stream`` and
``lmac_file`` do the same a piece at a time. Everything else happens in Rust (rust/lmac-core/src/codec.rs; the format: docs/format.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypedDict

from .. import _core
from ..predictors.model import DeviceName, ExecutorName, ModelSource, Running, settled
from ..predictors.predictor import Predictor
from .engine import Engine, shared_engine

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


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

    A codec may be shared by threads; they take turns. For parallel work give each thread its own. It never changes: copies are
    the codec itself, those of equal arguments are equal, and pickled it is its arguments alone. Another process loads the model
    when it first needs it, from the same path; a forked one, too.

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
        ValueError, TypeError: An argument is out of range, or of a wrong type.
        OSError: A file cannot be read.
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
        running = Running(executor, device, threads, tokenizer, context_length, ignore_fingerprint)
        settings = _core.Settings(adaptive=adaptive, block_len=block_len, lane_len=lane_len, verify=verify, max_memory=max_memory)
        model = settled(model)
        self._configure(model, running, settings, Engine(model, running))
        self._engine.load()

    def _configure(self, model: ModelSource, running: Running, settings: _core.Settings, engine: Engine) -> None:
        self._model, self._running, self._settings = model, running, settings
        #: What it runs, for the modules of this package.
        self._engine = engine

    @classmethod
    def _shared(cls, model: ModelSource, running: Running, settings: _core.Settings) -> Codec:
        """A codec that shares what it runs with others, and loads it later."""
        codec = cls.__new__(cls)
        codec._configure(model, running, settings, shared_engine(model, running))
        return codec

    def __reduce__(self) -> tuple[Any, ...]:
        return self._shared, (self._model, self._running, self._settings)

    def __copy__(self) -> Codec:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Codec:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codec):
            return NotImplemented
        return (self._model, self._running, self._settings) == (other._model, other._running, other._settings)

    def __hash__(self) -> int:
        return hash((type(self._model) if isinstance(self._model, Predictor) else self._model, self._running, self._settings))

    def __repr__(self) -> str:
        model = self._model
        if isinstance(model, bytes):
            shown = [f"<model of {len(model)} bytes>"]
        else:
            shown = [] if model is None else [repr(str(model) if isinstance(model, os.PathLike) else model)]
        defaults = _options(Running(), DEFAULT_SETTINGS)
        shown += [f"{name}={value!r}" for name, value in _options(self._running, self._settings).items() if value != defaults[name]]
        return f"Codec({', '.join(shown)})"

    @property
    def max_memory(self) -> int | None:
        """Bytes that the blocks under way may take; ``None`` if it was not said."""
        return self._settings.max_memory

    def _settings_for(self, predictor: Predictor) -> _core.Settings:
        """The settings, with the predictor's where none were given."""
        settings = self._settings
        return _core.Settings(
            adaptive=settings.adaptive,
            block_len=settings.block_len or getattr(predictor, "block_len", None),
            lane_len=settings.lane_len or getattr(predictor, "lane_len", None),
            verify=settings.verify,
            max_memory=settings.max_memory,
        )

    def _begin_frames(self) -> _core.Compressor:
        """The core of an ``LmacCompressor``, for the modules of this package."""
        return _core.Compressor(self._settings_for(self._engine.load()))

    @property
    def model_id(self) -> bytes:
        """The content id of the model: 32 bytes; the first of them are in every frame it compresses."""
        return self._engine.load().model_id

    def compress(self, data: ReadableBuffer, *, progress: Callable[[int], object] | None = None) -> bytes:
        """Compresses ``data`` to one frame.

        Args:
            data: Any bytes-like object; of an array, the elements in C order.
            progress: Called now and then with the number of bytes of ``data`` done so far.

        Returns:
            The frame; never more than 0.1 % + 16 bytes longer than ``data``.

        Raises:
            TypeError: ``data`` has no bytes, or is an array of objects.
            PredictorError: The predictor broke its contract.
            LmacError: It is called from inside another call of the same predictor.
        """
        report = done_bytes(progress)
        return self._engine.run(lambda predictor: _core.compress(data, predictor, self._settings_for(predictor), progress=report))

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
        limits = {"max_output_size": max_output_size, "max_memory": self.max_memory}
        return self._engine.restore(lambda predictor: _core.decompress(data, predictor, **limits, progress=report))

    def compress_many(self, records: Iterable[ReadableBuffer], *, bare: bool = False, progress: Callable[[int], object] | None = None) -> list[bytes]:
        """Compresses many short records, each to a blob of its own, in the time that one batch takes.

        Args:
            records: Bytes-like objects, in any number.
            bare: Leave out what both sides know, the model, the mode and a check: at most two bytes beyond
                the coded symbols, for a record below 16 KiB. Damage to such a blob goes unnoticed, and only
                ``decompress_many(..., bare=True)`` of a codec with the same model and mode reads it.
            progress: Called now and then with the number of bytes of all records done so far.

        Returns:
            A blob for each record, in order; without ``bare`` the very frame of ``compress``.

        Raises:
            ValueError: A record is too long for the bare form (2^24 bytes).
            PredictorError: The predictor broke its contract.

        Example:
            >>> import lmac
            >>> codec = lmac.Codec()
            >>> blobs = codec.compress_many([b"level=info msg=started", b"level=info msg=stopped"], bare=True)
            >>> codec.decompress_many(blobs, bare=True)
            [b'level=info msg=started', b'level=info msg=stopped']
        """
        contents, report = list(records), done_bytes(progress)
        return self._engine.run(lambda predictor: _core.compress_many(contents, predictor, self._settings_for(predictor), bare=bare, progress=report))

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
        return self._engine.restore(
            lambda predictor: _core.decompress_many(records, predictor, self._settings, bare=bare, max_output_size=max_output_size, progress=report)
        )


DEFAULT_SETTINGS = _core.Settings(adaptive=True, block_len=None, lane_len=None, verify=True)


def _options(running: Running, settings: _core.Settings) -> dict[str, Any]:
    """The named arguments of a codec."""
    return {field.name: getattr(running, field.name) for field in fields(running)} | settings.__getnewargs_ex__()[1]


def done_bytes(progress: Callable[[int], object] | None) -> Callable[[_core.Report], object] | None:
    """What tells ``progress`` the number of bytes done, of all that the core reports."""
    return None if progress is None else lambda report: progress(report.done)


def compress(data: ReadableBuffer, *, model: ModelSource = None, adaptive: bool = True) -> bytes:
    """Compresses ``data`` to one frame; see ``Codec`` and ``Codec.compress``.

    The model stays loaded for the next call, as long as its file stays the same; so do the last few others.

    >>> import lmac
    >>> lmac.decompress(lmac.compress(b"once"))
    b'once'
    """
    return _codec(model, adaptive).compress(data)


def decompress(data: ReadableBuffer, *, model: ModelSource = None) -> bytes:
    """Restores what ``compress`` was given; see ``Codec.decompress``."""
    return _codec(model, adaptive=True).decompress(data)  # a frame says itself how it was coded


def _codec(model: ModelSource, adaptive: bool) -> Codec:
    settings = _core.Settings(adaptive=adaptive, block_len=None, lane_len=None, verify=True)
    return Codec._shared(settled(model), Running(), settings)


def default_codec(adaptive: bool = True) -> Codec:
    """The codec with the models inside the package, loaded once."""
    return _codec(None, adaptive)
