"""The models and tokenizers that other tests rely on: graphs against plain numpy, tokenizer files against slow encoders."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from llama_onnx import EPSILON, LlamaShape, Weights, build_llama, llama_config, random_weights, read_llama2c, write_folder
from public_checkpoints import material, needs_material
from tokenizer_files import gpt2_tokenizer, llama_tokenizer, read_pieces, trained_tokenizer

EXPORTED = Path(__file__).parent / "exported"

SHAPE = LlamaShape(dim=24, hidden=40, layers=2, heads=6, kv_heads=2, vocab_size=50, context_length=64)
TOKENS = np.random.default_rng(1).integers(0, SHAPE.vocab_size, (3, 12))
TEXT = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.\nOne day, she saw a big, red ball."
TEXTS = [
    TEXT,
    "",
    " ",
    "   two  spaces ",
    "\n\n\ttabs",
    "na\u00efve caf\u00e9 \u2014 \u201cquoted\u201d",
    "\u4f60\u597d \U0001f600!",
    "aaaaaaaa aaa ssss eeeee",
    "XQZ 0123456789",
]

Feed = dict[str, NDArray[Any]]


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Stepper:
    """Runs a graph of growing caches call by call, feeding those of its inputs that it has."""

    def __init__(self, model: onnx.ModelProto, shape: LlamaShape) -> None:
        self.session = session(model)
        self.inputs = {entry.name: entry for entry in self.session.get_inputs()}
        self.outputs = [entry.name for entry in self.session.get_outputs()]
        self.shape = shape
        self.pasts: Feed = {}

    def advance(self, tokens: NDArray[np.int64], kept: int = 0) -> NDArray[np.float32]:
        batch, steps = tokens.shape
        empty = (batch, self.shape.kv_heads, 0, self.shape.head_dim)
        kind = np.float16 if "float16" in self.inputs["past_key_values.0.key"].type else np.float32
        pasts = self.pasts or {name: np.zeros(empty, kind) for name in self.inputs if name.startswith("past")}
        past = next(iter(pasts.values())).shape[2]
        feed: Feed = {
            "input_ids": tokens,
            "attention_mask": np.ones((batch, past + steps), np.int64),
            "position_ids": np.tile(np.arange(past, past + steps), (batch, 1)),
            "use_cache_branch": np.array([past > 0]),
            "num_logits_to_keep": np.array(kept),
        }
        values = self.session.run(self.outputs, {name: array for name, array in feed.items() if name in self.inputs} | pasts)
        results = dict(zip(self.outputs, values, strict=True))
        logits: NDArray[np.float32] = results.pop("logits")
        self.pasts = {name.replace("present", "past_key_values"): value for name, value in results.items()}
        return logits


def plain_norm(x: NDArray[np.float64], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    normed: NDArray[np.float64] = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight
    return normed


def plain_rotation(x: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Rotates the neighbours (2i, 2i + 1) of every head, ``(steps, heads, head_dim)``, as llama2.c does."""
    steps, _, head_dim = x.shape
    angles = np.arange(steps)[:, None] * base ** (-np.arange(0, head_dim, 2) / head_dim)
    rotated = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)[:, None]
    return np.stack([rotated.real, rotated.imag], -1).reshape(x.shape)


def plain_attention(x: NDArray[np.float64], weights: Weights, i: int, shape: LlamaShape) -> NDArray[np.float64]:
    steps = len(x)
    query, key, value = (x @ weights[name][i].T for name in ("query", "key", "value"))
    query = plain_rotation(query.reshape(steps, -1, shape.head_dim), shape.rope_base)
    key = plain_rotation(key.reshape(steps, -1, shape.head_dim), shape.rope_base)
    value = value.reshape(steps, -1, shape.head_dim)
    mixed = np.zeros_like(query)
    for head in range(shape.heads):
        shared = head // (shape.heads // shape.kv_heads)
        for step in range(steps):
            scores = np.exp(key[: step + 1, shared] @ query[step, head] / np.sqrt(shape.head_dim))
            mixed[step, head] = scores @ value[: step + 1, shared] / scores.sum()
    result: NDArray[np.float64] = mixed.reshape(steps, -1) @ weights["out"][i].T
    return result


