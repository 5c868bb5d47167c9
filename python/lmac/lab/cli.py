"""The command ``lmac-lab``: train an exact model, export it, measure it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .architecture import Architecture, Context
from .settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="lmac-lab", description="Train and export exact models for lmac.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train an exact model on text", formatter_class=argparse.ArgumentDefaultsHelpFormatter))
    _add_export(commands.add_parser("export", help="write a trained model as one .onnx file"))
    _add_eval(commands.add_parser("eval", help="measure a model on files, beside xz"))
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, ValueError) as error:
        parser.exit(1, f"lmac-lab: {error}\n")
    return 0


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("text", nargs="+", type=Path, help="folders, text files or .tar.xz shards")
    add("-o", "--output", type=Path, required=True, help="folder for the checkpoint and the tensors")
    add("--valid", nargs="+", type=Path, required=True, help="held-out text")
    add("--weights", nargs="+", type=float, help="relative share of each text (default: by its bytes)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--resume", action="store_true", help="continue from the checkpoint in the output folder")
    add("--from", dest="origin", type=Path, metavar="MODEL", help="begin with this .onnx model, with its architecture")
    for name, kind in (("minutes", float), ("steps", int)):
        add(f"--{name}", type=kind, help=f"length of the run in {name}")
    for name in ("batch", "sample_steps", "seed", "validations"):
        add("--" + name.replace("_", "-"), type=int, default=getattr(Settings, name))
    for name in ("matrix_rate", "other_rate", "table_rate"):
        add("--" + name.replace("_", "-"), type=float, default=getattr(Settings, name))
    add("--no-compile", dest="compile", action="store_false", help="do not compile the training step")
    add("--autocast", action=argparse.BooleanOptionalAction, help="bfloat16 products (default: on CUDA)")
    for name in ("width", "layers", "heads", "head_dim", "hidden", "window", "context_rows_log2", "context_dim"):
        add("--" + name.replace("_", "-"), type=int, default=getattr(Architecture, name))
    contexts = "n2: bigrams, w1: words, ... (default: n2 n3 n4 n5 n6 n8 w1 w2)"
    add("--contexts", nargs="*", type=Context.parse, default=argparse.SUPPRESS, help=contexts)
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from .export import read
    from .train import Training, train

    if arguments.device == "auto":
        arguments.device = "cuda" if torch.cuda.is_available() else "cpu"
    if arguments.autocast is None:
        arguments.autocast = arguments.device == "cuda"

    def pick(kind: type, *excluded: str) -> dict[str, object]:
        names = set(kind.__dataclass_fields__) - set(excluded)  # type: ignore[attr-defined]
        return {name: value for name, value in vars(arguments).items() if name in names}

    fields = pick(Architecture)
    if "contexts" in fields:
        fields["contexts"] = tuple(arguments.contexts)
    tensors, architecture = read(arguments.origin) if arguments.origin else (None, Architecture(**fields))  # type: ignore[arg-type]
    run = Training(architecture, Settings(**pick(Settings)), torch.device(arguments.device))  # type: ignore[arg-type]
    if tensors:
        run.model.set_tensors(tensors)
    arguments.output.mkdir(parents=True, exist_ok=True)
    checkpoint = arguments.output / "checkpoint.pt"
    if arguments.resume:
        run.resume(checkpoint)
    train(run, arguments.text, arguments.weights, arguments.valid, checkpoint)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tensors", type=Path, help="tensors.npz of a training run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .onnx file to write")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from .export import export

    with np.load(arguments.tensors) as file:
        tensors = {name: file[name] for name in file.files}
    export(tensors, Architecture.from_json(str(tensors.pop("architecture"))), arguments.output)


def _add_eval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, help="model file (default: the one inside the package)")
    parser.add_argument("-T", "--threads", type=int, help="threads (default: one per core)")
    parser.add_argument("--no-adaptive", dest="adaptive", action="store_false", help="use the language model alone")
    parser.add_argument("--lane-len", type=int, metavar="BYTES", help="length of a lane (default: the rule of the mode)")
    parser.set_defaults(run=_eval)


def _eval(arguments: argparse.Namespace) -> None:
    from lmac import Codec

    from .evaluate import HEADER, evaluate

    print(HEADER, flush=True)
    codec = Codec(arguments.model, threads=arguments.threads, adaptive=arguments.adaptive, lane_len=arguments.lane_len)
    for row in evaluate(arguments.files, codec):
        print(row, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
