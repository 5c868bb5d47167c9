"""The numbers that define an exact Transformer, and which of them are possible (docs/exact-transformer.md, section 2).

The Rust reader (``rust/lmac-core/src/models/architecture.rs``) has the same limits; a test compares the two. Here they are checked when an
:class:`Architecture` is made, so that nobody trains for hours what nobody can read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FORMAT, VERSION = "lmac-exact-transformer", 1

#: What one number alone can be. Sums below 2^24, which float32 holds exactly, are what bounds most of them.
LIMITS = {
    "alphabet_size": range(2, 65_536),
    "width": range(32, 513, 32),
    "layers": range(1, 65),
    "head_dim": range(16, 129, 16),
    "hidden": range(32, 4097, 32),
    "score_shift": range(23),
    "context_rows_log2": range(1, 25),
    "context_dim": range(0, 4097, 2),
}
WINDOWS = range(1, 513)
ORDERS = range(1, 17)
CONTEXTS = range(17)
CONTEXT_INPUTS = range(32, 4097, 32)
MAX_SCORE = 28_544  # a masked score is at most 28544 - 65536, 256 below the least that the largest can be, -28544 - 8192
MAX_WEIGHTS_BYTES = (1 << 31) - (1 << 23)  # an .onnx file is one message of protobuf, whose limit is 2 GiB; the graph takes less than 8 MiB


def _spelled(limits: range) -> str:
    """``from 1 to 64``, or ``a multiple of 32, from 32 to 512``."""
    multiple = f"a multiple of {limits.step}, " if limits.step > 1 else ""
    return f"{multiple}from {limits[0]} to {limits[-1]}"


@dataclass(frozen=True)
class Context:
    """A hashed context that selects a row of an embedding table (section 4).

    Attributes:
        kind: ``"ngram"`` hashes the last ``order`` symbols, ``"word"`` the last ``order`` words.
        order: How many of them.
    """

    kind: Literal["ngram", "word"]
    order: int

    @classmethod
    def parse(cls, text: str) -> Context:
        """Reads the short form used on the command line: ``n4`` or ``w2``.

        Raises:
            ValueError: It is none.
        """
        kinds: dict[str, Literal["ngram", "word"]] = {"n": "ngram", "w": "word"}
        if text[:1] not in kinds or not text[1:].isdecimal():
            raise ValueError(f"{text!r} is no context: n and a number of bytes, or w and a number of words, as in n4 or w2, say")
        return cls(kinds[text[0]], int(text[1:]))


def parse_window(text: str) -> int | tuple[int, ...]:
    """Reads the form used on the command line: ``128`` for all layers, ``128,512`` for each.

    Raises:
        ValueError: It has another form.
    """
    try:
        first, *others = map(int, text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is no window: a number of bytes, 128 for all layers, or 128,512 for each of two") from None
    return (first, *others) if others else first


def _default_contexts() -> tuple[Context, ...]:
    return tuple(Context.parse(text) for text in "n2 n3 n4 n5 n6 n8 w1 w2".split())


@dataclass(frozen=True)
class Architecture:
    """Shape of an exact Transformer; field names are those of the model file.

    Raises:
        ValueError: There is no such model; the message says what is possible.
    """

    alphabet_size: int = 256
    width: int = 256  # length of the residual stream
    layers: int = 5
    heads: int = 4  # query heads; one key/value head serves them all
    head_dim: int = 64
    hidden: int = 1024  # length of the feed-forward layer
    window: int | tuple[int, ...] = 256  # positions a position attends to, itself included; in every layer, or in each
    score_shift: int = 7
    contexts: tuple[Context, ...] = field(default_factory=_default_contexts)
    context_rows_log2: int = 15
    context_dim: int = 32  # entries of a table's row, four bits each

    def __post_init__(self) -> None:
        for name, limits in LIMITS.items():
            _require(getattr(self, name) in limits, f"{name} {getattr(self, name)} is not possible: it is {_spelled(limits)}")
        self._check_heads()
        self._check_windows()
        self._check_contexts()
        self._check_size()

    def _check_heads(self) -> None:
        together = ", ".join(f"{self.width // length} of {length}" for length in LIMITS["head_dim"] if self.width % length == 0)
        covers_width = self.heads * self.head_dim == self.width
        _require(covers_width, f"{self.heads} heads of {self.head_dim} do not make the width, {self.width}: possible are {together}")
        largest = (127 * 127 * self.head_dim + ((1 << self.score_shift) >> 1)) >> self.score_shift
        can_be_masked = largest <= MAX_SCORE
        _require(can_be_masked, f"scores can reach {largest}, beyond {MAX_SCORE}, and masked positions could count: give a larger score_shift")

    def _check_windows(self) -> None:
        given = len(self.window) if isinstance(self.window, tuple) else self.layers
        _require(given == self.layers, f"{given} windows for {self.layers} layers: give one, or one for each layer")
        for window in self.windows:
            _require(window in WINDOWS, f"window {window} is not possible: it is {_spelled(WINDOWS)}")

    def _check_contexts(self) -> None:
        count = len(self.contexts)
        _require(count in CONTEXTS, f"{count} contexts are not possible: there are at most {CONTEXTS[-1]}")
        for context in self.contexts:
            _require(context.order in ORDERS, f"the order of a context is {_spelled(ORDERS)}, not {context.order}")
            has_words = context.kind == "ngram" or self.alphabet_size == 256
            _require(has_words, f"contexts of words are not possible with {self.alphabet_size} symbols: only bytes, 256 of them, have words")
        if not self.contexts:
            return
        inputs = count * self.context_dim
        sum_is_possible = f"together they are {_spelled(CONTEXT_INPUTS)}"
        _require(inputs in CONTEXT_INPUTS, f"{count} contexts of {self.context_dim} are {inputs} entries: {sum_is_possible}")

    def _check_size(self) -> None:
        weights_bytes = self.parameters() - self._table_entries() // 2
        fits = weights_bytes <= MAX_WEIGHTS_BYTES
        _require(fits, f"the model file would have {weights_bytes / 1e9:.1f} GB, and 2.1 are possible: give fewer rows of context tables, or shorter ones")

    @property
    def windows(self) -> tuple[int, ...]:
        """The window of each layer."""
        return self.window if isinstance(self.window, tuple) else (self.window,) * self.layers

    def _table_entries(self) -> int:
        return len(self.contexts) * self.context_dim << self.context_rows_log2

    def parameters(self) -> int:
        """How many numbers a training run learns: a weight for nearly every multiply-add, symbols' embeddings, tables."""
        return self.multiply_adds() + self.width * (self.alphabet_size + 1) + self._table_entries()

    def multiply_adds(self) -> int:
        """Dense multiply-adds per symbol, attention over full windows included."""
        layer = self.width * (2 * self.width + 2 * self.head_dim + 2 * self.hidden)
        attention = 2 * self.heads * self.head_dim * sum(self.windows)
        ends = self.width * (self.alphabet_size + len(self.contexts) * self.context_dim)
        return self.layers * layer + attention + ends

    def to_json(self) -> str:
        """The canonical JSON of the model file: sorted keys, no spaces, ASCII."""
        fields = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: It is the JSON of something else, or there is no such model.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            if (fields.pop("format"), fields.pop("version")) != (FORMAT, VERSION):
                raise ValueError("another format, or another version of it")
            fields["contexts"] = tuple(Context(**context) for context in fields["contexts"])
            if isinstance(fields["window"], list):
                fields["window"] = tuple(fields["window"])
            return cls(**fields)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"lmac.architecture: {error}") from error


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


#: What ``lmac-lab train --size`` knows, besides the names of the models inside the package.
SIZES = {
    "small": Architecture(width=128, layers=2, heads=2, hidden=512, window=128, context_rows_log2=14),
    "medium": Architecture(width=192, layers=3, heads=3, hidden=768, window=128),
    "large": Architecture(),
}
