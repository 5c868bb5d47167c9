"""Writes and reads an exact model as one ``.onnx`` file (docs/exact-transformer.md, section 9).

The graph is built node by node, integers travelling as integer-valued float32, with operators that
ONNX Runtime computes exactly on every provider. Weights stay int8; constant folding turns them into
float32 when a session is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .._core import Model
from ..filesystem.atomic_file import replacing
from ..predictors.model import read_model
from . import reference
from .architecture import Architecture

OPSET = 18
IR_VERSION = 10
EXACT_LIMIT = 1 << 24  # integers up to here are exact in float32
MASKED = -65536.0
KNOWN_ANSWER_TEXT = b'The same bytes out, on every machine: {"caf\xc3\xa9": [1, 2.50]}\r\n\t\x00\xff'

Tensors = Mapping[str, NDArray[np.generic]]


def export(tensors: Tensors, architecture: Architecture, path: Path) -> None:
    """Writes the model file; what was there before stays whole until the new one is.

    Raises:
        ValueError: As :func:`model_file`.
        FormatError: The tensors are not those of the architecture.
    """
    file = model_file(tensors, architecture)
    Model(file)  # reads it: a file that lmac refuses is of no use
    write(file, path)


def write(model: bytes, path: Path) -> None:
    """Replaces a file at once."""
    with replacing(path) as file:
        file.write(model)


def model_file(tensors: Tensors, architecture: Architecture) -> bytes:
    """Proves that every sum is exact and masked positions do not count, then builds the model file.

    Args:
        tensors: Integer tensors by name (section 3).
        architecture: Of the model.

    Raises:
        ValueError: A sum of products could leave the exact range, or masked positions could count.
    """
    prove_exact(tensors)
    prove_masked(tensors)
    graph = _Graph(tensors, architecture).build()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="lmac")
    metadata = {"lmac.architecture": architecture.to_json(), "lmac.known_answer": _known_answer(tensors, architecture)}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def read(source: str | Path) -> tuple[dict[str, NDArray[np.generic]], Architecture]:
    """Inverse of :func:`export`: the tensors and the architecture of a model, given by name or path.

    Raises:
        ValueError: The file is no exact Transformer.
        LmacError: An unknown name.
    """
    try:
        model = onnx.load_model_from_string(read_model(source))
    except DecodeError:
        raise ValueError(f"{source} is no .onnx file") from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if "lmac.architecture" not in metadata:
        raise ValueError(f"{source} is no exact model of lmac: it has no lmac.architecture")
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if not t.name.startswith("constant_")}
    return tensors, Architecture.from_json(metadata["lmac.architecture"])


def prove_exact(tensors: Tensors) -> None:
    """Checks ``sum |a||w| + 2^(s-1) <= 2^24`` for every row of every matrix; the limits of an architecture bound all other sums."""
    largest = {"context": 8, "qkv": 127, "out": 127, "up": 127, "down": 255, "logits": 127}
    for name, weight in tensors.items():
        if not name.endswith("_weight"):
            continue
        linear = name.removesuffix("_weight")
        shift = tensors[f"{linear}_shift"].astype(np.int64)
        bound = np.abs(weight.astype(np.int64)).sum(1) * largest[linear.split(".")[-1]] + ((1 << shift) >> 1)
        if bound.max() > EXACT_LIMIT:
            raise ValueError(f"{name}: row {bound.argmax()} can reach {bound.max()}, beyond 2^24: train with smaller weights")


def prove_masked(tensors: Tensors) -> None:
    """Checks that a bias of -65536 leaves a position no weight (section 6); the architecture bounds the scores."""
    if tensors["exp2_table"][255] != 0:
        raise ValueError("the last entry of exp2_table is not 0, so masked positions would count")


def _known_answer(tensors: Tensors, architecture: Architecture) -> str:
    symbols = [byte % architecture.alphabet_size for byte in KNOWN_ANSWER_TEXT]
    logits = reference.logits(symbols, tensors, architecture)
    digest = hashlib.sha256(logits.astype("<i2").tobytes()).hexdigest()
    return json.dumps({"symbols": symbols, "logits_sha256": digest}, separators=(",", ":"))


class _Graph:
    """Builds the graph; every method adds nodes and returns the name of their result."""

    def __init__(self, tensors: Tensors, architecture: Architecture) -> None:
        self.tensors, self.architecture = tensors, architecture
        self.nodes: list[onnx.NodeProto] = []
        self.initializers = [numpy_helper.from_array(tensors[name], name) for name in sorted(tensors)]
        self.constants: dict[str, str] = {}

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Adds one node with one result."""
        result = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [result], **attributes))
        return result

    def constant(self, value: object, dtype: type[np.generic] = np.float32) -> str:
        """The name of an initializer with this value, shared by all that use it."""
        array = np.array(value, dtype)
        key = f"constant_{array.dtype}_{array.tolist()}".replace(" ", "")
        if key not in self.constants:
            self.constants[key] = f"constant_{len(self.constants)}"
            self.initializers.append(numpy_helper.from_array(array, self.constants[key]))
        return self.constants[key]

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def to_float(self, x: str) -> str:
        return self.op("Cast", x, to=TensorProto.FLOAT)

    def clip(self, x: str, low: float, high: float, output: str | None = None) -> str:
        return self.op("Clip", x, self.constant(low), self.constant(high), output=output)

    def round_half_up(self, x: str) -> str:
        return self.op("Floor", self.op("Add", x, self.constant(0.5)))

    def linear(self, x: str, name: str) -> str:
        """Product with a weight matrix, then requant."""
        weight = self.op("Transpose", self.to_float(f"{name}_weight"), perm=[1, 0])
        powers = self.constant([2.0**-s for s in range(23)])
        scale = self.op("Gather", powers, self.op("Cast", f"{name}_shift", to=TensorProto.INT64))
        return self.round_half_up(self.op("Mul", self.op("MatMul", x, weight), scale))

    def norm(self, x: str) -> str:
        magnitude = self.op("Max", x, self.op("Sub", self.constant(0.0), x))
        total = self.op("ReduceSum", magnitude, self.constant([-1], np.int64), keepdims=1)
        total = self.op("Max", total, self.constant(1.0))
        ratio = self.op("Div", self.constant(13.0 * self.architecture.width), total)
        return self.clip(self.op("Round", self.op("Mul", x, ratio)), -127, 127)

    def embed(self) -> str:
        a = self.architecture
        powers = self.constant([2.0**s for s in range(9)])
        scale = self.op("Gather", powers, self.op("Cast", "symbol_shift", to=TensorProto.INT64))
        x = self.op("Mul", self.to_float(self.op("Gather", "symbol_embedding", "symbols")), scale)
        if a.contexts:
            tables = self.reshape("context_tables", -1, a.context_dim // 2)
            packed = self.to_float(self.op("Gather", tables, "context_rows"))  # (lanes, steps, contexts, context_dim / 2)
            high = self.op("Floor", self.op("Mul", packed, self.constant(1 / 16)))
            low = self.op("Sub", packed, self.op("Mul", high, self.constant(16.0)))
            entries = self.op("Sub", self.op("Concat", low, high, axis=-1), self.constant(8.0))
            features = self.reshape(entries, 0, 0, len(a.contexts) * a.context_dim)
            x = self.op("Add", x, self.linear(features, "context"))
        return self.clip(x, -32767, 32767)

    def of_window(self, i: int) -> str:
        """Ending of the names of what layers of the same window share."""
        return f".{self.architecture.windows[i]}" if isinstance(self.architecture.window, tuple) else ""

    def bias(self, i: int) -> str:
        """Score bias for the distances of this call, ``(slots, steps * heads)``."""
        table = self.op("Transpose", self.to_float(f"layers.{i}.bias"), perm=[1, 0])
        masked = self.constant([[MASKED] * self.architecture.heads])
        distance = "distance" + self.of_window(i)
        rows = self.op("Gather", self.op("Concat", table, masked, axis=0), distance)  # (slots, steps, heads)
        return self.reshape(rows, 0, -1)

    def attention(self, x: str, i: int, exp2_table: str) -> str:
        """Keys and values go into their rings, then every position attends to the rings."""
        a = self.architecture
        qkv = self.clip(self.linear(self.norm(x), f"layers.{i}.qkv"), -127, 127)
        q, k, v = (f"layers.{i}.{part}" for part in "qkv")
        sizes = self.constant([a.width, a.head_dim, a.head_dim], np.int64)
        self.nodes.append(helper.make_node("Split", [qkv, sizes], [q, k, v], axis=-1))
        scatter = "scatter" + self.of_window(i)
        keys = self.op("ScatterND", f"keys.{i}", scatter, k, output=f"new_keys.{i}")
        values = self.op("ScatterND", f"values.{i}", scatter, v, output=f"new_values.{i}")

        queries = self.op("Transpose", self.reshape(q, 0, -1, a.head_dim), perm=[0, 2, 1])  # (lanes, head_dim, steps * heads)
        products = self.op("MatMul", keys, queries)  # (lanes, slots, steps * heads)
        scores = self.round_half_up(self.op("Mul", products, self.constant(2.0**-a.score_shift)))
        scores = self.op("Add", scores, self.bias(i))
        largest = self.op("ReduceMax", scores, self.constant([1], np.int64), keepdims=1)
        difference = self.op("Min", self.op("Sub", largest, scores), self.constant(255.0))
        e = self.op("Gather", exp2_table, self.op("Cast", difference, to=TensorProto.INT64))
        numerator = self.op("MatMul", self.op("Transpose", e, perm=[0, 2, 1]), values)  # (lanes, steps * heads, head_dim)
        denominator = self.op("ReduceSum", e, self.constant([1], np.int64), keepdims=0)
        denominator = self.op("Unsqueeze", denominator, self.constant([-1], np.int64))
        o = self.op("Round", self.op("Div", numerator, denominator))
        return self.linear(self.reshape(o, 0, -1, a.width), f"layers.{i}.out")

    def feed_forward(self, x: str, i: int) -> str:
        gate = self.clip(self.linear(self.norm(x), f"layers.{i}.up"), 0, 255)
        squared = self.op("Mul", self.op("Mul", gate, gate), self.constant(1 / 128))
        return self.linear(self.op("Min", self.round_half_up(squared), self.constant(255.0)), f"layers.{i}.down")

    def build(self) -> onnx.GraphProto:
        """The whole graph."""
        a = self.architecture
        exp2_table = self.to_float("exp2_table")
        x = self.embed()
        for i in range(a.layers):
            x = self.clip(self.op("Add", x, self.attention(x, i, exp2_table)), -32767, 32767)
            x = self.clip(self.op("Add", x, self.feed_forward(x, i)), -32767, 32767)
        self.clip(self.linear(self.norm(x), "logits"), -32768, 32767, output="logits")
        return helper.make_graph(self.nodes, "lmac", self._inputs(), self._outputs(), self.initializers)

    def _rings(self, prefix: str) -> list[onnx.ValueInfoProto]:
        layers, head_dim = self.architecture.layers, self.architecture.head_dim
        names = [(i, f"{prefix}{ring}.{i}") for i in range(layers) for ring in ("keys", "values")]
        return [_value(name, TensorProto.FLOAT, ["lanes", "slots" + self.of_window(i), head_dim]) for i, name in names]

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        contexts = len(self.architecture.contexts)
        rows = [_value("context_rows", TensorProto.INT64, ["lanes", "steps", contexts])] if contexts else []
        endings = sorted({self.of_window(i) for i in range(self.architecture.layers)})
        return [
            _value("symbols", TensorProto.INT64, ["lanes", "steps"]),
            *rows,
            *(_value("scatter" + ending, TensorProto.INT64, ["lanes", "steps", 2]) for ending in endings),
            *(_value("distance" + ending, TensorProto.INT64, ["slots" + ending, "steps"]) for ending in endings),
            *self._rings(""),
        ]

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        logits = _value("logits", TensorProto.FLOAT, ["lanes", "steps", self.architecture.alphabet_size])
        return [logits, *self._rings("new_")]


def _value(name: str, kind: int, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
