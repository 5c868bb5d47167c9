"""What lanes cost and bring: compressed size and decompression speed by the number of lanes, as a picture.

python benches/lanes.py FILE -o docs/lanes.svg
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import lmac
import matplotlib.pyplot as plt

LANES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def main() -> None:
    """Measures, prints a table, draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    content = arguments.file.read_bytes()
    figure, axes = plt.subplots(figsize=(7, 4.5))
    print("| lanes | mode | bytes | decompress, KB/s |\n|---|---|---|---|")
    for adaptive, name in ((True, "adaptive"), (False, "static")):
        points = [measure(content, lanes, adaptive) for lanes in LANES]
        for lanes, (size, speed) in zip(LANES, points, strict=True):
            print(f"| {lanes} | {name} | {size} | {speed:.1f} |", flush=True)
        axes.plot([8 * size / len(content) for size, _ in points], [speed for _, speed in points], marker="o", label=name)
        for lanes, (size, speed) in zip(LANES, points, strict=True):
            axes.annotate(str(lanes), (8 * size / len(content), speed), textcoords="offset points", xytext=(5, -9), fontsize=8)
    axes.set_xlabel("bits per byte")
    axes.set_ylabel("decompression, KB/s")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{arguments.file.name}, by number of lanes")
    axes.legend()
    figure.tight_layout()
    figure.savefig(arguments.output)


def measure(content: bytes, lanes: int, adaptive: bool) -> tuple[int, float]:
    """Bytes of the frame, and KB of content restored in a second."""
    codec = lmac.Codec(adaptive=adaptive, lane_len=-(-len(content) // lanes))
    frame = codec.compress(content)
    began = time.perf_counter()
    restored = codec.decompress(frame)
    seconds = time.perf_counter() - began
    assert restored == content
    return len(frame), len(content) / seconds / 1e3


if __name__ == "__main__":
    main()
