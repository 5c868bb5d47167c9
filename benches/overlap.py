"""How much of evaluation files stands in the text that a model was trained on.

    python benches/overlap.py TRAINING_TEXT... --of EVALUATION_FILE...

Looks for every 40 bytes of the files, letters for more than half (so that rules and blank lines don't count), anywhere in the text. Prints a
row for each file: how many there are, how many were found, and the longest stretch of the file that consists of such bytes.
The rows of the default model's text are in docs/default-model.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from lmac.lab.data import Source, read_sources
from numpy.typing import NDArray

WINDOW = 40
CHUNK = 1 << 21
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
FILTER_BITS = 27

Hashes = NDArray[np.uint64]


def hashes(data: NDArray[np.uint8]) -> Hashes:
    """Of the window that begins at each position."""
    count = max(0, len(data) - WINDOW + 1)
    result = np.zeros(count, np.uint64)
    for offset in range(WINDOW):
        result = result * MULTIPLIER + data[offset : offset + count] + np.uint64(1)
    return result ^ result >> np.uint64(29)


def mostly_letters(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Of the window that begins at each position: whether more than half of it are letters."""
    is_letter = (data | 32) - np.uint8(97) < 26
    sums = np.concatenate([[0], is_letter.cumsum()])
    return sums[WINDOW:] - sums[:-WINDOW] > WINDOW // 2


def found_in(source: Source, wanted: Hashes) -> Hashes:
    """Those of the sorted hashes that occur in a source."""
    filled = np.zeros(1 << FILTER_BITS, np.bool_)  # tells most that are not wanted, without a search
    shift = np.uint64(64 - FILTER_BITS)
    filled[wanted >> shift] = True
    found: list[Hashes] = []
    for begin in range(0, len(source.data), CHUNK):
        here = hashes(source.data[begin : begin + CHUNK + WINDOW - 1])
        here = here[filled[here >> shift]]
        found.append(here[wanted[np.searchsorted(wanted[:-1], here)] == here])
    return np.unique(np.concatenate(found))


def longest_stretch(is_found: NDArray[np.bool_]) -> int:
    """Bytes of the longest run of windows."""
    edges = np.flatnonzero(np.diff(is_found, prepend=False, append=False))
    return int((edges[1::2] - edges[::2]).max(initial=1 - WINDOW) + WINDOW - 1)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="+", type=Path)
    parser.add_argument("--of", nargs="+", type=Path, required=True, dest="files", metavar="FILE")
    arguments = parser.parse_args()
    files = {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in arguments.files}
    windows = {name: np.where(mostly_letters(data), hashes(data), 0) for name, data in files.items()}
    wanted = np.unique(np.concatenate(list(windows.values())))
    wanted = wanted[wanted > 0]
    found = np.concatenate([found_in(source, wanted) for source in read_sources(arguments.text)])
    print(f"| file | windows of {WINDOW} bytes | found | share | longest stretch, bytes |\n|---|---|---|---|---|")
    for name, own in windows.items():
        is_found = np.isin(own, found)
        count = np.count_nonzero(own)
        print(f"| {name} | {count:,} | {is_found.sum():,} | {100 * is_found.sum() / count:.3f} % | {longest_stretch(is_found)} |")


if __name__ == "__main__":
    main()
