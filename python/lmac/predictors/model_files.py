"""``ModelFiles``: the files of a language model, as Hugging Face's repositories and exports lay them out.

Named is a folder, or one of its .onnx files. Beside the graph, or above its folder ``onnx``, are tokenizer.json and config.json.
What must not be used is refused here, before anything is loaded: models with an encoder, and graphs quantized in a way that
gives different numbers on different processors.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._core import LmacError, OnnxSummary
from ..filesystem.input_file import MAX_GRAPH_LEN, MAX_JSON_LEN, open_regular, read_whole

#: Where the graph is in a folder that does not say it, the best first.
_GRAPHS = ("model.onnx", "decoder_model_merged.onnx", "decoder_with_past_model.onnx")

#: Numbers of tokens, and of places for them, are not greater.
_MOST = 2**31 - 1

# Of a value that is refused, so much is shown.
_SHOWN_LEN = 40

_CONTEXT_LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len", "seq_length")


@dataclass
class ModelFiles:
    """A graph and what belongs to it.

    Raises:
        LmacError: Something is missing, or the model is of a kind that cannot be used.
        OSError: A file cannot be read.
    """

    graph: Path
    #: tokenizer.json, if there is one.
    tokenizer: Path | None
    #: What config.json and generation_config.json say.
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def find(cls, source: Path, tokenizer: str | os.PathLike[str] | None = None) -> ModelFiles:
        """The files of a folder, or those that belong to an .onnx file; ``tokenizer`` may name another one."""
        graph = _find_graph(source) if source.is_dir() else source
        folders = [graph.parent, graph.parent.parent] if graph.parent.name == "onnx" else [graph.parent]
        config = _read_json(folders, "generation_config.json") | _read_json(folders, "config.json")
        if config.get("is_encoder_decoder"):
            raise LmacError(f"{source} is a model with an encoder and a decoder; lmac needs a decoder-only language model")
        return cls(graph, Path(tokenizer) if tokenizer else _find(folders, "tokenizer.json"), config)

    def read_graph(self) -> bytes:
        """The bytes of the graph's file."""
        return read_whole(self.graph, MAX_GRAPH_LEN)

    def content_id(self, summary: OnnxSummary) -> bytes:
        """A hash of all weights, those in other files included.

        Raises:
            LmacError: A file with weights is missing, or lies elsewhere.
        """
        content = hashlib.sha256()
        for path in self.weights(summary):
            with open_regular(path) as file:
                content.update(hashlib.file_digest(file, "sha256").digest())
        return content.digest()

    def weights(self, summary: OnnxSummary) -> list[Path]:
        """The files that hold weights: the graph, and those that it refers to.

        Raises:
            LmacError: As ``content_id``.
        """
        for name in summary.external_files:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise LmacError(f"{self.graph} refers to weights outside of its folder: {name}")
            if not (self.graph.parent / name).exists():
                raise LmacError(f"{self.graph.parent / name} is missing: {self.graph.name} has its weights there")
        return [self.graph, *(self.graph.parent / name for name in summary.external_files)]

    @property
    def context_length(self) -> int | None:
        """How many tokens the model was made to see, if config.json says it."""
        lengths = [length for name in _CONTEXT_LENGTHS if (length := _number(self.config, name)) is not None]
        return min(lengths) if lengths else None

    def token(self, name: str) -> int | None:
        """The number of a token with a role, such as ``bos_token_id``; of several, the first."""
        return _number(self.config, name)


def _find_graph(folder: Path) -> Path:
    graphs = [path for place in (folder, folder / "onnx") for path in sorted(place.glob("*.onnx"))]
    best = [path for name in _GRAPHS for path in graphs if path.name == name]
    if best or len(graphs) == 1:
        return (best or graphs)[0]
    if graphs:
        raise LmacError(f"{folder} has several models: name one of {', '.join(str(path) for path in graphs)}")
    advice = "; lmac-lab export makes one of a Hugging Face checkpoint" if (folder / "config.json").exists() else ""
    raise LmacError(f"{folder} has no model.onnx{advice}")


def _find(folders: list[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def _read_json(folders: list[Path], name: str) -> dict[str, Any]:
    path = _find(folders, name)
    if path is None:
        return {}
    try:
        content = json.loads(read_whole(path, MAX_JSON_LEN))
    except (ValueError, RecursionError) as error:
        raise LmacError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise LmacError(f"{path} is damaged: it holds no object")
    return content


def _number(config: dict[str, Any], name: str) -> int | None:
    """A number of config.json, or the first of a list; ``None`` if the file has none.

    Raises:
        LmacError: What is there is no number, or none of a sensible size.
    """
    value = config.get(name)
    value = value[0] if isinstance(value, list) and value else value
    if value in (None, [], -1):  # several writers mean "none" by -1
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise LmacError(f"config.json is damaged: {name} must be a number, and is {_cut(value)}")
    return value


def _cut(value: object) -> str:
    """What a value is, in a few characters."""
    text = ascii(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= _SHOWN_LEN else text[:_SHOWN_LEN] + "..."
