"""Which model inside the package compresses, and which one restores."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest

from conftest import needs_default_model

TEXT = b"So it goes: the fast model says it first, and the default model says it in fewer words. " * 3

LMAC = [sys.executable, "-m", "lmac"]

pytestmark = needs_default_model


def by_pieces(data: bytes) -> bytes:
    """Restored by a decompressor that gets one byte at a time."""
    decompressor = lmac.LmacDecompressor()
    return b"".join(decompressor.decompress(bytes([byte])) for byte in data)


def by_file(data: bytes) -> bytes:
    with lmac.open(io.BytesIO(data)) as file:
        return file.read()


def among_many(data: bytes) -> bytes:
    return lmac.Codec().decompress_many([data, data])[1]


@pytest.mark.parametrize("restore", [lmac.decompress, by_pieces, by_file, among_many])
@pytest.mark.parametrize("model", ["default", "fast"])
def test_who_names_no_model_restores_what_any_model_inside_the_package_wrote(model: str, restore: Callable[[bytes], bytes]) -> None:
    assert restore(lmac.Codec(model).compress(TEXT)) == TEXT


def test_the_command_finds_the_model_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    subprocess.run([*LMAC, "--rm", "--model", "fast", path], check=True)
    compressed = tmp_path / "text.lmac"
    assert compressed.read_bytes() == lmac.Codec("fast").compress(TEXT)
    subprocess.run([*LMAC, "-t", compressed], check=True)
    subprocess.run([*LMAC, "-d", compressed], check=True)
    assert path.read_bytes() == TEXT


def test_the_listing_names_the_models_inside_the_package(tmp_path: Path, tiny_model: bytes) -> None:
    models: dict[str, str | bytes] = {"default": "default", "fast": "fast", "other": tiny_model}
    for name, model in models.items():
        (tmp_path / name).write_bytes(lmac.Codec(model).compress(TEXT))
    done = subprocess.run([*LMAC, "-l", *models], cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[-2:] for row in rows[:3]] == [["default", "default"], ["fast", "fast"], [lmac.Codec(tiny_model).model_id.hex()[:6], "other"]]
    assert rows[3][-3:] == ["several", "3", "files"]


def test_the_command_keeps_to_a_model_that_is_named() -> None:
    frame = lmac.Codec("fast").compress(TEXT)
    done = subprocess.run([*LMAC, "-dc", "--model", "default"], input=frame, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"pass the model that was used" in done.stderr


def test_a_file_may_hold_frames_of_several_models() -> None:
    data = b"".join(lmac.Codec(model).compress(TEXT) for model in ("fast", "default", "fast"))
    assert by_file(data) == 3 * TEXT


@pytest.mark.parametrize(("written", "named"), [("fast", "default"), ("default", "fast")])
def test_who_names_a_model_means_it(written: str, named: str) -> None:
    with pytest.raises(lmac.ModelMismatchError):
        lmac.Codec(named).decompress(lmac.Codec(written).compress(TEXT))


def test_a_model_that_is_not_inside_the_package_is_refused_as_none_of_those(tiny_model: bytes) -> None:
    other = lmac.Codec(tiny_model)
    with pytest.raises(lmac.ModelMismatchError, match=f"{other.model_id.hex()[:6]}, and none of the models inside the package wrote it"):
        lmac.decompress(other.compress(TEXT))


def test_the_fast_model_is_used_by_its_name() -> None:
    fast, default = lmac.Codec("fast"), lmac.Codec("default")
    assert fast.model_id != default.model_id
    assert len(default.compress(TEXT)) < len(fast.compress(TEXT)) < len(TEXT) / 2
