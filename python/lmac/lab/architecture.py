"""The numbers that define an exact Transformer (docs/exact-transformer.md, section 2)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


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
        """Reads the short form used on the command line: ``n4`` or ``w2``."""
        kinds: dict[str, Literal["ngram", "word"]] = {"n": "ngram", "w": "word"}
        return cls(kinds[text[0]], int(text[1:]))


def parse_window(text: str) -> int | tuple[int, ...]:
    """Reads the form used on the command line: ``128`` for all layers, ``128,512`` for each."""
    first, *others = map(int, text.split(","))
    return (first, *others) if others else first


def _default_contexts() -> tuple[Context, ...]:
    return tuple(Context.parse(text) for text in "n2 n3 n4 n5 n6 n8 w1 w2".split())


@dataclass(frozen=True)
class Architecture:
    """Shape of an exact Transformer; field names are those of the model file."""

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

    @property
    def windows(self) -> tuple[int, ...]:
        """The window of each layer.

        Raises:
            ValueError: They are not as many as the layers.
        """
        if not isinstance(self.window, tuple):
            return (self.window,) * self.layers
        if len(self.window) != self.layers:
            raise ValueError(f"{len(self.window)} windows for {self.layers} layers: give one, or one for each layer")
        return self.window

    def multiply_adds(self) -> int:
        """Dense multiply-adds per symbol, attention over full windows included."""
        layer = self.width * (2 * self.width + 2 * self.head_dim + 2 * self.hidden)
        attention = 2 * self.heads * self.head_dim * sum(self.windows)
        ends = self.width * (self.alphabet_size + len(self.contexts) * self.context_dim)
        return self.layers * layer + attention + ends

    def to_json(self) -> str:
        """The canonical JSON of the model file: sorted keys, no spaces, ASCII."""
        fields = {"format": "lmac-exact-transformer", "version": 1, **asdict(self)}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Architecture:
        """Inverse of :meth:`to_json`."""
        fields: dict[str, Any] = json.loads(text)
        del fields["format"], fields["version"]
        fields["contexts"] = tuple(Context(**context) for context in fields["contexts"])
        if isinstance(fields["window"], list):
            fields["window"] = tuple(fields["window"])
        return cls(**fields)


#: What ``lmac-lab train --size`` knows, besides the names of the models inside the package.
SIZES = {
    "small": Architecture(width=128, layers=2, heads=2, hidden=512, window=128, context_rows_log2=14),
    "medium": Architecture(width=192, layers=3, heads=3, hidden=768, window=128),
    "large": Architecture(),
}
