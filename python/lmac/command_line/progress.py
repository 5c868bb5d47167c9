"""The progress line, of the program and of the laboratory: one line of a terminal, never wider than it, gone when the work is done."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Callable

from .names import shown
from .standard_streams import say

CLEAR_LINE = "\r\x1b[K"
INTERVAL_SECONDS = 0.05
#: In the place of what a shortened name lacks; ASCII, which every terminal can show.
ELLIPSIS = "..."
#: A name keeps so many columns, if it has them; figures give way.
NAME_COLUMNS = 12
#: Before that the speed says little of what is to come.
SECONDS_TO_ESTIMATE = 2.0


class ProgressLine:
    """A line of figures after a name, drawn again and again in the same place."""

    def draw(self, name: str, figures: list[str]) -> None:
        """Draws the line.

        Args:
            name: What is being worked on; shortened in the middle if there is no room for it.
            figures: How far it is. If there is no room for all of them, the first and the last stay longest.
        """
        encoding = sys.stderr.encoding or "ascii"
        written = shown(name).encode(encoding, "backslashreplace").decode(encoding)  # what the terminal will show
        say(CLEAR_LINE + fitted(written, list(figures), _terminal_columns() - 1))  # a full line makes some terminals begin another

    def clear(self) -> None:
        """Takes the line away."""
        say(CLEAR_LINE)


class Progress:
    """Shows how far a file is, how fast it goes, how well it compresses, and how long it will take.

    Args:
        name: What is being worked on.
        total_bytes: Length of the content, or ``None`` if it is not known.
        enabled: Whether to show anything.
        check: Called now and then; an exception ends the work.
    """

    def __init__(self, name: str, total_bytes: int | None, enabled: bool, check: Callable[[], object] | None = None) -> None:
        self._name, self._total_bytes, self._enabled, self._check = name, total_bytes, enabled, check
        self._line = ProgressLine()
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
        if now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        if self._check:
            self._check()
        if self._enabled and done_bytes > 0:
            self._line.draw(f"{self._name}:", self._figures(now - self._started, done_bytes, coded_bytes, compressed_bytes))

    def _figures(self, seconds: float, done_bytes: int, coded_bytes: int, compressed_bytes: int) -> list[str]:
        share = min(done_bytes / self._total_bytes, 1) if self._total_bytes else None
        figures = [amount(done_bytes) if share is None else f"{100 * share:3.0f} %", speed(done_bytes, seconds)]
        if coded_bytes:
            figures.append(f"{8 * compressed_bytes / coded_bytes:.3f} bits per byte")
        if share is not None:
            figures += time_left(seconds, share)
        return figures

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            self._line.clear()


def speed(done_bytes: int, seconds: float) -> str:
    """How fast it goes; large models take more than a second for a kilobyte."""
    rate = round(done_bytes / max(seconds, 1e-9))
    return f"{rate / 1000:.1f} kB/s" if rate >= 1000 else f"{rate} B/s"


def amount(count: float) -> str:
    """Bytes with a decimal unit."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"


def time_left(seconds: float, share: float) -> list[str]:
    """The figure of how long it will take, or none as long as it would be a guess."""
    return [f"{duration(seconds * (1 - share) / share)} left"] if share > 0 and seconds >= SECONDS_TO_ESTIMATE else []


def duration(seconds: float) -> str:
    """Seconds as people say them: ``42 s``, ``3:05``, ``1:02:03``, ``5 days``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24:,} days"
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"


def fitted(name: str, figures: list[str], columns: int) -> str:
    """``name`` and figures in so many columns at most."""
    least = min(width(name), NAME_COLUMNS)
    while len(figures) > 1 and least + 1 + width("  ".join(figures)) > columns:
        del figures[max(1, len(figures) - 2)]
    text = "  ".join(figures)
    room = columns - 1 - width(text)
    return f"{shortened(name, room)} {text}" if room >= least else _cut(text, columns)


def shortened(name: str, columns: int) -> str:
    """A name in so many columns at most: its beginning and its end."""
    if width(name) <= columns:
        return name
    end = _cut(name[::-1], (columns - len(ELLIPSIS)) // 2)[::-1]
    return f"{_cut(name, columns - len(ELLIPSIS) - width(end))}{ELLIPSIS}{end}"


def _cut(text: str, columns: int) -> str:
    """The beginning of ``text`` that fits."""
    for index, character in enumerate(text):
        columns -= width(character)
        if columns < 0:
            return text[:index]
    return text


def width(text: str) -> int:
    """The columns that a terminal shows ``text`` in, or more: a sequence that makes one picture counts as its parts."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if character == "\ufe0f":  # makes a picture of the character before it
        return 1
    category = unicodedata.category(character)
    if category in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":  # marks; vowels and finals of Korean syllables
        return 0
    is_wide = unicodedata.east_asian_width(character) in "WF" or category == "Cn"  # not known to this Python: a new picture, most likely
    return 2 if is_wide else 1


def _terminal_columns() -> int:
    """The width of the terminal now; 80 where standard error is none, or one that does not know."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
