"""``lmac-lab train``: from options to a run. What is not said is chosen here: origin, device, length, learning rates."""

from __future__ import annotations

import argparse
import math
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from ..command_line.progress import amount
from ..predictors.model import DEFAULT_MODEL
from .architecture import SIZES, Architecture
from .data import Sampler, Source, hold_out, read_sources
from .export import read
from .mean import mean_of
from .model import ExactTransformer
from .report import Report, counted, roughly
from .resize import RESIZABLE, resized
from .settings import DEFAULT_MINUTES, FOR_FINE_TUNING, FOR_MESSAGES, ON_CUDA, PASSES, Settings
from .train import Training, checkpoint_path, train, validate


def run_train(options: argparse.Namespace) -> int:
    """Trains as the options say; returns the exit code.

    Raises:
        ValueError: Options that contradict each other or ask for the impossible, or too little text.
        OSError: A file cannot be read or written.
        LmacError: ``--from`` names no model.
    """
    given = vars(options)  # holds only those settings that were given
    refuse_conflicts(options, given)
    device = torch.device(options.device if options.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    origins = origins_of(options, given)
    origin = " + ".join(origins)
    beginning = None if options.resume else beginning_of(origins, given, device)
    sources, held_out = corpus(options)
    report = Report(None if options.resume else origin)
    run = begun(*beginning, given, device, sum(len(source.data) for source in sources)) if beginning else resumed(options, device)
    describe(run, origin, sources, held_out, report, options.resume)

    settings = run.settings
    beginning = run.model.architecture.alphabet_size
    sampler = Sampler(sources, options.weights, settings.sample_steps, beginning, device, settings.seed + run.progress.step, settings.start_share)
    if origin and not options.resume:
        validate(run, held_out, options.output, report, float("nan"))  # the result is never worse than where it began
    return 130 if train(run, sampler, held_out, options.output, report) else 0


def refuse_conflicts(options: argparse.Namespace, given: Mapping[str, Any]) -> None:
    """Says what cannot be, or cannot go together, before any time is spent."""
    Settings(**settings_given(given))
    refuse_weights(options)
    changeable = RESIZABLE if options.origins and not options.resume else ()
    shape = [f"--{name.replace('_', '-')}" for name in ("size", *Architecture.__dataclass_fields__) if name in given and name not in changeable]
    if shape and (options.origins or options.resume):
        raise ValueError(f"{'--from' if options.origins else '--resume'} brings the architecture with it: leave out {' '.join(shape)}")
    if options.origins and options.resume:
        raise ValueError("--resume continues a run that has begun: leave out --from")
    if options.output.suffix != ".onnx":
        raise ValueError(f"-o names the model file that the run will write: call it {options.output.name}.onnx, say")
    if not options.output.parent.is_dir():
        raise ValueError(f"there is no folder {options.output.parent}")
    checkpoint = checkpoint_path(options.output)
    if options.resume and not checkpoint.exists():
        raise ValueError(f"nothing to resume: there is no {checkpoint}")
    if checkpoint.exists() and not (options.resume or options.force):
        raise ValueError(f"{checkpoint} holds an earlier run: --resume continues it, --force begins anew")


def refuse_weights(options: argparse.Namespace) -> None:
    """Says which weights of texts are none."""
    weights = options.weights or [1.0] * len(options.text)
    if len(weights) != len(options.text):
        raise ValueError(f"{len(weights)} weights for {len(options.text)} texts")
    if not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
        raise ValueError("--weights are shares: none is negative, and one at least is more than 0")


def corpus(options: argparse.Namespace) -> tuple[list[Source], list[Source]]:
    """Training text and held-out text."""
    messages = getattr(options, "messages", False)
    sources = read_sources(options.text, messages)
    if options.valid:
        return sources, read_sources(options.valid, messages)
    training, held_out = zip(*map(hold_out, sources), strict=True)
    return list(training), list(held_out)


def origins_of(options: argparse.Namespace, given: Mapping[str, Any]) -> list[str]:
    """The models to begin with: the default one, unless others or a shape are asked for."""
    if options.origins:
        return list(options.origins)
    shaped = {"size", *Architecture.__dataclass_fields__} & set(given)
    return [] if shaped else [DEFAULT_MODEL]


def architecture_of(given: Mapping[str, Any]) -> Architecture:
    """A named size with the differences that were given."""
    name = given.get("size", "large")
    base = SIZES[name] if name in SIZES else read(name)[1]
    shape = {field: given[field] for field in Architecture.__dataclass_fields__ if field in given}
    if "contexts" in shape:
        shape["contexts"] = tuple(shape["contexts"])
    return Architecture(**{**vars(base), **shape})


def beginning_of(origins: list[str], given: Mapping[str, Any], device: torch.device) -> tuple[Architecture, ExactTransformer | None]:
    """The shape of a new run, and where it begins: at the mean of the parameters of ``origins``, if there are any."""
    mean = mean_of(origins) if origins else None
    changes = {name: given[name] for name in RESIZABLE if name in given}
    architecture = replace(mean.architecture, **changes) if mean else architecture_of(given)
    refuse_more_than_memory(architecture, device)
    return architecture, mean and resized(mean, **changes)


def refuse_more_than_memory(architecture: Architecture, device: torch.device) -> None:
    """Says that a run would not fit: each parameter has a gradient and the optimizer's two averages beside it."""
    needed = 16 * architecture.parameters()
    there = torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else memory_bytes()
    if needed > there:
        raise ValueError(f"training this shape takes more than {amount(needed)} of memory, and {amount(there)} are there: give fewer --context-rows-log2, say")


def memory_bytes() -> int:
    """The memory of this machine, if the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


def begun(architecture: Architecture, network: ExactTransformer | None, given: Mapping[str, Any], device: torch.device, text_bytes: int) -> Training:
    """A new run, with the parameters of ``network`` if there is one."""
    chosen: dict[str, Any] = {"autocast": fast_bfloat16(device)}
    chosen |= ON_CUDA if device.type == "cuda" else {}
    chosen |= FOR_FINE_TUNING if network else {}
    chosen |= FOR_MESSAGES if given.get("messages") else {}
    chosen |= settings_given(given)
    if not {"minutes", "steps"} & set(given):
        settings = Settings(**chosen)
        chosen |= {"minutes": DEFAULT_MINUTES, "steps": max(1, PASSES * text_bytes // (settings.batch * settings.sample_steps))}
    if "compile" not in given:
        chosen["compile"] = can_compile(device) and worth_compiling(Settings(**chosen))
    run = Training(architecture, Settings(**chosen), device)
    if network:
        run.model.load_state_dict(network.state_dict())
    return run


def resumed(options: argparse.Namespace, device: torch.device) -> Training:
    """The run of the checkpoint beside the output."""
    run = Training.resume(checkpoint_path(options.output), device, settings_given(vars(options)))
    run.progress.worse = 0
    return run


def settings_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that are settings."""
    return {name: given[name] for name in Settings.__dataclass_fields__ if name in given}


def describe(run: Training, origin: str, sources: list[Source], held_out: list[Source], report: Report, resuming: bool) -> None:
    """The word at the beginning: what is used, how much of it, for how long."""
    settings, progress, architecture = run.settings, run.progress, run.model.architecture
    text_bytes = sum(len(source.data) for source in sources)
    documents, kind = sum(len(source.starts) for source in sources), "message" if settings.messages else "document"
    validation_bytes = sum(len(source.data) for source in held_out)
    report.say(f"text: {amount(text_bytes)} in {counted(documents, kind)}; validation: {amount(validation_bytes)} of other text")
    begins = f"goes on at step {progress.step}" if resuming else f"begins as {origin}" if origin else "begins from nothing"
    shape = f"width {architecture.width}, {counted(architecture.layers, 'layer')}"
    report.say(f"model: {begins}, {shape}, {architecture.multiply_adds() / 1e6:.2f} M multiply-adds per byte")
    threads = f"{counted(torch.get_num_threads(), 'thread')} of {platform.machine()}" if run.device.type == "cpu" else torch.cuda.get_device_name(run.device)
    report.say(f"device: {threads}, {'bfloat16' if settings.autocast else 'float32'} products")
    report.say(f"length: {length(settings, text_bytes)}; it ends earlier if validation no longer improves")
    report.say("Ctrl-C stops it and keeps what there is." + (" The step is compiled first: half a minute or more." if settings.compile else ""))


def length(settings: Settings, text_bytes: int) -> str:
    """How long a run may take, in words."""
    limits = [f"{roughly(60 * settings.minutes)}"] if settings.minutes is not None else []
    if settings.steps is not None:
        seen = settings.steps * settings.batch * settings.sample_steps
        limits.append(f"{settings.steps} steps ({amount(seen)}, {seen / text_bytes:.1f} passes through the text)")
    return "at most " + " or ".join(limits)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are faster than in float32."""
    if device.type == "cuda":
        return True
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch has no public question for it
    return bool(supported and supported())


def can_compile(device: torch.device) -> bool:
    """Whether torch.compile will find what it needs: Triton comes with torch, a C++ compiler does not."""
    return device.type == "cuda" or any(map(shutil.which, ("c++", "g++", "clang++")))


def worth_compiling(settings: Settings) -> bool:
    """Whether the run is longer than compiling takes: half a minute or more, after which a step takes half as long."""
    long_enough = settings.minutes is None or settings.minutes > 2
    return long_enough and (settings.steps is None or settings.steps * settings.batch * settings.sample_steps > 1 << 20)
