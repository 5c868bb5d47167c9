"""The same integers from every implementation of the exact Transformer (docs/exact-transformer.md).

The golden logits were computed by the PyTorch module that is trained; the slow numpy reference, the
exported graph in ONNX Runtime, the native executor and, where torch is installed, PyTorch again must repeat them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lmac
import numpy as np
import onnx
import pytest
from lmac import _core
from lmac.lab import reference
from lmac.lab.architecture import Architecture
from lmac.lab.export import export
from lmac.predictors.onnx_executor import OnnxExecutor
from numpy.typing import NDArray
from onnx import numpy_helper

from conftest import LAB_IS_MISSING
from tiny_model import SYMBOLS, TINY_LOGITS, TINY_MODEL

DEFAULT_MODEL = Path(lmac.__file__).parent / "models" / "default.onnx"
MODELS = [TINY_MODEL, pytest.param(DEFAULT_MODEL, id="default")]


def load(path: Path) -> tuple[dict[str, NDArray[np.generic]], Architecture]:
    """Tensors and architecture of a model file, read with the onnx package."""
    model = onnx.load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer if not tensor.name.startswith("constant_")}
    return tensors, Architecture.from_json(metadata["lmac.architecture"])


def schedules(executor: lmac.Predictor, lanes: int, chunk: int) -> NDArray[np.int16]:
    """Logits of SYMBOLS in every one of ``lanes`` equal lanes, fed ``chunk`` steps at a time; lanes must agree."""
    symbols = np.tile(np.array([256, *SYMBOLS], np.int64), (lanes, 1))
    executor.start(lanes)
    parts = [np.asarray(executor.advance(symbols[:, i : i + chunk])) for i in range(0, symbols.shape[1], chunk)]
    logits: NDArray[np.int16] = np.concatenate(parts, axis=1).astype(np.int16)
    assert (logits == logits[:1]).all()
    first: NDArray[np.int16] = logits[0]
    return first


def test_the_slow_reference_repeats_the_golden_logits() -> None:
    assert (reference.logits(list(SYMBOLS), *load(TINY_MODEL)) == np.load(TINY_LOGITS)).all()


@pytest.mark.lab
def test_the_trained_module_repeats_the_golden_logits() -> None:
    torch = pytest.importorskip("torch", reason=LAB_IS_MISSING)
    from lmac.lab.model import exact

    from make_tiny_model import tiny_model

    with exact():
        logits = tiny_model()(torch.tensor([[256, *SYMBOLS]]))[0]
    assert (logits.numpy() == np.load(TINY_LOGITS)).all()


@pytest.mark.parametrize("path", MODELS)
@pytest.mark.parametrize(("lanes", "chunk"), [(1, 401), (1, 1), (3, 7), (16, 64)])
def test_onnx_runtime_and_the_native_executor_agree_on_every_schedule(path: Path, lanes: int, chunk: int) -> None:
    expected = np.load(TINY_LOGITS) if path == TINY_MODEL else reference.logits(list(SYMBOLS), *load(path))
    model = _core.Model(path.read_bytes())
    assert (schedules(OnnxExecutor(path.read_bytes()), lanes, chunk) == expected).all()
    for threads in (1, 2, 3):
        assert (schedules(_core.Executor(model, threads=threads), lanes, chunk) == expected).all()


@pytest.mark.parametrize("window", [(24, 5), (3, 24), (1, 512)])
def test_every_layer_can_have_a_window_of_its_own(window: tuple[int, int], tmp_path: Path) -> None:
    tensors, architecture = load(TINY_MODEL)
    same = reference.logits(list(SYMBOLS), tensors, architecture)
    for layer, length in enumerate(window):
        bias = tensors[f"layers.{layer}.bias"]
        tensors[f"layers.{layer}.bias"] = np.resize(bias, (2, length))
    path = tmp_path / "windows.onnx"
    export(tensors, replace(architecture, window=window), path)
    assert load(path)[1].windows == window

    expected = reference.logits(list(SYMBOLS), *load(path))
    assert (expected != same).any()
    native = _core.Executor(_core.Model(path.read_bytes()), threads=2)
    for lanes, chunk in [(1, 401), (1, 1), (3, 7)]:
        for executor in (OnnxExecutor(path.read_bytes()), native):
            assert (schedules(executor, lanes, chunk) == expected).all()


def test_there_are_as_many_windows_as_layers(tmp_path: Path) -> None:
    tensors, architecture = load(TINY_MODEL)
    with pytest.raises(ValueError, match="3 windows for 2 layers"):
        export(tensors, replace(architecture, window=(24, 24, 24)), tmp_path / "never.onnx")


def test_exporting_the_same_tensors_gives_the_same_model(tmp_path: Path) -> None:
    tensors, architecture = load(TINY_MODEL)
    export(tensors, architecture, tmp_path / "again.onnx")
    assert _core.Model((tmp_path / "again.onnx").read_bytes()).model_id == _core.Model(TINY_MODEL.read_bytes()).model_id


def test_the_exporter_refuses_weights_whose_sums_could_leave_the_exact_range(tmp_path: Path) -> None:
    tensors, architecture = load(TINY_MODEL)
    tensors["layers.0.down_shift"] = np.full_like(tensors["layers.0.down_shift"], 22)
    tensors["layers.0.down_weight"] = np.full((32, 64), 63, np.int8)
    wide = np.full((32, 4096), 63, np.int8)
    with pytest.raises(ValueError, match="2\\^24"):
        export(tensors | {"layers.0.down_weight": wide}, architecture, tmp_path / "never.onnx")


def test_the_exporter_refuses_models_whose_masked_positions_could_count(tmp_path: Path) -> None:
    tensors, architecture = load(TINY_MODEL)
    export(tensors, replace(architecture, score_shift=4), tmp_path / "smallest.onnx")
    with pytest.raises(ValueError, match="scores can reach 32258"):
        export(tensors, replace(architecture, score_shift=3), tmp_path / "never.onnx")
    tensors["exp2_table"] = np.maximum(tensors["exp2_table"], 1)
    with pytest.raises(ValueError, match="exp2_table"):
        export(tensors, architecture, tmp_path / "never.onnx")
