"""The progress line of the command line: only on a terminal, and gone when the work is done."""

from __future__ import annotations

import sys
import time

CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Shows how far a file is, how fast it goes, and how long it will take.

    Args:
        name: What is being worked on.
        total_bytes: Length of the content.
        enabled: Whether to show anything.
    """

    def __init__(self, name: str, total_bytes: int, enabled: bool) -> None:
        self._name, self._total_bytes, self._enabled = name, total_bytes, enabled
        self._started = time.monotonic()

    def __call__(self, done_bytes: int) -> None:
        """Draws the line; called every few dozen milliseconds."""
        if not self._enabled or done_bytes == 0:
            return
        speed = done_bytes / max(time.monotonic() - self._started, 1e-3)
        left_seconds = (self._total_bytes - done_bytes) / speed
        share = 100 * done_bytes / max(self._total_bytes, 1)
        line = f"{self._name}: {share:3.0f} %  {speed / 1000:.1f} kB/s  {left_seconds:.0f} s left"
        sys.stderr.write(CLEAR_LINE + line)
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
