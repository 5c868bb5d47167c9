"""What the models inside the package promise: their cost in bits, and real files where they are at hand."""

from __future__ import annotations

import tarfile
from pathlib import Path

import lmac
import numpy as np
import pytest
from lmac import _core
from lmac.lab.architecture import Architecture
from lmac.predictors.model import model_names, read_model
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
EVAL = ROOT.parent / "shared" / "eval"


@pytest.fixture(params=model_names())
def model(request: pytest.FixtureRequest) -> str:
    """Every model inside the package, by name."""
    name: str = request.param
    return name


def logits_of(model: str, content: bytes) -> NDArray[np.int64]:
    """The model's logits for every byte of ``content``, ``(bytes, 256)``."""
    executor = _core.Executor(_core.Model(read_model(model)))
    executor.start(1)
    symbols = np.array([[256, *content[:-1]]], np.int64)
    parts = [np.asarray(executor.advance(symbols[:, i : i + 512])) for i in range(0, symbols.shape[1], 512)]
    logits: NDArray[np.int64] = np.concatenate(parts, axis=1)[0].astype(np.int64)
    return logits


def test_integer_frequencies_cost_almost_nothing_against_the_exact_distribution(model: str) -> None:
    content = (ROOT / "docs" / "format.md").read_bytes()
    weights = np.exp2(logits_of(model, content) / 16)
    probabilities = weights[np.arange(len(content)), list(content)] / weights.sum(1)
    code_length_bits = -np.log2(probabilities).sum()
    frame = lmac.Codec(model, adaptive=False, lane_len=1 << 24).compress(content)
    payload_bits = 8 * lmac.inspect(frame)[0].payload_len
    assert payload_bits <= code_length_bits * 1.0002 + 16


@pytest.mark.parametrize(("name", "file_bytes", "multiply_adds"), [("default", 12_000_000, 5_000_000), ("fast", 5_200_000, 1_000_000)])
def test_the_package_holds_two_models_within_their_sizes(name: str, file_bytes: int, multiply_adds: int) -> None:
    assert model_names() == ["default", "fast"]
    assert len(read_model(name)) <= file_bytes
    assert Architecture.from_json(_core.Model(read_model(name)).architecture).multiply_adds() <= multiply_adds


def evaluation_files(archive: str) -> dict[str, bytes]:
    """The files of one evaluation archive, by name."""
    with tarfile.open(EVAL / archive) as tar:
        members = [member for member in tar if member.isfile()]
        return {Path(member.name).name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


@pytest.mark.skipif(not EVAL.exists(), reason="the evaluation files are not here")
def test_classic_text_is_restored_and_compressed_better_than_by_xz(adaptive: bool) -> None:
    texts = evaluation_files("text.tar.xz")
    codec = lmac.Codec(adaptive=adaptive)
    limits = {"alice29.txt": 33_000, "xargs.1": 1_080} if adaptive else {"alice29.txt": 44_000, "xargs.1": 1_800}
    for name, limit in limits.items():
        frame = codec.compress(texts[name])
        assert len(frame) <= limit
        assert codec.decompress(frame) == texts[name]


@pytest.mark.skipif(not EVAL.exists(), reason="the evaluation files are not here")
def test_onnx_runtime_writes_the_same_bytes_for_real_files(model: str, adaptive: bool) -> None:
    files = evaluation_files("text.tar.xz") | evaluation_files("json.tar.xz") | evaluation_files("binary.tar.xz")
    native, onnx = lmac.Codec(model, adaptive=adaptive), lmac.Codec(model, adaptive=adaptive, executor="onnx")
    for name in ("xargs.1", "grammar.lsp", "fields.c", "google_maps_api_response.json", "sum"):
        content = files[name][:6000]
        assert native.compress(content) == onnx.compress(content)
