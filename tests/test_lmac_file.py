"""``LmacFile`` beyond what zstd's files do: blocks, limits, errors, memory."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac.coding.blocks import BlockWalk, _Index, _Place

from order_zero import OrderZero

BLOCK_LEN = 1000
CONTENT = b"".join(b"line %d of some text\n" % number for number in range(2500))[: 50 * BLOCK_LEN]


class Counting(OrderZero):
    """Counts the blocks that it predicted."""

    def __init__(self) -> None:
        self.blocks = 0

    def start(self, lanes: int) -> None:
        self.blocks += 1
        super().start(lanes)


class CountingFile(io.BytesIO):
    """Counts the bytes read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data

    read1 = read


def coded(content: bytes = CONTENT, block_len: int = BLOCK_LEN) -> bytes:
    return lmac.Codec(OrderZero(), adaptive=False, block_len=block_len).compress(content)


@pytest.fixture
def codec() -> lmac.Codec:
    return lmac.Codec(OrderZero(), adaptive=False, block_len=BLOCK_LEN)


def test_a_random_read_restores_only_the_blocks_it_needs() -> None:
    predictor = Counting()
    frame = CountingFile(coded())
    largest_block = len(coded()) // 40  # of 50
    chance = random.Random(5)
    with lmac.LmacFile(frame, codec=lmac.Codec(predictor)) as file:
        for _ in range(25):
            offset = chance.randrange(len(CONTENT))
            predictor.blocks = 0
            file.seek(0)  # so that nothing of the last read is left
            file.read(1)
            file.seek(offset)
            predictor.blocks = frame.bytes_read = 0
            expected = CONTENT[offset : offset + 1024]
            assert file.read(1024) == expected
            assert predictor.blocks <= -(-(offset % BLOCK_LEN + len(expected)) // BLOCK_LEN)
            assert frame.bytes_read <= 3 * largest_block
        predictor.blocks = 0
        assert file.seek(0, io.SEEK_END) == len(CONTENT)
        assert predictor.blocks == 0
        file.seek(0)
        assert file.read() == CONTENT
        assert predictor.blocks == 50


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 120)), max_size=12), st.lists(st.binary(max_size=200), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_order_of_reads_gives_what_a_plain_file_gives(reads: list[tuple[int, int]], contents: list[bytes]) -> None:
    codec = lmac.Codec(OrderZero(), adaptive=False, block_len=30)
    expected = io.BytesIO(b"".join(contents))
    with lmac.LmacFile(io.BytesIO(b"".join(map(codec.compress, contents))), codec=codec) as file:
        for offset, size in reads:
            expected.seek(min(file.seek(offset), offset))
            assert file.read(size) == expected.read(size)
            assert file.tell() == expected.tell()


def test_a_whole_file_is_as_small_as_compress_makes_it(codec: lmac.Codec) -> None:
    for content in (b"", b"short", CONTENT[:BLOCK_LEN]):
        target = io.BytesIO()
        with codec_file(target, codec) as file:
            for start in range(0, len(content), 300):
                file.write(content[start : start + 300])
        assert target.getvalue() == codec.compress(content)


def codec_file(target: Any, codec: lmac.Codec) -> lmac.LmacFile:
    return lmac.LmacFile(target, "w", codec=codec)


def test_numpy_arrays_are_written_as_their_bytes(codec: lmac.Codec) -> None:
    target = io.BytesIO()
    numbers: Any = np.arange(500, dtype=np.int32).reshape(50, 10)[::2]
    with codec_file(target, codec) as file:
        assert file.write(numbers.copy()) == numbers.nbytes
    assert np.array_equal(np.frombuffer(codec.decompress(target.getvalue()), np.int32).reshape(25, 10), numbers)


def test_content_beyond_the_limit_is_refused_however_often_it_is_asked_for(codec: lmac.Codec) -> None:
    with lmac.open(io.BytesIO(coded()), codec=codec, max_output_size=2500) as file:
        assert file.read(2000) == CONTENT[:2000]
        for _ in range(3):
            with pytest.raises(lmac.LmacError, match="limit of 2500 bytes"):
                file.read(1)
        file.seek(1990)
        assert file.read(10) == CONTENT[1990:2000]
    with pytest.raises(lmac.LmacError, match="limit of 2500 bytes"):
        lmac.LmacDecompressor(codec, max_output_size=2500).decompress(coded())


def test_damage_stays_inside_its_block(codec: lmac.Codec) -> None:
    damaged = bytearray(coded())
    damaged[len(damaged) // 2] ^= 1
    with lmac.open(io.BytesIO(damaged), codec=codec) as file:
        with pytest.raises(lmac.CorruptedDataError, match="block 2"):
            file.read()
        position = file.tell()
        for _ in range(2):
            with pytest.raises(lmac.CorruptedDataError):
                file.read(5000)
            file.seek(position)
        file.seek(40 * BLOCK_LEN)
        assert file.read() == CONTENT[40 * BLOCK_LEN :]


def test_another_model_is_refused_when_reading(codec: lmac.Codec, tiny_model: bytes) -> None:
    with lmac.open(io.BytesIO(coded()), model=tiny_model) as file, pytest.raises(lmac.ModelMismatchError):
        file.read(1)


def test_junk_after_a_frame_is_found_where_it_begins(codec: lmac.Codec) -> None:
    frame = coded(b"text")
    with lmac.open(io.BytesIO(frame + b"junk"), codec=codec) as file:
        assert file.read(4) == b"text"
        with pytest.raises(lmac.FormatError, match=f"byte {len(frame)} does not begin a frame"):
            file.read(1)


class Full(io.BytesIO):
    """A disk with little space."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > 600:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_after_a_failed_write_no_frame_is_completed(codec: lmac.Codec) -> None:
    target = Full()
    file = codec_file(target, codec)
    with pytest.raises(OSError, match="No space"):
        file.write(CONTENT)
    with pytest.raises(ValueError, match="cannot be completed"):
        file.write(b"more")
    file.close()
    with pytest.raises(lmac.LmacError):
        codec.decompress(target.getvalue())


def test_an_interrupted_compression_leaves_no_complete_frame() -> None:
    class Interrupting(OrderZero):
        def advance(self, symbols: Any) -> Any:
            raise KeyboardInterrupt

    codec = lmac.Codec(Interrupting(), adaptive=False, block_len=BLOCK_LEN)
    target = io.BytesIO()
    with pytest.raises(KeyboardInterrupt), codec_file(target, codec) as file:
        file.write(CONTENT)
    assert target.getvalue() == b""
    compressor = lmac.LmacCompressor(codec)
    with pytest.raises(KeyboardInterrupt):
        compressor.compress(CONTENT)
    with pytest.raises(lmac.LmacError, match="begin a new one"):
        compressor.flush()


def test_streams_of_one_codec_may_be_interleaved_and_used_by_threads(tiny_codec: lmac.Codec, tiny_text: bytes) -> None:
    results: dict[int, bytes] = {}

    def work(number: int) -> None:
        target = io.BytesIO()
        with lmac.LmacFile(target, "w", codec=tiny_codec) as file:
            for start in range(0, 900, 100):
                file.write(tiny_text[start : start + 100 + number])
                file.flush()
        target.seek(0)
        results[number] = lmac.LmacFile(target, codec=tiny_codec).read()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert results[number] == b"".join(tiny_text[start : start + 100 + number] for start in range(0, 900, 100))


def test_options_are_given_once(codec: lmac.Codec) -> None:
    with pytest.raises(ValueError, match="either them or codec"):
        lmac.open(io.BytesIO(), "w", codec=codec, block_len=5)


def test_a_live_stream_is_read_as_it_comes(codec: lmac.Codec) -> None:
    """A reader gets a flushed block at once, without waiting for the header of the next."""
    command = "import sys, lmac; from order_zero import OrderZero\nfor line in lmac.open(sys.stdin.buffer, model=OrderZero()): print(line, flush=True)"
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        compressor = lmac.LmacCompressor(codec)
        for line in (b"one\n", b"two\n"):
            process.stdin.write(compressor.compress(line, compressor.FLUSH_BLOCK))
            assert process.stdout.readline() == b"%r\n" % line
        process.stdin.write(compressor.flush())
        process.stdin.close()
    assert process.returncode == 0


def test_the_index_of_a_file_of_very_many_blocks_stays_small(codec: lmac.Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Index, "MAX_PLACES", 10)
    content = bytes(range(200))
    with lmac.LmacFile(io.BytesIO(coded(content, block_len=1)), codec=codec) as file:
        for offset in (199, 3, 150, 0, 77, 198, 20):
            file.seek(offset)
            assert file.read(2) == content[offset : offset + 2]
    index = _Index(_Place(0, 0, None))
    for offset in range(10_000):
        index.add(_Place(offset, offset, None))
    assert len(index._places) <= 10
    for offset in range(10_000):
        assert index.before(offset).content_offset <= offset


def test_a_hostile_length_costs_nothing_before_the_data_is_there(codec: lmac.Codec) -> None:
    """Headers that promise 2^24 bytes each, and a content size of 2^62."""
    head = bytes.fromhex("ac4c24") + codec.model_id[:3] + b"\x80" * 8 + b"\x40"
    block = b"\x80\x80\x80\x08" + b"\x00" + bytes(4)  # stored, 2^24 bytes
    for data in (head, head + block, head + block + bytes(100)):
        with lmac.open(io.BytesIO(data), codec=codec) as file, pytest.raises(lmac.CorruptedDataError):
            file.read()
    walk = BlockWalk(io.BytesIO(head + block))
    assert walk.next_block() is not None
    with pytest.raises(lmac.CorruptedDataError, match="truncated"):
        walk.next_block()
