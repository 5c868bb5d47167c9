"""``StepGraph``: one step of a decoder-only language model, as Hugging Face's tools export it, in ONNX Runtime.

Exports differ: in the order of their inputs, in whether they want positions or a mask, in how they keep what they have
seen. So inputs and outputs are found by name, and what a graph does not ask for, it does not get. There are two kinds of caches:

* *growing* ones (Optimum, transformers.js): the graph takes the keys and values of all tokens so far and returns them with the
  new ones; they stay on the device from one step to the next;
* *fixed* ones (``lmac-lab export``): buffers of a fixed length that the graph reads and writes in place, at the positions
  ``cache_position``. A step then costs the same however long the context is.

What the graph is fed with is the matter of ``language_model``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import PredictorError
from .foreign import naming_errors

_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_KNOWN = {"input_ids", "attention_mask", "position_ids", "cache_position", "use_cache_branch", "num_logits_to_keep"}
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}


class Value(NamedTuple):
    """An input or output of the graph."""

    name: str
    type: str
    #: Of a dimension that is free, its name or ``None``.
    shape: list[int | str | None]


@dataclass(frozen=True)
class Cache:
    """The keys or the values of one layer: shape ``(lanes, heads, slots, head_dim)``."""

    past: str  # name of the input
    present: str  # name of the output
    heads: int
    #: Length of a fixed cache; ``None`` if it grows.
    slots: int | None
    head_dim: int
    dtype: Any

    def bytes_per_token(self) -> int:
        """Memory for one token of one lane."""
        return self.heads * self.head_dim * int(np.dtype(self.dtype).itemsize)


class StepGraph:
    """The inputs and outputs of an export, and the caches of several lanes.

    Raises:
        PredictorError: The graph is no decoder-only language model with a cache; the message says what is wrong.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._device = "cuda" if session.get_providers()[0].startswith("CUDA") else "cpu"
        inputs, outputs = _describe(session.get_inputs), _describe(session.get_outputs)
        self._caches = _find_caches(inputs, outputs)
        self._check(inputs, outputs)
        self._dtypes = {name: _dtype(inputs[name]) for name in _KNOWN & inputs.keys()}
        lanes, steps = inputs["input_ids"].shape
        #: Whether the graph was exported for one lane alone.
        self.has_one_lane = _is_one(lanes, *(inputs[cache.past].shape[0] for cache in self._caches))
        #: Whether it was exported for one token a call.
        self.has_one_step = _is_one(steps)
        self._length = 0
        self._pasts: list[Any] = []  # the caches, in order
        self._binding: Any = None

    def _check(self, inputs: dict[str, Value], outputs: dict[str, Value]) -> None:
        foreign = [name for name in inputs if name not in _KNOWN and not _PAST.fullmatch(name)]
        if any(name.startswith(("encoder_", "decoder_input")) for name in foreign):
            raise PredictorError("this is a model with an encoder and a decoder; lmac needs a decoder-only language model")
        if "input_ids" not in inputs or "logits" not in outputs:
            raise PredictorError("the graph needs an input input_ids and an output logits, as exports of language models have")
        if len(inputs["input_ids"].shape) != 2 or len(outputs["logits"].shape) != 3:
            raise PredictorError("input_ids must have the shape (batch, sequence), and logits (batch, sequence, vocabulary)")
        if foreign:
            raise PredictorError(f"the graph has inputs that are not known: {', '.join(foreign)}")
        if not self._caches:
            raise PredictorError("the graph keeps no keys and values; export it with them (optimum-cli export onnx --task text-generation-with-past)")
        if ("cache_position" in inputs) != (self.slots is not None):
            raise PredictorError("caches of fixed length need an input cache_position, and it needs them: export the model anew (lmac-lab export)")
        if outputs["logits"].type not in ("tensor(float)", "tensor(float16)"):
            raise PredictorError(f"the logits are {outputs['logits'].type}; they must be float32 or float16")

    @property
    def device(self) -> str:
        """``"cpu"`` or ``"cuda"``."""
        return self._device

    @property
    def slots(self) -> int | None:
        """How many tokens a fixed cache holds; ``None`` if it grows."""
        return self._caches[0].slots if self._caches else None

    @property
    def length(self) -> int:
        """How many tokens every lane has seen."""
        return self._length

    def bytes_per_token(self) -> int:
        """Memory that the keys and values of one token of one lane take."""
        return sum((cache.bytes_per_token() for cache in self._caches), 0)

    def start(self, lanes: int) -> None:
        """Forgets everything; ``lanes`` contexts are empty.

        Raises:
            PredictorError: The graph takes only one.
        """
        from onnxruntime import OrtValue

        if self.has_one_lane and lanes != 1:
            raise PredictorError(f"this graph was exported for a batch of one and cannot run {lanes} lanes; leave out lane_len (--lane-len)")
        self._length = 0
        device = self._device if self.slots is not None else "cpu"
        try:
            empty = [np.zeros((lanes, cache.heads, cache.slots or 0, cache.head_dim), cache.dtype) for cache in self._caches]
            self._pasts = [OrtValue.ortvalue_from_numpy(zeros, device) for zeros in empty]
        except Exception as error:  # a size that no memory has, or none at all; ONNX Runtime's share no narrower ancestor
            raise PredictorError(f"there is no memory for the keys and values of {lanes} lanes: {error}") from error
        self._binding = None

    def run(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Appends ``(lanes, steps)`` tokens; returns the logits after the last of them, ``(lanes, vocab_size)``.

        Raises:
            PredictorError: ONNX Runtime failed.
        """
        inputs = self._inputs(tokens)  # kept until they are read
        with naming_errors(PredictorError, "ONNX Runtime failed"):
            binding = self._bind_caches()
            for name, array in inputs.items():
                binding.bind_cpu_input(name, array)
            binding.bind_output("logits", "cpu")  # anew: it is allocated by the call
            self._session.run_with_iobinding(binding)
        *self._pasts, logits = binding.get_outputs()
        self._length += tokens.shape[1]
        values = logits.numpy()
        if values.ndim != 3 or values.shape[0] != len(tokens) or not values.shape[1]:
            raise PredictorError(f"the graph gives logits of shape {values.shape} for {len(tokens)} lanes")
        last: NDArray[np.float32] = values[:, -1].astype(np.float32, copy=False)
        return last

    def _bind_caches(self) -> Any:
        """A binding that has all but the other inputs and the logits; for fixed caches it is always the same."""
        if self._binding is not None:
            return self._binding
        binding = self._session.io_binding()
        for cache, past in zip(self._caches, self._pasts, strict=True):
            binding.bind_ortvalue_input(cache.past, past)
            if cache.slots is None:
                binding.bind_output(cache.present, self._device)
            else:
                binding.bind_ortvalue_output(cache.present, past)
        if self.slots is not None:
            self._binding = binding
        return binding

    def _inputs(self, tokens: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """All inputs that the graph has, but the caches."""
        lanes, steps = tokens.shape
        end = self._length + steps
        positions = np.arange(self._length, end)
        every: dict[str, Any] = {
            "input_ids": tokens,
            "attention_mask": np.ones((lanes, end)),
            "position_ids": np.broadcast_to(positions, (lanes, steps)),
            "cache_position": positions,
            "use_cache_branch": [self._length > 0],
            "num_logits_to_keep": 1,
        }
        return {name: np.ascontiguousarray(every[name], dtype).reshape(np.shape(every[name])) for name, dtype in self._dtypes.items()}


def _describe(values: Callable[[], list[Any]]) -> dict[str, Value]:
    """The inputs or outputs of a session, by name."""
    try:
        return {value.name: Value(value.name, value.type, value.shape) for value in values()}
    except Exception as error:  # names that are no text
        raise PredictorError(f"ONNX Runtime cannot describe the graph: {error}") from error


def _is_one(*lengths: int | str | None) -> bool:
    """Whether a graph fixes lengths, at one; those of a dimension that is free are names, or missing."""
    fixed = {length for length in lengths if isinstance(length, int)}
    if fixed - {1}:
        raise PredictorError(f"the graph was exported for {max(fixed)} lanes or tokens at once; export it with a free batch and sequence length")
    return bool(fixed)


def _find_caches(inputs: dict[str, Value], outputs: dict[str, Value]) -> list[Cache]:
    caches = []
    for name, value in inputs.items():
        if found := _PAST.fullmatch(name):
            present = f"present.{found[1]}.{found[2]}"
            if present not in outputs:
                raise PredictorError(f"the graph has an input {name} but no output {present}")
            caches.append(_cache(value, present))
    return caches


def _cache(value: Value, present: str) -> Cache:
    match value.shape:
        case [_, int(heads), slots, int(head_dim)]:
            return Cache(value.name, present, heads, slots if isinstance(slots, int) else None, head_dim, _dtype(value))
    raise PredictorError(f"the shape of {value.name} is {value.shape}; it must be (batch, heads, past, head_dim), with the second and fourth known")


def _dtype(value: Value) -> Any:
    if value.type not in _DTYPES:
        raise PredictorError(f"the input {value.name} is {value.type}; known are {', '.join(_DTYPES)}")
    return _DTYPES[value.type]
