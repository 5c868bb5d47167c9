"""The command ``lmac`` with a language model in floating point, run as users run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import EXPORTED

TEXT = (Path(__file__).parent.parent / "README.md").read_bytes()[:2000]


def run(*arguments: object, model: object = EXPORTED / "llama") -> subprocess.CompletedProcess[str]:
    """The finished command; a traceback fails every test."""
    program = [sys.executable, "-m", "lmac", "--model", str(model), "--device", "cpu"]
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, timeout=60, check=False, text=True)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def compressed(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_bytes(TEXT)
    assert run(tmp_path / "text.txt", "-T", "1").returncode == 0
    (tmp_path / "text.txt").unlink()
    return tmp_path / "text.txt.lmac"


def test_a_file_is_compressed_and_restored(compressed: Path) -> None:
    assert compressed.stat().st_size < len(TEXT)
    assert run("-d", "-T", "1", compressed).returncode == 0
    assert compressed.with_suffix("").read_bytes() == TEXT


def test_the_listing_shows_under_which_conditions_a_file_was_written(compressed: Path) -> None:
    assert "written with onnxruntime=" in run("-lv", compressed).stdout
    assert "onnxruntime" not in run("-l", compressed).stdout


def test_other_conditions_are_refused_and_nothing_is_written(compressed: Path) -> None:
    done = run("-d", "-T", "2", compressed)
    assert done.returncode == 1
    assert "threads was 1, here it is 2 (set by threads=, -T)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in compressed.parent.iterdir()) == ["text.txt.lmac"]


def test_whoever_insists_may_try(compressed: Path) -> None:
    assert run("-d", "-T", "2", "--ignore-fingerprint", compressed).returncode == 0
    assert compressed.with_suffix("").read_bytes() == TEXT


def test_another_model_is_refused(compressed: Path) -> None:
    done = run("-d", compressed, model=EXPORTED / "gpt2")
    assert done.returncode == 1
    assert "compressed with model" in done.stderr


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("nowhere/", [], "No such file"),
        (EXPORTED, [], "has no model.onnx"),
        (EXPORTED / "llama", ["--tokenizer", "missing.json"], "missing.json: No such file"),
        (EXPORTED / "llama", ["--tokenizer", __file__], "the tokenizer.json cannot be used"),
        (EXPORTED / "llama", ["--context-length", "4096"], "between 2 and the model's 128"),
        (EXPORTED / "llama", ["--executor", "native"], "runs exact models only"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(tmp_path: Path, model: object, options: list[str], words: str) -> None:
    (tmp_path / "text.txt").write_bytes(TEXT)
    done = run(tmp_path / "text.txt", *options, model=model)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.txt"]
