"""Exports of Hugging Face checkpoints against the models themselves. Skipped where torch or transformers is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from conftest import LAB_IS_MISSING

torch = pytest.importorskip("torch", reason=LAB_IS_MISSING)
transformers = pytest.importorskip("transformers", reason=LAB_IS_MISSING)
pytest.importorskip("onnxscript", reason=LAB_IS_MISSING)

import lmac  # noqa: E402
from lmac.lab import cli  # noqa: E402

from make_exported_models import EXPORTED, LLAMA_SIZES, SIZES, VOCAB_SIZE, random_model, write_checkpoint  # noqa: E402
from public_checkpoints import TEXT_NAMES, material, needs_material  # noqa: E402
from tokenizer_files import gpt2_tokenizer, trained_tokenizer  # noqa: E402

pytestmark = [pytest.mark.lab, pytest.mark.filterwarnings("ignore")]  # those of torch and transformers, about parts of their own
TOKENS = np.random.default_rng(1).integers(0, VOCAB_SIZE, (3, 48))
SLOTS = 64
GARBAGE = 3e38  # what stale slots hold in the tests: as keys it makes infinite scores, of which some are NaN

Model = Any


def export(model: Model, tmp_path: Path, *options: str) -> Path:
    write_checkpoint(model, trained_tokenizer("A little text for a tokenizer.", 300), tmp_path / "checkpoint")
    assert cli.main(["export", str(tmp_path / "checkpoint"), "-o", str(tmp_path / "model"), *options]) == 0
    return tmp_path / "model"


def expected_logits(model: Model, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    with torch.no_grad():
        logits: NDArray[np.float32] = model.eval()(input_ids=torch.from_numpy(tokens)).logits.numpy()
    return logits


def sliding_model() -> Model:
    torch.manual_seed(3)
    return transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, **LLAMA_SIZES, sliding_window=5))


MODELS = {
    "gpt2": lambda: random_model("gpt2"),
    "llama": lambda: random_model("llama"),
    "qwen2": lambda: random_model("qwen2"),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES, **LLAMA_SIZES, head_dim=8)),
    "mistral": sliding_model,
}
models = pytest.mark.parametrize("name", MODELS)


def run_bound(path: Path, tokens: NDArray[np.int64], chunks: list[int]) -> NDArray[np.float32]:
    """Logits of a graph with fixed caches, of which every one is bound as input and as output, full of garbage at first."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for entry in session.get_inputs():
        if entry.name.startswith("past"):
            buffer = onnxruntime.OrtValue.ortvalue_from_numpy(np.full([len(tokens), *entry.shape[1:]], GARBAGE, np.float32))
            binding.bind_ortvalue_input(entry.name, buffer)
            binding.bind_ortvalue_output(entry.name.replace("past_key_values", "present"), buffer)
    parts = []
    start = 0
    for steps in chunks:
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(tokens[:, start : start + steps]))
        binding.bind_cpu_input("cache_position", np.arange(start, start + steps))
        binding.bind_output("logits", "cpu")
        session.run_with_iobinding(binding)
        parts.append(binding.get_outputs()[-1].numpy())
        start += steps
    return np.concatenate(parts, 1)


