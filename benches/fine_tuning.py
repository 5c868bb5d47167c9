"""What fine-tuning on one half of a file of messages does for the other half.

    python benches/fine_tuning.py FILE.jsonl [options of lmac-lab train]

The first half of the lines teaches (``lmac-lab train --from default``), the second half is compressed: by the model
that the run began with and by the new one, as one stream and every message on its own, with and without the adaptive
layer. Prints a table; the results are in docs/training.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lmac
from lmac.lab import cli, texts


def rows(test: bytes, old: str, new: str, threads: int | None) -> Iterator[str]:
    """The table: bytes by both models, every frame restored."""
    messages = texts.messages(test)
    contents = {"as one stream": [test], f"as {len(messages)} messages": messages}
    yield "| the other half | mode | bytes | with the old model | with the new model | new / old |\n|---|---|---|---|---|---|"
    for name, parts in contents.items():
        for mode, adaptive in {"static": False, "adaptive": True}.items():
            sizes = []
            for model in (old, new):
                codec = lmac.Codec(model, adaptive=adaptive, threads=threads)
                frames = [codec.compress(part) for part in parts]
                assert [codec.decompress(frame) for frame in frames] == parts
                sizes.append(sum(map(len, frames)))
            yield f"| {name} | {mode} | {sum(map(len, parts))} | {sizes[0]} | {sizes[1]} | {100 * sizes[1] / sizes[0]:.1f} % |"


def main() -> None:
    """Trains and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--from", dest="origin", default="default", metavar="MODEL")
    parser.add_argument("--new", type=Path, metavar="MODEL", help="train nothing, measure this model")
    parser.add_argument("-T", "--threads", type=int)
    arguments, options = parser.parse_known_args()
    lines = arguments.file.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    with tempfile.TemporaryDirectory() as folder:
        new = arguments.new or Path(folder, "new.onnx")
        if not arguments.new:
            text = Path(folder, arguments.file.name)
            text.write_bytes(b"".join(lines[:half]))
            cli.main(["train", str(text), "--from", arguments.origin, "-o", str(new), *options])
        for row in rows(b"".join(lines[half:]), arguments.origin, str(new), arguments.threads):
            print(row, flush=True)


if __name__ == "__main__":
    main()
