"""The settings of a training run, and what they are where nothing is said; apart from ``train``, so that listing them needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a training run depends on, besides the text.

    The run ends when ``minutes`` have passed or ``steps`` are done, whichever comes first.

    Raises:
        ValueError: One of them is impossible; the message says what is possible.
    """

    minutes: float | None = None  # of wall clock
    steps: int | None = None
    batch: int = 12  # samples a step; fewer are more steps for as much text (docs/ablations.md)
    sample_steps: int = 256  # symbols of a sample
    matrix_rate: float = 3e-3  # Muon, scaled to AdamW's root mean square
    other_rate: float = 3e-3  # AdamW: symbol embedding, context projection, biases, logits
    table_rate: float = 3e-2  # AdamW: context tables, in units of their four-bit entries
    weight_decay: float = 0.02
    average: float = 0.0  # the model is the mean of the parameters over about the last so many of the steps; 0: the last ones
    warmup_steps: int = 200  # and no more than a tenth of steps
    start_share: float = 0.15  # of the samples begin where a document begins
    seed: int = 0
    validations: int = 12  # over the run
    patience: int = 3  # validations without improvement that end the run
    messages: bool = False  # every line is a document, compressed on its own
    compile: bool = True
    autocast: bool = False  # bfloat16 products: fast where the hardware has them

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:  # nor is nan
                raise ValueError(f"--{name.replace('_', '-')} {value} is not possible: it is {_between(least, most)}")


#: The least and the most that a number can be: what is refused here would fail in the middle of a run, or before its first step.
LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("steps", "validations", "patience", "warmup_steps"), (1, math.inf)),
    "minutes": (0.001, math.inf),
    "batch": (1, 1 << 16),
    "sample_steps": (1, 1 << 16),
    **dict.fromkeys(("matrix_rate", "other_rate", "table_rate", "weight_decay"), (0, 10)),
    **dict.fromkeys(("average", "start_share"), (0, 1)),
    "seed": (0, (1 << 32) - 1),
}


def _between(least: float, most: float) -> str:
    if most == math.inf:
        return f"{least:g} or more"
    return f"from {least:g} to {most:,.10g}"


DEFAULT_MINUTES = 60.0
PASSES = 8  # through the text, unless the minutes are over before

#: Differences from :class:`Settings`, later ones winning over earlier ones; docs/training.md has the measurements.
ON_CUDA = {"batch": 128, "sample_steps": 512}
FOR_FINE_TUNING = {"batch": 16, "matrix_rate": 1e-3, "other_rate": 1e-3, "warmup_steps": 20}
FOR_MESSAGES = {"start_share": 0.8}
