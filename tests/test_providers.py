"""Which hardware ONNX Runtime uses, why not another, and the fingerprint of a machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import lmac
import numpy as np
import onnx
import onnxruntime
import pytest
from lmac import _core
from lmac.predictors import fingerprint, providers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import fake_machine
from word_counts import WordCounts

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


V4 = "v4+avx512bf16+avx512fp16+avx512vnni+avxvnni"
ARM = "bf16+dotprod+fp16+i8mm+neon+sve+sve2"


def on_cpu(system: str, processor: str, cache: str, threads: int, version: str = "1.31.1") -> dict[str, str]:
    """What ``machine_fingerprint`` says of a machine without a GPU, and ``LanguageModel`` of a model."""
    machine = {"system": system, "processor": processor, "cache": cache, "threads": str(threads)}
    return {"onnxruntime": version, "provider": "CPU"} | machine | {"options": "all", "context": "131072"}


def on_cuda(device: str, capability: str, multiprocessors: int, system: str = "Linux x86_64 glibc 2.41", processor: str = V4) -> dict[str, str]:
    """The same of one with a GPU; the versions are as long as those of NVIDIA's libraries get."""
    gpu = {"device": device, "capability": capability, "multiprocessors": str(multiprocessors), "driver": "13.12"}
    libraries = {"cublas": "131205", "cudnn": "912100", "workspace": ":16:8 1"}
    machine = {"system": system, "processor": processor, "cache": "12288K"}
    return {"onnxruntime": "1.131.12", "provider": "CUDA"} | gpu | libraries | machine | {"options": "all", "context": "131072"}


MACHINES = [
    on_cpu("Linux x86_64 glibc 2.36", "v3", "512K", 16),
    on_cpu("Linux x86_64 glibc 2.36", "v3", "512K", 16, "1.31.2"),
    on_cpu("Linux x86_64 glibc 2.36", "v3", "1024K", 16),
    on_cpu("Linux x86_64 glibc 2.41", V4, "2048K", 192),
    on_cpu("Linux x86_64", "v3+avxvnni", "unknown", 8),
    on_cpu("Linux aarch64 glibc 2.39", ARM, "2048K", 192),
    on_cpu("Darwin arm64", "bf16+dotprod+fp16+i8mm+neon", "unknown", 12),
    on_cpu("Windows AMD64", "v4+avx512bf16+avx512vnni", "unknown", 32),
    on_cuda("NVIDIA H100 80GB HBM3", "9.0", 132),
    on_cuda("NVIDIA H100 80GB HBM3", "9.0", 114),
    on_cuda("NVIDIA H200", "9.0", 132),
    on_cuda("NVIDIA A100-SXM4-80GB", "8.0", 108),
    on_cuda("NVIDIA GeForce RTX 4070 Ti SUPER", "8.9", 66),
    on_cuda("NVIDIA RTX 6000 Ada Generation", "8.9", 142),
    on_cuda("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "12.0", 188),
    on_cuda("Tesla V100-SXM2-32GB", "7.0", 80),
    on_cuda("NVIDIA GeForce RTX 4090 Laptop GPU", "8.9", 76, "Windows AMD64"),
    on_cuda("NVIDIA GH200 480GB", "9.0", 132, "Linux aarch64 glibc 2.39", ARM),
]


def test_the_fingerprints_of_real_machines_take_a_frame_at_most_48_bytes_and_say_everything() -> None:
    texts = [fingerprint.to_text(parts) for parts in MACHINES]
    assert max(map(_core.fingerprint_len, texts)) <= 48
    assert max(_core.fingerprint_len(text) for text in texts if "CPU" in text) <= 24
    assert len(set(texts)) == len(MACHINES)
    assert texts == ["; ".join(f"{key}={value}" for key, value in parts.items()) for parts in MACHINES]  # nothing had to be cut


def test_what_does_not_fit_ends_in_a_hash_and_still_tells_values_apart() -> None:
    nightly = [on_cuda("NVIDIA " + "Graphics Device " * 5 + end, "12.1", 188) | {"onnxruntime": "1.33.0.dev20261130001+cu131"} for end in "xy"]
    texts = [fingerprint.to_text(parts) for parts in nightly]
    assert texts[0] != texts[1]
    for text in texts:
        assert 40 < _core.fingerprint_len(text) <= 48
        assert re.search(r"onnxruntime=1\.33[^;]*~[0-9a-f]{6}; .*device=NVIDIA[^;]*~[0-9a-f]{6}; .*context=131072", text)
    many = [fingerprint.to_text({f"key {i}": "value" * 9 + end for i in range(100)}) for end in "xy"]
    assert many[0] != many[1]
    assert all(_core.fingerprint_len(text) <= 48 for text in many)


@pytest.mark.parametrize("text", ["", "x" * 49, "two\nlines", "caf\u00e9"])
def test_a_predictor_whose_fingerprint_no_frame_takes_is_told_so(text: str) -> None:
    with pytest.raises(lmac.PredictorError, match="fingerprint must be printable ASCII that takes 1 to 48 bytes"):
        lmac.Codec(WordCounts(fingerprint=text)).compress(b"the")
    assert len(lmac.Codec(WordCounts(fingerprint="x" * 48)).compress(b"the")) < 70
