"""Input from outside is hostile: an error of the family or the right bytes, in bounded time and memory."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lmac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_zero import OrderZero

CODEC = lmac.Codec(OrderZero(), adaptive=False, block_len=100)
MIXED = lmac.Codec(OrderZero(), block_len=100)
CODECS = st.sampled_from([CODEC, MIXED])
LIMIT = 1 << 12


def stream(codec: lmac.Codec, data: bytes, piece_len: int = 1 << 20) -> bytes:
    """Content of one frame, by a decompressor."""
    decompressor = lmac.LmacDecompressor(codec, max_output_size=LIMIT)
    content = b""
    for start in range(0, len(data), piece_len):
        content += decompressor.decompress(data[start : start + piece_len])
        if decompressor.eof:
            break
    if not decompressor.eof or decompressor.unused_data or start + piece_len < len(data):
        raise lmac.CorruptedDataError("not exactly one frame")
    return content


def read_file(codec: lmac.Codec, data: bytes) -> bytes:
    """Content of all frames, by a file."""
    with lmac.LmacFile(io.BytesIO(data), codec=codec, max_output_size=LIMIT) as file:
        return file.read()


def once(codec: lmac.Codec, data: bytes) -> bytes:
    return codec.decompress(data, max_output_size=LIMIT)


def outcome(read: Callable[[lmac.Codec, bytes], bytes], codec: lmac.Codec, data: bytes) -> bytes | None:
    """Content, or ``None`` for an error of the family; any other exception fails the test."""
    try:
        return read(codec, data)
    except lmac.LmacError:
        return None


@pytest.fixture(scope="module", params=["adaptive", "static"])
def codec(request: pytest.FixtureRequest, tiny_model: bytes) -> lmac.Codec:
    return lmac.Codec(tiny_model, threads=1, adaptive=request.param == "adaptive", block_len=150, lane_len=60)


@pytest.fixture(scope="module")
def frame(codec: lmac.Codec, tiny_text: bytes) -> bytes:
    """Three hundred bytes: three blocks of several lanes."""
    frame = codec.compress(tiny_text[:410])
    assert 280 <= len(frame) <= 320
    return frame


def test_every_flipped_bit_is_an_error_or_harmless(codec: lmac.Codec, frame: bytes, tiny_text: bytes) -> None:
    content = tiny_text[:410]
    harmless = 0
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        restored = outcome(once, codec, bytes(damaged))
        assert restored in (None, content)
        harmless += restored is not None
    assert harmless <= 16  # the last bits of a payload may not matter


def test_every_truncation_is_an_error_for_every_reader(codec: lmac.Codec, frame: bytes) -> None:
    for length in range(len(frame)):
        for read in (once, stream, read_file):
            assert outcome(read, codec, frame[:length]) is None
        with pytest.raises(lmac.LmacError):
            lmac.get_frame_size(frame[:length])


# Twins of rust/fuzz


@given(CODECS, st.binary(max_size=300), st.booleans(), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_an_error_or_the_same_content_for_every_reader(codec: lmac.Codec, data: bytes, with_header: bool, piece_len: int) -> None:
    if with_header:
        data = codec.compress(b"")[:6] + data
    expected = outcome(once, codec, data)
    assert outcome(read_file, codec, data) == expected
    assert outcome(partial(stream, piece_len=piece_len), codec, data) in (None, expected)  # None: of several frames


@given(CODECS, st.binary(max_size=300), st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_garbage_after_a_frame_is_an_error_unless_it_is_frames(codec: lmac.Codec, content: bytes, garbage: bytes) -> None:
    frame = codec.compress(content)
    more = outcome(once, codec, garbage) if garbage else b""
    expected = None if more is None else content + more
    assert outcome(once, codec, frame + garbage) == expected
    assert outcome(read_file, codec, frame + garbage) == expected
    decompressor = lmac.LmacDecompressor(codec)
    assert decompressor.decompress(frame + garbage) == content
    assert (decompressor.eof, decompressor.unused_data) == (True, garbage)


@given(CODECS, st.lists(st.tuples(st.binary(max_size=250), st.sampled_from([0, 1, 2])), max_size=5))
@settings(max_examples=100, deadline=None)
def test_any_pieces_and_flushes_round_trip(codec: lmac.Codec, pieces: list[tuple[bytes, int]]) -> None:
    compressor = lmac.LmacCompressor(codec)
    data = b"".join(compressor.compress(piece, mode) for piece, mode in pieces) + compressor.flush()
    content = b"".join(piece for piece, _ in pieces)
    assert once(codec, data) == read_file(codec, data) == content


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_headers_of_any_bytes_agree(data: bytes) -> None:
    for prefix in (b"", b"\xac\x4c", b"\xac\x4c\x28aaa", b"\xac\x4c\x21aaa"):
        try:
            first = lmac.inspect(prefix + data)[0]
        except lmac.LmacError:
            continue
        header = lmac.get_frame_info(prefix + data)
        assert lmac.get_frame_size(prefix + data) == first.frame_len
        assert (header.model_id, header.adaptive) == (first.model_id, first.adaptive)
        assert header.decompressed_size in (first.content_len, None)


# Time and memory

BOUNDED = """
import resource, sys, lmac
from order_zero import OrderZero
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
data = sys.stdin.buffer.read()
for read in (lambda: lmac.Codec(OrderZero()).decompress(data, max_output_size=1 << 24), lambda: lmac.open(sys.argv[1], model=OrderZero()).read(1)):
    try:
        read()
    except lmac.LmacError as error:
        print(type(error).__name__)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set as Linux does")
@pytest.mark.parametrize("adaptive", [0, 8])
@pytest.mark.parametrize("lane_len", [None, 1])
def test_a_hundred_hostile_bytes_need_bounded_time_and_memory(tmp_path: Path, adaptive: int, lane_len: int | None) -> None:
    """The longest content that a header can promise, in the most lanes, with a payload that is soon used up."""
    descriptor = 0x21 | adaptive | (2 if lane_len else 0)
    head = b"\xac\x4c" + bytes([descriptor]) + OrderZero.model_id[:3] + (b"\x01" if lane_len else b"")
    coding = b"\xa0\x01" if adaptive else b"\x50"  # 80 bytes
    data = head + b"\x80\x80\x80\x08" + coding + bytes(4) + bytes(range(1, 81))
    assert len(data) <= 100
    (tmp_path / "hostile").write_bytes(data)
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", BOUNDED, tmp_path / "hostile"], input=data, capture_output=True, env=environment, timeout=120, check=False)
    assert done.stdout.split() == [b"CorruptedDataError"] * 2, done.stderr
