"""The format, from two sides: golden frames, and a second decoder written from docs/format.md alone."""

from __future__ import annotations

from pathlib import Path

import lmac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac import _core

import reference
from golden_frames import CONTENTS, WRITTEN, write
from order_zero import Lists, OrderZero
from tiny_model import GOLDEN

BAD = sorted(GOLDEN.glob("bad-*.lmac"))
EXPECTED_ERRORS = {
    "bad-magic-number": lmac.FormatError,
    "bad-version": lmac.FormatError,
    "bad-reserved-bit": lmac.FormatError,
    "bad-model": lmac.ModelMismatchError,
    "bad-long-varint": lmac.FormatError,
    "bad-content-size": lmac.CorruptedDataError,
    "bad-checksum": lmac.CorruptedDataError,
    "bad-payload": lmac.CorruptedDataError,
    "bad-truncated": lmac.CorruptedDataError,
    "bad-no-end": lmac.CorruptedDataError,
    "bad-trailing-byte": lmac.LmacError,
    "bad-adaptive-reserved-bit": lmac.FormatError,
    "bad-adaptive-coding": lmac.FormatError,
    "bad-adaptive-checksum": lmac.CorruptedDataError,
    "bad-adaptive-truncated": lmac.CorruptedDataError,
    "bad-adaptive-short-payload": lmac.CorruptedDataError,
    "bad-adaptive-long-payload": lmac.CorruptedDataError,
}


@pytest.mark.parametrize("name", CONTENTS)
def test_good_golden_frames_decode(name: str) -> None:
    frame = (GOLDEN / f"{name}.lmac").read_bytes()
    assert lmac.Codec(OrderZero()).decompress(frame) == CONTENTS[name]
    assert reference.decompress(frame, Lists(OrderZero())) == CONTENTS[name]


@pytest.mark.parametrize("name", WRITTEN)
def test_lmac_still_writes_the_golden_frames(name: str) -> None:
    assert write(name) == (GOLDEN / f"{name}.lmac").read_bytes()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_golden_frames_are_refused_by_both_decoders(path: Path) -> None:
    with pytest.raises(EXPECTED_ERRORS[path.stem]):
        lmac.Codec(OrderZero()).decompress(path.read_bytes())
    with pytest.raises(reference.InvalidFileError):
        reference.decompress(path.read_bytes(), Lists(OrderZero()))


def test_the_golden_readme_describes_every_golden_file() -> None:
    described = (GOLDEN / "README.md").read_text()
    files = [path.name for path in GOLDEN.iterdir() if path.name != "README.md"]
    assert [name for name in files if f"`{name}`" not in described] == []
    assert {path.stem for path in BAD} == set(EXPECTED_ERRORS)


@given(st.binary(max_size=200), st.integers(1, 100), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_the_reference_decodes_what_lmac_writes(content: bytes, block_len: int, lane_len: int) -> None:
    frame = lmac.Codec(OrderZero(), adaptive=False, block_len=block_len, lane_len=lane_len).compress(content)
    assert reference.decompress(frame, Lists(OrderZero())) == content


@pytest.mark.parametrize("lane_len", [300, None])
def test_the_reference_decodes_what_the_tiny_model_wrote(tiny_model: bytes, tiny_text: bytes, lane_len: int | None) -> None:
    frame = lmac.Codec(tiny_model, adaptive=False, lane_len=lane_len).compress(tiny_text)
    executor = _core.Executor(_core.Model(tiny_model), threads=1)
    assert reference.decompress(frame, Lists(executor)) == tiny_text
