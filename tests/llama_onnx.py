"""Builds Llama decoders as ONNX graphs in the layout of Hugging Face's exports, without PyTorch.

Tests need language models that are small, that differ in every way in which exports differ, and of which one, read from a checkpoint of
llama2.c (https://github.com/karpathy/llama2.c, export.py, version 0), predicts text. So the graph is written here node by node, with growing
caches as Optimum writes them; lmac.lab.checkpoint exports real models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 10
EPSILON = 1e-5

Weights = dict[str, NDArray[np.float32]]
Float = type[np.float32] | type[np.float16]


@dataclass(frozen=True)
class LlamaShape:
    """Sizes of a Llama decoder."""

    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocab_size: int
    context_length: int
    rope_base: float = 10000.0

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights in llama2.c's order, those of one kind for all layers: matrices are ``(out, in)``."""
        kv_dim = self.kv_heads * self.head_dim
        return {
            "embedding": (self.vocab_size, self.dim),
            "attention_norm": (self.layers, self.dim),
            "query": (self.layers, self.dim, self.dim),
            "key": (self.layers, kv_dim, self.dim),
            "value": (self.layers, kv_dim, self.dim),
            "out": (self.layers, self.dim, self.dim),
            "feed_forward_norm": (self.layers, self.dim),
            "gate": (self.layers, self.hidden, self.dim),
            "down": (self.layers, self.dim, self.hidden),
            "up": (self.layers, self.hidden, self.dim),
            "norm": (self.dim,),
        }


def read_llama2c(data: bytes) -> tuple[LlamaShape, Weights]:
    """The shape and the weights of a llama2.c checkpoint; "head" is among them if the output is not tied to the embedding."""
    dim, hidden, layers, heads, kv_heads, vocab_size, context_length = np.frombuffer(data, "<i4", 7).tolist()
    shape = LlamaShape(dim, hidden, layers, heads, kv_heads, abs(vocab_size), context_length)
    numbers = np.frombuffer(data, "<f4", offset=28)
    weights: Weights = {}
    for name, size in shape.tensors().items():
        weights[name], numbers = np.split(numbers, [np.prod(size)])
        weights[name] = weights[name].reshape(size)
    if vocab_size < 0:  # llama2.c's mark of an untied output, which follows the two tables of the rotary embedding
        weights["head"] = numbers[context_length * shape.head_dim :].reshape(-vocab_size, dim)
    return shape, weights


def random_weights(shape: LlamaShape, seed: int, *, tied: bool = True) -> Weights:
    """Weights whose model has clear preferences: logits have a standard deviation near 2."""
    chance = np.random.default_rng(seed)
    weights: Weights = {}
    for name, size in shape.tensors().items():
        is_norm = name.endswith("norm")
        numbers = chance.normal(is_norm, 0.1 if is_norm else size[-1] ** -0.5, size)
        weights[name] = numbers.astype(np.float32)
    weights["norm"] *= 2
    if not tied:
        weights["head"] = chance.normal(0, shape.dim**-0.5, (shape.vocab_size, shape.dim)).astype(np.float32)
    return weights


