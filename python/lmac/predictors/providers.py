"""Which hardware ONNX Runtime uses, decided and checked in one place.

ONNX Runtime says that CUDA is available when it merely was built for it, and falls back to the CPU without
an error when CUDA cannot be started. So CUDA is tried only where an NVIDIA driver can be loaded, and what
counts is the provider that a session really got.

Exact models give the same integers under any settings that leave their arithmetic alone. Float models do not: what
changes their results is fixed here as far as ONNX Runtime lets us, and what cannot be fixed is written down by ``fingerprint``.

Two distributions bring the same package, ``onnxruntime`` and ``onnxruntime-gpu``. No installer knows that they exclude each
other: with both, one overwrites the other, and when one is uninstalled an empty package remains.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import platform
import sys
from importlib import metadata
from types import ModuleType
from typing import Any

from .._core import PredictorError
from .foreign import naming_errors

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

#: The distributions that bring a package ``onnxruntime``: at most one of them may be installed.
DISTRIBUTIONS = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm"),
    *("onnxruntime-migraphx", "onnxruntime-qnn", "onnxruntime-training"),
)
#: The one that lmac depends on here: onnxruntime-gpu also works without a GPU, but is not made for every system.
RECOMMENDED = "onnxruntime-gpu" if sys.platform == "linux" or (sys.platform == "win32" and platform.machine() == "AMD64") else "onnxruntime"
INSTALL_CUDA = "pip install 'lmac[cuda]'"

# Every version of ONNX Runtime is linked with these. It may start without the others that it looks for.
ESSENTIAL_LIBRARIES = ("cublas", "cudart")

# Read by cuBLAS when it starts: one small workspace, so that it does not choose among ways to split a sum.
CUBLAS_ENVIRONMENT = {"CUBLAS_WORKSPACE_CONFIG": ":16:8", "CUBLASLT_WORKSPACE_SIZE": "1"}
# TF32 rounds factors to 11 bits; the exhaustive search for convolutions chooses by measured time.
CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}

WARNING, FATAL = 2, 4  # of ONNX Runtime's severities; the former is its default


def create_session(model: bytes | str, device: str, threads: int | None, *, exact: bool) -> Any:
    """An ``onnxruntime.InferenceSession``.

    Args:
        model: The bytes of the model file, or its path, so that weights in files beside it are found.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for CUDA where it works.
        threads: How many the session may use; ``None`` for one per processor.
        exact: Whether the model computes with integers, so that no setting changes its results.

    Raises:
        PredictorError: ONNX Runtime is missing or broken, the model cannot be loaded, or the device cannot be used.
    """
    runtime = import_runtime()
    if device != "cpu" and not exact:
        _fix_cublas()  # before anything starts CUDA
    obstacle = None if device == "cpu" else _obstacle(runtime)
    if device == "cuda" and obstacle:
        raise PredictorError(f"CUDA cannot be used: {obstacle}; or use device='cpu' (--device cpu)")
    options = _exact_options(runtime, threads) if exact else _float_options(runtime, threads)
    session = None
    if device != "cpu" and not obstacle:
        session = _create_on_cuda(runtime, model, options, exact, is_required=device == "cuda")
    return session or _create(runtime, model, options, [CPU])


def thread_count(threads: int | None) -> int:
    """How many threads a session for a float model uses: as many as asked for, or one per usable processor."""
    if threads:
        return threads
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def why_not_cuda() -> str | None:
    """Why ONNX Runtime cannot use CUDA here and what to do, in one sentence; ``None`` if nothing is known to be in the way."""
    try:
        runtime = import_runtime()
    except PredictorError as error:
        return str(error)
    return _obstacle(runtime)


def import_runtime() -> ModuleType:
    """The package ``onnxruntime``.

    Raises:
        PredictorError: It is missing or broken; the message says how to repair it.
    """
    try:
        import onnxruntime
    except ImportError as error:
        if not installed_distributions():
            raise PredictorError(f"this needs ONNX Runtime ({error}): pip install {RECOMMENDED}") from error
        raise PredictorError(f"ONNX Runtime cannot be imported ({error}); {clash() or repair()}") from error
    if not hasattr(onnxruntime, "InferenceSession"):  # what is left when one of two packages was uninstalled
        raise PredictorError(f"the installed ONNX Runtime is incomplete; {clash() or repair()}")
    runtime: ModuleType = onnxruntime
    return runtime


def installed_distributions() -> dict[str, str]:
    """The installed distributions that bring ``onnxruntime``, with their versions."""
    versions = {}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def clash() -> str | None:
    """What to do about several distributions of ONNX Runtime that overwrite each other; ``None`` if there is at most one."""
    names = list(installed_distributions())
    if len(names) < 2:
        return None
    return f"{' and '.join(names)} are installed into the same folder and overwrite each other; {repair()}"


def repair() -> str:
    """The two commands that install ONNX Runtime anew."""
    names = list(installed_distributions()) or [RECOMMENDED]
    return f"repair it with: pip uninstall -y {' '.join(names)} && pip install --force-reinstall --no-deps {RECOMMENDED}"


def load_driver() -> ctypes.CDLL:
    """The library of the NVIDIA driver.

    Raises:
        OSError: There is none, or it cannot be loaded.
    """
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def driver_obstacle(needs: int = 0) -> str | None:
    """Why the NVIDIA driver is of no use here and what to do; ``None`` if it finds a GPU.

    Args:
        needs: The major version of CUDA that the driver has to support.
    """
    try:
        driver = load_driver()
    except OSError as error:
        return f"no NVIDIA driver can be loaded ({error}): install NVIDIA's driver, if this machine has an NVIDIA GPU"
    count, version = ctypes.c_int(0), ctypes.c_int(0)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or driver.cuDriverGetVersion(ctypes.byref(version))
    if code != 0:
        return f"the NVIDIA driver does not start ({_driver_error(driver, code)}): see whether nvidia-smi works, and update the driver"
    if count.value == 0:
        return "the NVIDIA driver finds no GPU: see nvidia-smi, and CUDA_VISIBLE_DEVICES"
    supported = version.value // 1000
    if supported < needs:
        older = " or pip install 'onnxruntime-gpu<1.27'" if supported == 12 else ""
        return f"the installed ONNX Runtime needs CUDA {needs}, and the NVIDIA driver supports CUDA {supported}: update the driver{older}"
    return None


def load_libraries(runtime: ModuleType) -> str | None:
    """Lets ONNX Runtime find NVIDIA's libraries where pip put them; says which is missing and what to do, ``None`` if none is."""
    missing = _missing_libraries(runtime)
    return f"CUDA's libraries cannot be loaded ({missing[0]}): {INSTALL_CUDA}" if missing else None


