"""What must be the same on the machine that decodes, for a float model to give the same numbers.

ONNX Runtime rounds differently from version to version, from one set of vector instructions to another, and from GPU to GPU.
A file made with a float model therefore says where it was made, in one line. Equal lines do not prove that the
numbers will be equal, and different ones do not prove the opposite: the line is there to refuse early, and to say why
(rust/lmac-core/src/format/fingerprint.rs). In a frame it takes at most 48 bytes, since the words of the lines made here are
abbreviated there (phrases.rs); which model and tokenizer it was, the model id says.

What is in it, and why (found by comparing results, or by reading ONNX Runtime's sources):

* the version of ONNX Runtime, the provider, and how far the graph is optimized: they choose the kernels;
* the processor's instruction sets, among which the CPU kernels choose; on CUDA too, since constants are computed beforehand, on the CPU;
* the C library, whose exponential and trigonometric functions some kernels call, and the size of the second-level
  cache, by which attention is divided into blocks;
* the number of threads on the CPU, by which kernels may divide sums (those measured, of Transformers in float32, did not);
* on CUDA the device, its number of multiprocessors, the driver, cuBLAS and cuDNN: these choose how sums are split.

Exact models need nothing of this.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

from .. import _core
from .providers import CPU, CUBLAS_ENVIRONMENT, CUDA, import_runtime, load_driver, thread_count

# How many characters of a value remain, if possible, when a frame has no room for all; its hash follows.
_KEPT_LEN, _LONGEST_LEN = 6, 200

# What glibc calls _SC_LEVEL2_CACHE_SIZE; Python does not know its name.
_CACHE_SIZE = 191

# Attributes of a device, as the driver's header cuda.h numbers them.
_MULTIPROCESSORS, _CAPABILITY_MAJOR, _CAPABILITY_MINOR = 16, 75, 76

# The levels that compilers and Linux distributions know (https://gitlab.com/x86-psABIs/x86-64-ABI), of what we look at.
_LEVELS = {"v2": {"sse4.1"}, "v3": {"avx", "avx2", "f16c", "fma"}, "v4": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}

UNKNOWN = "unknown"


def machine_fingerprint(session: Any, threads: int | None) -> dict[str, str]:
    """What the results of ``session`` depend on besides the model and the shapes of the calls.

    Args:
        session: An ``onnxruntime.InferenceSession`` of ``create_session`` for a float model.
        threads: What the session was created with.

    Raises:
        PredictorError: ONNX Runtime is missing or broken.
    """
    provider = session.get_providers()[0]
    parts = {"onnxruntime": str(import_runtime().__version__), "provider": provider.removesuffix("ExecutionProvider")}
    if provider == CUDA:
        parts |= _cuda_parts()
    parts |= {"system": _system(), "processor": processor(_core.cpu_features()), "cache": _cache()}
    if provider == CPU:
        parts["threads"] = str(thread_count(threads))
    level = session.get_session_options().graph_optimization_level.name
    return parts | {"options": level.removeprefix("ORT_ENABLE_").removeprefix("ORT_").lower()}


def processor(features: Iterable[str]) -> str:
    """The instruction sets of a processor, as one value: those that make up a level of x86-64 by its name."""
    names = set(features)
    level = max((level for level, needed in _LEVELS.items() if names.issuperset(needed)), default=None)
    if level is not None:
        names -= {name for below, needed in _LEVELS.items() if below <= level for name in needed}
    return "+".join(filter(None, (level, *sorted(names)))) or platform.machine() or UNKNOWN


def to_text(parts: dict[str, str]) -> str:
    """``key=value; key=value`` in ASCII, for which a frame has room: values that are too long end in a hash of the whole."""
    whole = {key: _printable(value).replace(";", ",").strip() for key, value in parts.items()}
    values = whole
    longest_first = sorted(whole, key=lambda key: _len(whole | {key: ""}))
    for least, key in itertools.product((_KEPT_LEN, 0), longest_first):
        if _fits(values):
            break
        value = whole[key]
        cut = [values, *(values | {key: value[:kept] + _hash(value)} for kept in range(min(len(value), _LONGEST_LEN), least - 1, -1))]
        values = next(filter(_fits, cut), min(cut, key=_len))
    return _join(values) if _fits(values) else _hash(_join(whole))


def _join(values: dict[str, str]) -> str:
    return "; ".join(f"{key}={value}" for key, value in values.items())


def _len(values: dict[str, str]) -> int:
    return _core.fingerprint_len(_join(values))


def _fits(values: dict[str, str]) -> bool:
    return _len(values) <= _core.MAX_FINGERPRINT_LEN


def _hash(text: str) -> str:
    return "~" + hashlib.sha256(text.encode()).hexdigest()[:6]


def _printable(text: str) -> str:
    """``text`` in printable ASCII."""
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)


def _system() -> str:
    """Operating system, architecture, C library."""
    return " ".join(filter(None, (platform.system() or UNKNOWN, platform.machine() or UNKNOWN, _glibc())))


def _glibc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None  # another C library, which does not name itself


def _cache() -> str:
    """The size of the second-level cache, which ONNX Runtime asks the system for in the same way."""
    return f"{max(os.sysconf(_CACHE_SIZE), 0) >> 10}K" if _glibc() else UNKNOWN


def _cuda_parts() -> dict[str, str]:
    """What the driver says of the first device, and the versions of the libraries that ONNX Runtime has loaded."""
    parts = dict.fromkeys(("device", "capability", "multiprocessors", "driver"), UNKNOWN)
    with contextlib.suppress(OSError):
        parts = driver_parts(load_driver())
    major = str(getattr(import_runtime(), "cuda_version", "")).partition(".")[0]
    windows = sys.platform == "win32"
    parts["cublas"] = _library_version(f"cublasLt64_{major}.dll" if windows else f"libcublasLt.so.{major}", "cublasLtGetVersion")
    parts["cudnn"] = _library_version("cudnn64_9.dll" if windows else "libcudnn.so.9", "cudnnGetVersion")
    parts["workspace"] = " ".join(os.environ.get(name, "default") for name in CUBLAS_ENVIRONMENT)
    return parts


def driver_parts(driver: ctypes.CDLL) -> dict[str, str]:
    """Asks the driver, whose functions return 0 if all is well, about device 0, which sessions use."""
    device, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    started = driver.cuInit(0) == 0 and driver.cuDeviceGet(ctypes.byref(device), 0) == 0
    named = started and driver.cuDeviceGetName(name, len(name), device) == 0
    versioned = driver.cuDriverGetVersion(ctypes.byref(version)) == 0

    def attribute(number: int) -> str:
        value = ctypes.c_int()
        known = started and driver.cuDeviceGetAttribute(ctypes.byref(value), number, device) == 0
        return str(value.value) if known else UNKNOWN

    return {
        "device": name.value.decode("utf-8", "replace") if named else UNKNOWN,
        "capability": f"{attribute(_CAPABILITY_MAJOR)}.{attribute(_CAPABILITY_MINOR)}",
        "multiprocessors": attribute(_MULTIPROCESSORS),
        "driver": f"{version.value // 1000}.{version.value % 1000 // 10}" if versioned else UNKNOWN,
    }


def _library_version(library: str, function: str) -> str:
    """What a function without arguments of one of NVIDIA's libraries returns; they are loaded already, or not used."""
    try:
        ask = getattr(ctypes.CDLL(library), function)
    except (OSError, AttributeError):
        return "none"
    ask.restype = ctypes.c_size_t
    return str(ask())
