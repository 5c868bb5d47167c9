"""``lmac-lab eval``: from options to tables, a picture, or records for a script."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from lmac import Codec

from ..predictors.model import model_size
from . import compressors, evaluate, texts
from .compressors import Compress
from .evaluate import ADAPTIVE, STATIC


def run_eval(options: argparse.Namespace) -> None:
    """Measures as the options say; tables go to standard output as they grow, remarks to standard error.

    Raises:
        ValueError: Something was not restored, or there is nothing to measure.
        OSError: A file cannot be read or written.
    """
    if options.picture:
        from .pictures import draw_bars  # before the work, in case Matplotlib is missing
    others, missing = compressors.available(programs=not options.messages)
    if missing:
        print(f"not installed, so left out: {', '.join(missing)} (pip install zstandard brotli bzip3 pyppmd)", file=sys.stderr)
    codecs = codecs_of(options)
    measured = _messages(options, codecs, others) if options.messages else _files(options, codecs, others)
    if options.picture:
        draw_bars(measured, ", ".join(path.name for path in options.files[:3]) + ", ..." * (len(options.files) > 3), options.picture)


def codecs_of(options: argparse.Namespace) -> dict[str, Codec]:
    """The modes of lmac by name, the one for the speeds last."""
    modes = {STATIC: False, ADAPTIVE: True} if options.adaptive else {STATIC: False}
    return {name: Codec(options.model, threads=options.threads, adaptive=adaptive, lane_len=options.lane_len) for name, adaptive in modes.items()}


def _files(options: argparse.Namespace, codecs: Mapping[str, Codec], others: Mapping[str, Compress]) -> dict[str, float]:
    """Prints the table of files and the one of rates, or the records; returns bits per byte by name."""
    model_bytes = model_size(options.model)
    names = [*others, *codecs]
    if not options.csv:
        print(evaluate.header(names), flush=True)
    rows = []
    for row in evaluate.evaluate(options.files, codecs, others):
        rows.append(row)
        if not options.csv:
            print(evaluate.line(row, names), flush=True)
    if not rows:
        raise ValueError("there is no file to measure")
    total = evaluate.total(rows)
    if options.csv:
        evaluate.write_csv(rows, model_bytes, sys.stdout)
    else:
        print(evaluate.line(total, names))
        print(f"\n{evaluate.rates(total, model_bytes)}\n\nThe adjusted rate counts the {model_bytes} bytes of the model.")
    return {name: total.bits_per_byte(name) for name in names}


def _messages(options: argparse.Namespace, codecs: Mapping[str, Codec], others: Mapping[str, Compress]) -> dict[str, float]:
    """Prints the table of messages; returns bits per byte by name."""
    messages = [message for path in options.files for document in texts.documents(path) for message in texts.messages(document)]
    if not messages:
        raise ValueError("there is no message to measure")
    length = sum(map(len, messages))
    print(f"{len(messages)} messages of {length} bytes, each compressed on its own\n", file=sys.stderr)
    print(evaluate.MESSAGES_HEADER if not options.csv else "compressor,bytes,compressed_bytes,mean_share", flush=True)
    measured = {}
    for name, sizes in evaluate.evaluate_messages(messages, codecs, others):
        measured[name] = 8 * sizes.total_bytes / length
        record = f"{name},{length},{sizes.total_bytes},{sizes.mean_share:.5f}"
        print(record if options.csv else evaluate.messages_line(name, sizes, messages), flush=True)
    return measured


def picture_path(text: str) -> Path:
    """A path whose suffix Matplotlib can draw."""
    if not text.endswith((".svg", ".png")):
        raise argparse.ArgumentTypeError("a picture is a .svg or a .png file")
    return Path(text)
