"""``naming_errors``: the exceptions of other libraries become ours, and those of signal handlers stay what they are."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from .._core import LmacError


@contextmanager
def naming_errors(kind: type[LmacError], what: str) -> Iterator[None]:
    """Turns what a library raises, whose exceptions share no ancestor but ``Exception``, into an error of ours.

    Args:
        kind: The error.
        what: What failed.
    """
    try:
        yield
    except Exception as error:
        if comes_from_signal_handler(error):
            raise
        raise kind(f"{what}: {error}") from error


def comes_from_signal_handler(error: BaseException) -> bool:
    """Whether a signal handler raised it, which may be called in the middle of any function."""
    handlers = {_code(handler) for handler in map(signal.getsignal, signal.valid_signals()) if callable(handler)}
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in handlers:
            return True
        traceback = traceback.tb_next
    return False


def _code(handler: Any) -> CodeType | None:
    """Of a function, a method, or an object that can be called."""
    return getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