@models
def test_caches_of_fixed_size_are_updated_in_place_and_give_the_models_logits(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    folder = export(model, tmp_path, "--context-length", str(SLOTS))
    for batch, chunks in ((1, [8] + [1] * 40), (3, [1] * 40 + [8]), (2, [3, 45])):
        expected = expected_logits(model, TOKENS[:batch])
        np.testing.assert_allclose(run_bound(folder / "model.onnx", TOKENS[:batch], chunks), expected, atol=1e-4)


@models
def test_growing_caches_are_those_of_hugging_faces_exports(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    session = onnxruntime.InferenceSession(export(model, tmp_path, "--concat") / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = [entry.name for entry in session.get_inputs()]
    assert inputs[:4] == ["input_ids", "attention_mask", "position_ids", "past_key_values.0.key"]
    assert [entry.name for entry in session.get_outputs()][:3] == ["logits", "present.0.key", "present.0.value"]
    shapes = {entry.name: entry.shape for entry in session.get_inputs()}
    for batch in (1, 3):
        caches = [np.zeros((batch, shapes[name][1], 0, shapes[name][3]), np.float32) for name in inputs[3:]]
        parts, past = [], 0
        for steps in (8, *[1] * 10):
            positions = np.tile(np.arange(past, past + steps), (batch, 1))
            mask = np.ones((batch, past + steps), np.int64)
            values = [TOKENS[:batch, past : past + steps], mask, positions, *caches]
            logits, *caches = session.run(None, dict(zip(inputs, values, strict=True)))
            parts.append(logits)
            past += steps
        np.testing.assert_allclose(np.concatenate(parts, 1), expected_logits(model, TOKENS[:batch, :past]), atol=1e-4)


def test_an_export_holds_what_the_runtime_needs_and_nothing_of_the_machine(tmp_path: Path) -> None:
    folder = export(random_model("gpt2"), tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "generation_config.json", "model.onnx", "tokenizer.json"]
    assert json.loads((folder / "config.json").read_text())["model_type"] == "gpt2"
    assert bytes(tmp_path) not in (folder / "model.onnx").read_bytes()
    assert b".py" not in (folder / "model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    shapes = {entry.name: entry.shape for entry in session.get_inputs()}
    assert shapes["past_key_values.1.value"] == ["batch", 3, 128, 8], "the context of the model is shorter than the default"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_large_weights_go_into_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmac.lab.checkpoint.EXTERNAL_BYTES", 10_000)
    folder = export(random_model("llama"), tmp_path)
    assert (folder / "model.onnx.data").stat().st_size > (folder / "model.onnx").stat().st_size
    assert run_bound(folder / "model.onnx", TOKENS[:1], [2]).shape == (1, 2, VOCAB_SIZE)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit):
        cli.main(["export", *map(str, arguments)])
    return capsys.readouterr().err


def test_an_existing_folder_is_replaced_by_force_only_and_only_if_it_is_an_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = export(random_model("llama"), tmp_path)
    (folder / "stale").touch()
    assert "exists; --force replaces it" in refusal(capsys, tmp_path / "checkpoint", "-o", folder)
    assert (folder / "stale").exists()
    export(random_model("llama"), tmp_path, "--force", "--context-length", "7")
    assert not (folder / "stale").exists()
    (folder / "model.onnx").unlink()
    assert "is not an earlier export" in refusal(capsys, tmp_path / "checkpoint", "-o", folder, "--force")
    assert "is not an earlier export" in refusal(capsys, tmp_path / "checkpoint", "-o", tmp_path / "checkpoint", "--force")


def test_what_cannot_be_exported_is_refused_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint, output = tmp_path / "checkpoint", tmp_path / "model"
    checkpoint.mkdir()
    assert "has no config.json" in refusal(capsys, checkpoint, "-o", output)
    write_checkpoint(random_model("llama"), "{}", checkpoint)
    assert "--context-length must be from 1 to the model's 128" in refusal(capsys, checkpoint, "-o", output, "--context-length", "129")
    assert "there is no folder" in refusal(capsys, checkpoint, "-o", tmp_path / "missing" / "model")
    assert "a folder is exported as it is" in refusal(capsys, checkpoint, "-o", output, "--window", "200")
    (checkpoint / "tokenizer.json").unlink()
    assert "AutoTokenizer.from_pretrained" in refusal(capsys, checkpoint, "-o", output)
    assert "--context-length and --concat are for folders" in refusal(capsys, checkpoint / "config.json", "-o", output, "--concat")
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_encoders_and_checkpoints_with_damaged_or_missing_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t5 = transformers.T5ForConditionalGeneration(transformers.T5Config(vocab_size=50, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2))
    write_checkpoint(t5, "{}", tmp_path / "t5")
    assert "an encoder and a decoder (t5)" in refusal(capsys, tmp_path / "t5", "-o", tmp_path / "model")
    model = random_model("llama")
    write_checkpoint(model, "{}", tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"damaged")
    assert "damaged or of another model" in refusal(capsys, tmp_path / "damaged", "-o", tmp_path / "model")
    weights = {name: tensor for name, tensor in model.state_dict().items() if name != "model.norm.weight"}
    model.save_pretrained(tmp_path / "part", state_dict=weights)
    (tmp_path / "part" / "tokenizer.json").write_text("{}")
    assert "lacks weights of the model: model.norm.weight" in refusal(capsys, tmp_path / "part", "-o", tmp_path / "model")


def test_models_that_keep_something_else_than_keys_and_values_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mamba = transformers.MambaForCausalLM(transformers.MambaConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, state_size=4))
    write_checkpoint(mamba, "{}", tmp_path / "mamba")
    message = refusal(capsys, tmp_path / "mamba", "-o", tmp_path / "model")
    assert "a model of type mamba cannot be exported: its layers keep something else than keys and values" in message
    assert not (tmp_path / "model").exists()


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(random_model("llama"), "{}", tmp_path / "checkpoint")
    monkeypatch.setattr("lmac.lab.cached_decoder.SlotLayer.get_seq_length", lambda self: self.past + 1)  # sees one slot too many
    assert "does not compute what the model does" in refusal(capsys, tmp_path / "checkpoint", "-o", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "llama-fixed"])
def test_the_exported_models_among_the_tests_are_still_what_the_checkpoints_compute(name: str) -> None:
    path = EXPORTED / name / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    tokens = TOKENS[:2, :8]
    expected = expected_logits(random_model(name), tokens)
    if name.endswith("-fixed"):
        logits = run_bound(path, tokens, [8])
    else:
        sizes = {entry.name: [2, entry.shape[1], 0, *entry.shape[3:]] for entry in session.get_inputs() if entry.name.startswith("past")}
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "position_ids": np.tile(np.arange(8), (2, 1))}
        logits = session.run(["logits"], feed | {key: np.zeros(size, np.float32) for key, size in sizes.items()})[0]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert expected.std() > 1


@pytest.fixture(scope="module", params=["gpt2", "llama", "qwen2"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> lmac.Codec:
    """A model with all tokens of GPT-2, exported as it is from a checkpoint."""
    folder = tmp_path_factory.mktemp(request.param)
    model = random_model(request.param, vocab_size=50_257, bos_token_id=50_256, eos_token_id=50_256, initializer_range=0.1)
    write_checkpoint(model, gpt2_tokenizer(material("encoder.json"), material("vocab.bpe")), folder / "checkpoint")
    assert cli.main(["export", str(folder / "checkpoint"), "-o", str(folder / "model")]) == 0
    return lmac.Codec(folder / "model", device="cpu", threads=1, adaptive=False, verify=False, lane_len=1 << 14)


@needs_material
@pytest.mark.slow
@pytest.mark.parametrize("name", TEXT_NAMES)
def test_whole_texts_come_back_with_gpt2s_tokenizer(large: lmac.Codec, name: str) -> None:
    text = material(name)
    frame = large.compress(text)
    assert lmac.inspect(frame)[0].stored_blocks == 0  # random weights: some 16 bits a token, less than 8 bits a byte
    assert large.decompress(frame) == text
