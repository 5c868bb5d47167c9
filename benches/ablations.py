"""What each decision of the exact architecture is worth, by training small models that differ in one thing.

    python benches/ablations.py CORPUS [VARIANT...] [--quick]

``CORPUS`` holds ``train/*.tar.xz`` and ``valid.tar.xz``. Every variant sees as much text, the same samples in the same
order (same seed) if they have the same length, and is validated on the same held-out text. Prints one row of a table for each; the
rows of the last run, and what was concluded, are in docs/ablations.md.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from lmac.lab import model, train
from lmac.lab.architecture import Architecture, Context
from lmac.lab.contexts import context_rows
from lmac.lab.data import Sampler, Source, read_sources
from lmac.lab.settings import Settings
from torch import Tensor
from torch.nn import functional

BASE = Architecture(width=128, layers=2, heads=2, hidden=512, window=128, context_rows_log2=14)
SETTINGS = Settings(steps=500, batch=24, sample_steps=256, matrix_rate=4e-3, other_rate=4e-3, warmup_steps=50, validations=1)
QUICK = replace(SETTINGS, steps=2, sample_steps=32, compile=False)  # tells that a variant runs, and not what it is worth


@dataclass(frozen=True)
class Variant:
    """One difference from the base: in the shape, in the settings, or in a piece of the module."""

    meaning: str
    shape: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    patches: dict[str, Any] = field(default_factory=dict)  # names in lmac.lab.model or lmac.lab.train


def contexts(text: str) -> dict[str, Any]:
    """Shape with these contexts."""
    return {"contexts": tuple(map(Context.parse, text.split()))}


def identity(x: Tensor) -> Tensor:
    """In place of a rounding."""
    return x


def rms_norm(x: Tensor) -> Tensor:
    """Divides by the root mean square, in the units of the module's own norm."""
    return model.saturate(model.nearest(16 * x / x.square().mean(-1, keepdim=True).clamp_min(1).sqrt()), -127, 127)


def relu_feed_forward(block: model.Block, x: Tensor) -> Tensor:
    """Without the square."""
    gate = model.saturate(block.up(model.norm(x)), 0, 255)
    return block.down(model.saturate(model.half_up(gate / 4), 0, 255))


def real_weights(linear: model.Linear) -> tuple[Tensor, Tensor]:
    """Weights as they are, and the shift of the units alone."""
    difference = torch.full_like(linear.weight[:, :1], linear.units[0] - linear.units[1])
    return linear.weight, difference


def smooth_exp2(difference: Tensor) -> Tensor:
    """Without table and rounding."""
    return 255 * torch.exp2(difference * (-1 / 16))


def unrounded_norm(x: Tensor) -> Tensor:
    """The norm's result as it is."""
    magnitude = x.abs().sum(-1, keepdim=True).clamp_min(1)
    return model.saturate(x * (model.NORM_GAIN * x.shape[-1] / magnitude), -127, 127)


def embed_unrounded(transformer: model.ExactTransformer, symbols: Tensor) -> Tensor:
    """Tables whose entries need not be integers, within the limits of four bits."""
    x = functional.embedding(symbols, transformer.integer_embedding()) * 2**model.SYMBOL_SHIFT
    rows = functional.embedding(context_rows(symbols, transformer.architecture), transformer.context_tables)
    x = x + transformer.context(model.saturate(rows, -8, 7).flatten(-2))
    return model.saturate(x, -model.MAX_RESIDUAL, model.MAX_RESIDUAL)


