"""Turns: a predictor, a stream, a file hold the state of one call, and so they serve one call at a time.

Another thread waits for its turn. A call from inside the call that has the turn (from its progress function, its predictor, a
signal handler) would wait for ever: it is an error. So that two threads cannot wait for each other either, nobody waits inside a
call of a predictor.

Predictors may be anybody's objects, and several codecs may share one: their turns are kept here, by identity. A forked process
has one thread, and what the others were doing is over there. When the interpreter ends, the calls of other threads end first.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from .._core import LmacError, end_other_calls

T = TypeVar("T")
P = ParamSpec("P")

#: How deep calls may stand inside each other: each takes its part of the thread's stack.
MAX_DEPTH = 8

#: How long the end of the interpreter waits for the calls of other threads, in seconds: longer than a step of any predictor.
LAST_CALL_SECONDS = 5

_inside = threading.local()  # .depth: how many calls of predictors this thread is in


class Turn:
    """Whose turn it is to use one thing."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        #: The thread that has the turn.
        self.owner: int | None = None
        _all_turns.add(self)

    def run(self, call: Callable[[], T]) -> T:
        """Calls ``call`` when it is its turn, and returns its result.

        Raises:
            LmacError: It never will be, since this thread has the turn, or may not wait.
        """
        owner, me = self.owner, threading.get_ident()
        if owner is not None and owner != me and _depth() > 0:
            raise LmacError("in use by another thread, and a call inside another call does not wait: call it later, or use another codec")
        # An exception of a signal handler may come at any call. That is why there is none where the turn begins or ends.
        with self._lock:
            if self.owner is not None:
                raise LmacError("called from inside its own call, by a progress function, a predictor or a signal handler: call it later, or use another codec")
            self.owner = me
            try:
                return call()
            finally:
                self.owner = None

    def after_fork(self) -> None:
        """Frees what belonged to a thread that is no more."""
        if self.owner != threading.get_ident():
            self._lock, self.owner = threading.RLock(), None


_all_turns: weakref.WeakSet[Turn] = weakref.WeakSet()
_turns_of_predictors: weakref.WeakValueDictionary[int, Turn] = weakref.WeakValueDictionary()
_making = threading.RLock()


def use(predictor: object, call: Callable[[], T]) -> T:
    """Calls ``call``, which uses ``predictor``, when it is its turn.

    Raises:
        LmacError: As ``Turn.run``; or too many calls stand inside each other.
    """
    depth = _depth()
    if depth >= MAX_DEPTH:
        raise LmacError(f"{MAX_DEPTH} calls stand inside each other: a predictor or a progress function calls itself")

    def call_inside() -> T:
        _inside.depth = depth + 1
        try:
            return call()
        finally:
            _inside.depth = depth

    with _making:
        turn = _turns_of_predictors.get(id(predictor)) or _turns_of_predictors.setdefault(id(predictor), Turn())
    return turn.run(call_inside)


def _depth() -> int:
    depth: int = getattr(_inside, "depth", 0)
    return depth


class _HasTurn(Protocol):
    _turn: Turn


Self = TypeVar("Self", bound=_HasTurn)


def in_turn(method: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """A method that is called when it is the turn of its caller: ``self._turn``."""

    @functools.wraps(method)
    def call(self: Self, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self._turn.run(lambda: method(self, *arguments, **options))

    return call


def _after_fork() -> None:
    global _making  # noqa: PLW0603  # a lock that another thread may have held
    _making = threading.RLock()
    for turn in list(_all_turns):
        turn.after_fork()


def _before_exit() -> None:
    """Ends the calls of other threads while there still is an interpreter that they can return to."""
    end_other_calls()
    deadline = time.monotonic() + LAST_CALL_SECONDS
    mine = (None, threading.get_ident())
    while time.monotonic() < deadline and any(turn.owner not in mine for turn in list(_turns_of_predictors.values())):
        time.sleep(0.005)


atexit.register(_before_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
