"""The binding of the Rust core (rust/lmac-python); use it through the package ``lmac``."""

from collections.abc import Callable, Sequence
from typing import Any, Final, final

from _typeshed import ReadableBuffer
from numpy.typing import NDArray

from .predictors.predictor import Predictor

__all__ = [
    "MAX_FINGERPRINT_LEN",
    "MAX_HEADER_LEN",
    "Block",
    "Compressor",
    "ContextHasher",
    "CorruptedDataError",
    "Decompressor",
    "Executor",
    "FormatError",
    "FrameInfo",
    "FrameReader",
    "LmacError",
    "Model",
    "ModelMismatchError",
    "OnnxSummary",
    "OutOfMemoryError",
    "PredictorError",
    "Report",
    "Settings",
    "Vocabulary",
    "__version__",
    "blocks_at_once",
    "compress",
    "compress_many",
    "cpu_features",
    "decompress",
    "decompress_blocks",
    "decompress_many",
    "end_other_calls",
    "fingerprint_len",
    "inspect",
    "instruction_sets",
]

__version__: Final[str]

#: Frame and block headers are shorter than this many bytes.
MAX_HEADER_LEN: Final[int]
MAX_FINGERPRINT_LEN: Final[int]

class LmacError(Exception): ...
class FormatError(LmacError): ...
class ModelMismatchError(LmacError): ...
class CorruptedDataError(LmacError): ...
class PredictorError(LmacError): ...
class OutOfMemoryError(LmacError, MemoryError): ...

@final
class Report:
    """How far a call is, in bytes."""

    @property
    def done(self) -> int:
        """The share of the content that is done."""
    @property
    def pass_content_len(self) -> int:
        """How much content of the block at hand, or of those that are coded at the same time, was coded or restored so far, in the pass under way."""
    @property
    def pass_payload_len(self) -> int:
        """How much payload was written for that, or read."""

def compress(
    data: ReadableBuffer,
    predictor: Predictor,
    settings: Settings,
    *,
    progress: Callable[[Report], object] | None = None,
) -> bytes:
    """Compresses ``data`` to one frame."""

def decompress(
    data: ReadableBuffer,
    predictor: Predictor,
    *,
    max_output_size: int | None = None,
    max_memory: int | None = None,
    progress: Callable[[Report], object] | None = None,
) -> bytes:
    """Restores the content of all frames in ``data``."""

def compress_many(
    records: Sequence[ReadableBuffer],
    predictor: Predictor,
    settings: Settings,
    *,
    bare: bool,
    progress: Callable[[Report], object] | None = None,
) -> list[bytes]:
    """Compresses every record to a blob: a frame, or the bare form."""

def decompress_many(
    blobs: Sequence[ReadableBuffer],
    predictor: Predictor,
    settings: Settings,
    *,
    bare: bool,
    max_output_size: int | None = None,
    progress: Callable[[Report], object] | None = None,
) -> list[bytes]:
    """Restores every record of ``compress_many``."""

def cpu_features() -> list[str]:
    """The instruction sets of this processor by which libraries choose their arithmetic: floating point may depend on them."""

def fingerprint_len(text: str) -> int:
    """How many bytes a fingerprint takes in a frame: its common phrases take one each (docs/format.md, "Fingerprints")."""

def instruction_sets() -> list[str]:
    """What the native executor can compute with on this processor, the best one last."""

def inspect(data: ReadableBuffer) -> list[FrameInfo]:
    """Reads the headers of all frames in ``data``, without a model and without decoding."""

def end_other_calls() -> None:
    """Ends the calls of all other threads, those under way and those to come, with ``SystemExit``: the interpreter is about to end."""

@final
class Settings:
    """How content is divided and coded.

    Raises:
        ValueError: A length is not between 1 and 2^24 bytes.
    """

    def __new__(cls, *, adaptive: bool, block_len: int | None, lane_len: int | None, verify: bool, max_memory: int | None = None) -> Settings: ...
    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    @property
    def adaptive(self) -> bool:
        """Whether the model is mixed with what the content itself has shown."""
    @property
    def block_len(self) -> int | None:
        """Bytes of a block, if it was said."""
    @property
    def lane_len(self) -> int | None:
        """Bytes of a lane, if it was said."""
    @property
    def verify(self) -> bool:
        """Whether what a model in floating point has coded is decoded again."""
    @property
    def max_memory(self) -> int | None:
        """Bytes that the blocks under way may take, if it was said."""

@final
class Vocabulary:
    """What the numbers that a language model predicts spell."""

    def __new__(cls, tokens: Sequence[bytes], prefix: bytes | None = None) -> Vocabulary: ...
    def __getnewargs__(self) -> tuple[list[bytes], bytes]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    @property
    def alphabet_size(self) -> int:
        """How many numbers the model predicts."""
    @property
    def prefix(self) -> bytes:
        """What is spelled before any content."""
    def spell(self, number: int) -> bytes | None:
        """What a number spells: a token, or the byte ``number - alphabet_size - 1``, escaped; ``None`` if it never occurs."""

