"""Where models come from: a name, a file, or bytes; and what runs them.

A name, as in ``Codec("default")``, is that of a file in the package's folder ``models``. A model is an ``.onnx``
file (docs/exact-transformer.md, section 9). Two executors read it and give the same integers: the native one,
which is the default, and ONNX Runtime.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ._core import Executor, LmacError, Model
from .predictor import Predictor

DEFAULT_MODEL = "default"
SUFFIX = ".onnx"

#: The name of a model inside the package, a model file's path or its bytes, a predictor, or ``None`` for ``"default"``.
ModelSource: TypeAlias = str | os.PathLike[str] | bytes | Predictor | None
DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]
ExecutorName: TypeAlias = Literal["auto", "native", "onnx"]


def load_predictor(model: ModelSource, executor: ExecutorName, device: DeviceName, threads: int | None) -> Predictor:
    """Loads a model into the executor asked for.

    Raises:
        ValueError: An unknown name, or a native executor on a GPU.
        FormatError: The file is no exact model.
        PredictorError: The executor does not reproduce the model's known answers.
    """
    _check_name("executor", executor, get_args(ExecutorName))
    _check_name("device", device, get_args(DeviceName))
    if isinstance(model, Predictor):
        return model
    data = read_model(model)
    if executor == "onnx" or (executor == "auto" and device == "cuda"):
        from .onnx_executor import OnnxExecutor  # numpy and onnxruntime only where they are needed

        return OnnxExecutor(data, device=device, threads=threads)
    if device == "cuda":
        raise ValueError("the native executor runs on the CPU: use executor='onnx' with device='cuda'")
    return Executor(Model(data), threads)


def read_model(model: str | os.PathLike[str] | bytes | None) -> bytes:
    """The bytes of a model, given the name of one inside the package, a file's path, or the bytes themselves.

    A name wins over a file in the working directory that is called the same: ``./default`` is the file.

    Raises:
        LmacError: A plain word (no folder, no suffix) that is neither a known name nor a file.
        OSError: The file cannot be read.
    """
    if isinstance(model, bytes):
        return model
    if model is None or model in model_names():
        return _packaged(model or DEFAULT_MODEL)
    path = Path(model)
    if str(model) == path.stem and not path.exists():
        raise LmacError(f"unknown model {str(model)!r}: the names are {', '.join(model_names()) or 'none here'}, and the path of a model file is possible too")
    return path.read_bytes()


def model_names() -> list[str]:
    """The names of the models inside the package."""
    folder = resources.files("lmac") / "models"
    return sorted(file.name.removesuffix(SUFFIX) for file in folder.iterdir() if file.name.endswith(SUFFIX)) if folder.is_dir() else []


def _packaged(name: str) -> bytes:
    try:
        return (resources.files("lmac") / "models" / (name + SUFFIX)).read_bytes()
    except FileNotFoundError:
        raise LmacError("this installation of lmac has no model of its own: name a model file (model=, --model)") from None


def _check_name(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")
