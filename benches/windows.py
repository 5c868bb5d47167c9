"""What the window of each layer of a model is worth.

    python benches/windows.py MODEL TEXT... [--window N[,N...]]...

``MODEL`` is a name or a path, ``TEXT`` files, folders or tar archives. Gives every layer the longest window of the format, without any training
(docs/training.md, "Windows"), and prints by how many thousandths of a bit per byte 48 pieces of 2,048 bytes of the text become longer when one
layer alone has a shorter one. ``--window`` measures whole assignments, one number for all layers or one for each, for what the table makes
one expect.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from lmac import _core
from lmac.lab.data import pieces, read_source, shifted
from lmac.lab.export import model_file
from lmac.lab.mean import network_of
from lmac.lab.model import ExactTransformer, bits_per_symbol
from lmac.lab.resize import resized
from torch import Tensor

LONGEST = 512
WINDOWS = (32, 64, 128, 192, 256, 384)
PIECES, PIECE_BYTES = 48, 2048
LANES = 8


def bits(network: ExactTransformer, targets: Tensor, window: tuple[int, ...]) -> float:
    """Per byte, over pieces (count, bytes), with other windows."""
    network = resized(network, window=window)
    executor = _core.Executor(_core.Model(model_file(network.tensors(), network.architecture)))
    total = 0.0
    for batch in torch.split(targets, LANES):
        executor.start(len(batch))
        logits = np.array(executor.advance(shifted(batch, executor.alphabet_size).numpy()), np.float32)
        total += float(bits_per_symbol(torch.from_numpy(logits), batch)) * len(batch)
    return total / len(targets)


def text_pieces(paths: Sequence[Path]) -> Tensor:
    """int64 (``PIECES``, ``PIECE_BYTES``), at equal distances; of less text, as many as there are."""
    whole = [pieces(read_source(path), PIECE_BYTES, False) for path in paths]
    every = torch.cat(whole)
    every = every[(every >= 0).all(1)]
    if not len(every):
        raise SystemExit(f"there is no text of {PIECE_BYTES} bytes")
    return every[:: max(1, len(every) // PIECES)][:PIECES]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--window", action="append", default=[], metavar="N[,N...]")
    arguments = parser.parse_args()
    network = network_of(arguments.model)
    layers = network.architecture.layers
    assignments = [tuple(map(int, text.split(","))) for text in arguments.window]
    assignments = [each * layers if len(each) == 1 else each for each in assignments]
    targets = text_pieces(arguments.texts)
    longest = bits(network, targets, (LONGEST,) * layers)

    print(f"{len(targets)} pieces; {longest:.4f} bits per byte with windows of {LONGEST}; thousandths more with one of\n")
    print("| layer |", *(f"{window} |" for window in WINDOWS), "\n|" + "---|" * (1 + len(WINDOWS)))
    for layer in range(layers):
        one = [tuple(window if i == layer else LONGEST for i in range(layers)) for window in WINDOWS]
        print(f"| {layer + 1} |", *(f"{1000 * (bits(network, targets, each) - longest):.1f} |" for each in one), flush=True)
    if assignments:
        print("\n| windows | sum | thousandths more |\n|---|---|---|")
    for each in assignments:
        print(f"| {', '.join(map(str, each))} | {sum(each)} | {1000 * (bits(network, targets, each) - longest):.1f} |", flush=True)


if __name__ == "__main__":
    main()
