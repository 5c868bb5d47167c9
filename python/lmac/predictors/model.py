"""Where models come from: a name, a file, a folder, or bytes; and what runs them.

A name, as in ``Codec("default")``, is that of a file in the package's folder ``models``; one that begins with ``hf:`` is a
model in Hugging Face's cache. An *exact* model (docs/exact-transformer.md) is run by the native executor, or by ONNX Runtime
with the same integers. Any other is somebody's language model, in floating point (``language_model``).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import index
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from .._core import Executor, LmacError, Model, OnnxSummary
from ..filesystem.input_file import MAX_GRAPH_LEN, MAX_JSON_LEN, read_whole
from . import hub
from .predictor import Predictor

DEFAULT_MODEL = "default"
SUFFIX = ".onnx"

#: The alphabet of the codec itself.
BYTES = 256

#: The name of a model, the path of a model file or of a folder with one, the bytes of an exact one, a predictor, or ``None`` for ``"default"``.
ModelSource: TypeAlias = str | os.PathLike[str] | bytes | Predictor | None
DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]
ExecutorName: TypeAlias = Literal["auto", "native", "onnx"]


#: No machine has more processors; asking the system for more threads than it can have takes long to fail.
MAX_THREADS = 1024


@dataclass(frozen=True)
class Running:
    """How a model is run; see ``Codec``.

    Raises:
        ValueError: An unknown name, or a number out of range.
    """

    executor: ExecutorName = "auto"
    device: DeviceName = "auto"
    threads: int | None = None
    tokenizer: str | os.PathLike[str] | None = None
    context_length: int | None = None
    ignore_fingerprint: bool = False

    def __post_init__(self) -> None:
        _check_name("executor", self.executor, get_args(ExecutorName))
        _check_name("device", self.device, get_args(DeviceName))
        if self.threads is not None and not 1 <= index(self.threads) <= MAX_THREADS:
            raise ValueError(f"threads must be between 1 and {MAX_THREADS}, or None for one per core, not {self.threads}")
        if self.context_length is not None and index(self.context_length) < 2:
            raise ValueError(f"context_length must be at least 2 tokens, not {self.context_length}")
        if self.executor == "native" and self.device == "cuda":
            raise ValueError("the native executor runs on the CPU: use executor='onnx' with device='cuda'")
        if self.tokenizer is not None:
            object.__setattr__(self, "tokenizer", os.path.abspath(self.tokenizer))  # also for processes that work in another folder


def settled(model: ModelSource) -> ModelSource:
    """The same source for processes that work in another folder: a path becomes absolute, a name stays.

    Raises:
        LmacError: An unknown name.
        TypeError: It is no source of a model.
    """
    if model is None or isinstance(model, bytes) or (isinstance(model, str) and model.startswith(hub.PREFIX)):
        return model
    if isinstance(model, str | os.PathLike):
        return str(model) if model in model_names() else Path(os.path.abspath(_local_path(model)))
    if isinstance(model, Predictor):
        return model
    raise TypeError(f"a model is a name, a path, bytes, or an object with the methods of lmac.Predictor, not {type(model).__name__}")


def model_stamp(model: ModelSource, running: Running) -> object:
    """What changes when the files of a model do.

    Raises:
        LmacError, OSError: There is no such model.
    """
    path = None if isinstance(model, bytes | Predictor) else _path(model)
    if path is None:
        return None
    from .model_files import ModelFiles

    files = ModelFiles.find(path, running.tokenizer)
    stats = [(file, file.stat()) for file in (files.graph, files.tokenizer) if file is not None]
    return tuple((file, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns) for file, stat in stats)


def load_predictor(model: ModelSource, running: Running) -> Predictor:
    """Loads a model into the executor asked for.

    Raises:
        ValueError: A setting that the model does not have.
        FormatError: The file is no model.
        LmacError: The model cannot be used, or a part of it is missing.
        PredictorError: The executor does not reproduce the model's known answers, or ONNX Runtime cannot run it.
    """
    if isinstance(model, Predictor):
        return model
    path = None if isinstance(model, bytes) else _path(model)
    if path is None and running.tokenizer is not None:
        raise ValueError("a tokenizer belongs to a model file or folder: name it (model=, --model)")
    predictor = _load_exact(read_model(model), running) if path is None else _load_path(path, running)
    if running.context_length is not None and not hasattr(predictor, "fingerprint"):
        raise ValueError("context_length is for language models in floating point; an exact model says itself how much it sees")
    return predictor


def _load_path(path: Path, running: Running) -> Predictor:
    """An exact model, or somebody's language model, in a file or a folder."""
    from .model_files import ModelFiles

    files = ModelFiles.find(path, running.tokenizer)
    summary = OnnxSummary(files.read_graph())
    if summary.is_exact:
        return _with_tokens(_load_exact(files.read_graph(), running), files.tokenizer, is_asked_for=running.tokenizer is not None)
    if running.executor == "native":
        raise ValueError(f"the native executor runs exact models only, and {files.graph} is none: leave out executor='native'")
    from .language_model import LanguageModel

    return LanguageModel(
        files,
        summary,
        device=running.device,
        threads=running.threads,
        context_length=running.context_length,
        ignores_fingerprint=running.ignore_fingerprint,
    )


