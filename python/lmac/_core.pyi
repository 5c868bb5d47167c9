"""The binding of the Rust core (rust/lmac-python); use it through the package ``lmac``."""

from collections.abc import Callable
from typing import Any, Final, final

from _typeshed import ReadableBuffer
from numpy.typing import NDArray

from .predictor import Predictor

__all__ = [
    "ContextHasher",
    "CorruptedDataError",
    "Executor",
    "FormatError",
    "FrameInfo",
    "LmacError",
    "Model",
    "ModelMismatchError",
    "PredictorError",
    "__version__",
    "compress",
    "decompress",
    "inspect",
]

__version__: Final[str]

class LmacError(Exception): ...
class FormatError(LmacError): ...
class ModelMismatchError(LmacError): ...
class CorruptedDataError(LmacError): ...
class PredictorError(LmacError): ...

def compress(
    data: ReadableBuffer,
    predictor: Predictor,
    *,
    adaptive: bool,
    block_len: int | None,
    lane_len: int | None,
    progress: Callable[[int], object] | None = None,
) -> bytes:
    """Compresses ``data`` to one frame."""

def decompress(
    data: ReadableBuffer,
    predictor: Predictor,
    *,
    max_output_size: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> bytes:
    """Restores the content of all frames in ``data``."""

def inspect(data: ReadableBuffer) -> list[FrameInfo]:
    """Reads the headers of all frames in ``data``, without a model and without decoding."""

@final
class FrameInfo:
    """What the headers of one frame say; all lengths are in bytes."""

    @property
    def model_id(self) -> bytes:
        """The first bytes of the model's content id."""
    @property
    def adaptive(self) -> bool:
        """Whether symbols are coded by a mixture of the model and what the content itself has shown."""
    @property
    def lane_len(self) -> int | None:
        """The lane length that the header states, if any."""
    @property
    def content_size(self) -> int | None:
        """The content size that the header states, if any."""
    @property
    def content_len(self) -> int:
        """Length of the content of all blocks."""
    @property
    def frame_len(self) -> int:
        """Length of the whole frame."""
    @property
    def payload_len(self) -> int:
        """Length of all payloads; the rest of the frame is headers."""
    @property
    def blocks(self) -> int:
        """How many blocks there are."""
    @property
    def stored_blocks(self) -> int:
        """How many of them are stored as they are."""
    @property
    def blocks_without_network(self) -> int:
        """How many of them are coded without the model."""

@final
class Model:
    """An exact model, read from the bytes of a model file and checked."""

    def __new__(cls, data: ReadableBuffer) -> Model: ...
    @property
    def architecture(self) -> str:
        """Canonical JSON (docs/exact-transformer.md, section 2)."""
    @property
    def model_id(self) -> bytes:
        """The content id, 32 bytes."""
    @property
    def known_answer(self) -> tuple[list[int], bytes]:
        """Symbols, and the SHA-256 of the logits they lead to."""

@final
class Executor:
    """The native executor of an exact model; a ``Predictor``."""

    def __new__(cls, model: Model, threads: int | None = None) -> Executor: ...
    @property
    def alphabet_size(self) -> int:
        """Number of symbols."""
    @property
    def model_id(self) -> bytes:
        """The content id of the model, 32 bytes."""
    def start(self, lanes: int) -> None:
        """Begins ``lanes`` empty contexts and forgets all earlier ones."""
    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Appends ``(lanes, steps)`` symbols; returns int16 logits ``(lanes, steps, alphabet_size)``."""

@final
class ContextHasher:
    """Follows the hashed contexts of several lanes (docs/exact-transformer.md, section 4)."""

    def __new__(cls, model: Model, lanes: int) -> ContextHasher: ...
    def push(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Appends ``(lanes, steps)`` symbols; returns int64 table rows ``(lanes, steps, contexts)``."""
