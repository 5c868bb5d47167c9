"""Models are asked for by name or by path."""

from __future__ import annotations

from pathlib import Path

import lmac
import pytest
from lmac.predictors.model import model_names, read_model

from conftest import needs_default_model
from tiny_model import TINY_MODEL


@needs_default_model
def test_the_name_of_the_default_model_gives_the_model_that_no_name_gives() -> None:
    assert "default" in model_names()
    assert lmac.Codec("default").model_id == lmac.Codec().model_id


def test_a_path_is_read_with_and_without_a_suffix(tmp_path: Path, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_bytes(tiny_model)
    monkeypatch.chdir(tmp_path)
    assert read_model(str(TINY_MODEL)) == read_model("mine") == read_model(Path("mine")) == tiny_model


@needs_default_model
def test_a_name_wins_over_a_file_unless_the_path_is_spelled_out(tmp_path: Path, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default").write_bytes(tiny_model)
    monkeypatch.chdir(tmp_path)
    assert read_model("default") == read_model(None)
    assert read_model("./default") == read_model(Path("default")) == tiny_model


def test_an_unknown_name_is_a_typed_error_that_lists_the_known_ones() -> None:
    with pytest.raises(lmac.LmacError, match=r"unknown model 'fastest': the names are .*path"):
        lmac.Codec("fastest")


def test_a_missing_file_is_no_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lmac.Codec("fastest.onnx")
    with pytest.raises(FileNotFoundError):
        lmac.Codec(tmp_path / "fastest")