class GroupedBlock(model.Block):
    """Attention in groups of heads, each with keys and values of its own."""

    groups = 2

    def __init__(self, a: Architecture, window: int) -> None:
        super().__init__(a, window)
        self.qkv = model.Linear(a.width, a.width + 2 * self.groups * a.head_dim, (model.ACTIVATION, model.ACTIVATION))

    def attention(self, x: Tensor, distance: Tensor) -> Tensor:
        """One group after the other."""
        a = self.architecture
        qkv = model.saturate(self.qkv(model.norm(x)), -127, 127)
        parts = qkv.split([a.width, self.groups * a.head_dim, self.groups * a.head_dim], -1)
        groups = zip(zip(*(part.chunk(self.groups, -1) for part in parts), strict=True), self.integer_bias().chunk(self.groups), strict=True)
        averages, largest_scores = zip(*(model.attend(*group, distance, a.score_shift) for group in groups), strict=True)
        self.largest_score.copy_(torch.stack(largest_scores).amax())
        return self.out(torch.cat(averages, -1))

    @torch.no_grad()
    def clip_scores(self) -> None:
        """Of all keys."""
        scale = (model.MAX_SCORE / self.largest_score).clamp(max=1).sqrt()
        self.qkv.weight[: self.architecture.width + self.groups * self.architecture.head_dim] *= scale


class FourGroupsBlock(GroupedBlock):
    """Four groups."""

    groups = 4


def adamw(matrices: list[Tensor], rate: float, decay: float, dtype: torch.dtype) -> torch.optim.Optimizer:
    """In place of Muon, whose iteration alone has a type of its own."""
    return torch.optim.AdamW(matrices, lr=rate, betas=(0.9, 0.98), weight_decay=decay)


def tied_logits(transformer: model.ExactTransformer, symbols: Tensor) -> Tensor:
    """Logits by the symbols' embeddings, shrunk to the size that the logits' own weights begin with."""
    weight = transformer.symbol_embedding[:-1] * (0.7 * transformer.architecture.width**0.5) ** -1
    tied = SimpleNamespace(weight=weight, units=transformer.logits.units)
    tied.integers = partial(model.Linear.integers, tied)
    return model.saturate(model.Linear.forward(tied, model.norm(transformer.residual(symbols))), -32768, 32767)


def embed_two_rows(transformer: model.ExactTransformer, symbols: Tensor) -> Tensor:
    """The sum of two rows of every table, by two hashes: contexts that share one of them seldom share both."""
    x = functional.embedding(symbols, transformer.integer_embedding()) * 2**model.SYMBOL_SHIFT
    both = context_rows(symbols, transformer.architecture), other_rows(symbols, transformer.architecture)
    first, second = (model.nearest(model.saturate(functional.embedding(rows, transformer.context_tables), -8, 7)) for rows in both)
    rows = first + second
    return model.saturate(x + transformer.context(rows.flatten(-2)), -model.MAX_RESIDUAL, model.MAX_RESIDUAL)


@torch.compiler.disable
def other_rows(symbols: Tensor, architecture: Architecture) -> Tensor:
    """Rows of the context tables by another hash."""
    with mock.patch("lmac.lab.contexts.FINAL_MULTIPLIER", 0x9E3779B1):
        return context_rows(symbols, architecture)


FLOAT = {"nearest": identity, "half_up": identity, "Linear.integers": real_weights, "exp2_weights": smooth_exp2}


class FloatFirst(train.Training):
    """Nothing is rounded in the first half of the run."""

    def step(self, symbols: Tensor, targets: Tensor) -> Tensor:
        """Compiles twice."""
        if self.done_share() < 0.5:
            with patched(FLOAT):
                return super().step(symbols, targets)
        if self.done_share() < 0.5 + 1 / (self.settings.steps or 1):
            torch.compiler.reset()
        return super().step(symbols, targets)


def unfinished(run: train.Training) -> float:
    """A schedule that does not fall."""
    return 0.0


CONSTANT_RATE = {"train.Training.done_share": unfinished}

