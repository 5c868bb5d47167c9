"""What a training run tells its user: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ..command_line.progress import CLEAR_LINE, ProgressLine, amount, speed, time_left
from ..command_line.standard_streams import say
from .progress import Progress

LIVE_SECONDS, PLAIN_SECONDS = 0.5, 20.0  # between reports


class Report:
    """Writes to standard error.

    Args:
        origin: The model that the run began with, if any, for the last line.
    """

    def __init__(self, origin: str | None = None) -> None:
        self._origin = origin
        self._live = sys.stderr.isatty()
        self._line = ProgressLine()
        self._next = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        say(f"{CLEAR_LINE if self._live else ''}{text}\n")

    def due(self) -> bool:
        """Whether it is time for :meth:`step`."""
        return time.monotonic() >= self._next

    def step(self, progress: Progress, share: float, bits: float) -> None:
        """How far the run is, how fast it goes, how long it will take; ``bits`` per byte of training text."""
        self._next = time.monotonic() + (LIVE_SECONDS if self._live else PLAIN_SECONDS)
        seen, seconds = progress.bytes_seen, progress.seconds
        figures = [f"{100 * share:.0f} %", amount(seen), speed(seen, seconds), f"{bits:.3f} bits per byte", *time_left(seconds, share)]
        if self._live:
            self._line.draw(f"step {progress.step}:", figures)
        else:
            self.say(f"step {progress.step}: {', '.join(figures)}")

    def validation(self, progress: Progress, improved: bool) -> None:
        """What the held-out text costs now."""
        verdict = "the best so far, written" if improved else f"not better than {progress.best_bits:.4f}"
        self.say(f"step {progress.step}: validation {progress.curve[-1][2]:.4f} bits per byte, {verdict}")

    def end(self, progress: Progress, share: float, interrupted: bool, output: Path) -> None:
        """Why the run ended and what there is now."""
        if interrupted:
            self.say(f"interrupted after {roughly(progress.seconds)}, {100 * share:.0f} % of the run; the same command with --resume continues it")
        elif share < 1:
            self.say(f"stopped at {100 * share:.0f} % of the run: validation no longer improves")
        before = f" ({self._origin}: {progress.curve[0][2]:.4f})" if self._origin else ""
        self.say(
            f"{output}: {progress.best_bits:.4f} bits per byte of held-out text{before}; use it with `lmac --model {output}` or lmac.Codec({str(output)!r})"
        )
        self.say(f"{output}.checkpoint is for --resume alone and can be deleted; {output.with_suffix('.svg')} shows the curve")


def roughly(seconds: float) -> str:
    """Rounded as people would say it."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 100 * 60 else f"{seconds / 3600:.1f} hours"


def counted(count: int, noun: str) -> str:
    """``1 document``, ``2,000 documents``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
