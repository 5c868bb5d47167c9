"""Decoders of transformers with their caches as inputs and outputs, in the two layouts in which they are exported.

The model code is that of transformers, with three parts replaced. In the layout of fixed caches, new keys and values are scattered into the
slots of tensors that keep their size: with one buffer bound as input and output ONNX Runtime writes them in place, where the usual
concatenation copies the whole cache for every token. The attention multiplies the keys of a group of heads once, where transformers first
repeats them for every head, which is another such copy. And the mask is boolean, so that whatever a slot beyond the position holds does not count.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

ATTENTION = "lmac"  # under this name transformers knows the attention and the mask below

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CacheSize:
    """Sizes of one layer's keys and values."""

    kv_heads: int
    key_dim: int
    value_dim: int


class CachedDecoder(torch.nn.Module, ABC):
    """A model whose caches come in as a list of tensors, keys and values of every layer in turn, and go out after the logits."""

    inputs: ClassVar[dict[str, dict[int, str]]]
    """The inputs before the caches in their order, with the names of their dimensions."""
    cache_dimensions: ClassVar[dict[int, str]]
    """Which dimensions of a cache are free."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.sizes = _cache_sizes(model)
        self.model = model
        model.set_attn_implementation(ATTENTION)

    def decode(self, layers: Sequence[CacheLayer], **inputs: Tensor) -> list[Tensor]:
        """The logits, then the caches as the layers leave them."""
        logits = self.model(**inputs, cache=Cache(layers=layers), use_cache=True).logits
        return [logits, *(tensor for layer in layers for tensor in (layer.keys, layer.values))]

    def caches(self, batch: int, slots: int) -> list[Tensor]:
        """Caches for ``slots`` tokens, full of zeros."""
        return [torch.zeros(batch, size.kv_heads, slots, width) for size in self.sizes for width in (size.key_dim, size.value_dim)]

    def cache_names(self, prefix: str) -> list[str]:
        """Names of the caches in a graph, in their order."""
        return [f"{prefix}.{i}.{part}" for i in range(len(self.sizes)) for part in ("key", "value")]

    @abstractmethod
    def feed(self, tokens: NDArray[np.int64], past: int) -> Arrays:
        """The inputs before the caches, for tokens ``(batch, steps)`` after ``past`` others."""


class FixedCaches(CachedDecoder):
    """Caches ``(batch, kv_heads, slots, head_dim)`` that keep their size; a token at position p is kept in slot p."""

    inputs: ClassVar = {"input_ids": {0: "batch", 1: "steps"}, "cache_position": {0: "steps"}}
    cache_dimensions: ClassVar = {0: "batch"}

    def __init__(self, model: Any, slots: int) -> None:
        super().__init__(model)
        self.slots = slots

    def forward(self, input_ids: Tensor, cache_position: Tensor, caches: list[Tensor]) -> list[Tensor]:
        """Tokens ``(batch, steps)`` at consecutive positions ``(steps,)`` to logits and the new caches."""
        layers = [SlotLayer(*pair, cache_position) for pair in zip(caches[::2], caches[1::2], strict=True)]
        return self.decode(layers, input_ids=input_ids, position_ids=cache_position[None])

    def caches(self, batch: int, slots: int) -> list[Tensor]:
        """Caches full of zeros; they have the slots of the graph."""
        return super().caches(batch, self.slots)

    def feed(self, tokens: NDArray[np.int64], past: int) -> Arrays:
        """Tokens and their positions."""
        return {"input_ids": tokens, "cache_position": np.arange(past, past + tokens.shape[1])}


class GrowingCaches(CachedDecoder):
    """Caches ``(batch, kv_heads, past, head_dim)`` to which the new keys and values are appended, as Hugging Face's exports have them."""

    inputs: ClassVar = {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "past + sequence"},
        "position_ids": {0: "batch", 1: "sequence"},
    }
    cache_dimensions: ClassVar = {0: "batch", 2: "past"}

    def forward(self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, caches: list[Tensor]) -> list[Tensor]:
        """Tokens and positions ``(batch, steps)``, mask ``(batch, past + steps)`` to logits and the new caches."""
        layers = [GrowingLayer(*pair) for pair in zip(caches[::2], caches[1::2], strict=True)]
        return self.decode(layers, input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids)

    def feed(self, tokens: NDArray[np.int64], past: int) -> Arrays:
        """Tokens, a mask that hides nothing, and positions."""
        batch, steps = tokens.shape
        positions = np.tile(np.arange(past, past + steps), (batch, 1))
        return {"input_ids": tokens, "attention_mask": np.ones((batch, past + steps), np.int64), "position_ids": positions}


