"""The exact Transformer as it is trained: its forward pass *is* the integer arithmetic.

Every activation is an integer held in a float tensor, in the units of docs/exact-transformer.md;
roundings pass gradients straight through. Real-valued parameters are the only floats, and become
integers in one place each: :meth:`Linear.integers` and its siblings, which the exporter calls too.

In training, matrix products may run in bfloat16 (operands are exact, results are rounded: a little
noise), but for attention's scores. Under ``exact()``, products are float32 and the logits equal the executors' to the last bit.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .architecture import Architecture
from .contexts import context_rows

# Fraction bits of the units (section 1).
RESIDUAL, ACTIVATION, GATE, SQUARED, FEATURE, LOGIT = 8, 4, 5, 3, 3, 4
MAX_WEIGHT = 63
MAX_RESIDUAL = 32767
SYMBOL_SHIFT = 3  # symbol embeddings are int8 in 1/32
EMBEDDING_SCALE = 2 ** (RESIDUAL - SYMBOL_SHIFT)
BIAS_SCALE = 16  # score biases are in 1/16 bit
NORM_GAIN = 13  # per dimension: 16 times the mean magnitude of a standard Gaussian, rounded
MASKED = -65536.0
MAX_SCORE = 2048  # of attention in training, without bias, in 1/16 bit


class _StraightThrough(torch.autograd.Function):
    """Rounds forward, passes the gradient backward."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad


def nearest(x: Tensor) -> Tensor:
    """Nearest integer, ties to even."""
    rounded: Tensor = _StraightThrough.apply(x)
    return rounded


class _Saturate(torch.autograd.Function):
    """Clips forward; backward, what has left the range still gets the gradients that lead it back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.range = low, high
        return torch.clamp(x, low, high)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,), (low, high) = ctx.saved_tensors, ctx.range
        leads_away = ((x > high) & (grad < 0)) | ((x < low) & (grad > 0))
        return torch.where(leads_away, 0, grad), None, None


def saturate(x: Tensor, low: float, high: float) -> Tensor:
    """``clip(x, low, high)``. With clamp's gradient, which is zero outside, a long run of high learning rates loses ever more values for ever."""
    clipped: Tensor = _Saturate.apply(x, low, high)
    return clipped


def half_up(x: Tensor) -> Tensor:
    """``floor(x + 1/2)``: the rounding of ``requant``."""
    return x + (torch.floor(x.detach() + 0.5) - x.detach())


class Linear(nn.Module):
    """Integer matrix product followed by ``requant``: int8 weights with a power-of-two step per output.

    Args:
        inputs: Length of the input.
        outputs: Length of the output.
        units: Fraction bits of the input and of the output.
        gain: Factor on the initial standard deviation ``inputs ** -0.5``.
    """

    def __init__(self, inputs: int, outputs: int, units: tuple[int, int], gain: float = 1.0) -> None:
        super().__init__()
        self.units = units
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain * max(inputs, 1) ** -0.5)

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights (outputs, inputs) in -63..63 and shifts (outputs, 1), as floats, differentiable in the weights."""
        difference = self.units[0] - self.units[1]
        largest = self.weight.detach().abs().amax(1, keepdim=True).clamp_min(1e-6)
        bits = torch.floor(torch.log2(MAX_WEIGHT / largest))
        bits = bits.clamp(max(0, -difference), 22 - max(0, difference))
        weight = nearest(torch.clamp(self.weight * torch.exp2(bits), -MAX_WEIGHT, MAX_WEIGHT))
        return weight, bits + difference

    @torch.no_grad()
    def set_integers(self, weight: Tensor, shift: Tensor) -> None:
        """Inverse of :meth:`integers`; ``shift`` has shape (outputs,)."""
        bits = shift - (self.units[0] - self.units[1])
        self.weight.copy_(weight * torch.exp2(-bits)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Integers (..., inputs) to integers (..., outputs)."""
        weight, shift = self.integers()
        return half_up(functional.linear(x, weight).float() * torch.exp2(-shift).squeeze(1))


