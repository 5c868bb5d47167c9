"""Networks that are larger than they were trained to be: a longer window, longer context tables."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .model import ExactTransformer

GROWING = ("window", "context_rows_log2")  # fields of the architecture that can be larger without a new beginning
TAIL = 8  # a new position's bias is that of the last eighth of the window, less log2 of how many times as far away it is


def grown(network: ExactTransformer, *, window: int | None = None, context_rows_log2: int | None = None) -> ExactTransformer:
    """A network that attends to more positions, or has longer context tables, or both; the same one if nothing is longer.

    Longer tables change nothing until they learn: a row's number is the top bits of a hash, so row ``r`` takes over from row ``r >> extra``.
    A longer window is used at once, without any training (docs/training.md, "A longer window").

    Args:
        network: What to begin with.
        window: Positions a position attends to (as before if None).
        context_rows_log2: Of each table (as before if None).

    Raises:
        ValueError: One of them would be shorter than before.
    """
    old, state = network.architecture, network.state_dict()
    window = old.window if window is None else window
    context_rows_log2 = old.context_rows_log2 if context_rows_log2 is None else context_rows_log2
    new = replace(old, window=window, context_rows_log2=context_rows_log2)
    if window < old.window:
        raise ValueError(f"--window {window}: the model attends to {old.window} positions, and its window can only grow")
    if context_rows_log2 < old.context_rows_log2:
        raise ValueError(f"--context-rows-log2 {context_rows_log2}: the tables of the model have 2^{old.context_rows_log2} rows, and can only grow")
    if new == old:
        return network
    for i in range(old.layers):
        state[f"blocks.{i}.bias"] = _continued(state[f"blocks.{i}.bias"], window)
    if old.contexts:
        state["context_tables"] = state["context_tables"].repeat_interleave(1 << context_rows_log2 - old.context_rows_log2, 0)
    larger = ExactTransformer(new)
    larger.load_state_dict(state)
    return larger


def _continued(bias: Tensor, window: int) -> Tensor:
    """Score biases by distance (heads, window), in bits, as far as a longer window."""
    length = bias.shape[1]
    farther = torch.log2(torch.arange(length, window, device=bias.device) / length)
    return torch.cat([bias, bias[:, -(length // TAIL or 1) :].mean(1, keepdim=True) - farther], 1)
