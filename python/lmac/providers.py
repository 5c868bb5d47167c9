"""Which hardware ONNX Runtime uses, decided and checked in one place.

ONNX Runtime says that CUDA is available when it merely was built for it, and falls back to the CPU without
an error when CUDA cannot be started. So CUDA is tried only where an NVIDIA driver can be loaded, and what
counts is the provider that a session really got.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from types import ModuleType
from typing import Any

from ._core import PredictorError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

REPAIR = "repair it with: pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall onnxruntime-gpu"


def create_session(model: bytes, device: str, threads: int | None) -> Any:
    """An ``onnxruntime.InferenceSession`` for an exact model.

    Args:
        model: The bytes of the model file.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for CUDA where it works.
        threads: How many the session may use; ``None`` for one per core.

    Raises:
        PredictorError: ONNX Runtime is missing or broken, or the device cannot be used.
    """
    runtime = _import_runtime()
    wanted = CUDA if device == "cuda" or (device == "auto" and _has_cuda(runtime)) else CPU
    if wanted == CUDA:
        _preload_libraries(runtime)
    options = runtime.SessionOptions()
    # Beyond "basic", operators are fused into others whose arithmetic the exactness proof does not cover.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model, options, providers=[CPU] if wanted == CPU else [CUDA, CPU])
    except Exception as error:  # ONNX Runtime's exceptions share no narrower ancestor
        raise PredictorError(f"ONNX Runtime cannot load the model: {error}") from error
    if device == "cuda" and session.get_providers()[0] != CUDA:
        raise PredictorError("ONNX Runtime cannot use CUDA here: install lmac[cuda] and an NVIDIA driver, or use device='cpu'")
    return session


def _import_runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise PredictorError(f"executor='onnx' needs ONNX Runtime ({error}); {REPAIR}") from error
    if not hasattr(onnxruntime, "InferenceSession"):  # what is left when one of the two packages was uninstalled
        raise PredictorError(f"the installed ONNX Runtime is incomplete; {REPAIR}")
    runtime: ModuleType = onnxruntime
    return runtime


def _has_cuda(runtime: ModuleType) -> bool:
    if CUDA not in runtime.get_available_providers():
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _preload_libraries(runtime: ModuleType) -> None:
    """Lets ONNX Runtime find NVIDIA's libraries where pip put them; it prints, which is no use to anyone."""
    if hasattr(runtime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):
            runtime.preload_dlls()
