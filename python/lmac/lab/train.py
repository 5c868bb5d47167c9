"""Trains an exact model: one process, one device, resumable.

Matrices of the layers are trained by Muon, everything else by AdamW; the learning rate rises over a few steps
and falls linearly to zero. The step is compiled; products may run in bfloat16. Validation is exact, and the model
file is written whenever it has improved: it can be used at any moment of the run.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from .._core import Executor, Model
from ..filesystem.atomic_file import replacing
from .architecture import Architecture
from .data import IGNORED, Sampler, Source, pieces, shifted
from .export import model_file, write
from .model import ExactTransformer, bits_per_symbol, exact
from .muon import Muon
from .pictures import draw_curve
from .progress import Progress
from .report import Report
from .settings import Settings

T = TypeVar("T", bound="Settings | Progress")


def known(kind: type[T], saved: Mapping[str, Any]) -> T:
    """A dataclass from saved values, without those that this version does not know."""
    names = {f.name for f in fields(kind)}
    return kind(**{name: value for name, value in saved.items() if name in names})


class Training:
    """A run: model, optimizers and progress, with checkpoints.

    Args:
        architecture: Of the model.
        settings: Of the run.
        device: ``torch.device``.
    """

    def __init__(self, architecture: Architecture, settings: Settings, device: torch.device) -> None:
        if settings.minutes is None and settings.steps is None:
            raise ValueError("give the length of the run, in minutes or in steps")
        torch.manual_seed(settings.seed)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32, in which products of our integers are exact
        self.settings, self.device = settings, device
        self.model = ExactTransformer(architecture).to(device)
        self.optimizers = _optimizers(self.model, settings)
        self.average = AveragedModel(self.model, multi_avg_fn=partial(_move_mean, settings.average)) if settings.average else None
        self.progress = Progress()
        self.warmup_steps = min(settings.warmup_steps, max(1, settings.steps // 10)) if settings.steps else settings.warmup_steps
        self._loss: Any = self.model.loss
        if settings.compile and device.type == "cuda":
            self._loss = torch.compile(self.model.loss)  # the fewest launches
        elif settings.compile:
            for block in self.model.blocks:  # the first of each window serves all: a quarter of the time that the whole step would take
                block.compile(dynamic=False)

    @property
    def result(self) -> ExactTransformer:
        """The network whose file the run writes: the mean of those of the last steps, or the last one."""
        return self.average.module if self.average and self.average.n_averaged else self.model  # type: ignore[return-value]

    def done_share(self) -> float:
        """Share of the run that is done, 0 to 1."""
        steps, minutes = self.settings.steps, self.settings.minutes
        by_steps = self.progress.step / steps if steps is not None else 0.0
        by_minutes = self.progress.seconds / (60 * minutes) if minutes is not None else 0.0
        return min(1.0, max(by_steps, by_minutes))

    def step(self, symbols: Tensor, targets: Tensor) -> Tensor:
        """One update; returns the loss in bits per symbol, still on the device."""
        share = min(1.0, (self.progress.step + 1) / self.warmup_steps) * (1 - self.done_share())
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * share
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.autocast):
            loss: Tensor = self._loss(symbols, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.model.clip_scores()
        if self.average:
            self.average.update_parameters(self.model)
        self.progress.step += 1
        self.progress.bytes_seen += targets.numel()
        return loss.detach()

    def save(self, path: Path) -> None:
        """Writes a checkpoint that :meth:`resume` reads; the old one stays whole until the new one is."""
        state = {
            "architecture": self.model.architecture.to_json(),
            "settings": asdict(self.settings),
            "progress": asdict(self.progress),
            "model": _halved(self.model),
            "average": self.average and _halved(self.average),
            "optimizers": [_shortened(optimizer.state_dict()) for optimizer in self.optimizers],
        }
        with replacing(path) as file:
            torch.save(state, file)

    @classmethod
    def resume(cls, path: Path, device: torch.device, changes: Mapping[str, Any]) -> Training:
        """The run of a checkpoint, with ``changes`` of its settings; a new length replaces the old one."""
        state = torch.load(path, map_location=device, weights_only=True)
        saved = state["settings"]
        if {"minutes", "steps"} & set(changes):
            saved |= {"minutes": None, "steps": None}
        run = cls(Architecture.from_json(state["architecture"]), known(Settings, saved | dict(changes)), device)
        run.model.load_state_dict(state["model"])
        if run.average and state.get("average"):
            run.average.load_state_dict(state["average"])
        for optimizer, optimizer_state in zip(run.optimizers, state["optimizers"], strict=True):
            rates = [group["initial_lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(optimizer_state)  # which makes float32 of everything again
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["initial_lr"] = rate
        run.progress = known(Progress, state["progress"])
        return run


@torch.no_grad()
def _move_mean(share: float, mean: list[Tensor], parameters: list[Tensor], count: int | Tensor) -> None:
    """Adds parameters to the mean of ``count`` ones before them, of which about the last ``share`` counts (Karras et al. 2024, section 3.1)."""
    torch._foreach_lerp_(mean, parameters, 1 / (1 + share * float(count)))


def _halved(module: torch.nn.Module) -> dict[str, Tensor]:
    """The state, with context tables in float16: most of the file, in units of which 1 is the least that shows."""
    return {name: value.half() if name.endswith("context_tables") else value for name, value in module.state_dict().items()}


def _shortened(state: dict[str, Any]) -> dict[str, Any]:
    """Moments in bfloat16: eight bits of an average of gradients are enough to go on from."""
    moments = {
        index: {name: value.bfloat16() if isinstance(value, Tensor) and value.dim() else value for name, value in values.items()}
        for index, values in state["state"].items()
    }
    return {**state, "state": moments}


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


VALIDATION_STEPS = 1024  # symbols of a piece
VALIDATION_BYTES = 128 * VALIDATION_STEPS  # of each source, spread evenly
VALIDATION_SHARE = 0.2  # of the time, at most


def validation_bits(model: ExactTransformer | Executor, sources: Sequence[Source], device: torch.device, whole_documents: bool = False) -> float:
    """Exact bits per byte over held-out text, in independent pieces.

    Args:
        model: The network, or the native executor of its file: the same numbers, tens of times faster.
        sources: Held-out text.
        device: Of the network.
        whole_documents: Whether a piece is the beginning of a document, or the text is cut every 1,024 bytes.
    """
    measure = partial(executor_bits, model) if isinstance(model, Executor) else partial(_network_bits, model, device)
    total, count = 0.0, 0
    for source in sources:
        texts = pieces(source, VALIDATION_STEPS, whole_documents)
        texts = texts[:: max(1, int((texts != IGNORED).sum()) // VALIDATION_BYTES)]
        lengths = (texts != IGNORED).sum(1)
        order = lengths.argsort()  # short ones together
        for batch, longest in zip(torch.split(texts[order], 4), torch.split(lengths[order], 4), strict=True):
            total += measure(batch[:, : int(longest.max())]) * int(longest.sum())
            count += int(longest.sum())
    if count == 0:
        raise ValueError("there is no text to validate with")
    return total / count


def _network_bits(model: ExactTransformer, device: torch.device, targets: Tensor) -> float:
    targets = targets.to(device)
    with exact():
        return float(model.loss(shifted(targets, model.architecture.alphabet_size), targets))


def executor_bits(executor: Executor, targets: Tensor) -> float:
    """Mean surprisal of ``targets`` (batch, steps), each row a context of its own, in bits per symbol."""
    executor.start(len(targets))
    logits = np.array(executor.advance(shifted(targets, executor.alphabet_size).numpy()), np.float32)
    return float(bits_per_symbol(torch.from_numpy(logits), targets))


def train(run: Training, sampler: Sampler, held_out: Sequence[Source], output: Path, report: Report) -> bool:
    """Trains to the end of the run, reporting and saving on the way; returns whether it was interrupted.

    Args:
        run: New, resumed, or with the parameters of another model.
        sampler: Of the training text.
        held_out: Validation text.
        output: The model file; the checkpoint and the curve are kept beside it.
        report: Who tells the user.
    """
    settings, progress = run.settings, run.progress
    interval = 1 / settings.validations
    due, due_seconds = run.done_share() + interval, 0.0
    began, recent = time.monotonic() - progress.seconds, []
    with interruptible() as interrupted:
        while run.done_share() < 1 and progress.worse < settings.patience and not interrupted:
            recent.append(run.step(*sampler.sample(settings.batch)))
            if progress.step % 8 == 0:
                recent[-1].item()  # wait, so that the clock sees the work
            progress.seconds = time.monotonic() - began
            if report.due():
                report.step(progress, run.done_share(), float(torch.stack(recent).mean()))
            share = run.done_share()
            if interrupted or share == 1 or (share >= due - 1e-9 and progress.seconds >= due_seconds):
                validate(run, held_out, output, report, float(torch.stack(recent).mean()))
                spent, progress.seconds, recent = progress.seconds, time.monotonic() - began, []
                due, due_seconds = due + interval, progress.seconds + (progress.seconds - spent) / VALIDATION_SHARE
    report.end(run.progress, run.done_share(), bool(interrupted), output)
    return bool(interrupted)


def validate(run: Training, held_out: Sequence[Source], output: Path, report: Report, training_bits: float) -> None:
    """Measures the model, writes its file if it is the best so far, and keeps the state and the curve."""
    file = model_file(run.result.tensors(), run.result.architecture)
    judge = run.result if run.device.type == "cuda" else Executor(Model(file))  # the same numbers: whichever is faster
    bits = validation_bits(judge, held_out, run.device, run.settings.messages)
    improved = run.progress.record(training_bits, bits)
    if improved:
        write(file, output)
    elif run.progress.step <= run.warmup_steps:
        run.progress.worse = 0  # which says nothing yet
    report.validation(run.progress, improved)
    draw_curve(run.progress.curve, output.with_suffix(".svg"))
    run.save(checkpoint_path(output))


def checkpoint_path(output: Path) -> Path:
    """Where the state of a run is kept."""
    return output.with_name(output.name + ".checkpoint")


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Within it, the first Ctrl-C (or SIGTERM) only notes itself in the list it gives, so that a step is never half done; the next one stops at once."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        restore()

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        restore()
