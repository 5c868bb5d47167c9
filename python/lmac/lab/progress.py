"""What a training run has reached: what a report tells and a checkpoint keeps."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """What a run has reached; saved with the checkpoint."""

    step: int = 0
    seconds: float = 0.0  # of wall clock, validations included
    bytes_seen: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)  # bytes seen, training and validation bits per byte
    best_bits: float = float("inf")  # validation bits per byte of the model file
    worse: int = 0  # validations since then

    def record(self, training_bits: float, validation_bits: float) -> bool:
        """Notes a validation; returns whether it is the best so far."""
        self.curve.append((self.bytes_seen, training_bits, validation_bits))
        improved = validation_bits < self.best_bits
        self.best_bits = min(validation_bits, self.best_bits)
        self.worse = 0 if improved else self.worse + 1
        return improved