def _with_tokens(predictor: Predictor, tokenizer: Path | None, *, is_asked_for: bool) -> Predictor:
    """An exact model whose symbols are not bytes, or all of them."""
    size = predictor.alphabet_size
    if size == BYTES and not is_asked_for:
        return predictor
    from .language_model import TokenPredictor
    from .tokenization import Tokenizer, byte_vocabulary

    if tokenizer is not None:
        tokens = Tokenizer(read_whole(tokenizer, MAX_JSON_LEN), size)
        return TokenPredictor(predictor, tokens.vocabulary, tokens)
    if size > BYTES:
        raise LmacError(f"the model has {size} symbols: name the tokenizer that says what they spell (tokenizer=, --tokenizer)")
    return TokenPredictor(predictor, byte_vocabulary(size), None)


def _load_exact(data: bytes, running: Running) -> Predictor:
    if running.executor == "onnx" or (running.executor == "auto" and running.device == "cuda"):
        from .onnx_executor import OnnxExecutor  # numpy and onnxruntime only where they are needed

        return OnnxExecutor(data, device=running.device, threads=running.threads)
    return Executor(Model(data), running.threads)


def read_model(model: str | os.PathLike[str] | bytes | None) -> bytes:
    """The bytes of an exact model, given the name of one inside the package, a file's path, or the bytes themselves.

    A name wins over a file in the working directory that is called the same: ``./default`` is the file.

    Raises:
        LmacError: A plain word (no folder, no suffix) that is neither a known name nor a file; or what is there is no regular file, or too long.
        OSError: The file cannot be read.
    """
    if isinstance(model, bytes):
        return model
    path = _path(model)
    return _packaged(str(model or DEFAULT_MODEL)) if path is None else read_whole(path, MAX_GRAPH_LEN)


def _path(model: str | os.PathLike[str] | None) -> Path | None:
    """Where a model is; ``None`` if it is one inside the package."""
    if model is None or model in model_names():
        return None
    if isinstance(model, str) and model.startswith(hub.PREFIX):
        return hub.resolve(model)
    return _local_path(model)


def _local_path(model: str | os.PathLike[str]) -> Path:
    """A path that is no plain word, or that of a file."""
    path = Path(model)
    if str(model) == path.stem and not path.exists():
        raise LmacError(f"unknown model {str(model)!r}: the names are {', '.join(model_names()) or 'none here'}, and the path of a model file is possible too")
    return path


def model_size(model: str | os.PathLike[str] | None) -> int:
    """The bytes of all weights of a model, given the name of one inside the package or a path.

    Raises:
        LmacError, OSError: As ``Codec``.
    """
    path = _path(model)
    if path is None:
        return len(_packaged(str(model or DEFAULT_MODEL)))
    from .model_files import ModelFiles

    files = ModelFiles.find(path)
    return sum(path.stat().st_size for path in files.weights(OnnxSummary(files.read_graph())))


def model_names() -> list[str]:
    """The names of the models inside the package."""
    folder = resources.files("lmac") / "models"
    return sorted(file.name.removesuffix(SUFFIX) for file in folder.iterdir() if file.name.endswith(SUFFIX)) if folder.is_dir() else []


@cache
def packaged_ids() -> dict[str, bytes]:
    """The content ids of the models inside the package, by name; without those that cannot be read."""
    ids = {}
    for name in model_names():
        with suppress(LmacError, OSError):
            ids[name] = Model(_packaged(name)).model_id
    return ids


def _packaged(name: str) -> bytes:
    try:
        return (resources.files("lmac") / "models" / (name + SUFFIX)).read_bytes()
    except FileNotFoundError:
        raise LmacError("this installation of lmac has no model of its own: name a model file (model=, --model)") from None


def _check_name(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"unknown {kind} {name!r}: use one of {', '.join(known)}")