VARIANTS = {
    "base": Variant("the architecture of docs/exact-transformer.md, 2 layers of width 128"),
    "float": Variant("nothing rounded: real weights, activations and softmax", patches=FLOAT),
    "float-weights": Variant("only the weights of the matrices real", patches={"Linear.integers": real_weights}),
    "float-tables": Variant("only the entries of the tables real", patches={"ExactTransformer.embed": embed_unrounded}),
    "float-norms": Variant("only the norms' results not rounded", patches={"norm": unrounded_norm}),
    "float-products": Variant("only the matrices' results not rounded", patches={"half_up": identity}),
    "float-softmax": Variant("only the softmax's weights not rounded", patches={"exp2_weights": smooth_exp2}),
    "weights-127": Variant("weights in -127..127 (`vpmaddubsw` could saturate)", patches={"MAX_WEIGHT": 127}),
    "rms-norm": Variant("norm by root mean square instead of mean magnitude", patches={"norm": rms_norm}),
    "relu": Variant("ReLU instead of its square", patches={"Block.feed_forward": relu_feed_forward}),
    "no-contexts": Variant("no hashed contexts", contexts("")),
    "n2-n4": Variant("contexts n2 n3 n4 only", contexts("n2 n3 n4")),
    "no-words": Variant("contexts without w1 and w2", contexts("n2 n3 n4 n5 n6 n8")),
    "no-bigram": Variant("contexts without n2", contexts("n3 n4 n5 n6 n8 w1 w2")),
    "rows-2^13": Variant("half the rows in each table", {"context_rows_log2": 13}),
    "rows-2^15": Variant("twice the rows", {"context_rows_log2": 15}),
    "rows-2^15-dim-16": Variant("twice the rows of half the length: the same memory", {"context_rows_log2": 15, "context_dim": 16}),
    "two-rows": Variant("the sum of two rows of each table, by two hashes", patches={"ExactTransformer.embed": embed_two_rows}),
    "tied": Variant("logits by the symbols' embeddings", patches={"ExactTransformer.forward": tied_logits}),
    "heads-1": Variant("one head", {"heads": 1, "head_dim": 128}),
    "heads-4": Variant("four heads of 32", {"heads": 4, "head_dim": 32}),
    "keys-values-2": Variant("two heads with keys and values of their own", patches={"Block": GroupedBlock}),
    "heads-4-keys-values-2": Variant("four heads of 32, two of them to one of keys and values", {"heads": 4, "head_dim": 32}, patches={"Block": GroupedBlock}),
    "heads-4-keys-values-4": Variant("four heads of 32 with keys and values of their own", {"heads": 4, "head_dim": 32}, patches={"Block": FourGroupsBlock}),
    "window-64": Variant("attention over 64 positions", {"window": 64}),
    "adamw": Variant("AdamW for the matrices instead of Muon", patches={"train.Muon": adamw}),
    "narrow-deep": Variant("4 layers of width 96", {"layers": 4, "width": 96, "head_dim": 48, "hidden": 384}),
    "wide-shallow": Variant("1 layer of width 192", {"layers": 1, "width": 192, "heads": 3, "hidden": 768}),
    "hidden-256": Variant("3 layers with half the feed-forward", {"layers": 3, "hidden": 256}),
    "matrix-rate-half": Variant("half the learning rate for the matrices", settings={"matrix_rate": 2e-3}),
    "matrix-rate-double": Variant("twice the learning rate for the matrices", settings={"matrix_rate": 8e-3}),
    "batch-6": Variant("a quarter of the batch, four times the steps", settings={"batch": 6}),
    "batch-12": Variant("half the batch, twice the steps", settings={"batch": 12}),
    "batch-48": Variant("twice the batch, half the steps", settings={"batch": 48}),
    "samples-512": Variant("half as many samples of twice the length", settings={"batch": 12, "sample_steps": 512}),
    "starts-half": Variant("half of the samples begin with a document, instead of 15 %", settings={"start_share": 0.5}),
    "constant-rate": Variant("learning rates that do not fall", patches=CONSTANT_RATE),
    "averaged": Variant("learning rates that do not fall, and the mean over the last fifth of the steps", settings={"average": 0.2}, patches=CONSTANT_RATE),
    "batch-12-averaged": Variant("averaged, with half the batch and twice the steps", settings={"batch": 12, "average": 0.2}, patches=CONSTANT_RATE),
    "float-first": Variant("nothing rounded in the first half of the run", patches={"train.Training": FloatFirst}),
    "table-rate-triple": Variant("three times the learning rate for the tables", settings={"table_rate": 9e-2}),
    "batch-12-table-rate-triple": Variant("both: half the batch, and three times the tables' learning rate", settings={"batch": 12, "table_rate": 9e-2}),
    "float-batch-12-table-rate-triple": Variant(
        "nothing rounded, half the batch, and three times the tables' learning rate", settings={"batch": 12, "table_rate": 9e-2}, patches=FLOAT
    ),
    "table-rate-third": Variant("a third of the learning rate for the tables", settings={"table_rate": 1e-2}),
}