def plain_llama(tokens: NDArray[np.int64], weights: Weights, shape: LlamaShape) -> NDArray[np.float64]:
    """The logits ``(steps, vocab)`` of one sequence ``(steps,)``: the definition, as slow as it is."""
    x = weights["embedding"][tokens].astype(np.float64)
    for i in range(shape.layers):
        x = x + plain_attention(plain_norm(x, weights["attention_norm"][i]), weights, i, shape)
        normed = plain_norm(x, weights["feed_forward_norm"][i])
        gate = normed @ weights["gate"][i].T
        x = x + (gate / (1 + np.exp(-gate)) * (normed @ weights["up"][i].T)) @ weights["down"][i].T
    logits: NDArray[np.float64] = plain_norm(x, weights["norm"]) @ weights.get("head", weights["embedding"]).T
    return logits


@pytest.mark.parametrize("tied", [True, False])
def test_the_graph_computes_what_plain_numpy_does(tied: bool) -> None:
    weights = random_weights(SHAPE, 1, tied=tied)
    logits = Stepper(build_llama(SHAPE, weights), SHAPE).advance(TOKENS)
    expected = np.stack([plain_llama(row, weights, SHAPE) for row in TOKENS])
    assert 1 < expected.std() < 8, "random models are to have preferences"
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("variant", "tolerance"),
    [
        ({}, 1e-5),
        ({"has_position_ids": False}, 1e-5),
        ({"pasts_first": True}, 1e-5),
        ({"has_cache_branch": True}, 1e-5),
        ({"has_cache_branch": True, "has_num_logits": True, "has_position_ids": False}, 1e-5),
        ({"dtype": np.float16}, 0.05),
    ],
    ids=str,
)
def test_every_variant_computes_the_same_at_once_and_step_by_step(variant: dict[str, Any], tolerance: float) -> None:
    weights = random_weights(SHAPE, 2)
    expected = Stepper(build_llama(SHAPE, weights), SHAPE).advance(TOKENS)
    model = build_llama(SHAPE, weights, **variant)
    np.testing.assert_allclose(Stepper(model, SHAPE).advance(TOKENS), expected, atol=tolerance)
    stepper = Stepper(model, SHAPE)
    parts = [stepper.advance(TOKENS[:, start:end]) for start, end in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 12))]
    np.testing.assert_allclose(np.concatenate(parts, 1), expected, atol=tolerance)


def test_only_the_last_logits_are_computed_if_so_many_are_asked_for() -> None:
    model = build_llama(SHAPE, random_weights(SHAPE, 3), has_num_logits=True)
    logits = Stepper(model, SHAPE).advance(TOKENS)
    np.testing.assert_allclose(Stepper(model, SHAPE).advance(TOKENS, kept=2), logits[:, -2:], atol=1e-5)


def test_inputs_stand_in_the_order_asked_for() -> None:
    weights = random_weights(SHAPE, 3)
    pasts_first = [entry.name for entry in build_llama(SHAPE, weights, pasts_first=True).graph.input]
    assert pasts_first.index("past_key_values.1.value") < pasts_first.index("attention_mask")
    names = [entry.name for entry in build_llama(SHAPE, weights, has_position_ids=False).graph.input]
    assert names[:3] == ["input_ids", "attention_mask", "past_key_values.0.key"]


@pytest.mark.parametrize(("layout", "path"), [("optimum", "model.onnx"), ("transformers.js", "onnx/model.onnx")])
def test_folders_hold_a_graph_that_runs_with_its_external_data(tmp_path: Path, layout: Any, path: str) -> None:
    model = build_llama(SHAPE, random_weights(SHAPE, 4))
    write_folder(tmp_path, model, trained_tokenizer(TEXT, 300), llama_config(SHAPE), external_data=True, layout=layout)
    assert (tmp_path / path).with_name("model.onnx_data").stat().st_size > 10_000
    from_folder = onnxruntime.InferenceSession(tmp_path / path, providers=["CPUExecutionProvider"])
    assert [entry.name for entry in from_folder.get_inputs()] == [entry.name for entry in session(model).get_inputs()]