def norm(x: Tensor) -> Tensor:
    """Section 5: divides by the mean magnitude; result in -127..127."""
    magnitude = x.abs().sum(-1, keepdim=True).clamp_min(1)
    ratio = torch.full_like(magnitude, NORM_GAIN * x.shape[-1]) / magnitude
    return saturate(nearest(x * ratio), -127, 127)


def exp2_weights(difference: Tensor) -> Tensor:
    """Section 6: the table of softmax weights, ``T[i mod 16] >> (i div 16)``, for i in 0..255.

    Computed, not looked up: every value is far enough from a rounding boundary for any ``exp2``.
    """
    whole = torch.floor(difference / 16)
    first = torch.round(255 * torch.exp2((whole * 16 - difference) / 16))
    smooth = 255 * torch.exp2(difference * (-1 / 16))
    return smooth + (torch.floor(first * torch.exp2(-whole)) - smooth).detach()


CHUNK = 64  # queries that share their keys; smaller ones leave fewer masked positions, and smaller products


def chunk_distances(steps: int, window: int, device: torch.device) -> Tensor:
    """How far each query's keys are, ``window`` where they are masked: int64 ``(chunks, queries, keys)``, queries of a chunk and keys up to its end."""
    chunk = min(CHUNK, steps)
    chunks = -(-steps // chunk)
    before = min(-(-(window - 1) // chunk), chunks - 1) * chunk  # positions before the chunk
    query = torch.arange(chunk, device=device)[:, None] + before
    key = torch.arange(before + chunk, device=device)
    exists = torch.arange(chunks, device=device)[:, None, None] * chunk + key >= before  # the first chunks have less before them
    return torch.where((key <= query) & (query - key < window) & exists, query - key, window)


def _with_chunks_before(x: Tensor, count: int) -> Tensor:
    """Every chunk of ``(batch, chunks, steps, length)`` after the ``count`` chunks before it, zeros where there are none."""
    chunks = x.shape[1]
    padded = functional.pad(x, (0, 0, 0, 0, count, 0))
    return torch.cat([padded[:, i : i + chunks] for i in range(count + 1)], 2)


def attend(qkv: Sequence[Tensor], bias: Tensor, distance: Tensor, score_shift: int) -> tuple[Tensor, Tensor]:
    """Heads that share keys and values attend over the window (section 6).

    Args:
        qkv: Queries of all heads (batch, steps, heads * head_dim), keys and values (batch, steps, head_dim), in -127..127, a whole number of chunks.
        bias: Score bias by distance (heads, window), in 1/16 bit.
        distance: :func:`chunk_distances`.
        score_shift: As in the architecture.

    Returns:
        Averages, of the shape of the queries, and the largest score without bias, in 1/16 bit.
    """
    q, k, v = qkv
    batch, steps, _ = q.shape
    heads, head_dim = len(bias), k.shape[-1]
    chunks, chunk = steps // distance.shape[1], distance.shape[1]
    q = q.reshape(batch, chunks, chunk * heads, head_dim)
    k, v = (_with_chunks_before(y.reshape(batch, chunks, chunk, head_dim), distance.shape[2] // chunk - 1) for y in (k, v))
    with torch.autocast(q.device.type, enabled=False):  # bfloat16 would round a score of 100 bits to half a bit
        products = (q @ k.transpose(-1, -2)).view(batch, chunks, chunk, heads, -1)
    masked = functional.pad(bias, (0, 1), value=MASKED).T
    scores = half_up(products * 2.0**-score_shift) + masked[distance].transpose(-1, -2)  # (batch, chunks, chunk, heads, keys)
    difference = scores.detach().amax(-1, keepdim=True) - scores
    e = exp2_weights(torch.clamp(difference, max=255))
    numerator = (e.flatten(2, 3) @ v).view(batch, chunks, chunk, heads, -1).float()
    o = nearest(numerator / e.sum(-1, keepdim=True))
    return o.reshape(batch, steps, heads * head_dim), products.detach().abs().amax() * 2.0**-score_shift


class Block(nn.Module):
    """One layer: attention and feed-forward, each added to the residual stream (sections 6 and 7)."""

    def __init__(self, a: Architecture, window: int) -> None:
        super().__init__()
        self.architecture = a
        small = (2 * a.layers) ** -0.5
        self.qkv = Linear(a.width, a.width + 2 * a.head_dim, (ACTIVATION, ACTIVATION))
        self.out = Linear(a.width, a.width, (ACTIVATION, RESIDUAL), small)
        self.up = Linear(a.width, a.hidden, (ACTIVATION, GATE))
        self.down = Linear(a.hidden, a.width, (SQUARED, RESIDUAL), small)
        self.bias = nn.Parameter(torch.zeros(a.heads, window))  # in bits
        self.register_buffer("largest_score", torch.zeros(()), persistent=False)  # of the last forward pass, without bias, in 1/16 bit

    def integer_bias(self) -> Tensor:
        """Score bias by distance (heads, window), in 1/16 bit."""
        return nearest(saturate(self.bias * BIAS_SCALE, -8192, 8191))

    def attention(self, x: Tensor, distance: Tensor) -> Tensor:
        """Attends over the window, a chunk of queries at a time: to itself and to as many chunks before it as the window reaches.

        Args:
            x: Residual stream (batch, steps, width), a whole number of chunks.
            distance: :func:`chunk_distances`.
        """
        a = self.architecture
        qkv = saturate(self.qkv(norm(x)), -127, 127)
        o, largest_score = attend(qkv.split([a.width, a.head_dim, a.head_dim], -1), self.integer_bias(), distance, a.score_shift)
        self.largest_score.copy_(largest_score)
        return self.out(o)

    @torch.no_grad()
    def clip_scores(self) -> None:
        """Shrinks queries and keys if a score was beyond ``MAX_SCORE`` (QK-clip: Kimi K2, 2025, section 2.1).

        A softmax knows differences alone, so nothing else bounds what all scores have in common. Unbounded, gradients grow through
        the scores from layer to layer, and the first layers learn noise (docs/training.md, "On a GPU").
        """
        scale = (MAX_SCORE / self.largest_score).clamp(max=1).sqrt()
        self.qkv.weight[: self.architecture.width + self.architecture.head_dim] *= scale

    def feed_forward(self, x: Tensor) -> Tensor:
        """Squared ReLU between two products."""
        gate = saturate(self.up(norm(x)), 0, 255)
        squared = saturate(half_up(gate * gate * 2.0**-7), 0, 255)
        return self.down(squared)

    def forward(self, x: Tensor, distance: Tensor) -> Tensor:
        """Residual stream (batch, steps, width), a whole number of chunks, to the next."""
        x = saturate(x + self.attention(x, distance), -MAX_RESIDUAL, MAX_RESIDUAL)
        return saturate(x + self.feed_forward(x), -MAX_RESIDUAL, MAX_RESIDUAL)


class ExactTransformer(nn.Module):
    """Symbols to logits in 1/16 bit, exactly."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.symbol_embedding = nn.Parameter(torch.randn(a.alphabet_size + 1, a.width) * 0.7)
        # In units of the four-bit entries; rows that training never meets round to zero.
        self.context_tables = nn.Parameter(torch.randn(len(a.contexts) << a.context_rows_log2, a.context_dim) * 0.15)
        self.context = Linear(len(a.contexts) * a.context_dim, a.width, (FEATURE, RESIDUAL), 4.0)
        self.blocks = nn.ModuleList(Block(a, window) for window in a.windows)
        self.logits = Linear(a.width, a.alphabet_size, (ACTIVATION, LOGIT))

    def integer_embedding(self) -> Tensor:
        """Symbol embeddings (alphabet_size + 1, width) in -127..127."""
        return nearest(saturate(self.symbol_embedding * EMBEDDING_SCALE, -127, 127))

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits after every symbol.

        Args:
            symbols: int64 ``(batch, steps)``; the first of every row is ``alphabet_size``.

        Returns:
            float32 ``(batch, steps, alphabet_size)`` holding integers, in 1/16 bit.
        """
        return saturate(self.logits(norm(self.residual(symbols))), -32768, 32767)

    def residual(self, symbols: Tensor) -> Tensor:
        """Residual stream (batch, steps, width) after the last layer."""
        steps = symbols.shape[1]
        windows = self.architecture.windows
        distances = {window: chunk_distances(steps, window, symbols.device) for window in set(windows)}
        x = functional.pad(self.embed(symbols), (0, 0, 0, -steps % min(CHUNK, steps)))
        for block, window in zip(self.blocks, windows, strict=True):
            x = block(x, distances[window])
        return x[:, :steps]

    def embed(self, symbols: Tensor) -> Tensor:
        """Section 4: residual stream (batch, steps, width) before the first layer."""
        x = functional.embedding(symbols, self.integer_embedding()) * 2**SYMBOL_SHIFT
        if self.architecture.contexts:
            rows = functional.embedding(context_rows(symbols, self.architecture), self.context_tables)
            x = x + self.context(nearest(saturate(rows, -8, 7)).flatten(-2))
        return saturate(x, -MAX_RESIDUAL, MAX_RESIDUAL)

    def loss(self, symbols: Tensor, targets: Tensor) -> Tensor:
        """Mean surprisal of ``targets`` (batch, steps) in bits per symbol."""
        return bits_per_symbol(self(symbols), targets)

    def clip_scores(self) -> None:
        """Of all layers, after a step of training."""
        for block in self.blocks:
            block.clip_scores()  # type: ignore[operator]

    @torch.no_grad()
    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """The integer tensors of the model file, by name (section 3)."""
        a = self.architecture
        tensors = {
            "symbol_embedding": _array(self.integer_embedding(), np.int8),
            "symbol_shift": np.array([SYMBOL_SHIFT], np.uint8),
            "exp2_table": _array(exp2_weights(torch.arange(256.0)), np.uint8),
        }
        if a.contexts:
            entries = _array(torch.clamp(self.context_tables, -8, 7).round() + 8, np.uint8)
            low, high = np.split(entries.reshape(len(a.contexts), -1, a.context_dim), 2, axis=-1)
            tensors["context_tables"] = low | high << 4
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            tensors[f"layers.{i}.bias"] = _array(block.integer_bias(), np.int16)
        for name, linear in self._linears().items():
            weight, shift = linear.integers()
            tensors[f"{name}_weight"] = _array(weight, np.int8)
            tensors[f"{name}_shift"] = _array(shift.squeeze(1), np.uint8)
        return tensors

    @torch.no_grad()
    def set_tensors(self, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        """Inverse of :meth:`tensors`: the parameters become values that round to these integers."""
        t = {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
        self.symbol_embedding.copy_(t["symbol_embedding"] / EMBEDDING_SCALE)
        if self.architecture.contexts:
            high, low = torch.floor(t["context_tables"] / 16), torch.remainder(t["context_tables"], 16)
            self.context_tables.copy_((torch.cat([low, high], -1) - 8).view_as(self.context_tables))
        for i, block in enumerate(self.blocks):
            block.bias.copy_(t[f"layers.{i}.bias"] / BIAS_SCALE)
        for name, linear in self._linears().items():
            linear.set_integers(t[f"{name}_weight"], t[f"{name}_shift"])

    def _linears(self) -> dict[str, Linear]:
        """By the names of their tensors."""
        linears = {f"layers.{i}.{name}": getattr(block, name) for i, block in enumerate(self.blocks) for name in ("qkv", "out", "up", "down")}
        linears["logits"] = self.logits
        if self.architecture.contexts:
            linears["context"] = self.context
        return linears


def bits_per_symbol(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean surprisal of ``targets`` (batch, steps), those of -100 left out; ``logits`` (batch, steps, alphabet) in 1/16 bit."""
    scaled = logits * (math.log(2) / 2**LOGIT)
    return functional.cross_entropy(scaled.flatten(0, 1), targets.flatten()) / math.log(2)


def _array(x: Tensor, dtype: type[np.generic]) -> NDArray[np.generic]:
    values = x.detach().cpu().numpy()
    array: NDArray[np.generic] = values.astype(dtype)
    assert (array == values).all(), "a value does not fit its type"
    return array


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Within it, the model's logits are exact: float32 products, no gradient."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