class CacheLayer(CacheLayerMixin):
    """What transformers wants to know of a layer's cache; ``keys`` and ``values`` hold the tensors before and after the update."""

    def __init__(self, keys: Tensor, values: Tensor, past: Any) -> None:
        super().__init__()
        self.keys, self.values, self.past = keys, values, past
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing is left to do."""

    def get_seq_length(self) -> Any:
        """Position of the first new token."""
        return self.past

    def get_max_length(self) -> int:
        """No limit of its own."""
        return -1


class SlotLayer(CacheLayer):
    """A cache of fixed size."""

    def __init__(self, keys: Tensor, values: Tensor, positions: Tensor) -> None:
        super().__init__(keys, values, positions[0])
        self.positions = positions

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Writes the new keys and values ``(batch, kv_heads, steps, head_dim)`` to the slots of their positions."""
        batch, kv_heads = (torch.arange(size) for size in key_states.shape[:2])
        # Indices of the first three dimensions: so it becomes one ScatterND of whole heads, from input to output. (Scatter and index_copy
        # become a ScatterElements, ten times slower, or transpose the whole cache.)
        place = (batch[:, None, None], kv_heads[None, :, None], self.positions[None, None, :])
        self.keys = self.keys.index_put(place, key_states)
        self.values = self.values.index_put(place, value_states)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Number of slots, and the position that slot 0 is for."""
        return self.keys.shape[2], 0


class GrowingLayer(CacheLayer):
    """A cache that is as long as the text so far."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__(keys, values, keys.shape[2])

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Appends the new keys and values."""
        self.keys = torch.cat([self.keys, key_states], 2)
        self.values = torch.cat([self.values, value_states], 2)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Number of positions with the new ones, and the first position."""
        return self.past + query_length, 0


def grouped_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of heads that share keys in groups, without copies of the keys and values.

    Args:
        module: The layer.
        query: ``(batch, heads, steps, key_dim)``.
        key: ``(batch, kv_heads, slots, key_dim)``.
        value: ``(batch, kv_heads, slots, value_dim)``.
        attention_mask: Which slots a step sees, bool ``(batch, 1, steps, slots)``.
        scaling: Factor of the scores.
        softcap: Bound that the scores approach.
        s_aux: Attention sinks, not supported.

    Returns:
        ``(batch, steps, heads, value_dim)``, and no weights.

    Raises:
        ValueError: The model has attention sinks.
    """
    if s_aux is not None:
        raise ValueError("its attention has sinks")
    batch, heads, steps, key_dim = query.shape
    kv_heads, slots = key.shape[1:3]
    grouped = query.reshape(batch, kv_heads, heads // kv_heads * steps, key_dim) * (key_dim**-0.5 if scaling is None else scaling)
    scores = (key @ grouped.transpose(2, 3)).transpose(2, 3)  # the small factors are transposed, not the keys
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    scores = scores.reshape(batch, heads, steps, slots)
    weights = torch.where(attention_mask, scores, torch.finfo(scores.dtype).min).softmax(-1)
    mixed = weights.reshape(batch, kv_heads, heads // kv_heads * steps, slots) @ value
    return mixed.reshape(batch, heads, steps, -1).transpose(1, 2), None


def boolean_mask(*arguments: Any, **options: Any) -> Tensor:
    """The mask of transformers' SDPA attention, never left out."""
    mask: Tensor = sdpa_mask(*arguments, **options | {"allow_is_causal_skip": False})
    return mask


AttentionInterface.register(ATTENTION, grouped_attention)
AttentionMaskInterface.register(ATTENTION, boolean_mask)


def _cache_sizes(model: Any) -> list[CacheSize]:
    """What the layers cache, which config.json does not tell in one way for all architectures."""
    cache = DynamicCache(config=model.config)
    model(input_ids=torch.zeros(1, 1, dtype=torch.int64), cache=cache, use_cache=True)
    if not cache.layers or any(getattr(layer, "keys", None) is None for layer in cache.layers):
        raise ValueError("its layers keep something else than keys and values")
    return [CacheSize(layer.keys.shape[1], layer.keys.shape[3], layer.values.shape[3]) for layer in cache.layers]
