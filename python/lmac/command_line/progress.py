"""The progress line of the command line: only on a terminal, and gone when the work is done."""

from __future__ import annotations

import sys
import time

CLEAR_LINE = "\r\x1b[K"
INTERVAL_SECONDS = 0.05


class Progress:
    """Shows how far a file is, how fast it goes, how well it compresses, and how long it will take.

    Args:
        name: What is being worked on.
        total_bytes: Length of the content, or ``None`` if it is not known.
        enabled: Whether to show anything.
    """

    def __init__(self, name: str, total_bytes: int | None, enabled: bool) -> None:
        self._name, self._total_bytes, self._enabled = name, total_bytes, enabled
        self._started = time.monotonic()
        self._next = self._started + INTERVAL_SECONDS

    def show(self, done_bytes: int, coded_bytes: int, compressed_bytes: int) -> None:
        """Draws the line, but not more often than anybody can read.

        Args:
            done_bytes: How much of the content is done.
            coded_bytes: Content whose compressed size is known. Not what is done: a block may be coded several times.
            compressed_bytes: That size.
        """
        now = time.monotonic()
        if not self._enabled or done_bytes == 0 or now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        parts = []
        if self._total_bytes:
            parts.append(f"{100 * done_bytes / self._total_bytes:3.0f} %")
        else:
            parts.append(f"{done_bytes / 1e6:.1f} MB")
        speed = done_bytes / (now - self._started)
        parts.append(f"{speed / 1000:.1f} kB/s")
        if coded_bytes:
            parts.append(f"{8 * compressed_bytes / coded_bytes:.3f} bits per byte")
        if self._total_bytes:
            parts.append(f"{duration(max(self._total_bytes - done_bytes, 0) / speed)} left")
        sys.stderr.write(f"{CLEAR_LINE}{self._name}: {'  '.join(parts)}")
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``3:05``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
