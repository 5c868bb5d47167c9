"""Models and what belongs to them under names of pipes, sockets and devices: an error at once, never a wait or all memory."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest
from lmac.predictors import model, model_files

from program import PROGRAM, run
from tiny_model import TINY_MODEL

EXPORTED = Path(__file__).parent / "exported" / "llama"


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


special = pytest.mark.parametrize("make", [os.mkfifo, endless, listening], ids=["pipe", "endless device", "socket"])


@special
def test_a_model_file_must_be_a_regular_one(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(path := tmp_path / "m.onnx")
    done = run("-c", stdin=b"content", program=[PROGRAM, "--model", str(path)])
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert str(path).encode() in done.stderr


@special
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json", "generation_config.json"])
def test_what_belongs_to_a_language_model_must_be_regular_files(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "m"
    shutil.copytree(EXPORTED, folder)
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    done = run("-c", stdin=b"content", program=[PROGRAM, "--model", str(folder)])
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert str(folder / name).encode() in done.stderr


@special
def test_a_tokenizer_must_be_a_regular_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(path := tmp_path / "t.json")
    done = run("--tokenizer", path, "-c", stdin=b"content")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert str(path).encode() in done.stderr


def test_what_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "m.onnx").touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(lmac.LmacError, match=r"m\.onnx is larger than 2147483648 bytes"):
        lmac.Codec(path)
    monkeypatch.setattr(model_files, "MAX_JSON_LEN", 100)
    folder = tmp_path / "folder"
    shutil.copytree(EXPORTED, folder)
    with pytest.raises(lmac.LmacError, match=r"config\.json is larger than 100 bytes"):
        lmac.Codec(folder)


def test_a_regular_file_behind_a_link_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").symlink_to(TINY_MODEL)
    assert model.read_model(tmp_path / "m.onnx") == TINY_MODEL.read_bytes()


def test_a_reference_in_the_hubs_cache_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    references = tmp_path / "models--owner--repo" / "refs"
    references.mkdir(parents=True)
    os.mkfifo(references / "main")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(lmac.LmacError, match="not a regular file"):
        lmac.Codec("hf:owner/repo")
