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

import torch
from lmac import _core
from lmac.lab.architecture import parse_window
from lmac.lab.cli import in_words
from lmac.lab.data import pieces, read_source
from lmac.lab.export import model_file
from lmac.lab.mean import network_of
from lmac.lab.model import ExactTransformer
from lmac.lab.resize import resized
from lmac.lab.train import executor_bits
from torch import Tensor

LONGEST = 512
WINDOWS = (32, 64, 128, 192, 256, 384)
PIECES, PIECE_BYTES = 48, 2048
LANES = 8


def bits(network: ExactTransformer, targets: Tensor) -> float:
    """Per byte, over pieces (count, bytes)."""
    executor = _core.Executor(_core.Model(model_file(network.tensors(), network.architecture)))
    return sum(executor_bits(executor, batch) * len(batch) for batch in torch.split(targets, LANES)) / len(targets)


def text_pieces(paths: Sequence[Path]) -> Tensor:
    """int64 (``PIECES``, ``PIECE_BYTES``), at equal distances; of less text, as many as there are."""
    every = torch.cat([pieces(read_source(path), PIECE_BYTES, False) for path in paths])
    every = every[(every >= 0).all(1)]
    if not len(every):
        raise SystemExit(f"there is no text of {PIECE_BYTES} bytes")
    return every[:: max(1, len(every) // PIECES)][:PIECES]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts", nargs="+", type=Path, metavar="TEXT")
    parser.add_argument("--window", action="append", default=[], type=in_words(parse_window), metavar="N[,N...]")
    arguments = parser.parse_args()
    network = network_of(arguments.model)
    layers = network.architecture.layers
    assigned = [resized(network, window=window) for window in arguments.window]
    targets = text_pieces(arguments.texts)
    longest = bits(resized(network, window=LONGEST), targets)

    def more(other: ExactTransformer) -> str:
        return f"{1000 * (bits(other, targets) - longest):.1f} |"

    print(f"{len(targets)} pieces; {longest:.4f} bits per byte with windows of {LONGEST}; thousandths more with one of\n")
    print("| layer |", *(f"{window} |" for window in WINDOWS), "\n|" + "---|" * (1 + len(WINDOWS)))
    for layer in range(layers):
        one = [tuple(window if i == layer else LONGEST for i in range(layers)) for window in WINDOWS]
        print(f"| {layer + 1} |", *(more(resized(network, window=each)) for each in one), flush=True)
    if assigned:
        print("\n| windows | sum | thousandths more |\n|---|---|---|")
    for other in assigned:
        windows = other.architecture.windows
        print(f"| {', '.join(map(str, windows))} | {sum(windows)} |", more(other), flush=True)


if __name__ == "__main__":
    main()
