"""Trains an exact model: one process, one device, resumable.

Matrices of the layers are trained by Muon, everything else by AdamW; the learning rate rises over a few steps
and falls linearly to zero. The step is compiled; on CUDA, products run under bfloat16 autocast. Validation is exact.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .architecture import Architecture
from .data import Sampler, Source, read_sources, shifted
from .model import ExactTransformer, exact
from .muon import Muon
from .settings import Settings


@dataclass
class Progress:
    """What a run has reached; saved with the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    bytes_seen: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)  # bytes seen, training and validation bits per byte


class Training:
    """A run: model, optimizers and progress, with checkpoints.

    Args:
        architecture: Of the model.
        settings: Of the run.
        device: ``torch.device``.
    """

    def __init__(self, architecture: Architecture, settings: Settings, device: torch.device) -> None:
        if (settings.minutes is None) == (settings.steps is None):
            raise ValueError("give the length of the run either in minutes or in steps")
        torch.manual_seed(settings.seed)
        self.settings, self.device = settings, device
        self.model = ExactTransformer(architecture).to(device)
        self.optimizers = _optimizers(self.model, settings)
        self.progress = Progress()
        self._loss: Any = torch.compile(self.model.loss) if settings.compile else self.model.loss

    def done_share(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.settings.steps is not None:
            return min(1.0, self.progress.step / self.settings.steps)
        assert self.settings.minutes is not None
        return min(1.0, self.progress.seconds / (60 * self.settings.minutes))

    def step(self, symbols: Tensor, targets: Tensor) -> Tensor:
        """One update; returns the loss in bits per symbol, still on the device."""
        share = min(1.0, (self.progress.step + 1) / self.settings.warmup_steps) * (1 - self.done_share())
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.autocast):
            loss: Tensor = self._loss(symbols, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.bytes_seen += targets.numel()
        return loss.detach()

    def save(self, path: Path) -> None:
        """Writes a checkpoint that :meth:`resume` reads; the old one stays whole until the new one is."""
        temporary = path.with_name(path.name + ".new")
        state = {
            "architecture": self.model.architecture.to_json(),
            "settings": asdict(self.settings),
            "progress": asdict(self.progress),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        torch.save(state, temporary)
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        """Continues from a checkpoint of the same architecture."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["architecture"] != self.model.architecture.to_json():
            raise ValueError(f"{path} holds a model of another architecture: {state['architecture']}")
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.progress = Progress(**state["progress"])


def _optimizers(model: ExactTransformer, settings: Settings) -> list[torch.optim.Optimizer]:
    matrices = [p for name, p in model.blocks.named_parameters() if name.endswith("weight")]
    grouped = {id(p) for p in matrices} | {id(model.context_tables)}
    others = [p for p in model.parameters() if id(p) not in grouped]
    decay = settings.weight_decay
    adam_groups = [
        {"params": others, "lr": settings.other_rate, "weight_decay": decay},
        {"params": [model.context_tables], "lr": settings.table_rate, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, settings.matrix_rate, decay, dtype=torch.bfloat16 if settings.autocast else torch.float32),
        torch.optim.AdamW(adam_groups, betas=(0.9, 0.98), fused=True),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


VALIDATION_PIECES = 128  # of each source, spread evenly


def validation_bits(model: ExactTransformer, sources: Sequence[Source], device: torch.device, steps: int = 1024) -> float:
    """Exact bits per byte over held-out text, in independent pieces of ``steps`` bytes."""
    total, count = 0.0, 0
    for source in sources:
        pieces = torch.from_numpy(source.data[: len(source.data) // steps * steps].reshape(-1, steps).copy())
        pieces = pieces[:: max(1, len(pieces) // VALIDATION_PIECES)]
        for piece in pieces.split(16):
            targets = piece.to(device).long()
            with exact():
                total += model.loss(shifted(targets, model.architecture.alphabet_size), targets).item() * targets.numel()
            count += targets.numel()
    if count == 0:
        raise ValueError(f"validation needs at least {steps} bytes of text")
    return total / count


def train(run: Training, paths: Sequence[Path], weights: Sequence[float] | None, valid: Sequence[Path], checkpoint: Path) -> None:
    """Trains to the end of the run, reporting and saving on the way.

    Args:
        run: New or resumed.
        paths: Training text.
        weights: Relative share of each path, by bytes if None.
        valid: Held-out text.
        checkpoint: Where the state is kept.
    """
    settings, progress = run.settings, run.progress
    sources, held_out = read_sources(paths), read_sources(valid)
    beginning = run.model.architecture.alphabet_size
    sampler = Sampler(sources, weights, settings.sample_steps, beginning, run.device, settings.seed + progress.step)
    print(f"{sum(len(s.data) for s in sources) / 1e6:.0f} MB of text, {run.model.architecture.multiply_adds() / 1e6:.2f} M multiply-adds per byte", flush=True)
    interval = 1 / settings.validations
    next_validation, reported, recent = run.done_share() + interval, time.monotonic(), []
    while run.done_share() < 1:
        began = time.monotonic()
        recent.append(run.step(*sampler.sample(settings.batch)))
        if progress.step % 20 == 0:
            recent[-1].item()  # wait, so that the clock sees the work
        if progress.step > 1:  # the first step compiles
            progress.seconds += time.monotonic() - began
        if time.monotonic() - reported > settings.report_seconds:
            reported = time.monotonic()
            _report(run, float(torch.stack(recent).mean()))
            recent = recent[-1:]
        if run.done_share() >= min(1.0, next_validation - 1e-9):
            next_validation += interval
            bits = validation_bits(run.model, held_out, run.device)
            progress.curve.append((progress.bytes_seen, float(torch.stack(recent).mean()), bits))
            print(f"step {progress.step}: validation {bits:.4f} bits per byte", flush=True)
            run.save(checkpoint)
            save_tensors(run.model, checkpoint.with_name("tensors.npz"))


def _report(run: Training, bits: float) -> None:
    progress, share = run.progress, run.done_share()
    rate = progress.bytes_seen / max(progress.seconds, 1e-9)
    left = progress.seconds * (1 - share) / share if share > 0 else math.inf
    line = f"step {progress.step}  {progress.bytes_seen / 1e6:.0f} MB at {rate / 1e6:.3f} MB/s  {bits:.4f} bits per byte"
    print(f"{line}  {100 * share:.0f} %, {left / 60:.1f} minutes left", flush=True)


def save_tensors(model: ExactTransformer, path: Path) -> None:
    """Writes the integer tensors and the architecture as ``.npz``: small, and all that the exporter needs."""
    np.savez(path, architecture=np.array(model.architecture.to_json()), **model.tensors())  # type: ignore[arg-type]
