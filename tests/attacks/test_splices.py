"""Blocks in places that are not theirs: every reader notices, whatever the blocks are and whether the frame states its size."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import lmac
import pytest
from lmac.command_line import cli

import reference
from order_zero import Lists, OrderZero
from splices import SPLICES, Parts, take_apart
from tiny_model import TINY_MODEL

BLOCK_LEN = 60
CONTENT_LEN = 5 * BLOCK_LEN


class Pipe(io.BytesIO):
    """A file that cannot seek."""

    def seekable(self) -> bool:
        return False


def in_pieces(codec: lmac.Codec, data: bytes) -> bytes:
    decompressor = lmac.LmacDecompressor(codec)
    content = b"".join(decompressor.decompress(data[start : start + 7]) for start in range(0, len(data), 7))
    assert decompressor.eof
    return content


def read_pipe(codec: lmac.Codec, data: bytes) -> bytes:
    return lmac.LmacFile(Pipe(data), codec=codec).read()


def seek_and_read(codec: lmac.Codec, data: bytes) -> bytes:
    """Every block by a seek of its own, the last one first."""
    blocks = []
    with lmac.LmacFile(io.BytesIO(data), codec=codec) as file:
        for offset in reversed(range(0, file.seek(0, io.SEEK_END), BLOCK_LEN)):
            file.seek(offset)
            blocks.append(file.read(BLOCK_LEN))
    return b"".join(reversed(blocks))


READERS: dict[str, Callable[[lmac.Codec, bytes], bytes]] = {
    "decompress": lambda codec, data: codec.decompress(data),
    "LmacDecompressor": in_pieces,
    "LmacFile": lambda codec, data: lmac.LmacFile(io.BytesIO(data), codec=codec).read(),
    "pipe": read_pipe,
    "seek": seek_and_read,
    "decompress_many": lambda codec, data: codec.decompress_many([codec.compress(b"a"), data])[1],
}

#: Content of blocks that are coded, stored, and all alike.
CONTENTS: dict[str, Callable[[bytes, int], bytes]] = {
    "coded": lambda text, number: text[number * CONTENT_LEN :][:CONTENT_LEN],
    "stored": lambda _, number: random.Random(number).randbytes(CONTENT_LEN),
    "alike": lambda text, number: text[number * BLOCK_LEN :][:BLOCK_LEN] * 5,
}


@pytest.fixture(scope="module")
def codec(tiny_model: bytes, adaptive: bool) -> lmac.Codec:
    return lmac.Codec(tiny_model, threads=2, adaptive=adaptive, block_len=BLOCK_LEN, lane_len=40)


@pytest.fixture(params=CONTENTS)
def contents(request: pytest.FixtureRequest, tiny_text: bytes) -> list[bytes]:
    return [CONTENTS[request.param](tiny_text, number) for number in range(2)]


@pytest.fixture(params=[True, False], ids=["known size", "unknown size"])
def frames(request: pytest.FixtureRequest, codec: lmac.Codec, contents: list[bytes]) -> list[Parts]:
    """Two frames of five blocks each, with the same header."""
    frames = [take_apart(frame_of(codec, content, is_size_known=request.param)) for content in contents]
    assert [len(frame.blocks) for frame in frames] == [5, 5]
    assert frames[0].header == frames[1].header
    return frames


def frame_of(codec: lmac.Codec, content: bytes, *, is_size_known: bool) -> bytes:
    compressor = lmac.LmacCompressor(codec)
    compressor.set_pledged_input_size(len(content) if is_size_known else None)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize("splice", SPLICES)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_notices_every_splice(codec: lmac.Codec, contents: list[bytes], frames: list[Parts], splice: str, reader: str) -> None:
    one, other = frames
    assert READERS[reader](codec, one.join()) == contents[0]
    spliced = SPLICES[splice](one, other)
    if spliced == one:
        assert one.end == b"\0"  # all ends are alike where the size is known
        return
    with pytest.raises(lmac.CorruptedDataError, match=r"from another place|end of the frame|its header says|[Ii]t was damaged"):
        READERS[reader](codec, spliced.join())


@pytest.mark.parametrize("splice", SPLICES)
def test_the_reference_notices_every_splice(adaptive: bool, tiny_text: bytes, splice: str) -> None:
    codec = lmac.Codec(OrderZero(), adaptive=adaptive, block_len=BLOCK_LEN)
    for is_size_known in (True, False):
        one, other = (take_apart(frame_of(codec, content, is_size_known=is_size_known)) for content in (tiny_text[:300], tiny_text[300:600]))
        spliced = SPLICES[splice](one, other)
        if spliced != one:
            with pytest.raises(reference.InvalidFileError):
                reference.decompress(spliced.join(), Lists(OrderZero()))


@pytest.mark.parametrize("splice", SPLICES)
def test_the_command_notices_every_splice_and_recovers_blocks_in_their_places_only(
    contents: list[bytes], frames: list[Parts], splice: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, other = frames
    spliced = SPLICES[splice](one, other)
    if spliced == one:
        return
    path, rest = tmp_path / "spliced.lmac", tmp_path / "rest"
    path.write_bytes(spliced.join())
    for arguments in (["-t", str(path)], ["-d", str(path), "-o", str(rest)]):
        assert cli.main(["--model", str(TINY_MODEL), *arguments]) == 1
        assert capfd.readouterr().err.count("\n") == 1
        assert not rest.exists()
    assert cli.main(["--model", str(TINY_MODEL), "-d", "--recover", str(path), "-o", str(rest)]) == 2
    assert "lost" in capfd.readouterr().err
    restored = rest.read_bytes()
    places = [{content[start : start + BLOCK_LEN] for content in contents} for start in range(0, CONTENT_LEN, BLOCK_LEN)]
    for start in range(0, len(restored), BLOCK_LEN):
        block = restored[start : start + BLOCK_LEN]
        while block not in places.pop(0):  # raises where there is no such block, or only before
            pass


def test_a_header_of_other_settings_is_noticed(codec: lmac.Codec, tiny_model: bytes, adaptive: bool) -> None:
    """Stored blocks would be read alike whatever the header says."""
    noise = random.Random(1).randbytes(CONTENT_LEN)
    other = lmac.Codec(tiny_model, adaptive=adaptive, block_len=BLOCK_LEN, lane_len=41)
    header = take_apart(other.compress(noise)).header
    spliced = take_apart(codec.compress(noise))._replace(header=header).join()
    for read in READERS.values():
        with pytest.raises(lmac.CorruptedDataError, match="block 0 is damaged or was put here from another place"):
            read(codec, spliced)


def test_frames_in_a_row_may_stand_in_any_order(codec: lmac.Codec, tiny_text: bytes) -> None:
    """Each is complete in itself: which of them there are is for the container to say."""
    frames = [frame_of(codec, tiny_text[start : start + 150], is_size_known=False) for start in (0, 150)]
    assert codec.decompress(frames[1] + frames[0]) == tiny_text[150:300] + tiny_text[:150]


def recovered(data: bytes, tmp_path: Path) -> bytes:
    path, rest = tmp_path / "damaged.lmac", tmp_path / "rest"
    path.write_bytes(data)
    assert cli.main(["--model", str(TINY_MODEL), "-df", "--recover", str(path), "-o", str(rest)]) == 2
    return rest.read_bytes()


@pytest.mark.parametrize("frames", [True, False], indirect=True, ids=["known size", "unknown size"])
def test_damage_costs_its_block_and_damage_to_a_check_the_next_as_well(contents: list[bytes], frames: list[Parts], tmp_path: Path) -> None:
    one, content = frames[0], contents[0]
    check, payload = 2, 6  # behind the two lengths
    for lost, place in ((1, payload), (2, check)):
        damaged = bytearray(one.blocks[1])
        damaged[place] ^= 1
        frame = one._replace(blocks=[one.blocks[0], bytes(damaged), *one.blocks[2:]]).join()
        assert recovered(frame, tmp_path) == content[:BLOCK_LEN] + content[BLOCK_LEN * (1 + lost) :]


def test_behind_an_end_that_is_not_its_own_the_next_frame_is_recovered(codec: lmac.Codec, tiny_text: bytes, tmp_path: Path) -> None:
    for is_size_known in (True, False):
        one, other = (take_apart(frame_of(codec, tiny_text[start:][:CONTENT_LEN], is_size_known=is_size_known)) for start in (0, 300))
        cut = one._replace(blocks=one.blocks[:3])
        assert recovered(cut.join() + other.join(), tmp_path) == tiny_text[: 3 * BLOCK_LEN] + tiny_text[300:600]
    with pytest.raises(lmac.CorruptedDataError, match="the end of the frame does not belong to the 180 bytes of content before it"):
        lmac.inspect(cut.join())


def test_a_damaged_byte_costs_what_its_header_leads_to_and_nothing_else(
    codec: lmac.Codec, tiny_text: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two frames, of which every byte is damaged in turn: most of them are payloads and checks."""
    contents = [[tiny_text[start : start + BLOCK_LEN] for start in range(first, first + 180, BLOCK_LEN)] for first in (0, 180)]
    whole = b"".join(frame_of(codec, b"".join(blocks), is_size_known=first == 1) for first, blocks in enumerate(contents))
    path, rest = tmp_path / "damaged.lmac", tmp_path / "rest"
    numbers_lost = []
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        rest.write_bytes(b"")
        code = cli.main(["--model", str(TINY_MODEL), "-df", "--recover", str(path), "-o", str(rest)])
        restored, kept = rest.read_bytes(), 0
        for block in contents[0] + contents[1]:
            if restored.startswith(block):
                restored, kept = restored[BLOCK_LEN:], kept + 1
        assert restored == b""
        assert code in (1, 2) or kept == 6
        numbers_lost.append(6 - kept)
    assert capfd.readouterr().err.count("lost") > len(whole) // 2
    assert sum(lost <= 1 for lost in numbers_lost) > len(whole) // 2
