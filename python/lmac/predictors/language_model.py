"""``LanguageModel``: any decoder-only language model as a predictor, run by ONNX Runtime a token at a time.

It computes in floating point. Sums of rounded products depend on the shape of the call, so encoder and decoder make the very
same calls: one token of all lanes each. They depend on the machine as well, and what is known to change them is in the
``fingerprint``, which every frame carries and every decoder compares (``fingerprint``). What nobody knows of is found by the
codec, which decodes what it has coded before it says that it is done.

A context grows until the model has seen as many tokens as it can (``context_length``); then it begins anew with the last half
of them, which are read once more, a few at a time.

``TokenPredictor`` gives an exact model a tokenizer: what it says of tokens, it says with the same integers everywhere.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import LmacError, OnnxSummary, PredictorError, Vocabulary
from ..filesystem.input_file import MAX_JSON_LEN, read_whole
from .fingerprint import machine_fingerprint, to_text
from .model_files import ModelFiles
from .predictor import Predictor
from .providers import create_session
from .step_graph import StepGraph
from .tokenization import Tokenizer

#: Longer contexts cost memory and time with every lane, and save little.
DEFAULT_CONTEXT_LENGTH = 1024

#: Symbols, and an escape for each byte, are below 2^20 (docs/format.md).
MAX_ALPHABET_SIZE = (1 << 20) - 256

#: When a context begins anew, so many logits are computed in one call at most: nobody needs them, but most graphs give them.
REREAD_LOGITS = 1 << 24

#: How content is divided unless the caller says otherwise: as many lanes as keep the hardware busy, and blocks of which
#: not too much is lost when one must be coded again.
BLOCK_LEN = 1 << 20
LANE_LEN = 1 << 16
MAX_LANE_LEN = 1 << 24


class LanguageModel:
    """A ``Predictor`` that runs a language model in floating point.

    Args:
        files: The model.
        summary: What its graph says.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for CUDA where it works.
        threads: How many ONNX Runtime uses; ``None`` for one per core. The result may depend on it, so it is in the fingerprint.
        context_length: How many tokens a context has at most; ``None`` for the model's, but at most 1,024.
        ignores_fingerprint: Try to decode what was coded under other conditions.

    Raises:
        LmacError: A file is missing, or the model is of a kind that cannot be used.
        PredictorError: ONNX Runtime is missing, cannot load the model, or cannot use the device.
    """

    block_len = BLOCK_LEN
    lane_len = LANE_LEN

    def __init__(
        self,
        files: ModelFiles,
        summary: OnnxSummary,
        *,
        device: str = "auto",
        threads: int | None = None,
        context_length: int | None = None,
        ignores_fingerprint: bool = False,
    ) -> None:
        if summary.saturating:
            raise LmacError(f"{files.graph} is quantized to u8 x s8 ({summary.saturating}), which older processors compute wrongly; use another variant")
        if files.tokenizer is None:
            raise LmacError(
                f"{files.graph} is no exact model, and as a language model it needs a tokenizer.json beside it, or one named by tokenizer= (--tokenizer)"
            )
        weights = files.content_id(summary)
        session = create_session(str(files.graph), device, threads, exact=False)
        #: What runs a step.
        self.graph = StepGraph(session)
        if self.graph.has_one_lane:
            self.lane_len = MAX_LANE_LEN
        self.alphabet_size = self._find_alphabet_size(session)
        self._tokenizer = Tokenizer(read_whole(files.tokenizer, MAX_JSON_LEN), self.alphabet_size)
        self.vocabulary = self._tokenizer.vocabulary
        self._begin, self._unknown = _special_tokens(files, self.alphabet_size)
        self._context_length = self._find_context_length(files, context_length)
        self.ignores_fingerprint = ignores_fingerprint
        special = f"{self._begin} {self._unknown}".encode()
        #: The content id, 32 bytes: of weights, tokenizer, and special tokens.
        self.model_id = hashlib.sha256(b"language model " + weights + self._tokenizer.content_id + special).digest()
        #: What must be the same at the decoder.
        self.fingerprint = to_text(machine_fingerprint(session, threads) | {"context": str(self._context_length)})

    def _find_alphabet_size(self, session: Any) -> int:
        """The length of the last axis of the logits; where the graph does not say it, a step shows it."""
        size = next(output.shape[-1] for output in session.get_outputs() if output.name == "logits")
        if not isinstance(size, int):
            self.graph.start(1)
            size = int(self.graph.run(np.zeros((1, 1), np.int64)).shape[-1])
        if not 1 <= size <= MAX_ALPHABET_SIZE:
            raise LmacError(f"the model has {size} logits; lmac takes 1 to {MAX_ALPHABET_SIZE}")
        return size

    def _find_context_length(self, files: ModelFiles, wanted: int | None) -> int:
        most = self.graph.slots or files.context_length
        length = wanted or self.graph.slots or min(most or DEFAULT_CONTEXT_LENGTH, DEFAULT_CONTEXT_LENGTH)
        if length < 2 or (most is not None and length > most):
            raise LmacError(f"context_length must be between 2 and the model's {most or 'length'}, not {length}")
        return length

    def tokenize(self, content: bytes) -> list[int]:
        """The numbers of the tokens that spell ``content``."""
        return self._tokenizer.tokenize(content)

    def context_bytes(self, lanes: int, steps: int) -> int:
        """The memory for keys, values and logits of so many lanes after so many steps."""
        copies = 1 if self.graph.slots else 2  # a growing cache is there with and without the new token
        tokens = self.graph.slots or min(steps, self._context_length)
        return lanes * (tokens * self.graph.bytes_per_token() * copies + self._context_length * 8 + self.alphabet_size * 8)

    def start(self, lanes: int) -> None:
        """Begins ``lanes`` empty contexts and forgets all earlier ones.

        Raises:
            PredictorError: Their keys and values would not fit the memory.
        """
        needed = self.context_bytes(lanes, self._context_length)
        if self.graph.device == "cpu" and needed > _memory_bytes():
            raise PredictorError(f"{lanes} lanes would need {needed >> 30} GiB for keys, values and logits; use longer lanes (lane_len, --lane-len)")
        self.graph.start(lanes)
        self._seen = np.zeros((lanes, self._context_length), np.int64)

    def advance(self, symbols: NDArray[Any]) -> NDArray[np.float32]:
        """Appends ``(lanes, steps)`` numbers; returns logits in nats, ``(lanes, steps, alphabet_size)``."""
        tokens = np.where(symbols < self.alphabet_size, symbols, np.where(symbols == self.alphabet_size, self._begin, self._unknown))
        if tokens.shape[1] == 1:
            return self._step(tokens)[:, None]
        return np.stack([self._step(tokens[:, step : step + 1]) for step in range(tokens.shape[1])], axis=1)

    def _step(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.graph.length == self._context_length:
            self._begin_anew()
        self._seen[:, self.graph.length] = tokens[:, 0]
        return self.graph.run(tokens)

    def _begin_anew(self) -> None:
        """Keeps the last half of the context, behind a new beginning."""
        lanes = len(self._seen)
        kept = self._seen[:, -(self._context_length // 2) :].copy()
        kept[:, 0] = self._begin
        self.graph.start(lanes)
        self._seen[:, : kept.shape[1]] = kept
        steps = 1 if self.graph.has_one_step else max(REREAD_LOGITS // (lanes * self.alphabet_size), 1)
        for first in range(0, kept.shape[1], steps):
            self.graph.run(kept[:, first : first + steps])


class TokenPredictor:
    """A ``Predictor`` whose symbols are tokens: an exact model with a tokenizer.

    Args:
        predictor: Predicts the tokens.
        vocabulary: What they spell.
        tokenizer: Divides content into them; ``None`` if they are bytes.
    """

    def __init__(self, predictor: Predictor, vocabulary: Vocabulary, tokenizer: Tokenizer | None) -> None:
        self._predictor, self._tokenizer = predictor, tokenizer
        self.vocabulary = vocabulary
        self.alphabet_size = predictor.alphabet_size
        self.model_id = hashlib.sha256(b"tokens " + predictor.model_id + (tokenizer.content_id if tokenizer else b"")).digest()
        self.start = predictor.start
        self.context_bytes = getattr(predictor, "context_bytes", None)

    def tokenize(self, content: bytes) -> list[int]:
        """The numbers of the tokens that spell ``content``."""
        if self._tokenizer is not None:
            return self._tokenizer.tokenize(content)
        return [byte if byte < self.alphabet_size else self.alphabet_size + 1 + byte for byte in content]

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Appends ``(lanes, steps)`` numbers; to the model, an escaped byte is the beginning of a context."""
        return self._predictor.advance(np.minimum(symbols, self.alphabet_size))


def _special_tokens(files: ModelFiles, alphabet_size: int) -> tuple[int, int]:
    """What the model sees at the beginning, and in the place of an escaped byte."""
    begin = next((token for name in ("bos_token_id", "eos_token_id", "pad_token_id") if (token := files.token(name)) is not None), 0)
    unknown = files.token("unk_token_id")
    if not 0 <= begin < alphabet_size:
        raise LmacError(f"config.json names token {begin} as the first, and the model knows only {alphabet_size}")
    return begin, begin if unknown is None or not 0 <= unknown < alphabet_size else unknown


def _memory_bytes() -> int:
    """The memory of this machine, if the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62
