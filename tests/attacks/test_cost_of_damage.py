"""Damaged files cost no more than whole ones, however many blocks there are."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest
from lmac.coding.blocks import RUN_CONTENT_LEN, RUN_LEN, BlockWalk
from lmac.command_line import cli

from golden_frames import varint
from tiny_model import TINY_MODEL

BLOCKS = 30_000


@pytest.fixture(scope="module")
def codec(tiny_model: bytes) -> lmac.Codec:
    return lmac.Codec(tiny_model, threads=2, block_len=1)


@pytest.fixture(scope="module")
def frame(codec: lmac.Codec) -> bytes:
    """Blocks of one byte each."""
    return codec.compress(bytes(range(256)) * (BLOCKS // 256) + bytes(BLOCKS % 256))


def seconds(work: Callable[[], object]) -> float:
    """The shorter one of two tries: other programs run beside the tests."""
    tries = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        tries.append(time.perf_counter() - start)
    return min(tries)


def flipped(frame: bytes) -> bytes:
    place = len(frame) // 2
    return frame[:place] + bytes([frame[place] ^ 1]) + frame[place + 1 :]


def without_a_block(frame: bytes) -> bytes:
    """All blocks behind the first are in the wrong place."""
    header_len = len(frame) - 7 * BLOCKS - 1
    return frame[: header_len + 7] + frame[header_len + 14 :]


@pytest.mark.parametrize("damage", [flipped, without_a_block])
def test_damaged_blocks_cost_no_more_than_whole_ones(
    codec: lmac.Codec, frame: bytes, damage: Callable[[bytes], bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reading = seconds(lambda: lmac.LmacFile(io.BytesIO(frame), codec=codec).read())
    damaged = tmp_path / "damaged.lmac"
    damaged.write_bytes(damage(frame))
    options = ["--model", str(TINY_MODEL), "-T", "2"]
    rest = tmp_path / "rest"
    assert seconds(lambda: cli.main([*options, "-t", str(damaged)])) < reading
    assert seconds(lambda: cli.main([*options, "-df", "--recover", str(damaged), "-o", str(rest)])) < reading
    assert capfd.readouterr().err.count("\n") <= 6  # of two tries each: blocks that follow each other are one line
    assert rest.stat().st_size >= (1 if damage is without_a_block else BLOCKS - 2)


@pytest.mark.parametrize("block_len", [2, 1000, RUN_CONTENT_LEN // 3, RUN_CONTENT_LEN, 1 << 24])
def test_a_run_of_blocks_is_bounded_by_its_content_and_by_its_bytes(block_len: int) -> None:
    """Blocks that expand by any factor are not restored by the thousand at once."""
    blocks = 20_000
    block = varint(block_len) + b"\x01" + bytes(5)  # a payload of one byte
    walk = BlockWalk(io.BytesIO(b"\xac\x4c\x24abc" + varint(blocks * block_len) + blocks * block + b"\0"))
    total = 0
    while run := walk.next_run():
        assert run.start == total
        content_len = sum(block.content_len for block, _ in run.blocks)
        assert content_len <= max(RUN_CONTENT_LEN, block_len)
        assert len(walk._source.ahead) <= RUN_LEN
        total += content_len
    assert total == walk.content_offset == blocks * block_len


def test_what_comes_behind_a_run_is_found(tiny_model: bytes, tiny_text: bytes) -> None:
    codec = lmac.Codec(tiny_model, block_len=100)
    walk = BlockWalk(io.BytesIO(codec.compress(tiny_text[:1000]) + codec.compress(tiny_text[1000:])))
    first, second = walk.next_run(), walk.next_run()
    assert first is not None
    assert second is not None
    assert (len(first.blocks), first.start, second.start) == (10, 0, 1000)
    assert first.end <= second.frame_start
    for offset in (50, 999, 1000, 2999, 0):
        block = walk.find(offset)
        assert block is not None
        (content,) = codec._engine.restore_blocks([(block, walk.read_payload())], None)
        assert content == tiny_text[walk.block_start :][:100]
    limited = BlockWalk(io.BytesIO(codec.compress(tiny_text)), max_output_size=150)
    run = limited.next_run()
    assert run is not None
    assert len(run.blocks) == 1
    with pytest.raises(lmac.LmacError, match="limit of 150 bytes"):
        limited.next_run()