@contextlib.contextmanager
def patched(patches: dict[str, Any]) -> Iterator[None]:
    """Replaces names of lmac.lab.model (or, with the prefix ``train.``, of lmac.lab.train) for a while."""
    with contextlib.ExitStack() as stack:
        for name, value in patches.items():
            module = "lmac.lab." if name.startswith("train.") else "lmac.lab.model."
            stack.enter_context(mock.patch(module + name, value))
        yield


def multiply_adds(module: model.ExactTransformer) -> int:
    """Dense multiply-adds a byte, attention over full windows included."""
    a = module.architecture
    attention = 2 * a.width * sum(a.windows)
    return attention + sum(part.weight.numel() for part in module.modules() if isinstance(part, model.Linear))


def measure(variant: Variant, sources: list[Source], held_out: list[Source], base: Settings) -> tuple[float, float, float]:
    """Trains it, with the settings of the base but for its own; returns bits per byte, million multiply-adds a byte, and KB/s of training."""
    torch.compiler.reset()
    architecture, settings = replace(BASE, **variant.shape), replace(base, **variant.settings)
    seen = (base.steps or 1) * base.batch * base.sample_steps  # by all of them
    steps = max(1, seen // (settings.batch * settings.sample_steps))
    settings = replace(settings, steps=steps)
    cpu = torch.device("cpu")
    with patched(variant.patches):
        run = train.Training(architecture, settings, cpu)
        sampler = Sampler(sources, None, settings.sample_steps, architecture.alphabet_size, cpu, settings.seed, settings.start_share)
        run.step(*sampler.sample(settings.batch))  # compiles
        began = time.monotonic()
        for _ in range(steps - 1):
            run.step(*sampler.sample(settings.batch))
        rate = (steps - 1) * settings.batch * settings.sample_steps / (time.monotonic() - began)
        return train.validation_bits(run.result, held_out, cpu), multiply_adds(run.result) / 1e6, rate / 1e3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("variants", nargs="*", choices=[[], *VARIANTS], metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--steps", type=int, default=SETTINGS.steps)
    parser.add_argument("--quick", action="store_true", help="two small steps of each, which say no more than that it runs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_intermixed_args()
    torch.set_num_threads(arguments.threads)
    sources = read_sources(sorted((arguments.corpus / "train").iterdir()))
    held_out = read_sources([arguments.corpus / "valid.tar.xz"])
    show: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    show("| variant | difference | bits per byte | M multiply-adds | KB/s |\n|---|---|---|---|---|")
    settings = QUICK if arguments.quick else replace(SETTINGS, steps=arguments.steps)
    for name in arguments.variants or VARIANTS:
        bits, cost, rate = measure(VARIANTS[name], sources, held_out, settings)
        show(f"| {name} | {VARIANTS[name].meaning} | {bits:.4f} | {cost:.2f} | {rate:.1f} |")


if __name__ == "__main__":
    main()
