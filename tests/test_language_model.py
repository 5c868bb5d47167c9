"""Anybody's language model as a compressor: exports of every kind, any bytes, and what must be refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac import _core
from lmac.lab.export import model_file, read
from lmac.predictors import language_model
from lmac.predictors.model_files import ModelFiles
from lmac.predictors.tokenization import Tokenizer
from onnxruntime.quantization import QuantType, quantize_dynamic

from conftest import EXPORTED
from llama_onnx import LlamaShape, build_llama, llama_config, random_weights, write_folder
from make_stories_model import write_stories_model
from public_checkpoints import material, needs_material
from tiny_model import TINY_MODEL
from tokenizer_files import gpt2_tokenizer, trained_tokenizer

TEXT = "Lossless compression by a language model: the model predicts, the coder codes. Größe, 漢字, 🙂!\n".encode()

STORY = (
    b"Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. "
    b"She wanted to play with it, but it was too high. Lily was sad and didn't know what to do. Her mom said, \"Don't worry, Lily. "
    b'I will help you." Lily was happy and played with the ball all day.'
)

HARD = {
    "nothing": b"",
    "a byte": b"\xff",
    "zeros": bytes(300),
    "every byte": bytes(range(256)),
    "a lone surrogate": b"before\xed\xa0\x80\xed\xb0\x80after",
    "cut characters": "漢字".encode()[1:-1] * 3,
    "overlong": b"\xc0\xaf \xf5\x80\x80\x80",
    "special tokens": b"<|endoftext|><s></s><unk><0x0A>\xe2\x96\x81",
    "spaces": b"   a \n\n\t  b \r\n ",
    "combining": "e\u0301 \u1100\u1161 \ufb01".encode(),
    "one bad byte": TEXT[:50] + b"\x80" + TEXT[50:],
}

SHAPE = LlamaShape(dim=24, hidden=40, layers=2, heads=6, kv_heads=2, vocab_size=400, context_length=64)


def codec(folder: Path | str, **options: Any) -> lmac.Codec:
    return lmac.Codec(str(folder), threads=1, device="cpu", **options)


@pytest.fixture(scope="module")
def llama_codec() -> lmac.Codec:
    return codec(EXPORTED / "llama")


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model in the layout of an export."""
    folder = tmp_path_factory.mktemp("stories")
    write_stories_model(folder)
    return folder


@needs_material
def test_a_story_takes_less_than_half_a_bit_a_byte(stories: Path, adaptive: bool) -> None:
    story_codec = codec(stories, adaptive=adaptive)
    frame = story_codec.compress(STORY)
    assert story_codec.decompress(frame) == STORY
    [info] = lmac.inspect(frame)
    assert (info.stored_blocks, info.blocks_without_network) == (0, 0)
    assert info.payload_len * 8 < len(STORY) / 2
    assert frame == story_codec.compress(STORY)


@pytest.mark.parametrize("name", HARD)
def test_any_bytes_come_back(exported: Path, adaptive: bool, name: str) -> None:
    of_export = codec(exported, adaptive=adaptive)
    content = HARD[name]
    assert of_export.decompress(of_export.compress(content)) == content
    assert of_export.decompress_many(of_export.compress_many([content], bare=True), bare=True) == [content]


