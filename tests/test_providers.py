"""Which hardware ONNX Runtime uses, why not another, and the fingerprint of a machine."""

from __future__ import annotations

import os
from pathlib import Path

import lmac
import numpy as np
import onnx
import onnxruntime
import pytest
from lmac.predictors import fingerprint, providers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import fake_machine

needs_no_driver = pytest.mark.skipif(providers.driver_obstacle() is None, reason="there is an NVIDIA driver")
needs_cuda_wheel = pytest.mark.skipif(providers.CUDA not in onnxruntime.get_available_providers(), reason="ONNX Runtime was built without CUDA")

WEIGHTS = np.random.default_rng(1).standard_normal((64, 300)).astype(np.float32)

WHY_NOT = "from lmac.predictors import providers; print(providers.why_not_cuda())"
IMPORT = "from lmac.predictors import providers; providers.import_runtime()"


def float_model() -> onnx.ModelProto:
    """Softmax of a product with constant weights: ``(rows, 64)`` to ``(rows, 300)``."""
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["product"]), helper.make_node("Softmax", ["product"], ["y"])]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", size]) for name, size in (("x", 64), ("y", 300))]
    graph = helper.make_graph(nodes, "float", shapes[:1], shapes[1:], [numpy_helper.from_array(WEIGHTS, "weights")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def model() -> bytes:
    data: bytes = float_model().SerializeToString()
    return data


def results(session: onnxruntime.InferenceSession) -> bytes:
    y: NDArray[np.float32] = session.run(["y"], {"x": np.random.default_rng(2).standard_normal((5, 64)).astype(np.float32)})[0]
    assert np.allclose(y.sum(axis=1), 1)
    return y.tobytes()


def test_a_float_model_gets_the_settings_that_repeat_results(model: bytes) -> None:
    session = providers.create_session(model, "cpu", 3, exact=False)
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.use_deterministic_compute
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert results(session) == results(providers.create_session(model, "cpu", 1, exact=False))


def test_an_exact_model_is_not_optimized_beyond_what_its_proof_covers(model: bytes) -> None:
    options = providers.create_session(model, "cpu", 2, exact=True).get_session_options()
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.intra_op_num_threads == 2
    assert providers.create_session(model, "cpu", None, exact=True).get_session_options().intra_op_num_threads == 0


def test_a_float_model_uses_one_thread_per_usable_processor_unless_told_otherwise(model: bytes) -> None:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert providers.thread_count(None) == usable
    assert providers.thread_count(5) == 5
    assert providers.create_session(model, "cpu", None, exact=False).get_session_options().intra_op_num_threads == usable


def test_weights_beside_a_model_file_are_found(model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(float_model(), path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    assert (tmp_path / "model.onnx.data").stat().st_size >= WEIGHTS.nbytes
    session = providers.create_session(str(path), "cpu", 1, exact=False)
    assert results(session) == results(providers.create_session(model, "cpu", 1, exact=False))


def test_what_is_no_model_is_an_error(tmp_path: Path) -> None:
    for source in (b"no model", str(tmp_path / "missing.onnx")):
        with pytest.raises(lmac.PredictorError, match="cannot load the model"):
            providers.create_session(source, "cpu", 1, exact=False)


@needs_no_driver
def test_asking_for_cuda_without_a_driver_says_why_it_cannot_be_had(model: bytes) -> None:
    for exact in (True, False):
        with pytest.raises(lmac.PredictorError, match=r"CUDA cannot be used: .*device='cpu'") as caught:
            providers.create_session(model, "cuda", 1, exact=exact)
        assert str(providers.why_not_cuda()) in str(caught.value)


@needs_no_driver
def test_without_cuda_any_device_is_the_cpu_and_nothing_is_printed(model: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    session = providers.create_session(model, "auto", 1, exact=False)
    assert session.get_providers() == [providers.CPU]
    assert results(session) == results(providers.create_session(model, "cpu", 1, exact=False))
    assert capfd.readouterr() == ("", "")


def test_two_distributions_of_onnx_runtime_are_reported_with_both_commands(tmp_path: Path) -> None:
    fake_machine.add_distribution(tmp_path, "onnxruntime", "1.32.0")
    fake_machine.add_distribution(tmp_path, "onnxruntime-gpu", "1.31.1")
    done = fake_machine.run(tmp_path, "from lmac.predictors import providers; print(providers.installed_distributions()); print(providers.clash())")
    versions, clash = done.stdout.splitlines()
    assert "'onnxruntime': '1.32.0'" in versions
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall --no-deps onnxruntime" in clash


def test_one_distribution_of_onnx_runtime_is_as_it_should_be() -> None:
    assert len(providers.installed_distributions()) == 1
    assert providers.clash() is None


def test_an_emptied_package_is_an_error_that_says_how_to_repair_it(tmp_path: Path) -> None:
    fake_machine.add_package(tmp_path, "onnxruntime")
    done = fake_machine.run(tmp_path, IMPORT)
    assert "PredictorError: the installed ONNX Runtime is incomplete; repair it with: pip uninstall -y onnxruntime" in done.stderr
    fake_machine.add_distribution(tmp_path, "onnxruntime", "1.32.0")
    fake_machine.add_distribution(tmp_path, "onnxruntime-gpu", "1.31.1")
    assert "incomplete; onnxruntime and onnxruntime-gpu are installed into the same folder" in fake_machine.run(tmp_path, IMPORT).stderr


def test_a_package_that_cannot_be_imported_is_an_error_that_says_how_to_repair_it(tmp_path: Path) -> None:
    done = fake_machine.run(tmp_path, IMPORT, blocked=("onnxruntime",))
    assert "PredictorError: ONNX Runtime cannot be imported (No module named 'onnxruntime'); repair it with: pip uninstall -y onnxruntime" in done.stderr


def test_a_runtime_without_cuda_is_named_as_the_reason(tmp_path: Path) -> None:
    code = "class InferenceSession: pass\ndef get_available_providers(): return ['CPUExecutionProvider']"
    fake_machine.add_package(tmp_path, "onnxruntime", code)
    assert fake_machine.run(tmp_path, WHY_NOT).stdout.startswith("the installed ONNX Runtime was built without CUDA: ")


@needs_cuda_wheel
@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        ({"init": 100}, "the NVIDIA driver does not start (error 100, no CUDA-capable device is detected)"),
        ({"count": 0}, "the NVIDIA driver finds no GPU"),
        ({"version": 11040}, "the NVIDIA driver supports CUDA 11: update the driver"),
    ],
)
def test_a_driver_that_is_of_no_use_is_named_as_the_reason(driver: dict[str, int], reason: str, tmp_path: Path) -> None:
    fake_machine.add_driver(tmp_path, **driver)
    assert reason in fake_machine.run(tmp_path, WHY_NOT).stdout


@needs_cuda_wheel
def test_libraries_that_are_missing_beside_a_driver_are_named_and_nothing_else_is_printed(model: bytes, tmp_path: Path) -> None:
    fake_machine.add_driver(tmp_path, version=99000)
    (tmp_path / "model.onnx").write_bytes(model)
    why = fake_machine.run(tmp_path, WHY_NOT)
    if "None" in why.stdout:
        pytest.skip("CUDA's libraries are installed")
    assert "CUDA's libraries cannot be loaded (" in why.stdout
    assert "pip install 'lmac[cuda]'" in why.stdout
    create = "import sys; from lmac.predictors import providers; print(providers.create_session('model.onnx', sys.argv[1], 1, exact=False).get_providers())"
    assert "CUDA cannot be used: CUDA's libraries cannot be loaded" in fake_machine.run(tmp_path, create, "cuda").stderr
    on_any = fake_machine.run(tmp_path, create, "auto")
    assert (on_any.stdout, on_any.stderr) == ("['CPUExecutionProvider']\n", "")


def test_a_fingerprint_names_what_results_depend_on(model: bytes) -> None:
    session = providers.create_session(model, "cpu", 2, exact=False)
    parts = fingerprint.machine_fingerprint(session, 2)
    assert list(parts) == ["onnxruntime", "provider", "system", "processor", "cache", "threads", "options"]
    assert parts["onnxruntime"] == onnxruntime.__version__
    assert (parts["provider"], parts["threads"], parts["options"]) == ("CPU", "2", "all")
    assert parts == fingerprint.machine_fingerprint(session, 2)
    assert all(parts.values())


def test_a_fingerprint_on_cuda_names_the_device(tmp_path: Path) -> None:
    fake_machine.add_driver(tmp_path, version=13010)
    code = "from lmac.predictors import fingerprint, providers; print(fingerprint.driver_parts(providers.load_driver()))"
    expected = {"device": "NVIDIA H100 80GB HBM3", "capability": "9.0", "multiprocessors": "132", "driver": "13.1"}
    assert fake_machine.run(tmp_path, code).stdout == f"{expected}\n"


def test_the_processor_is_named_by_its_level_and_what_goes_beyond() -> None:
    v3 = ["sse4.1", "avx", "f16c", "fma", "avx2"]
    v4 = [*v3, "avx512f", "avx512bw", "avx512dq", "avx512vl"]
    names = {"v3": v3, "v3+avxvnni": [*v3, "avxvnni"], "v4+avx512vnni": [*v4, "avx512vnni"], "v2+avx": ["sse4.1", "avx"], "dotprod+neon": ["neon", "dotprod"]}
    assert {name: fingerprint.processor(features) for name, features in names.items()} == {name: name for name in names}


def test_a_text_is_one_line_of_printable_ascii() -> None:
    parts = {"onnxruntime": "1.31.1", "odd": "a=b; c", "name": "Übergröße\n\x1b[31m"}
    assert fingerprint.to_text(parts) == "onnxruntime=1.31.1; odd=a=b, c; name=?bergr??e??[31m"


def test_a_text_is_at_most_511_bytes_and_still_tells_values_apart() -> None:
    one, other = ({"onnxruntime": "1.31.1", "device": "a" * 400 + end, "processor": "avx2+" * 80 + end} for end in "xy")
    texts = [fingerprint.to_text(parts) for parts in (one, other)]
    assert all(400 < len(text) <= fingerprint.MAX_TEXT_BYTES for text in texts)
    assert texts[0] != texts[1]
    assert all(text.startswith("onnxruntime=1.31.1; ") for text in texts)
    assert len(fingerprint.to_text({f"key {i}": "value" * 9 for i in range(100)})) <= fingerprint.MAX_TEXT_BYTES
