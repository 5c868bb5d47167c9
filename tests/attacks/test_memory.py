"""What a hostile header can make a reader allocate is bounded, and where memory or threads are short, an error of the family says so."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import lmac
import pytest

from conftest import needs_default_model

pytestmark = [needs_default_model, pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")]

#: What each child begins with: a frame by hand, and a limit of memory beyond what is in use.
PRELUDE = """
import io, os, resource, sys
import lmac

def varint(number):
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])

def hostile(codec, content_len, lane_len, blocks=1, adaptive=False):
    flags = 0b10 | (blocks == 1) | adaptive << 3
    block = varint(content_len) + varint(2 if adaptive else 1) + b"CRC " + b"\\xff"
    return b"\\xac\\x4c" + bytes([1 << 5 | flags]) + codec.model_id[:3] + varint(lane_len) + block * blocks + bytes(blocks > 1)

def allow(more):
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more,) * 2)

def outcome(work):
    try:
        work()
        print("fine")
    except lmac.LmacError as error:
        print(type(error).__name__, isinstance(error, MemoryError))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
"""


def run(code: str) -> list[str]:
    """The lines that a child prints, which must end in order."""
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    child = subprocess.run([sys.executable, "-c", PRELUDE + code], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.splitlines()


@pytest.mark.parametrize("lane_len", [1, 2, 192])
def test_many_lanes_in_a_few_bytes_take_no_more_than_what_is_decoded(lane_len: int) -> None:
    code = f"""
codec = lmac.Codec(threads=1)
frame = hostile(codec, 4096 * {lane_len}, {lane_len})
assert len(frame) <= 18
allow(100 << 20)
outcome(lambda: codec.decompress(frame))
outcome(lambda: lmac.LmacDecompressor(codec).decompress(frame))
outcome(lambda: lmac.LmacFile(io.BytesIO(frame), codec=codec).read())
outcome(lambda: codec.decompress_many([frame]))
"""
    assert run(code) == ["CorruptedDataError False"] * 4


def test_many_blocks_of_many_lanes_on_many_threads_share_what_is_allowed() -> None:
    code = """
codec = lmac.Codec(threads=16)
frame = hostile(codec, 4096 * 192, 192, blocks=16)
assert len(frame) < 200
codec.decompress(codec.compress(b"once"))
before = peak()
outcome(lambda: codec.decompress(frame))
print(peak() - before < 500 << 20)
"""
    assert run(code) == ["CorruptedDataError False", "True"]


def test_memory_that_cannot_be_had_is_an_error_and_the_codec_goes_on() -> None:
    code = """
codec = lmac.Codec(threads=1)
frame = hostile(codec, 1 << 24, 1 << 24, adaptive=True)
short, content = codec.compress(b"once"), bytes(range(250)) * 20_000
allow(40 << 20)
outcome(lambda: codec.decompress(frame))
outcome(lambda: lmac.LmacDecompressor(codec).decompress(frame))
outcome(lambda: lmac.LmacFile(io.BytesIO(frame), codec=codec).read())
outcome(lambda: codec.decompress_many([frame]))
outcome(lambda: codec.compress(content))
outcome(lambda: codec.decompress(short))
"""
    assert run(code) == ["OutOfMemoryError True"] * 5 + ["fine"]


def test_threads_that_cannot_be_had_are_done_without() -> None:
    code = """
model = lmac.Codec(threads=1)  # what must be read is read before other rights are taken
if os.geteuid() == 0:
    os.setuid(54321)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
codec = lmac.Codec(threads=4, block_len=600)
content = b"Several blocks, which threads would share. " * 40
print(codec.decompress(codec.compress(content)) == content)
"""
    assert run(code) == ["True"]


def test_threads_leave_memory_for_the_rest() -> None:
    code = """
lmac.Codec(threads=1)
allow(80 << 20)
codec = lmac.Codec(threads=200)
outcome(lambda: codec.compress(b"a short text"))
"""
    assert run(code)[-1] in ("fine", "OutOfMemoryError True")


CONTENT = b"A block of a text that takes the memory of a mixture, whoever reads it. " * 100


@pytest.fixture(scope="module")
def strict() -> lmac.Codec:
    return lmac.Codec(threads=4, max_memory=1 << 20)


@pytest.fixture(scope="module")
def frame() -> bytes:
    return lmac.Codec(threads=1).compress(CONTENT)


def readers(codec: lmac.Codec, frame: bytes) -> Iterator[Callable[[], object]]:
    """Every way to read a frame."""
    yield lambda: codec.decompress(frame)
    yield lambda: codec.decompress_many([frame])
    yield lambda: lmac.LmacDecompressor(codec).decompress(frame)
    yield lambda: lmac.LmacFile(io.BytesIO(frame), codec=codec).read()


def test_a_block_beyond_max_memory_is_refused_by_every_reader_and_writer(strict: lmac.Codec, frame: bytes) -> None:
    writers: list[Callable[[], object]] = [lambda: strict.compress(CONTENT), lambda: lmac.LmacCompressor(strict).compress(CONTENT, 2)]
    for work in [*readers(strict, frame), *writers]:
        with pytest.raises(lmac.LmacError, match=r"needs \d+ bytes of memory, and the limit is 1048576"):
            work()


def test_what_fits_max_memory_is_coded_with_fewer_blocks_at_once() -> None:
    free, bounded = (lmac.Codec(threads=4, block_len=1000, max_memory=limit) for limit in (None, 5 << 20))
    assert tuple(codec._engine.blocks_at_once(codec.max_memory) for codec in (free, bounded)) == (4, 1)
    blob = bounded.compress(CONTENT)
    assert blob == free.compress(CONTENT)
    assert bounded.decompress(blob) == CONTENT


def test_stored_content_needs_no_more_than_itself(strict: lmac.Codec) -> None:
    noise = os.urandom(500_000)
    frame = lmac.Codec(threads=1).compress(noise)
    assert all(work() in (noise, [noise]) for work in readers(strict, frame))
