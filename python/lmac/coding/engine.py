"""``Engine``: what runs behind a codec, its predictors, loaded when they are first needed and once in each process.

A codec is configuration; this is the rest. Nothing of it is inherited by a forked process: threads are not, those of an executor
or of ONNX Runtime would be waited for without end, and a GPU cannot be used from there.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from .._core import Block, CorruptedDataError, ModelMismatchError, Report, blocks_at_once, decompress_blocks
from ..predictors.model import DEFAULT_MODEL, ModelSource, Running, load_predictor, model_names, model_stamp
from ..predictors.predictor import Predictor
from .turns import Turn, use

T = TypeVar("T")

#: How many engines are kept for codecs that come and go.
KEPT_ENGINES = 4


class Engine:
    """The predictors of a model.

    Args:
        model: As ``Codec`` has it; ``None`` stands for all models inside the package.
        running: How they are run.
    """

    def __init__(self, model: ModelSource, running: Running) -> None:
        self._model, self._running = model, running
        self._turn = Turn()
        self._predictor: Predictor | None = None
        self._others: list[Predictor] | None = None
        _engines.add(self)

    def load(self) -> Predictor:
        """The predictor that compresses.

        Raises:
            ValueError, LmacError, OSError: It cannot be loaded; see ``Codec``.
        """
        return self._turn.run(self._load) if self._predictor is None else self._predictor

    def _load(self) -> Predictor:
        if self._predictor is None:
            self._predictor = load_predictor(self._model, self._running)
        return self._predictor

    def _load_others(self) -> list[Predictor]:
        """The models inside the package that the default one is not; none if a model was named."""
        if self._others is None:
            names = [name for name in model_names() if name != DEFAULT_MODEL] if self._model is None else []
            self._others = [load_predictor(name, self._running) for name in names]
        return self._others

    def run(self, call: Callable[[Predictor], T]) -> T:
        """Calls ``call`` with the predictor, when it is its turn: it holds the contexts of one call."""
        predictor = self.load()
        return use(predictor, lambda: call(predictor))

    def restore(self, call: Callable[[Predictor], T]) -> T:
        """As ``run``; if another model compressed the frame, and none was named, with those inside the package.

        Raises:
            ModelMismatchError: None of them compressed it.
        """
        try:
            return self.run(call)
        except ModelMismatchError as error:
            if self._model is not None:
                raise
            for predictor in self._turn.run(self._load_others):
                with suppress(ModelMismatchError):
                    return use(predictor, lambda predictor=predictor: call(predictor))  # type: ignore[misc]
            written_by = str(error).partition(", but the model given")[0]
            raise ModelMismatchError(f"{written_by}, and none of the models inside the package wrote it: name the one that did (model=, --model)") from None

    def blocks_at_once(self, max_memory: int | None) -> int:
        """How many blocks ``restore_blocks`` restores at the same time, if they may take ``max_memory`` bytes."""
        return self.run(lambda predictor: blocks_at_once(predictor, max_memory=max_memory))

    def restore_blocks(
        self, blocks: list[tuple[Block, bytes]], max_memory: int | None, *, progress: Callable[[Report], object] | None = None
    ) -> list[bytes | CorruptedDataError]:
        """The contents of blocks of one frame, given with their payloads; in the place of one that is damaged is the error.

        Args:
            blocks: Blocks with their payloads.
            max_memory: Bytes that the blocks under way may take; ``None`` if it was not said.
            progress: Called now and then.

        Raises:
            ModelMismatchError: Another model compressed them.
        """
        return self.restore(lambda predictor: decompress_blocks(blocks, predictor, max_memory=max_memory, progress=progress))

    def after_fork(self) -> None:
        """Forgets all predictors, and never destroys them: that would wait for threads that are no more."""
        for predictor in (self._predictor, *(self._others or [])):
            if predictor is not self._model:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(predictor))
        self._predictor = self._others = None


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def shared_engine(model: ModelSource, running: Running) -> Engine:
    """An engine for codecs that come and go, as those of single calls and those that were pickled: loaded once while its file stays the same.

    Raises:
        LmacError, OSError: There is no such model.
    """
    if isinstance(model, str | Path | bytes | None):
        return _kept_engine(model, running, model_stamp(model, running))
    return Engine(model, running)


@lru_cache(maxsize=KEPT_ENGINES)
def _kept_engine(model: str | Path | bytes | None, running: Running, _stamp: object) -> Engine:
    return Engine(model, running)


def _after_fork() -> None:
    for engine in list(_engines):
        engine.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
