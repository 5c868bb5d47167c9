"""Signals that end the program: whatever they meet, no temporary file is left, and no traceback is shown."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType


class Interruption:
    """Turns the signals that end a process into an exception, so that files are cleaned up, and takes that exception back at the end.

    The exception may arrive anywhere, also where foreign code makes another one of it: what counts is that
    the signal came.

    Args:
        is_last: Whether the process ends with the ``with`` block: signals that come later are ignored, since everything is done.
    """

    def __init__(self, *, is_last: bool) -> None:
        #: The signal that came, if any; of several the first.
        self.number: int | None = None
        self._is_last = is_last
        self._handled: list[signal.Signals] = []
        self._outer = sys.exception()

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # not what nohup has made to be ignored
                    signal.signal(number, self._interrupt)
                    self._handled.append(number)
        return self

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        """Interrupts the work; but not what is being done about another exception, which is to clean up."""
        self.number = self.number or number
        if sys.exception() is self._outer:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raises the exception again if it was lost, or never raised, on the way."""
        if self.number is not None:
            raise KeyboardInterrupt

    def __exit__(self, *_: object) -> bool:
        for number in self._handled:
            if self._is_last:
                signal.signal(number, signal.SIG_IGN)
            else:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        return self.number is not None
