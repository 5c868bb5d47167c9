"""The command ``lmac-lab``: train an exact model, export a checkpoint, measure models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from lmac import LmacError

from ..predictors.model import model_names
from .architecture import SIZES, Context, parse_window
from .eval_command import picture_path, run_eval
from .settings import DEFAULT_MINUTES, PASSES

T = TypeVar("T")

TRAIN = f"""
Trains a model on text of your own and writes it as one file, for `lmac --model` and lmac.Codec. It begins as the
default model, unless another one (--from) or a size (--size) is asked for. The file holds the best state so
far from the first validation on; beside it are the curve as a picture and a checkpoint for --resume.
Without --minutes and --steps the run ends after {PASSES} passes through the text or {DEFAULT_MINUTES:.0f} minutes, or when
validation no longer improves.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="lmac-lab", description="Train, export and measure exact models for lmac.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    usage = "lmac-lab train TEXT... -o MODEL.onnx [options]"
    _add_train(commands.add_parser("train", help="train a model on text", usage=usage, description=TRAIN, epilog=_sizes(), formatter_class=raw))
    _add_export(commands.add_parser("export", help="write a checkpoint as a model for lmac"))
    _add_eval(commands.add_parser("eval", help="measure a model on files, beside other compressors"))
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except ImportError as error:
        parser.exit(1, f"lmac-lab: {error}; pip install 'lmac[lab]' brings what is missing\n")
    except (LmacError, OSError, ValueError) as error:
        parser.exit(1, f"lmac-lab: {error}\n")