def _missing_libraries(runtime: ModuleType) -> list[str]:
    """The system's messages about NVIDIA's libraries, those first without which nothing works."""
    if not hasattr(runtime, "preload_dlls"):
        return []
    with contextlib.redirect_stdout(io.StringIO()) as printed:  # there is no other way to know
        runtime.preload_dlls()
    missing = [line.partition(": ")[2] for line in printed.getvalue().splitlines() if line.startswith("Failed to load ")]
    return sorted(missing, key=lambda message: not _is_essential(message))


def _is_essential(message: str) -> bool:
    return any(name in message for name in ESSENTIAL_LIBRARIES)


def _driver_error(driver: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    if driver.cuGetErrorString(code, ctypes.byref(text)) != 0 or text.value is None:
        return f"error {code}"
    return f"error {code}, {text.value.decode('utf-8', 'replace')}"


def _obstacle(runtime: ModuleType) -> str | None:
    """What makes it pointless to try CUDA: trying all the same would cost red lines on the terminal."""
    if CUDA not in runtime.get_available_providers():
        return clash() or f"the installed ONNX Runtime was built without CUDA: {_install_with_cuda()}"
    obstacle = driver_obstacle(_cuda_major(runtime))
    if obstacle is None and any(map(_is_essential, _missing_libraries(runtime))):
        return load_libraries(runtime)
    return obstacle


def _cuda_major(runtime: ModuleType) -> int:
    """The major version of CUDA that ONNX Runtime was built for; 0 if it does not say."""
    major = str(getattr(runtime, "cuda_version", "")).partition(".")[0]
    return int(major) if major.isdecimal() else 0


def _install_with_cuda() -> str:
    if RECOMMENDED != "onnxruntime-gpu":
        return "there is none with CUDA for this system"
    names = " ".join(installed_distributions()) or "onnxruntime"
    return f"pip uninstall -y {names} && {INSTALL_CUDA}"


def _exact_options(runtime: ModuleType, threads: int | None) -> Any:
    options = runtime.SessionOptions()
    # Beyond "basic", operators are fused into others whose arithmetic the exactness proof does not cover.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = FATAL
    return options


def _float_options(runtime: ModuleType, threads: int | None) -> Any:
    """Settings under which a float model repeats its results on the same machine; each is part of the fingerprint, or never changes."""
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.use_deterministic_compute = True
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = thread_count(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    return options


def _fix_cublas() -> None:
    for name, value in CUBLAS_ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _create_on_cuda(runtime: ModuleType, model: bytes | str, options: Any, exact: bool, *, is_required: bool) -> Any | None:
    """A session on CUDA; ``None`` if it cannot be had and need not be."""
    runtime.set_default_logger_severity(FATAL)  # ScatterND warns at every node, by the default logger, that indices must not repeat; they do not
    try:
        session = _create(runtime, model, options, [CUDA if exact else (CUDA, CUDA_OPTIONS), CPU])
    except PredictorError:
        if is_required:
            raise
        return None
    finally:
        runtime.set_default_logger_severity(WARNING)
    if session.get_providers()[0] == CUDA:
        return session
    if is_required:
        complaint = load_libraries(runtime) or f"ONNX Runtime does not say why it fell back to the CPU; see lmac doctor, and try {INSTALL_CUDA}"
        raise PredictorError(f"CUDA cannot be used: {complaint}; or use device='cpu' (--device cpu)")
    return None


def _create(runtime: ModuleType, model: bytes | str, options: Any, providers: list[Any]) -> Any:
    with naming_errors(PredictorError, "ONNX Runtime cannot load the model"):
        # Its own fallback prints to standard output, and would change providers in the middle of a file.
        return runtime.InferenceSession(model, options, providers=providers, enable_fallback=0)