@final
class FrameInfo:
    """What the headers of one frame say; all lengths are in bytes."""

    def __new__(
        cls,
        *,
        model_id: bytes,
        adaptive: bool,
        lane_len: int | None,
        content_size: int | None,
        fingerprint: str | None,
        content_len: int,
        frame_len: int,
        payload_len: int,
        blocks: int,
        stored_blocks: int,
        blocks_without_network: int,
    ) -> FrameInfo: ...
    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
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
    def fingerprint(self) -> str | None:
        """The conditions that the header states, if the model computes in floating point."""
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
class Compressor:
    """Content in pieces to frames in pieces."""

    def __new__(cls, settings: Settings) -> Compressor: ...
    def pledge(self, content_size: int | None) -> None:
        """Announces the content size of the next frame, in bytes."""
    @property
    def compressed_len(self) -> int:
        """How much content of the frame that has begun is in complete blocks, in bytes."""
    def piece_len(self, predictor: Predictor) -> int:
        """How much content makes as many blocks as ``predictor`` codes at the same time, in bytes."""
    def compress(
        self,
        data: ReadableBuffer,
        flush: int,
        predictor: Predictor,
        *,
        progress: Callable[[Report], object] | None = None,
    ) -> bytes:
        """Takes content; ``flush`` is 0 to go on, 1 to end a block, 2 to end the frame."""

@final
class Decompressor:
    """One frame in pieces to its content in pieces."""

    def __new__(cls, *, max_output_size: int | None = None, max_memory: int | None = None) -> Decompressor: ...
    def decompress(
        self,
        data: ReadableBuffer,
        max_length: int | None,
        predictor: Predictor,
        *,
        progress: Callable[[Report], object] | None = None,
    ) -> bytes:
        """Takes a piece of the frame; returns at most ``max_length`` bytes of content, if not ``None``."""
    @property
    def eof(self) -> bool:
        """Whether the frame has ended and all of its content was returned."""
    @property
    def needs_input(self) -> bool:
        """Whether nothing more can be returned before there is more input."""
    @property
    def unused_data(self) -> bytes:
        """What was given after the end of the frame."""

@final
class FrameReader:
    """The headers of one frame, one after the other; payloads are the caller's to read or to skip."""

    def __new__(cls, data: ReadableBuffer, *, offset: int = 0) -> FrameReader: ...
    def next_block(self, data: ReadableBuffer) -> Block | None:
        """The next block, whose header ``data`` begins with; ``None`` after the last."""
    def next_blocks(self, data: ReadableBuffer, content_len: int) -> list[tuple[Block, bytes]]:
        """The next blocks that ``data`` holds, with their payloads, whose contents are at most ``content_len`` bytes together."""
    def skip_end(self, data: ReadableBuffer) -> bool:
        """Goes behind an end that ``next_block`` refuses; whether ``data`` begins with one."""
    @property
    def frame_len(self) -> int:
        """Length of the frame up to the end of the last block, or of its end marker, in bytes."""
    @property
    def single_block(self) -> bool:
        """Whether the frame has one block and no end marker."""
    def info(self) -> FrameInfo:
        """What the headers read so far say."""
    def copy(self) -> FrameReader:
        """A reader that goes on from here by itself."""

def blocks_at_once(predictor: Predictor, *, max_memory: int | None = None) -> int:
    """How many blocks of the default length a predictor codes at the same time, in the memory allowed."""

def decompress_blocks(
    blocks: list[tuple[Block, bytes]],
    predictor: Predictor,
    *,
    max_memory: int | None = None,
    progress: Callable[[Report], object] | None = None,
) -> list[bytes | CorruptedDataError]:
    """Restores blocks, given with their payloads, as many at the same time as there are threads for; a damaged one is its error."""

@final
class Block:
    """A block without its payload."""

    @property
    def index(self) -> int:
        """Index of the block in its frame, from 0."""
    @property
    def content_len(self) -> int:
        """Length of its content, in bytes."""
    @property
    def payload_len(self) -> int:
        """Length of its payload, in bytes."""
    def decompress(
        self,
        payload: ReadableBuffer,
        predictor: Predictor,
        *,
        max_memory: int | None = None,
        progress: Callable[[Report], object] | None = None,
    ) -> bytes:
        """Restores the content and checks it."""

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
class OnnxSummary:
    """What a file of anybody's model says of itself.

    Raises:
        FormatError: It is no ONNX file.
    """

    def __new__(cls, data: ReadableBuffer) -> OnnxSummary: ...
    @property
    def is_exact(self) -> bool:
        """Whether it is an exact model of lmac's own."""
    @property
    def external_files(self) -> list[str]:
        """Names of the files with weights, relative to its folder."""
    @property
    def saturating(self) -> str | None:
        """The first operator that multiplies u8 by s8, if there is one."""

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