def in_words(parse: Callable[[str], T]) -> Callable[[str], T]:
    """The type of an option whose error is told as it is; argparse keeps the words of its own errors alone."""

    def parse_option(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_option


def _sizes() -> str:
    lines = [f"  {name:8} {size.multiply_adds() / 1e6:.2f} M multiply-adds per byte" for name, size in SIZES.items()]
    return "\n".join(
        [
            "sizes (--size); the time for a byte, in training and in compressing, goes by its multiply-adds:",
            *lines,
            f"  {', '.join(model_names())}: as the models inside the package",
        ]
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("text", nargs="+", type=Path, metavar="TEXT", help="folders, text files (.gz, .xz, .bz2 too) or .tar archives")
    add("-o", "--output", type=Path, required=True, metavar="MODEL.onnx", help="the model file to write")
    add(
        "--from",
        nargs="+",
        dest="origins",
        metavar="MODEL",
        help="begin as this model, a name or a path or a checkpoint, or as the mean of several (default: default)",
    )
    add("--size", choices=(*SIZES, *model_names()), default=argparse.SUPPRESS, help="begin from nothing, with a model of this size; see below")
    add("--minutes", type=float, default=argparse.SUPPRESS, help="length of the run")
    add("--messages", action="store_true", default=argparse.SUPPRESS, help="every line is a message that will be compressed on its own")
    add("--valid", nargs="+", type=Path, metavar="TEXT", help="held-out text (default: a tenth of the text, at most a MiB of each)")
    add("--resume", action="store_true", help="continue from the checkpoint beside the model file")
    add("-f", "--force", action="store_true", help="begin anew where there is a checkpoint")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    _add_settings(parser.add_argument_group("for experts: the run"))
    _add_shape(parser.add_argument_group("for experts: the architecture, a change of the size's (or of large)"))
    parser.set_defaults(run=_train)


def _add_settings(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--weights", nargs="+", type=float, metavar="SHARE", help="relative share of each text (default: by its bytes)")
    integers = ("steps", "batch", "sample_steps", "warmup_steps", "seed", "validations", "patience")
    for name in integers:
        group.add_argument("--" + name.replace("_", "-"), type=int, default=argparse.SUPPRESS, metavar="N")
    for name in ("matrix_rate", "other_rate", "table_rate", "weight_decay", "average", "start_share"):
        group.add_argument("--" + name.replace("_", "-"), type=float, default=argparse.SUPPRESS, metavar="X")
    group.add_argument("--compile", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help="compile the step (default: if there is a compiler)")
    hint = "bfloat16 products (default: where they are fast)"
    group.add_argument("--autocast", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=hint)


def _add_shape(group: argparse._ArgumentGroup) -> None:
    for name in ("width", "layers", "heads", "head_dim", "hidden", "context_rows_log2", "context_dim"):
        group.add_argument("--" + name.replace("_", "-"), type=int, default=argparse.SUPPRESS, metavar="N")
    windows = "positions that a position attends to; comma-separated numbers: in each layer"
    group.add_argument("--window", type=in_words(parse_window), default=argparse.SUPPRESS, metavar="N[,N...]", help=windows)
    contexts = "n2: bigrams, w1: words, ... (default: n2 n3 n4 n5 n6 n8 w1 w2)"
    group.add_argument("--contexts", nargs="*", type=in_words(Context.parse), default=argparse.SUPPRESS, metavar="C", help=contexts)


def _train(arguments: argparse.Namespace) -> int:
    from .train_command import run_train

    return run_train(arguments)


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    checkpoint = "folder with a Hugging Face checkpoint, or checkpoint of a training run; of several, or of models, the mean of their parameters"
    add("checkpoints", nargs="+", metavar="CHECKPOINT", help=checkpoint)
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="the .onnx file to write; of a folder, the folder to write")
    add("--weights", nargs="+", type=float, metavar="SHARE", help="how much each of several counts (default: one as much as the other)")
    windows = "let a model attend to more or fewer positions than it was trained with; comma-separated numbers: in each layer; not for folders"
    add("--window", type=in_words(parse_window), metavar="N[,N...]", help=windows)
    group = parser.add_argument_group("for a folder")
    group.add_argument("--context-length", type=int, metavar="N", help="tokens that the model sees at most (default: as the model, at most 1024)")
    group.add_argument("--concat", action="store_true", help="growing caches, as Hugging Face's exports have them: any context length, but slow")
    group.add_argument("-f", "--force", action="store_true", help="replace an earlier export")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    folders = [Path(source) for source in arguments.checkpoints if Path(source).is_dir()]
    if folders:
        if len(arguments.checkpoints) > 1:
            raise ValueError("only checkpoints of training runs have a mean: give a folder alone")
        if arguments.window is not None or arguments.weights:
            raise ValueError("--window and --weights are for lmac's own models; a folder is exported as it is")
        _export_folder(folders[0], arguments)
        return
    if arguments.context_length is not None or arguments.concat:
        raise ValueError("--context-length and --concat are for folders; the checkpoint of a training run says all of its model")
    from .export import export
    from .mean import mean_of
    from .resize import resized

    network = resized(mean_of(arguments.checkpoints, arguments.weights), window=arguments.window)
    export(network.tensors(), network.architecture, arguments.output)


def _export_folder(folder: Path, arguments: argparse.Namespace) -> None:
    from .checkpoint import export_checkpoint

    options = {name: getattr(arguments, name) for name in ("context_length", "concat", "force")}
    print(export_checkpoint(folder, arguments.output, **options), file=sys.stderr)


def _add_eval(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="files, or folders of files")
    add("--model", help="name or path of a model (default: default)")
    add("--messages", action="store_true", help='compress every line (of .jsonl: every "text") on its own, and beside zstd with a trained dictionary')
    add("--picture", type=picture_path, metavar="OUT.svg", help="draw bits per byte of all files as bars (.svg or .png)")
    add("--csv", action="store_true", help="print comma-separated records for a script instead of tables")
    add("-T", "--threads", type=int, metavar="N", help="threads (default: one per core)")
    add("--no-adaptive", dest="adaptive", action="store_false", help="measure the language model alone")
    add("--lane-len", type=int, metavar="BYTES", help="length of a lane (default: the rule of the mode)")
    parser.set_defaults(run=run_eval)


if __name__ == "__main__":
    raise SystemExit(main())