def llama_config(shape: LlamaShape, *, bos_token_id: int | None = 1, eos_token_id: int | None = 2) -> dict[str, Any]:
    """What Hugging Face's config.json says of such a model."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "is_encoder_decoder": False,
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.context_length,
        "hidden_size": shape.dim,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "rope_theta": shape.rope_base,
        "rms_norm_eps": EPSILON,
        "bos_token_id": bos_token_id,
        "eos_token_id": eos_token_id,
    }


def build_llama(
    shape: LlamaShape,
    weights: Weights,
    *,
    has_position_ids: bool = True,
    pasts_first: bool = False,
    dtype: Float = np.float32,
    has_cache_branch: bool = False,
    has_num_logits: bool = False,
) -> onnx.ModelProto:
    """The decoder as a graph; the keywords are ways in which real exports differ.

    Args:
        shape: Of the model.
        weights: As :func:`read_llama2c` gives them.
        has_position_ids: An input ``position_ids``; without it positions follow from the length of the past.
        pasts_first: The caches come before ``attention_mask`` in the list of inputs, as GPT-2's exports have them.
        dtype: Of weights, caches and logits.
        has_cache_branch: An input ``use_cache_branch``, and an If node whose other branch ignores the past (decoder_model_merged.onnx).
        has_num_logits: An input ``num_logits_to_keep``: only so many last positions get logits; 0 means all.
    """
    graph = _Graph(shape, weights, dtype, has_position_ids, has_num_logits)
    outputs = graph.outputs("")
    if has_cache_branch:
        branches = {"then_branch": graph.branch("then/", True), "else_branch": graph.branch("else/", False)}
        nodes = [helper.make_node("If", ["use_cache_branch"], [value.name for value in outputs], **branches)]
    else:
        graph.decoder("", True)
        nodes = graph.nodes
    inputs = graph.inputs(pasts_first)
    if has_cache_branch:
        inputs.append(helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1]))
    whole = helper.make_graph(nodes, "llama", inputs, outputs, list(graph.initializers.values()))
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def write_folder(
    folder: Path,
    model: onnx.ModelProto,
    tokenizer_json: str,
    config: Mapping[str, Any],
    *,
    external_data: bool = False,
    layout: Literal["optimum", "transformers.js"] = "optimum",
) -> None:
    """Writes what an exported model's repository holds: the graph (in ``onnx/`` for transformers.js), tokenizer.json, config.json."""
    path = folder / "model.onnx" if layout == "optimum" else folder / "onnx" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)  # saving external data changes the model
    onnx.save_model(copy, path, save_as_external_data=external_data, location="model.onnx_data" if external_data else None)
    (folder / "tokenizer.json").write_text(tokenizer_json, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


class _Graph:
    """Builds the nodes; most methods add some and return the name of their result.

    Queries are ``(batch, kv_heads, group, steps, head_dim)``, ``group`` being the query heads that share a key. A head's rotated pairs are
    (i, i + head_dim / 2), as in Hugging Face's models, so the rows of llama2.c's query and key weights, whose pairs are (2i, 2i + 1), are permuted.
    """

    def __init__(self, shape: LlamaShape, weights: Weights, dtype: Float, has_position_ids: bool, has_num_logits: bool) -> None:
        self.shape, self.weights, self.dtype = shape, weights, dtype
        self.has_position_ids, self.has_num_logits = has_position_ids, has_num_logits
        self.kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.results = 0

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        self.results += 1
        result = output or f"{kind.lower()}_{self.results}"
        self.nodes.append(helper.make_node(kind, inputs, [result], **attributes))
        return result

    def constant(self, value: object, dtype: type[np.generic] = np.int64) -> str:
        array = np.array(value, dtype)
        return self.initializer(f"constant_{array.dtype}_{array.tolist()}".replace(" ", ""), array)

    def initializer(self, name: str, array: NDArray[np.generic]) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def linear(self, x: str, name: str, layer: int) -> str:
        weight = self.weights[name][layer]
        if name in ("query", "key"):
            pairs = weight.reshape(-1, self.shape.head_dim // 2, 2, self.shape.dim)
            weight = pairs.swapaxes(1, 2).reshape(weight.shape)
        return self.op("MatMul", x, self.initializer(f"layers.{layer}.{name}", weight.T.astype(self.dtype)))

    def norm(self, x: str, name: str, weight: NDArray[np.float32]) -> str:
        """RMSNorm, in float32 whatever the weights are, as Hugging Face's models have it."""
        x = self.op("Cast", x, to=TensorProto.FLOAT)
        mean = self.op("ReduceMean", self.op("Mul", x, x), self.constant([-1]), keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.constant(EPSILON, np.float32)))
        scaled = self.op("Cast", self.op("Div", x, root), to=self.kind)
        return self.op("Mul", scaled, self.initializer(name, weight.astype(self.dtype)))

    def place(self, has_past: bool) -> tuple[str, str, str]:
        """What depends on positions alone: cosines and sines ``(batch, 1, 1, steps, head_dim / 2)``, and which slots are seen, ``(..., steps, slots)``."""
        past = self.op("Gather", self.op("Shape", "past_key_values.0.key"), self.constant(2)) if has_past else self.constant(0)
        total = self.op("Add", past, self.op("Gather", self.op("Shape", "input_ids"), self.constant(1)))
        steps = self.op("Range", past, total, self.constant(1))
        slots = self.op("Range", self.constant(0), total, self.constant(1))
        causal = self.op("LessOrEqual", slots, self.op("Unsqueeze", steps, self.constant([1])))
        seen = self.op("Unsqueeze", self.op("Cast", "attention_mask", to=TensorProto.BOOL), self.constant([1, 2, 3]))
        positions = "position_ids" if self.has_position_ids else self.op("Unsqueeze", steps, self.constant([0]))
        positions = self.op("Cast", self.op("Unsqueeze", positions, self.constant([1, 2, 4])), to=TensorProto.FLOAT)
        frequencies = self.shape.rope_base ** (-np.arange(0, self.shape.head_dim, 2) / self.shape.head_dim)
        angles = self.op("Mul", positions, self.constant(frequencies, np.float32))
        cosine, sine = (self.op("Cast", self.op(kind, angles), to=self.kind) for kind in ("Cos", "Sin"))
        return cosine, sine, self.op("And", causal, seen)

    def rotate(self, x: str, cosine: str, sine: str) -> str:
        left, right = f"{x}_left", f"{x}_right"
        self.nodes.append(helper.make_node("Split", [x], [left, right], axis=-1, num_outputs=2))
        new_left = self.op("Sub", self.op("Mul", left, cosine), self.op("Mul", right, sine))
        new_right = self.op("Add", self.op("Mul", right, cosine), self.op("Mul", left, sine))
        return self.op("Concat", new_left, new_right, axis=-1)

    def heads(self, x: str, group: int) -> str:
        shape = self.constant([0, 0, self.shape.kv_heads, group, self.shape.head_dim])
        return self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 3, 1, 4])

    def cache(self, new: str, layer: int, part: str, prefix: str, has_past: bool) -> str:
        """Keys or values of all slots, ``(batch, kv_heads, 1, slots, head_dim)``; they are an output as well, without the 1."""
        past = [f"past_key_values.{layer}.{part}"] if has_past else []
        output = f"{prefix}present.{layer}.{part}"
        self.op("Concat", *past, self.op("Squeeze", new, self.constant([2])), axis=2, output=output)
        return self.op("Unsqueeze", output, self.constant([2]))

    def attention(self, x: str, layer: int, place: tuple[str, str, str], prefix: str, has_past: bool) -> str:
        cosine, sine, seen = place
        query = self.rotate(self.heads(self.linear(x, "query", layer), self.shape.heads // self.shape.kv_heads), cosine, sine)
        key = self.rotate(self.heads(self.linear(x, "key", layer), 1), cosine, sine)
        keys = self.cache(key, layer, "key", prefix, has_past)
        values = self.cache(self.heads(self.linear(x, "value", layer), 1), layer, "value", prefix, has_past)
        query = self.op("Mul", query, self.constant(self.shape.head_dim**-0.5, self.dtype))
        scores = self.op("MatMul", query, self.op("Transpose", keys, perm=[0, 1, 2, 4, 3]))
        scores = self.op("Where", seen, scores, self.constant(np.finfo(self.dtype).min, self.dtype))
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), values)
        merged = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 3, 1, 2, 4]), self.constant([0, 0, self.shape.dim]))
        return self.linear(merged, "out", layer)

    def feed_forward(self, x: str, layer: int) -> str:
        gate = self.linear(x, "gate", layer)
        activated = self.op("Mul", gate, self.op("Sigmoid", gate))
        return self.linear(self.op("Mul", activated, self.linear(x, "up", layer)), "down", layer)

    def decoder(self, prefix: str, has_past: bool) -> None:
        """The whole model; ``prefix`` stands before the names of the outputs."""
        w = self.weights
        place = self.place(has_past)
        x = self.op("Gather", self.initializer("embedding", w["embedding"].astype(self.dtype)), "input_ids")
        for i in range(self.shape.layers):
            normed = self.norm(x, f"layers.{i}.attention_norm", w["attention_norm"][i])
            x = self.op("Add", x, self.attention(normed, i, place, prefix, has_past))
            x = self.op("Add", x, self.feed_forward(self.norm(x, f"layers.{i}.feed_forward_norm", w["feed_forward_norm"][i]), i))
        if self.has_num_logits:
            start = self.op("Neg", self.op("Unsqueeze", "num_logits_to_keep", self.constant([0])))
            x = self.op("Slice", x, start, self.constant([np.iinfo(np.int64).max]), self.constant([1]))
        head = self.initializer("head", w.get("head", w["embedding"]).T.astype(self.dtype))
        self.op("MatMul", self.norm(x, "norm", w["norm"]), head, output=f"{prefix}logits")

    def branch(self, prefix: str, has_past: bool) -> onnx.GraphProto:
        self.nodes = []
        self.decoder(prefix, has_past)
        return helper.make_graph(self.nodes, prefix.strip("/"), [], self.outputs(prefix))

    def caches(self, prefix: str, slots: str) -> list[onnx.ValueInfoProto]:
        shape: list[str | int] = ["batch", self.shape.kv_heads, slots, self.shape.head_dim]
        names = [f"{prefix}.{i}.{part}" for i in range(self.shape.layers) for part in ("key", "value")]
        return [helper.make_tensor_value_info(name, self.kind, shape) for name in names]

    def inputs(self, pasts_first: bool) -> list[onnx.ValueInfoProto]:
        pasts = self.caches("past_key_values", "past")
        others = [_integers("attention_mask", "batch", "past + sequence")]
        if self.has_position_ids:
            others.append(_integers("position_ids", "batch", "sequence"))
        if self.has_num_logits:
            others.append(_integers("num_logits_to_keep"))
        return [_integers("input_ids", "batch", "sequence"), *(pasts + others if pasts_first else others + pasts)]

    def outputs(self, prefix: str) -> list[onnx.ValueInfoProto]:
        positions = "kept" if self.has_num_logits else "sequence"
        logits = helper.make_tensor_value_info(f"{prefix}logits", self.kind, ["batch", positions, self.shape.vocab_size])
        return [logits, *self.caches(f"{prefix}present", "past + sequence")]


def _integers(name: str, *shape: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)
