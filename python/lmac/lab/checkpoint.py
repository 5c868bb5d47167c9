"""Exports Hugging Face checkpoints as folders that lmac.predictors.language_model runs: model.onnx, tokenizer.json, config.json.

What the graph is, cached_decoder.py says. Here a checkpoint is read without network and without running its code, the graph is written and compared
with the model that it was made of, and the folder appears at once or not at all. (export.py writes lmac's own exact models; these compute in floating point.)
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError

from .cached_decoder import CachedDecoder, FixedCaches, GrowingCaches

OPSET = 18
DEFAULT_CONTEXT_LENGTH = 1024
EXTERNAL_BYTES = 1 << 30  # from here on the weights go into a file of their own; a protobuf message holds at most 2 GiB
TOLERANCE = 1e-3  # of the largest logit: float32 in another order of additions differs by 1e-5, another computation by 1e-1


def export_checkpoint(checkpoint: Path, output: Path, *, context_length: int | None = None, concat: bool = False, force: bool = False) -> str:
    """Writes the folder ``output``, all of it or nothing, and compares what it computes with PyTorch.

    Args:
        checkpoint: Folder with config.json, weights and tokenizer.json. Code in it is never run.
        output: The folder to write.
        context_length: Tokens that the caches hold (default: the model's context, at most 1024).
        concat: Write growing caches as Hugging Face's exports have them instead of caches of fixed size.
        force: Replace an export that is there.

    Returns:
        One line that says what was written and how well it agrees.

    Raises:
        ValueError: The checkpoint, an option or the place of the output is not usable, or the export computes something else.
    """
    _check_checkpoint(checkpoint)
    _check_output(checkpoint, output, force)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as scratch:
        folder = Path(scratch) / "new"
        folder.mkdir()
        model = _load(checkpoint)
        report = write_model(model, folder, _slots(model.config, context_length), concat=concat)
        for name in ("config.json", "generation_config.json", "tokenizer.json"):
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, folder / name)
        if output.exists():
            output.rename(Path(scratch) / "old")
        folder.rename(output)
    return f"{output}: {report}"


def write_model(model: Any, folder: Path, slots: int, *, concat: bool = False) -> str:
    """Writes model.onnx into a folder and compares it with the model.

    Args:
        model: A decoder of transformers in float32, which is changed.
        folder: Where to write.
        slots: How many tokens the caches hold.
        concat: Write growing caches instead.

    Returns:
        A line about the layout and how well the two agree.

    Raises:
        ValueError: The model cannot be exported, or the graph computes something else.
    """
    model.eval().requires_grad_(False)
    tokens = torch.randint(model.config.get_text_config().vocab_size, (2, min(12, slots)), generator=torch.Generator().manual_seed(1))
    expected = model(input_ids=tokens, use_cache=False).logits.numpy()
    path = folder / "model.onnx"
    try:
        decoder = GrowingCaches(model) if concat else FixedCaches(model, slots)
        _write_graph(decoder, path)
        logits = _run(path, decoder, tokens.numpy())
    except ImportError:
        raise
    except Exception as error:  # transformers, the exporter and the runtime have many kinds
        raise ValueError(f"a model of type {model.config.model_type} cannot be exported: {_reason(error)}") from error
    difference = float(np.abs(logits - expected).max())
    if not difference <= TOLERANCE * float(np.abs(expected).max()):  # a NaN is none either
        raise ValueError(f"the exported graph does not compute what the model does: logits differ by up to {difference:.2g}")
    layout = "growing caches" if concat else f"caches of {slots} tokens"
    return f"{layout} in {len(decoder.sizes)} layers; the logits of ONNX Runtime and PyTorch differ by at most {difference:.1g}"


def _reason(error: BaseException) -> str:
    """The first line of the error that began it; those that it led to tell of the exporter's steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _check_checkpoint(checkpoint: Path) -> None:
    if not (checkpoint / "config.json").exists():
        raise ValueError(f"{checkpoint} has no config.json: a folder to export must be a Hugging Face checkpoint")
    if not (checkpoint / "tokenizer.json").exists():
        load = f"transformers.AutoTokenizer.from_pretrained({str(checkpoint)!r}).save_pretrained({str(checkpoint)!r})"
        raise ValueError(f"{checkpoint} has no tokenizer.json, at most the files of an older tokenizer; this Python line makes one of them: {load}")


def _check_output(checkpoint: Path, output: Path, force: bool) -> None:
    if not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent}")
    if not output.exists():
        return
    if not force:
        raise ValueError(f"{output} exists; --force replaces it")
    if not (output / "model.onnx").exists() or checkpoint.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"{output} is not an earlier export; choose another folder")


def _load(checkpoint: Path) -> Any:
    """The model in float32, from this folder and nowhere else."""
    transformers.utils.logging.disable_progress_bar()  # it would appear in files, too
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(checkpoint, **here)
    if config.is_encoder_decoder:
        raise ValueError(f"{checkpoint} is an encoder and a decoder ({config.model_type}); only decoders predict the next token of a text")
    options = {"dtype": torch.float32, "attn_implementation": "eager", "output_loading_info": True}
    try:
        model, loading = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, config=config, **options, **here)
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(f"the weights in {checkpoint} are damaged or of another model: {_reason(error)}") from error
    if loading["missing_keys"]:  # transformers would give them random numbers
        raise ValueError(f"{checkpoint} lacks weights of the model: {', '.join(sorted(loading['missing_keys'])[:3])}")
    return model


def _slots(config: Any, context_length: int | None) -> int:
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    if context_length is None:
        return min(limit or DEFAULT_CONTEXT_LENGTH, DEFAULT_CONTEXT_LENGTH)
    if context_length < 1 or (limit and context_length > limit):
        raise ValueError(f"--context-length must be from 1 to the model's {limit}" if limit else "--context-length must be positive")
    return context_length


def _write_graph(decoder: CachedDecoder, path: Path) -> None:
    """Exports by torch.onnx; what the exporter notes about source code is left out."""
    example = decoder.feed(np.zeros((2, 3), np.int64), 5)  # no dimension of 1, which the exporter would take to be fixed
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells that torchvision is missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the exporter's own parts
        program: Any = torch.onnx.export(
            decoder.eval(),
            (*map(torch.from_numpy, example.values()), decoder.caches(2, 5)),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[*decoder.inputs, *decoder.cache_names("past_key_values")],
            output_names=["logits", *decoder.cache_names("present")],
            dynamic_shapes=(*decoder.inputs.values(), [decoder.cache_dimensions] * 2 * len(decoder.sizes)),
        )
    for node in program.model.graph.all_nodes():
        node.doc_string = None
        node.metadata_props.clear()
    size = sum(parameter.numel() * parameter.element_size() for parameter in decoder.parameters())
    program.save(path, external_data=size > EXTERNAL_BYTES)


def _run(path: Path, decoder: CachedDecoder, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits of the graph for tokens ``(batch, steps)``, fed as eight at once and then one by one."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    caches = [tensor.numpy() for tensor in decoder.caches(len(tokens), 0)]
    parts = []
    for start, end in ((0, 8), *((at, at + 1) for at in range(8, tokens.shape[1]))):
        pasts = dict(zip(decoder.cache_names("past_key_values"), caches, strict=True))
        logits, *caches = session.run(None, decoder.feed(tokens[:, start:end], start) | pasts)
        parts.append(logits)
    return np.concatenate(parts, 1)