@given(st.lists(st.one_of(st.binary(max_size=30), st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass"))), max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_hundred_byte_strings_come_back(llama_codec: lmac.Codec, parts: list[bytes]) -> None:
    content = b"".join(parts)
    assert llama_codec.decompress(llama_codec.compress(content)) == content


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 8, 16])
def test_any_number_of_lanes_comes_back_also_beyond_the_context(exported: Path, adaptive: bool, lanes: int) -> None:
    content = (TEXT * 20)[: 60 * lanes + 700]
    of_export = codec(exported, adaptive=adaptive, lane_len=-(-len(content) // lanes), context_length=None if exported.name == "llama-fixed" else 32)
    [frame] = of_export.compress_many([content])
    assert of_export.decompress(frame) == content


def test_a_long_context_begins_anew_with_its_last_half() -> None:
    predictor = language_model.LanguageModel(*_files(EXPORTED / "llama"), device="cpu", threads=1, context_length=8)
    tokens = np.random.default_rng(1).integers(1, 400, (2, 20))
    predictor.start(2)
    logits = [predictor.advance(tokens[:, [step]]) for step in range(20)]
    predictor.start(2)
    begin = np.full((2, 1), 400)
    kept = [begin, *(tokens[:, [step]] for step in range(13, 20))]  # 8 + 4 + 4 steps have filled the context three times
    again = [predictor.advance(column) for column in kept]
    assert np.allclose(again[-1], logits[-1], atol=1e-4)


def _files(folder: Path) -> tuple[ModelFiles, _core.OnnxSummary]:
    files = ModelFiles.find(folder)
    return files, _core.OnnxSummary(files.read_graph())


VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no position_ids": {"has_position_ids": False},
    "pasts first": {"pasts_first": True},
    "float16": {"dtype": np.float16},
    "use_cache_branch": {"has_cache_branch": True},
    "num_logits_to_keep": {"has_num_logits": True},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_exports_of_every_kind_are_run(tmp_path: Path, variant: str) -> None:
    tokenizer = (EXPORTED / "llama" / "tokenizer.json").read_text()
    model = build_llama(SHAPE, random_weights(SHAPE, 3), **VARIANTS[variant])
    write_folder(tmp_path, model, tokenizer, llama_config(SHAPE, bos_token_id=0))
    of_variant = codec(tmp_path, adaptive=False, lane_len=200)
    frame = of_variant.compress(TEXT * 6)
    assert lmac.inspect(frame)[0].stored_blocks == 0
    assert of_variant.decompress(frame) == TEXT * 6
    if variant not in ("as it is", "float16"):  # the same model, so the same size or nearly so
        write_folder(tmp_path / "plain", build_llama(SHAPE, random_weights(SHAPE, 3)), tokenizer, llama_config(SHAPE, bos_token_id=0))
        plain = codec(tmp_path / "plain", adaptive=False, lane_len=200).compress(TEXT * 6)
        assert abs(len(plain) - len(frame)) <= 4


@pytest.mark.parametrize("steps", ["sequence", 1])
@pytest.mark.parametrize("kind", ["llama", "llama-fixed"])
def test_a_graph_for_a_batch_of_one_is_run_with_one_lane(tmp_path: Path, kind: str, steps: str | int, adaptive: bool) -> None:
    folder = Path(shutil.copytree(EXPORTED / kind, tmp_path / "one"))
    fix_lengths(folder / "model.onnx", lanes=1, steps=steps)
    of_one = codec(folder, adaptive=adaptive, context_length=None if kind == "llama-fixed" else 32)
    content = TEXT * 5
    frame = of_one.compress(content)
    assert (lmac.inspect(frame)[0].stored_blocks, of_one.decompress(frame)) == (0, content)
    assert of_one.decompress_many(of_one.compress_many([TEXT, content])) == [TEXT, content]
    assert lmac.Codec(folder, device="cpu", block_len=1 << 22, threads=1).compress(TEXT)
    with pytest.raises(lmac.PredictorError, match=r"batch of one and cannot run \d+ lanes; leave out lane_len"):
        codec(folder, lane_len=50).compress(content)
    fix_lengths(folder / "model.onnx", lanes=4, steps=steps)
    with pytest.raises(lmac.PredictorError, match="free batch"):
        codec(folder)


def fix_lengths(path: Path, lanes: int, steps: str | int) -> None:
    """Writes a batch and a number of tokens into a graph that has names in their places."""
    model = onnx.load(path)
    for value in [*model.graph.input, *model.graph.output]:
        dimensions = value.type.tensor_type.shape.dim
        if value.name != "cache_position":
            dimensions[0].dim_value = lanes
        if value.name in ("input_ids", "position_ids", "logits") and isinstance(steps, int):
            dimensions[1].dim_value = steps
    onnx.save(model, path)


def test_weights_in_other_files_are_found_and_count(tmp_path: Path) -> None:
    tokenizer = (EXPORTED / "llama" / "tokenizer.json").read_text()
    for name, seed in (("a", 3), ("b", 4)):
        model = build_llama(SHAPE, random_weights(SHAPE, seed))
        write_folder(tmp_path / name, model, tokenizer, llama_config(SHAPE), external_data=True, layout="transformers.js")
    assert (tmp_path / "a" / "onnx" / "model.onnx_data").exists()
    a = codec(tmp_path / "a")
    frame = a.compress(TEXT)
    assert a.decompress(frame) == TEXT
    shutil.copy(tmp_path / "b" / "onnx" / "model.onnx_data", tmp_path / "a" / "onnx" / "model.onnx_data")
    with pytest.raises(lmac.ModelMismatchError):
        codec(tmp_path / "a").decompress(frame)
    (tmp_path / "a" / "onnx" / "model.onnx_data").unlink()
    with pytest.raises(lmac.LmacError, match=r"model\.onnx_data is missing"):
        codec(tmp_path / "a")


class Numbers:
    """200,000 tokens, of which the first is nearly certain; content is numbers with commas behind them."""

    alphabet_size = 200_000
    model_id = bytes(32)
    vocabulary = _core.Vocabulary([b"%d," % number for number in range(alphabet_size)])

    def tokenize(self, content: bytes) -> list[int]:
        return [int(number) for number in content.split(b",")[:-1]]

    def start(self, lanes: int) -> None:
        pass

    def advance(self, symbols: Any) -> Any:
        logits = np.full((*symbols.shape, self.alphabet_size), -32768, np.int16)
        logits[:, :, 0] = 32767
        return logits


def test_a_large_vocabulary_is_coded_to_the_last_token(adaptive: bool) -> None:
    numbers = lmac.Codec(Numbers(), adaptive=adaptive)
    content = b"0,0,0,0,0,0,0,0,0,199999,0,0,150000,1,0,0,0,0,0,0,0,0,0,0,65536,0,"
    bare = numbers.compress_many([content], bare=True)
    assert numbers.decompress_many(bare, bare=True) == [content]
    assert len(bare[0]) <= 4 * 3 + 3  # 24 bits for each of the rare ones


@needs_material
def test_texts_come_back_with_the_tokenizer_of_gpt2(tmp_path: Path) -> None:
    shape = LlamaShape(dim=8, hidden=8, layers=1, heads=2, kv_heads=1, vocab_size=50_257, context_length=256)
    tokenizer = gpt2_tokenizer(material("encoder.json"), material("vocab.bpe"))
    write_folder(tmp_path, build_llama(shape, random_weights(shape, 1)), tokenizer, llama_config(shape, bos_token_id=50_256))
    of_large = codec(tmp_path, adaptive=False, lane_len=300)
    for text in (TEXT * 4, STORY, *HARD.values()):
        assert of_large.decompress(of_large.compress(text)) == text
    info = lmac.inspect(of_large.compress(STORY))[0]
    assert (info.stored_blocks, info.payload_len < len(STORY) * 0.75) == (0, True)  # some 18 bits for 4 bytes


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A model that a test may change."""
    return Path(shutil.copytree(EXPORTED / "llama", tmp_path / "copy"))


def test_another_model_is_refused(llama_codec: lmac.Codec) -> None:
    frame = llama_codec.compress(TEXT)
    with pytest.raises(lmac.ModelMismatchError):
        codec(EXPORTED / "gpt2").decompress(frame)
    with pytest.raises(lmac.ModelMismatchError):
        lmac.decompress(frame)


def test_another_tokenizer_is_refused(llama_codec: lmac.Codec, copy: Path) -> None:
    (copy / "tokenizer.json").write_text(trained_tokenizer(TEXT.decode() * 3, 300))
    with pytest.raises(lmac.ModelMismatchError):
        codec(copy).decompress(llama_codec.compress(TEXT))


def test_another_number_of_threads_is_refused_and_the_message_says_how_to_set_it(llama_codec: lmac.Codec) -> None:
    frame = llama_codec.compress(TEXT)
    other = lmac.Codec(EXPORTED / "llama", threads=2, device="cpu")
    with pytest.raises(lmac.ModelMismatchError, match=r"threads was 1, here it is 2 \(set by threads=, -T\)"):
        other.decompress(frame)
    with pytest.raises(lmac.ModelMismatchError, match="context was 128, here it is 64"):
        codec(EXPORTED / "llama", context_length=64).decompress(frame)


def test_another_version_of_onnx_runtime_is_refused_unless_the_user_insists(llama_codec: lmac.Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = llama_codec.compress(TEXT)
    monkeypatch.setattr("onnxruntime.__version__", "0.1.2")
    with pytest.raises(lmac.ModelMismatchError, match=r"onnxruntime was .*, here it is 0\.1\.2;.*ignore_fingerprint"):
        codec(EXPORTED / "llama").decompress(frame)
    assert codec(EXPORTED / "llama", ignore_fingerprint=True).decompress(frame) == TEXT


def test_a_frame_says_under_which_conditions_it_was_written(llama_codec: lmac.Codec) -> None:
    fingerprint = lmac.inspect(llama_codec.compress(TEXT))[0].fingerprint
    assert fingerprint is not None
    keys = re.findall(r"(\w+)=", fingerprint)
    assert keys == ["onnxruntime", "provider", "system", "processor", "cache", "threads", "options", "context"]
    assert lmac.inspect(lmac.compress(TEXT))[0].fingerprint is None


class Unsteady(language_model.LanguageModel):
    """What nobody hopes for: a runtime that computes something else the second time."""

    starts = 0

    def start(self, lanes: int) -> None:
        super().start(lanes)
        self.starts += 1

    def advance(self, symbols: Any) -> Any:
        logits = super().advance(symbols)
        return logits if self.starts % 2 else logits[:, :, ::-1]


def test_what_cannot_be_restored_is_noticed_before_it_counts_as_compressed(adaptive: bool) -> None:
    def unsteady(*, verify: bool) -> lmac.Codec:
        return lmac.Codec(Unsteady(*_files(EXPORTED / "llama"), device="cpu", threads=1), adaptive=adaptive, verify=verify)

    content = TEXT * 5
    frame = unsteady(verify=True).compress(content)
    [info] = lmac.inspect(frame)
    assert info.stored_blocks + info.blocks_without_network == 1
    assert codec(EXPORTED / "llama").decompress(frame) == content
    unverified = unsteady(verify=False)
    frame = unverified.compress(content)
    with pytest.raises(lmac.CorruptedDataError):
        unverified.decompress(frame)


def test_files_and_streams_take_language_models(tmp_path: Path) -> None:
    path = tmp_path / "text.lmac"
    of_export = codec(EXPORTED / "llama-fixed", block_len=150)
    with lmac.open(path, "wb", codec=of_export) as file:
        file.write(TEXT * 4)
    with lmac.open(path, codec=of_export) as file:
        file.seek(200)
        assert file.read(30) == (TEXT * 4)[200:230]
    assert lmac.get_frame_info(path.read_bytes()).model_id == of_export.model_id[:3]


def test_models_that_cannot_be_used_are_refused_with_the_reason(copy: Path, tmp_path: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    quantize_dynamic(copy / "model.onnx", tmp_path / "u8s8.onnx", weight_type=QuantType.QInt8)
    quantize_dynamic(copy / "model.onnx", tmp_path / "u8u8.onnx", weight_type=QuantType.QUInt8)
    with pytest.raises(lmac.LmacError, match="u8 x s8"):
        codec(tmp_path / "u8s8.onnx", tokenizer=copy / "tokenizer.json")
    unsigned = codec(tmp_path / "u8u8.onnx", tokenizer=copy / "tokenizer.json")
    assert unsigned.decompress(unsigned.compress(TEXT)) == TEXT
    with pytest.raises(lmac.LmacError, match=r"tokenizer\.json"):
        codec(tmp_path / "u8u8.onnx")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"is_encoder_decoder": True}))
    with pytest.raises(lmac.LmacError, match="encoder and a decoder"):
        codec(copy)
    (copy / "config.json").write_text(json.dumps(config))
    del model.graph.output[1:]
    onnx.save(model, copy / "model.onnx")
    with pytest.raises(lmac.LmacError, match="no output present"):
        codec(copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(lmac.LmacError, match="lmac-lab export"):
        codec(copy)


def quantized_pairs(activations: int, weights: int) -> bytes:
    """A product between DequantizeLinear nodes, as static quantization writes it."""
    helper = onnx.helper
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero_x"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero_x"], ["y"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "zero_w"], ["v"]),
        helper.make_node("MatMul", ["y", "v"], ["z"]),
    ]
    initializers = [
        helper.make_tensor("scale", onnx.TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("zero_x", activations, [], [0]),
        helper.make_tensor("zero_w", weights, [], [0]),
        helper.make_tensor("w", weights, [2, 2], [1, 2, 3, 4]),
    ]
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2]) for name in "xz"]
    content: bytes = helper.make_model(helper.make_graph(nodes, "pairs", values[:1], values[1:], initializers)).SerializeToString()
    return content


def test_products_of_u8_and_s8_are_found_in_either_form() -> None:
    u8, s8 = onnx.TensorProto.UINT8, onnx.TensorProto.INT8
    found = {(a, w): _core.OnnxSummary(quantized_pairs(a, w)).saturating for a in (u8, s8) for w in (u8, s8)}
    assert found == {(u8, u8): None, (u8, s8): "DequantizeLinear", (s8, u8): None, (s8, s8): None}


def test_an_encoder_is_refused_by_its_graph(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    model.graph.input.append(onnx.helper.make_tensor_value_info("encoder_hidden_states", onnx.TensorProto.FLOAT, ["batch", "steps", 16]))
    onnx.save(model, copy / "model.onnx")
    with pytest.raises(lmac.PredictorError, match="encoder and a decoder"):
        codec(copy)


def test_several_models_in_a_folder_must_be_named(copy: Path) -> None:
    graph = copy / "model.onnx"
    shutil.copy(graph, copy / "model_fp16.onnx")
    graph.rename(copy / "model_q4.onnx")
    with pytest.raises(lmac.LmacError, match=r"model_fp16\.onnx.*model_q4\.onnx"):
        codec(copy)
    assert codec(copy / "model_q4.onnx").model_id == codec(EXPORTED / "llama").model_id


def test_too_many_lanes_are_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "_memory_bytes", lambda: 1 << 20)
    with pytest.raises(lmac.PredictorError, match="lane_len"):
        codec(EXPORTED / "llama", lane_len=1).compress(TEXT)


def exact_model(alphabet_size: int) -> bytes:
    """The tiny exact model with random weights in another alphabet's places."""
    tensors, architecture = read(str(TINY_MODEL))
    chance = np.random.default_rng(5)
    contexts = [index for index, context in enumerate(architecture.contexts) if context.kind == "ngram"]  # words need bytes
    dim = architecture.context_dim
    columns = [column for index in contexts for column in range(index * dim, (index + 1) * dim)]
    width = architecture.width
    changed = tensors | {
        "symbol_embedding": chance.integers(-60, 60, (alphabet_size + 1, width)).astype(np.int8),
        "logits_weight": chance.integers(-60, 60, (alphabet_size, width)).astype(np.int8),
        "logits_shift": np.full(alphabet_size, tensors["logits_shift"].flat[0], np.uint8),
        "context_tables": tensors["context_tables"][contexts],
        "context_weight": tensors["context_weight"][:, columns],
    }
    kept = tuple(architecture.contexts[index] for index in contexts)
    return model_file(changed, replace(architecture, alphabet_size=alphabet_size, contexts=kept))


@pytest.mark.parametrize("alphabet_size", [100, 255, 400])
def test_exact_models_of_any_alphabet_are_run_natively_and_give_the_same_bytes_everywhere(tmp_path: Path, adaptive: bool, alphabet_size: int) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exact_model(alphabet_size))
    if alphabet_size > 256:
        with pytest.raises(lmac.LmacError, match="400 symbols"):
            codec(path)
        shutil.copy(EXPORTED / "llama" / "tokenizer.json", tmp_path)
    content = TEXT * 3 + bytes(range(256))
    native = lmac.Codec(path, adaptive=adaptive, lane_len=100)
    frame = native.compress(content)
    assert native.decompress(frame) == content
    assert lmac.inspect(frame)[0].fingerprint is None
    [bare] = native.compress_many([content], bare=True)
    in_onnx = lmac.Codec(tmp_path, adaptive=adaptive, executor="onnx", device="cpu", lane_len=100)
    assert in_onnx.compress(content) == frame
    assert in_onnx.decompress_many([bare], bare=True) == [content]


def test_settings_of_language_models_are_refused_where_they_mean_nothing(tiny_model: bytes) -> None:
    with pytest.raises(ValueError, match="tokenizer"):
        lmac.Codec(tiny_model, tokenizer=EXPORTED / "llama" / "tokenizer.json")
    with pytest.raises(ValueError, match="context_length"):
        lmac.Codec(tiny_model, context_length=100)


class ExactTokens:
    """Integers for tokens; ``TokenPredictor`` gives them a tokenizer."""

    alphabet_size = 400
    model_id = bytes(32)

    def start(self, lanes: int) -> None:
        self.calls: list[tuple[int, ...]] = []

    def advance(self, symbols: Any) -> Any:
        self.calls.append(symbols.shape)
        assert symbols.max() <= 400
        return (symbols[:, :, None] * np.arange(1, 401)) % 97


def test_an_exact_predictor_of_tokens_needs_no_fingerprint(adaptive: bool) -> None:
    tokenizer = Tokenizer((EXPORTED / "llama" / "tokenizer.json").read_bytes(), 400)
    predictor = language_model.TokenPredictor(ExactTokens(), tokenizer.vocabulary, tokenizer)
    exact = lmac.Codec(predictor, adaptive=adaptive)
    for content in (TEXT, *HARD.values()):
        frame = exact.compress(content)
        assert lmac.inspect(frame)[0].fingerprint is None
        assert exact.decompress(frame) == content


def test_a_model_in_the_cache_of_hugging_face_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--owner--tiny"
    shutil.copytree(EXPORTED / "llama", repository / "snapshots" / "1234567890123456789012345678901234567890")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1234567890123456789012345678901234567890")
    by_name = codec("hf:owner/tiny")
    assert by_name.decompress(codec(EXPORTED / "llama").compress(TEXT)) == TEXT


def test_weights_behind_the_links_of_that_cache_are_found(tmp_path: Path) -> None:
    plain, blobs, snapshot = tmp_path / "plain", tmp_path / "blobs", tmp_path / "snapshots" / "1234"
    tokenizer = (EXPORTED / "llama" / "tokenizer.json").read_text()
    write_folder(plain, build_llama(SHAPE, random_weights(SHAPE, 3)), tokenizer, llama_config(SHAPE), external_data=True, layout="transformers.js")
    blobs.mkdir()
    for index, path in enumerate(path for path in plain.rglob("*") if path.is_file()):
        shutil.copy(path, blobs / f"{index:064x}")
        link = snapshot / path.relative_to(plain)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / f"{index:064x}", link.parent))
    assert codec(snapshot).decompress(codec(plain).compress(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"bos_token_id": "0"}, "bos_token_id must be a number, and is '0'"),
        ({"bos_token_id": True}, "bos_token_id must be a number, and is True"),
        ({"bos_token_id": -5}, "bos_token_id must be a number, and is -5"),
        ({"eos_token_id": [[0]], "bos_token_id": None}, "eos_token_id must be a number, and is list"),
        ({"bos_token_id": 10**4000}, r"bos_token_id must be a number, and is 10*\.\.\."),
        ({"bos_token_id": 400}, "names token 400 as the first, and the model knows only 400"),
        ({"max_position_embeddings": float("nan")}, "max_position_embeddings must be a number, and is nan"),
        ({"max_position_embeddings": 1e308}, "max_position_embeddings must be a number"),
        ({"max_position_embeddings": 1}, "context_length must be between 2 and"),
    ],
)
def test_a_config_that_cannot_be_right_is_an_error_that_names_the_value(copy: Path, changes: dict[str, Any], complaint: str) -> None:
    path = copy / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | changes))
    with pytest.raises(lmac.LmacError, match=complaint):
        codec(copy)
    path.write_text("[" * 100_000)
    with pytest.raises(lmac.LmacError, match=r"config\.json is damaged"):
        codec(copy)


@pytest.mark.parametrize(
    "changes", [{"vocab_size": 10}, {"vocab_size": "many"}, {"unk_token_id": 5000}, {"eos_token_id": [0, 399], "bos_token_id": -1}, {"bos_token_id": []}]
)
def test_what_a_config_says_beside_the_graph_does_no_harm(copy: Path, changes: dict[str, Any]) -> None:
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    assert codec(copy).decompress(codec(copy).compress(TEXT)) == TEXT
