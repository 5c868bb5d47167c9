"""Bytes that nothing shrinks are recognised, in a fraction of the time that coding takes, and stored; what hides among them is found."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest

NOISE = random.Random(1).randbytes(10_000_000)
TEXT = (Path(__file__).parents[1] / "README.md").read_bytes()[:6000]


def processor_time(work: Callable[[], object]) -> float:
    """The shorter of two runs."""
    times = []
    for _ in range(2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def stream(codec: lmac.Codec) -> bytes:
    compressor = lmac.LmacCompressor(codec)
    return compressor.compress(NOISE) + compressor.flush()


def test_noise_is_stored_in_about_the_time_that_zlib_takes(tiny_codec: lmac.Codec) -> None:
    pace = processor_time(lambda: zlib.compress(NOISE))
    for compress in (lambda: tiny_codec.compress(NOISE), lambda: stream(tiny_codec), lambda: tiny_codec.compress_many([NOISE], bare=True)):
        assert processor_time(compress) < 2.5 * pace


def test_noise_becomes_hardly_longer(tiny_codec: lmac.Codec) -> None:
    for length in (100, 4097, 100_000, len(NOISE)):
        frame = tiny_codec.compress(NOISE[:length])
        assert len(frame) <= length * 1.001 + 16
        assert tiny_codec.decompress(frame) == NOISE[:length]
    (blob,) = tiny_codec.compress_many([NOISE], bare=True)
    assert len(blob) == len(NOISE) + 4
    assert tiny_codec.decompress_many([blob], bare=True) == [NOISE]


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_text_among_noise_is_compressed(tiny_model: bytes, place: str) -> None:
    noise = NOISE[: 1 << 16]
    before = {"first": 0, "middle": 1 << 15, "last": 1 << 16}[place]
    content = noise[:before] + TEXT + noise[before:]
    codec = lmac.Codec(tiny_model, threads=1)
    frame = codec.compress(content)
    assert len(frame) < len(content) - len(TEXT) // 3
    assert codec.decompress(frame) == content


def test_noise_that_comes_again_is_stored_once(tiny_model: bytes) -> None:
    content = NOISE[: 1 << 16] * 2
    codec = lmac.Codec(tiny_model, threads=1)
    frame = codec.compress(content)
    assert len(frame) < 0.55 * len(content)
    assert codec.decompress(frame) == content
