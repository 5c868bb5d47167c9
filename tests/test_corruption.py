"""Damaged frames: an error of the family or the right bytes, never wrong bytes, never a crash."""

from __future__ import annotations

import lmac
import pytest


@pytest.fixture(scope="module")
def content(tiny_text: bytes) -> bytes:
    return tiny_text[:60]


@pytest.fixture(scope="module")
def frame(tiny_model: bytes, content: bytes, adaptive: bool) -> bytes:
    """Three blocks with several lanes each, so that every header field occurs."""
    return lmac.Codec(tiny_model, threads=1, adaptive=adaptive, block_len=25, lane_len=10).compress(content)


def survives(codec: lmac.Codec, damaged: bytes, content: bytes) -> bool:
    """Whether the damage went unnoticed; wrong bytes fail the test."""
    try:
        restored = codec.decompress(damaged, max_output_size=1 << 16)
    except lmac.LmacError:
        return False
    assert restored == content
    return True


def test_every_change_of_one_byte_is_an_error_or_harmless(tiny_codec: lmac.Codec, frame: bytes, content: bytes) -> None:
    changes = 0
    for position in range(len(frame)):
        for change in range(1, 256):
            damaged = bytearray(frame)
            damaged[position] ^= change
            survives(tiny_codec, bytes(damaged), content)
            changes += 1
    assert changes >= 10_000


def test_every_truncation_is_an_error(tiny_codec: lmac.Codec, frame: bytes, content: bytes) -> None:
    for length in range(len(frame)):
        assert not survives(tiny_codec, frame[:length], content)


def test_a_frame_cut_inside_its_headers_or_payload_is_called_damaged(tiny_codec: lmac.Codec, frame: bytes) -> None:
    for length in (0, 1, 5, len(frame) - 1):
        with pytest.raises(lmac.CorruptedDataError):
            tiny_codec.decompress(frame[:length])


def test_a_change_in_a_payload_names_the_block(tiny_codec: lmac.Codec, frame: bytes) -> None:
    damaged = bytearray(frame)
    damaged[-4] ^= 1
    with pytest.raises(lmac.CorruptedDataError, match="block 2"):
        tiny_codec.decompress(damaged)
