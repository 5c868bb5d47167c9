"""lmac through fsspec, smart_open, numcodecs, pandas and numpy: the real libraries."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import pytest

from conftest import needs_default_model

TEXT = "name,words\nalice,26000\nglass,29000\n"

pytestmark = needs_default_model


@pytest.mark.parametrize("name", ["fsspec", "smart_open", "numcodecs"])
def test_the_examples_of_the_hooks(name: str) -> None:
    pytest.importorskip(name)
    result = doctest.testmod(importlib.import_module(f"lmac.hooks.{name}"))
    assert result.failed == 0
    assert result.attempted > 0


def test_no_hook_is_imported_with_the_package() -> None:
    names = ("numpy", "onnxruntime", "fsspec", "smart_open", "numcodecs", "lmac.lab")
    code = f"import sys, lmac.command_line.cli; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def test_fsspec_reads_and_writes_anywhere(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    importlib.import_module("lmac.hooks.fsspec").register()
    for url in (f"file://{tmp_path}/words.csv.lmac", "memory://words.csv.lmac"):
        with fsspec.open(url, "wt", compression="infer") as file:
            file.write(TEXT)
        with fsspec.open(url, "rb") as file:
            assert lmac.decompress(file.read()) == TEXT.encode()
        with fsspec.open(url, "rb", compression="lmac") as file:
            assert file.read(4) == b"name"
            assert file.seek(-6, 2) == len(TEXT) - 6
            assert file.read() == TEXT[-6:].encode()


def test_smart_open_compresses_by_the_name(tmp_path: Path) -> None:
    smart_open = pytest.importorskip("smart_open")
    importlib.import_module("lmac.hooks.smart_open").register()
    path = str(tmp_path / "words.csv.lmac")
    with smart_open.open(path, "wb") as file:
        file.write(TEXT.encode())
    assert lmac.decompress(Path(path).read_bytes()) == TEXT.encode()
    with smart_open.open(path) as file:
        assert list(file) == TEXT.splitlines(keepends=True)


def test_pandas_reads_and_writes_an_open_file(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "words.csv.lmac"
    table = pandas.DataFrame({"name": ["alice", "glass"], "words": [26000, 29000]})
    with lmac.open(path, "wt", newline="") as text_file:
        table.to_csv(text_file, index=False, lineterminator="\n")
    assert lmac.decompress(path.read_bytes()) == TEXT.encode()
    for mode in ("rb", "rt"):
        with lmac.open(path, mode) as file:
            assert pandas.read_csv(file).equals(table)
    with lmac.open(path, "wb") as file:
        table.to_pickle(file, compression=None)
    with lmac.open(path) as file:
        assert pandas.read_pickle(file, compression=None).equals(table)


def test_numpy_saves_and_loads_through_an_open_file(tmp_path: Path) -> None:
    array: Any = np.arange(1000).reshape(10, 100)
    with lmac.open(tmp_path / "array.npy.lmac", "wb") as file:
        np.save(file, array)
    with lmac.open(tmp_path / "array.npy.lmac") as file:
        assert np.array_equal(np.load(file), array)


def test_numcodecs_finds_the_codec_and_its_settings(tiny_model: bytes, tmp_path: Path) -> None:
    numcodecs = pytest.importorskip("numcodecs")
    (tmp_path / "tiny.onnx").write_bytes(tiny_model)
    for config in ({"id": "lmac"}, {"id": "lmac", "adaptive": False, "model": str(tmp_path / "tiny.onnx")}):
        codec = numcodecs.get_codec(config)
        assert codec.get_config() == {"model": None, "adaptive": True} | config
        assert numcodecs.get_codec(codec.get_config()) == codec
        chunk: Any = np.frombuffer(TEXT.encode() * 8, np.int16).reshape(4, -1)
        blob = codec.encode(chunk)
        assert len(blob) <= chunk.nbytes + 16
        assert codec.decode(blob) == chunk.tobytes()
        out = np.empty_like(chunk)
        assert codec.decode(blob, out=out) is out
        assert np.array_equal(out, chunk)
