"""``Predictor``: the one interface between models and the codec.

The native executor of exact models implements it in Rust, ``onnx_executor`` in ONNX Runtime, ``language_model`` for
anybody's language model; an object of yours that has these methods can be given to ``Codec`` in place of a model. It is the
Python face of the Rust trait of the same name (rust/lmac-core/src/predictor.rs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from numpy.typing import NDArray


@runtime_checkable
class Predictor(Protocol):
    """Predicts the next symbol of every lane, exactly.

    Exactly means: the same symbols give the same integers on every machine, however they are divided
    into calls and lanes. A predictor that computes in floating point breaks this sooner or later, and
    with it every file that it wrote.

    A predictor may have more attributes than those below:

    * ``vocabulary``, a ``Vocabulary``, and ``tokenize(content)``, which divides bytes into its tokens: the symbols are
      then tokens (docs/format.md, "Tokens"). A byte that no token spells is the symbol ``alphabet_size + 1 + byte``.
    * ``fingerprint``, a line of text that says what its numbers depend on: it is not exact, may return float32 logits in
      nats, and is asked for one step a call. Frames carry the line, in at most 48 bytes (docs/format.md, "Fingerprints"), and
      a decoder whose line differs refuses them, unless ``ignores_fingerprint`` is true.
    * ``context_bytes(lanes, steps)``, how much memory the contexts of so many lanes take after so many steps: blocks under way
      are fewer where that is much, and ``max_memory`` refuses a block beforehand.
    * ``block_len`` and ``lane_len``, which ``Codec`` uses where it is not given any.

    Example:
        Every byte as probable as it was frequent so far. 16 log2(n) is the number of bits of n^16:
        no floating point.

        >>> import hashlib, lmac
        >>> import numpy as np
        >>> LOG2 = np.array([(n**16).bit_length() for n in range(4096)])
        >>> class OrderZero:
        ...     alphabet_size = 256
        ...     model_id = hashlib.sha256(b"order zero, version 1").digest()
        ...
        ...     def start(self, lanes):
        ...         self.counts = np.ones((lanes, 257), np.int64)
        ...
        ...     def advance(self, symbols):
        ...         logits = []
        ...         for column in symbols.T:
        ...             self.counts[np.arange(len(column)), column] += 1
        ...             logits.append(LOG2[np.minimum(self.counts, 4095)])
        ...         return np.stack(logits, axis=1)[:, :, :256]
        >>> codec = lmac.Codec(OrderZero(), adaptive=False)  # nothing but these predictions
        >>> blob = codec.compress(b"abracadabra " * 100)
        >>> len(blob)
        477
        >>> codec.decompress(blob) == b"abracadabra " * 100
        True

        Words as symbols, all equally probable; what is no word is escaped.

        >>> class Words:
        ...     words = [b"bra", b"ca", b"da", b"a", b" "]
        ...     alphabet_size = len(words)
        ...     model_id = hashlib.sha256(b"five words, version 1").digest()
        ...     vocabulary = lmac.Vocabulary(words)
        ...
        ...     def tokenize(self, content):
        ...         while content:
        ...             escape = self.alphabet_size + 1 + content[0], content[:1]
        ...             number, word = next((pair for pair in enumerate(self.words) if content.startswith(pair[1])), escape)
        ...             yield number
        ...             content = content[len(word) :]
        ...
        ...     def start(self, lanes):
        ...         pass
        ...
        ...     def advance(self, symbols):
        ...         return np.zeros((*symbols.shape, self.alphabet_size), np.int16)
        >>> codec = lmac.Codec(Words(), adaptive=False)
        >>> blob = codec.compress(b"abracadabra " * 100 + b"!")
        >>> len(blob), codec.decompress(blob) == b"abracadabra " * 100 + b"!"
        (191, True)
    """

    @property
    def alphabet_size(self) -> int:
        """Number of symbols: 256, the bytes, unless there is a vocabulary. This number itself stands for the beginning of a context."""
        ...

    @property
    def model_id(self) -> bytes:
        """32 bytes that name the predictions by content: predictors of the same id give the same logits for ever."""
        ...

    def start(self, lanes: int) -> None:
        """Begins ``lanes`` empty contexts and forgets all earlier ones."""

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        """Appends symbols to every lane and predicts what follows each of them.

        Args:
            symbols: int64 ``(lanes, steps)``. The first symbol of every context is ``alphabet_size``.

        Returns:
            Integers ``(lanes, steps, alphabet_size)`` that fit 16 bits: logits in units of 1/16 bit,
            so that a difference of 16 is a factor of two in probability.
        """
        ...
