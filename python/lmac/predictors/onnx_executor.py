"""``OnnxExecutor``: an exact model's graph, run by ONNX Runtime.

It gives the same integers as the native executor and so the same compressed bytes. It is there for GPUs,
and as an independent check of the native one.

Keys and values of the last positions lie in *rings* on the device, which grow with the context up to their full length: position p in
slot ``p mod slots``, written by the graph itself into the same buffers that it reads. The graph's inputs are specified in
docs/exact-transformer.md, section 9.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ContextHasher, Model, PredictorError
from .foreign import naming_errors
from .providers import create_session

# Longer calls are divided: a ring must hold the window and all positions of a call, and every position
# is compared with all slots.
MAX_STEPS = 32


class OnnxExecutor:
    """A ``Predictor`` that runs an exact model in ONNX Runtime.

    Args:
        model: The bytes of the model file.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for CUDA where it works.
        threads: How many ONNX Runtime may use; ``None`` for one per core.

    Raises:
        FormatError: The file is no exact model.
        PredictorError: ONNX Runtime is missing, the device cannot be used, or the results differ from the
            known answers in the file.
    """

    def __init__(self, model: bytes, *, device: str = "auto", threads: int | None = None) -> None:
        self._model = Model(model)
        self._architecture: dict[str, Any] = json.loads(self._model.architecture)
        window: int | list[int] = self._architecture["window"]
        self._windows = window if isinstance(window, list) else [window] * self._architecture["layers"]
        self._endings = {each: f".{each}" if isinstance(window, list) else "" for each in self._windows}  # of the names of a window's inputs
        self._session = create_session(model, device, threads, exact=True)
        self._self_test()

    @property
    def alphabet_size(self) -> int:
        """Number of symbols."""
        return int(self._architecture["alphabet_size"])

    @property
    def model_id(self) -> bytes:
        """The content id of the model, 32 bytes."""
        return self._model.model_id

    def start(self, lanes: int) -> None:
        """Begins ``lanes`` empty contexts and forgets all earlier ones."""
        self._lanes = lanes
        self._position = 0
        self._hasher = ContextHasher(self._model, lanes)
        self._binding = self._session.io_binding()
        self._binding.bind_output("logits")
        self._rings: dict[str, Any] = {}
        self._slots = dict.fromkeys(self._windows, 0)  # of the rings of each window

    def context_bytes(self, lanes: int, steps: int) -> int:
        """The memory for keys and values of so many lanes after so many steps."""
        positions = sum(min(steps, slots(window)) for window in self._windows)
        return lanes * positions * int(self._architecture["head_dim"]) * 2 * np.dtype(np.float32).itemsize

    def _make_room(self, length: int) -> None:
        """Lets rings grow with the context: they have no more slots than positions, or than they need in the end."""
        before = self._slots.copy()
        for window, held in before.items():
            most = slots(window)
            self._slots[window] = max(held, min(most, max(length, 2 * held)) if held < length else 0)
        for layer, window in enumerate(self._windows):
            if self._slots[window] > before[window]:
                self._grow(f"keys.{layer}", self._slots[window])
                self._grow(f"values.{layer}", self._slots[window])

    def _grow(self, name: str, slots: int) -> None:
        from onnxruntime import OrtValue

        device = "cuda" if self._session.get_providers()[0].startswith("CUDA") else "cpu"
        grown = np.zeros((self._lanes, slots, self._architecture["head_dim"]), np.float32)
        if name in self._rings:
            held = self._rings[name].numpy()
            grown[:, : held.shape[1]] = held
        with naming_errors(PredictorError, f"there is no memory for the keys and values of {self._lanes} lanes"):
            self._rings[name] = ring = OrtValue.ortvalue_from_numpy(grown, device)
        self._binding.bind_ortvalue_input(name, ring)
        self._binding.bind_ortvalue_output(f"new_{name}", ring)

    def advance(self, symbols: NDArray[Any]) -> NDArray[np.int16]:
        """Appends ``(lanes, steps)`` symbols; returns logits ``(lanes, steps, alphabet_size)`` in 1/16 bit."""
        symbols = np.asarray(symbols, np.int64)
        calls = [self._advance(symbols[:, i : i + MAX_STEPS]) for i in range(0, symbols.shape[1], MAX_STEPS)]
        return np.concatenate(calls, axis=1)

    def _advance(self, symbols: NDArray[np.int64]) -> NDArray[np.int16]:
        lanes, steps = symbols.shape
        self._make_room(self._position + steps)
        positions = np.arange(self._position, self._position + steps)  # (steps)
        inputs = {"symbols": symbols}
        for window, ending in self._endings.items():
            inputs[f"scatter{ending}"] = scatter_indices(positions, lanes, self._slots[window])
            inputs[f"distance{ending}"] = distances(positions, window, self._slots[window])
        if self._architecture["contexts"]:
            inputs["context_rows"] = self._hasher.push(symbols)
        self._position += steps
        return self._run({name: np.ascontiguousarray(array) for name, array in inputs.items()})

    def _run(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.int16]:
        with naming_errors(PredictorError, "ONNX Runtime failed"):
            for name, array in inputs.items():
                self._binding.bind_cpu_input(name, array)
            self._binding.bind_output("logits")  # anew: it is allocated by the call, with the shape of the call
            self._session.run_with_iobinding(self._binding)
        logits: NDArray[np.float32] = self._binding.get_outputs()[0].numpy()
        return logits.astype(np.int16)

    def _self_test(self) -> None:
        symbols, expected = self._model.known_answer
        self.start(1)
        logits = self.advance(np.array([[self.alphabet_size, *symbols]]))
        if hashlib.sha256(logits.astype("<i2").tobytes()).digest() != expected:
            raise PredictorError("ONNX Runtime does not reproduce the known answers in the model file: the file or this version is faulty")


def slots(window: int) -> int:
    """Of the ring of a layer, once the context is long enough."""
    return window + MAX_STEPS - 1


def scatter_indices(positions: NDArray[np.int64], lanes: int, slots: int) -> NDArray[np.int64]:
    """Where the new keys and values go: pairs (lane, slot), ``(lanes, steps, 2)``."""
    lane, slot = np.meshgrid(np.arange(lanes), positions % slots, indexing="ij")
    return np.stack([lane, slot], axis=-1)


def distances(positions: NDArray[np.int64], window: int, slots: int) -> NDArray[np.int64]:
    """How far back from each position the position in each slot is, ``(slots, steps)``.

    ``window`` stands for slots that are empty, out of the window, or ahead.
    """
    newest = positions[-1]
    held = newest - (newest - np.arange(slots)) % slots  # the last position written to each slot; negative if none
    distance = positions[None, :] - held[:, None]
    return np.where((held[:, None] >= 0) & (distance >= 0) & (distance < window), distance, window)