def test_the_exported_llama_computes_the_same_with_growing_and_with_fixed_caches() -> None:
    shape = LlamaShape(dim=24, hidden=40, layers=2, heads=4, kv_heads=2, vocab_size=400, context_length=128)
    expected = Stepper(onnx.load(EXPORTED / "llama" / "model.onnx"), shape).advance(TOKENS)
    fixed = session(onnx.load(EXPORTED / "llama-fixed" / "model.onnx"))
    binding = fixed.io_binding()
    for entry in fixed.get_inputs()[2:]:
        buffer = onnxruntime.OrtValue.ortvalue_from_numpy(np.full([3, *entry.shape[1:]], 1e30, np.float32))
        binding.bind_ortvalue_input(entry.name, buffer)
        binding.bind_ortvalue_output(entry.name.replace("past_key_values", "present"), buffer)
    for start, end in ((0, 5), (5, 6), (6, 12)):
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(TOKENS[:, start:end]))
        binding.bind_cpu_input("cache_position", np.arange(start, end))
        binding.bind_output("logits", "cpu")
        fixed.run_with_iobinding(binding)
        np.testing.assert_allclose(binding.get_outputs()[-1].numpy(), expected[:, start:end], atol=1e-4)


def slow_llama_encoder(text: str, pieces: list[str], scores: list[float]) -> list[int]:
    """llama2.c's encode(): every character or, failing that, its bytes; then the best merge of two neighbours, the first of equals."""
    known = {piece: token for token, piece in enumerate(pieces) if token > 258}
    tokens = []
    for character in " " * bool(text) + text:
        tokens += [known[character]] if character in known else [3 + byte for byte in character.encode()]
    while True:
        pairs = [known.get(pieces[left] + pieces[right], -1) for left, right in itertools.pairwise(tokens)]
        merged = [(scores[token], -at) for at, token in enumerate(pairs) if token >= 0]
        if not merged:
            return tokens
        at = -max(merged)[1]
        tokens[at : at + 2] = [pairs[at]]


@pytest.fixture(scope="module")
def tok512() -> bytes:
    return material("tok512.bin")


@needs_material
@pytest.mark.parametrize("text", TEXTS)
def test_the_llama_tokenizer_gives_the_tokens_of_llama2c(text: str, tok512: bytes) -> None:
    tokenizer = Tokenizer.from_str(llama_tokenizer(tok512))
    tokens = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokens == slow_llama_encoder(text, *read_pieces(tok512))
    assert tokenizer.decode(tokens) == text
    assert tokenizer.encode(text).ids == [1, *tokens]


@needs_material
@settings(deadline=None)
@given(text=st.text("aehlnost T.,\n\u00e9\u2014\U0001f600", max_size=40))
def test_the_llama_tokenizer_agrees_with_llama2c_on_any_text(text: str) -> None:
    tok512 = material("tok512.bin")
    tokens = Tokenizer.from_str(llama_tokenizer(tok512)).encode(text, add_special_tokens=False).ids
    assert tokens == slow_llama_encoder(text, *read_pieces(tok512))


@needs_material
def test_the_gpt2_tokenizer_gives_gpt2s_tokens() -> None:
    tokenizer = Tokenizer.from_str(gpt2_tokenizer(material("encoder.json"), material("vocab.bpe")))
    assert tokenizer.get_vocab_size() == 50257
    assert tokenizer.encode("Hello world, it's 2019!\n").ids == [15496, 995, 11, 340, 338, 13130, 0, 198]
    assert tokenizer.encode("<|endoftext|>").ids == [50256]
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_trained_tokenizers_know_every_byte_and_are_the_same_every_time() -> None:
    content = trained_tokenizer(TEXT, 300)
    assert content == trained_tokenizer(TEXT, 300)
    tokenizer = Tokenizer.from_str(content)
    assert tokenizer.get_vocab_size() == 300
    assert tokenizer.token_to_id("<|endoftext|>") == 0
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


@needs_material
def test_the_stories_model_tells_a_story(tok512: bytes) -> None:
    shape, weights = read_llama2c(material("stories260K.bin"))
    tokenizer = Tokenizer.from_str(llama_tokenizer(tok512))
    tokens = tokenizer.encode("Once upon a time").ids
    stepper = Stepper(build_llama(shape, weights), shape)
    logits = stepper.advance(np.array([tokens]))
    for _ in range(60):
        tokens.append(int(logits[0, -1].argmax()))
        logits = stepper.advance(np.array([tokens[-1:]]))
    assert tokenizer.decode(tokens).startswith("Once upon a time, there was a little girl named Lily. She loved to play")
