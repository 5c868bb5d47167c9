"""How many hidden activations of a model are not zero: what the native executor multiplies with in the last matrix of a layer.

    python benches/zeros.py MODEL FILE...

``MODEL`` is a name or a path. Reads the first 16,384 bytes of every file and prints, for each layer, the share of hidden activations that are not
zero, and that of blocks of four with one that is not. docs/executor.md has the rows of the models inside the package.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from lmac.lab.mean import network_of
from lmac.lab.model import ExactTransformer, exact
from torch import Tensor

BYTES = 16_384
SAMPLE_STEPS = 1024


def shares(network: ExactTransformer, data: bytes) -> list[tuple[float, float]]:
    """For every layer: the share of activations, and of blocks of four, that are not zero."""
    steps = min(SAMPLE_STEPS, len(data))
    symbols = torch.tensor(list(data[: len(data) // steps * steps])).view(-1, steps)
    found: list[tuple[float, float]] = []

    def count(_: torch.nn.Module, arguments: tuple[Tensor, ...]) -> None:
        some = arguments[0] != 0
        blocks = some.unflatten(-1, (-1, 4)).any(-1)
        found.append((some.float().mean().item(), blocks.float().mean().item()))

    hooks = [block.down.register_forward_pre_hook(count) for block in network.blocks]  # type: ignore[union-attr, operator]
    with exact():
        network(symbols)
    for hook in hooks:
        hook.remove()
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    network = network_of(arguments.model)
    print("| file | mean | of each layer | mean of blocks |\n|---|---|---|---|")
    for path in arguments.files:
        with path.open("rb") as file:
            data = file.read(BYTES)
        if not data:
            parser.error(f"{path} is empty")
        some, blocks = zip(*shares(network, data), strict=True)
        layers = ", ".join(f"{share:.1%}" for share in some)
        print(f"| {path.name} | {sum(some) / len(some):.1%} | {layers} | {sum(blocks) / len(blocks):.1%} |")


if __name__ == "__main__":
    main()
