"""``compress_many`` and ``decompress_many``: the binding, with the model inside the package."""

from __future__ import annotations

import lmac
import pytest

from order_zero import OrderZero

RECORDS = [f'{{"level": "info", "request": {n}, "message": "connection from 10.0.0.{n % 7} closed"}}'.encode() for n in range(40)]


@pytest.mark.parametrize("adaptive", [True, False])
def test_records_come_back_in_order(adaptive: bool) -> None:
    codec = lmac.Codec(adaptive=adaptive)
    frames = codec.compress_many(RECORDS)
    assert frames == [codec.compress(record) for record in RECORDS]
    assert codec.decompress_many(frames) == RECORDS
    blobs = codec.compress_many(iter(RECORDS), bare=True)
    assert codec.decompress_many(map(memoryview, blobs), bare=True) == RECORDS
    assert all(len(blob) <= len(frame) - 10 for blob, frame in zip(blobs, frames, strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bare_records_depend_on_nothing_but_the_record(threads: int) -> None:
    codec = lmac.Codec(threads=threads)
    blobs = codec.compress_many(RECORDS, bare=True)
    assert blobs == [codec.compress_many([record], bare=True)[0] for record in RECORDS]
    assert blobs[::-1] == lmac.Codec(threads=1).compress_many(RECORDS[::-1], bare=True)


def test_nothing_and_empty_records() -> None:
    codec = lmac.Codec(OrderZero())
    assert codec.compress_many([]) == codec.decompress_many([]) == []
    assert codec.compress_many([b""], bare=True) == [b""]
    assert codec.decompress_many([b""], bare=True) == [b""]
    assert codec.decompress_many(codec.compress_many([b"", b"x"])) == [b"", b"x"]


def test_errors_say_which_record() -> None:
    codec = lmac.Codec()
    frames = codec.compress_many(RECORDS)
    with pytest.raises(lmac.CorruptedDataError, match=r"^record 3: "):
        codec.decompress_many([*frames[:3], frames[3][:-1], *frames[4:]])
    with pytest.raises(lmac.FormatError, match=r"^record 1: .*length does not fit"):
        codec.decompress_many([b"", b"\x03abcdef"], bare=True)
    with pytest.raises(lmac.ModelMismatchError, match=r"^record 0: "):
        lmac.Codec(OrderZero()).decompress_many(frames)
    with pytest.raises(lmac.LmacError, match="limit of 100 bytes"):
        codec.decompress_many(frames, max_output_size=100)
    with pytest.raises(TypeError):
        codec.compress_many([1])  # type: ignore[list-item]


def test_progress_ends_with_all_bytes_and_may_stop() -> None:
    def stop(done: int) -> None:
        raise RuntimeError(f"enough after {done}")

    with pytest.raises(RuntimeError, match="enough after"):
        lmac.Codec(threads=1).compress_many([b"some text " * 300] * 400, progress=stop)
