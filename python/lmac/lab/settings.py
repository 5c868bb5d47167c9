"""The settings of a training run; apart from ``train``, so that the command line needs no torch to list them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a training run depends on, besides the text."""

    minutes: float | None = None  # length of the run; either this or steps
    steps: int | None = None
    batch: int = 128  # samples a step
    sample_steps: int = 512  # symbols of a sample
    matrix_rate: float = 3e-3  # Muon, scaled to AdamW's root mean square
    other_rate: float = 3e-3  # AdamW: symbol embedding, context projection, biases, logits
    table_rate: float = 3e-2  # AdamW: context tables, in units of their four-bit entries
    weight_decay: float = 0.02
    warmup_steps: int = 200
    seed: int = 0
    report_seconds: float = 10.0
    validations: int = 10  # over the run
    compile: bool = True
    autocast: bool = False  # bfloat16 products: fast where the hardware has them
