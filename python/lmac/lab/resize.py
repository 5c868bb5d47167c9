"""Networks with other windows or longer context tables than they were trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .model import ExactTransformer

RESIZABLE = ("window", "context_rows_log2")  # fields of the architecture that can change without a new beginning
TAIL = 8  # a new position's bias is that of the last eighth of the window, less log2 of how many times as far away it is


def resized(network: ExactTransformer, *, window: int | tuple[int, ...] | None = None, context_rows_log2: int | None = None) -> ExactTransformer:
    """A network that attends to more or fewer positions, or has longer context tables, or both; the same one if nothing changes.

    A longer window is used at once, without any training, and a shorter one forgets what was farther away (docs/training.md, "Windows").
    Longer tables change nothing until they learn: a row's number is the top bits of a hash, so row ``r`` takes over from row ``r >> extra``.

    Args:
        network: What to begin with.
        window: Positions a position attends to, in every layer or in each (as before if None).
        context_rows_log2: Of each table (as before if None).

    Raises:
        ValueError: The tables would be shorter than before, or there is no such :class:`Architecture`.
    """
    old, state = network.architecture, network.state_dict()
    window = old.window if window is None else window
    context_rows_log2 = old.context_rows_log2 if context_rows_log2 is None else context_rows_log2
    new = replace(old, window=window, context_rows_log2=context_rows_log2)
    if context_rows_log2 < old.context_rows_log2:
        raise ValueError(f"--context-rows-log2 {context_rows_log2}: the tables of the model have 2^{old.context_rows_log2} rows, and can only grow")
    if new == old:
        return network
    for i, length in enumerate(new.windows):
        state[f"blocks.{i}.bias"] = _of_length(state[f"blocks.{i}.bias"], length)
    if old.contexts:
        state["context_tables"] = state["context_tables"].repeat_interleave(1 << context_rows_log2 - old.context_rows_log2, 0)
    other = ExactTransformer(new)
    other.load_state_dict(state)
    return other


def alike(networks: Sequence[ExactTransformer]) -> list[ExactTransformer]:
    """Networks of one architecture: each with the longest window of every layer, and the longest tables.

    Raises:
        ValueError: They differ in more than these.
    """
    architectures = [network.architecture for network in networks]
    if len({replace(architecture, window=1, context_rows_log2=1) for architecture in architectures}) > 1:
        raise ValueError("some differ in more than windows and the length of context tables")
    windows = tuple(map(max, zip(*(architecture.windows for architecture in architectures), strict=True)))
    window = windows[0] if len(set(windows)) == 1 else windows
    context_rows_log2 = max(architecture.context_rows_log2 for architecture in architectures)
    return [resized(network, window=window, context_rows_log2=context_rows_log2) for network in networks]


def _of_length(bias: Tensor, window: int) -> Tensor:
    """Score biases by distance (heads, window), in bits, cut off or continued."""
    length = bias.shape[1]
    if window <= length:
        return bias[:, :window]
    farther = torch.log2(torch.arange(length, window, device=bias.device) / length)
    return torch.cat([bias, bias[:, -(length // TAIL or 1) :].mean(1, keepdim=True) - farther], 1)
