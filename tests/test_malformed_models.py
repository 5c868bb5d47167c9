"""Files of models from anywhere, damaged in every way: what comes of them is an error of lmac's own, or a model that works.

Each batch runs in a process of its own under a limit of memory, so that a crash or an allocation beyond measure fails the test as well.
``pytest -m slow`` does what is done here with 5,000 files of each kind.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest
from lmac.predictors.tokenization import Tokenizer

from conftest import EXPORTED
from mutations import mutate
from test_tokenization import MADE, byte_fallback, precompiled, spell

TESTS = Path(__file__).parent
TEXT = "Peter Piper picked 12 pécks, 漢字.\n".encode() + b"\xff<unk><0x0A>"
FEW, MANY = 200, 5000
LIMIT_BYTES = 3 << 30

TOKENIZERS: dict[str, Callable[[], str]] = {
    **MADE,
    "byte fallback": byte_fallback,
    "precompiled": precompiled,
    "exported": (EXPORTED / "llama" / "tokenizer.json").read_text,
}


def damage_tokenizers(numbers: range) -> None:
    """Damaged tokenizers are refused, or tokenize."""
    files = [make().encode() for make in TOKENIZERS.values()]
    for number in numbers:
        report(number)
        try:
            tokenizer = Tokenizer(mutate(files[number % len(files)], random.Random(number)), 400)
        except lmac.LmacError:
            continue
        assert spell(tokenizer, tokenizer.tokenize(TEXT)) == tokenizer.prefix + TEXT


def damage_files(name: str, numbers: range, folder: Path) -> None:
    """Models with one damaged file are refused, or compress and restore."""
    for kind in ("llama", "llama-fixed"):
        shutil.copytree(EXPORTED / kind, folder / kind)
    files = {kind: (folder / kind / name).read_bytes() for kind in ("llama", "llama-fixed")}
    for number in numbers:
        report(number)
        kind = ("llama", "llama-fixed")[number % 2]
        (folder / kind / name).write_bytes(mutate(files[kind], random.Random(number)))
        try:
            codec = lmac.Codec(folder / kind, device="cpu", threads=1)
            frame = codec.compress(TEXT)
        except lmac.LmacError:
            continue
        assert codec.decompress(frame) == TEXT


def report(number: int) -> None:
    """Says which file comes next, in case that the process dies of it."""
    print(number, flush=True)


def run(name: str, count: int, folder: Path) -> None:
    """Runs ``main`` in another process; fails if that does."""
    command = [sys.executable, __file__, name, str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False, env=os.environ | {"PYTHONPATH": str(TESTS)})
    *_, last = done.stdout.split() or ["none"]
    assert done.returncode == 0, f"{name}, file number {last}: {done.stderr[-3000:]}"
    assert last == str(count - 1)
    assert done.stderr == ""  # no panic of a library has printed anything


def main(name: str, count: str, folder: str) -> None:
    """Tries ``count`` damaged files of a kind."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    numbers = range(int(count))
    damage_tokenizers(numbers) if name == "tokenizer.json" else damage_files(name, numbers, Path(folder))


KINDS = pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "generation_config.json", "model.onnx"])
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits are set as Linux does")


@needs_linux
@KINDS
def test_two_hundred_damaged_files_are_errors_or_work(name: str, tmp_path: Path) -> None:
    run(name, FEW, tmp_path)


@needs_linux
@KINDS
@pytest.mark.slow
def test_five_thousand_damaged_files_are_errors_or_work(name: str, tmp_path: Path) -> None:
    run(name, MANY, tmp_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
