"""What docs/python-api.md calls "same": the same calls, made to ``compression.zstd`` and to lmac, do the same."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmac
import pytest

from order_zero import OrderZero

ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
CONTENT = b"".join(b"line %d of some text\n" % number for number in range(300))


def zstd_api() -> SimpleNamespace:
    zstd = importlib.import_module(ZSTD)
    return SimpleNamespace(
        compressor=zstd.ZstdCompressor,
        decompressor=zstd.ZstdDecompressor,
        file=zstd.ZstdFile,
        open=zstd.open,
        compress=zstd.compress,
        decompress=zstd.decompress,
        frame_size=zstd.get_frame_size,
        frame_info=zstd.get_frame_info,
        error=zstd.ZstdError,
    )


def lmac_api() -> SimpleNamespace:
    codec = lmac.Codec(OrderZero(), adaptive=False, block_len=1000)
    return SimpleNamespace(
        compressor=partial(lmac.LmacCompressor, codec),
        decompressor=partial(lmac.LmacDecompressor, codec),
        file=partial(lmac.LmacFile, codec=codec),
        open=partial(lmac.open, codec=codec),
        compress=codec.compress,
        decompress=codec.decompress,
        frame_size=lmac.get_frame_size,
        frame_info=lmac.get_frame_info,
        error=lmac.LmacError,
    )


@pytest.fixture(scope="module", params=[zstd_api, lmac_api], ids=["zstd", "lmac"])
def api(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
def path(tmp_path: Path, api: Any) -> Path:
    path = tmp_path / "file"
    path.write_bytes(api.compress(CONTENT))
    return path


@pytest.fixture
def file(path: Path, api: Any) -> Iterator[Any]:
    with api.file(path) as file:
        yield file


# Functions


def test_compress_makes_a_frame_and_decompress_joins_frames(api: Any) -> None:
    frame = api.compress(CONTENT)
    assert len(frame) < len(CONTENT)
    assert api.decompress(frame + api.compress(b"") + api.compress(b"more")) == CONTENT + b"more"


@pytest.mark.parametrize("damage", [lambda f: b"", lambda f: f[:-1], lambda f: f + b"junk", lambda f: f + b"\0", lambda f: b"junk" + f])
def test_decompress_refuses_what_is_not_frames_only(api: Any, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(api.error):
        api.decompress(damage(api.compress(CONTENT)))


@pytest.mark.parametrize("wrap", [bytearray, memoryview, lambda data: memoryview(data)[::1]])
def test_any_buffer_goes_in(api: Any, wrap: Callable[[bytes], Any]) -> None:
    frame = api.compressor().compress(wrap(CONTENT), 2)
    assert api.decompressor().decompress(wrap(frame)) == CONTENT
    assert api.decompress(wrap(api.compress(wrap(CONTENT)))) == CONTENT


def test_the_size_of_a_frame_and_of_its_content_are_in_its_headers(api: Any) -> None:
    frame = api.compress(CONTENT)
    assert api.frame_size(frame + b"anything") == len(frame)
    assert api.frame_info(frame[:32]).decompressed_size == len(CONTENT)
    assert api.frame_info(api.compress(b"")).decompressed_size == 0
    unknown = api.compressor()
    assert api.frame_info(unknown.compress(CONTENT, 1) + unknown.flush()).decompressed_size is None
    for function in (api.frame_size, api.frame_info):
        for data in (b"", frame[:3], b"no frame at all, of any kind"):
            with pytest.raises(api.error):
                function(data)
    with pytest.raises(api.error):
        api.frame_size(frame[:-1])


# Compressor


def test_modes_have_their_names_and_numbers(api: Any) -> None:
    compressor = api.compressor()
    assert (compressor.CONTINUE, compressor.FLUSH_BLOCK, compressor.FLUSH_FRAME) == (0, 1, 2)
    modes = [compressor.last_mode]
    compressor.compress(b"a")
    modes.append(compressor.last_mode)
    compressor.compress(b"a", compressor.FLUSH_BLOCK)
    modes.append(compressor.last_mode)
    compressor.flush()
    modes.append(compressor.last_mode)
    compressor.flush(compressor.FLUSH_BLOCK)
    modes.append(compressor.last_mode)
    assert modes == [2, 0, 1, 2, 1]


def test_pieces_make_one_frame_until_it_is_flushed(api: Any) -> None:
    compressor = api.compressor()
    first = b"".join(compressor.compress(CONTENT[start : start + 700]) for start in range(0, len(CONTENT), 700)) + compressor.flush()
    second = compressor.compress(mode=compressor.FLUSH_FRAME, data=b"second")
    assert api.frame_size(first) == len(first)
    assert api.decompress(first + second) == CONTENT + b"second"


def test_a_flushed_block_can_be_restored_at_once(api: Any) -> None:
    compressor, decompressor = api.compressor(), api.decompressor()
    for part in (b"one", b"two", b"three" * 500):
        assert decompressor.decompress(compressor.compress(part, compressor.FLUSH_BLOCK)) == part
        assert (decompressor.eof, decompressor.needs_input) == (False, True)
    assert compressor.flush(compressor.FLUSH_BLOCK) == b""
    decompressor.decompress(compressor.flush())
    assert decompressor.eof


def test_flushing_nothing_makes_an_empty_frame_or_no_block(api: Any) -> None:
    compressor = api.compressor()
    assert compressor.flush(compressor.FLUSH_BLOCK) == b""
    assert api.decompress(compressor.flush()) == b""
    assert api.decompress(compressor.flush()) == b""


@pytest.mark.parametrize("call", [lambda c: c.flush(0), lambda c: c.flush(3), lambda c: c.compress(b"", 3), lambda c: c.compress(b"", -1)])
def test_unknown_modes_are_value_errors(api: Any, call: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match="mode"):
        call(api.compressor())


def test_a_pledged_size_is_stated_and_held_to(api: Any) -> None:
    compressor = api.compressor()
    compressor.set_pledged_input_size(len(CONTENT))
    frame = compressor.compress(CONTENT) + compressor.flush()
    assert api.frame_info(frame).decompressed_size == len(CONTENT)
    compressor.set_pledged_input_size(5)
    compressor.set_pledged_input_size(None)
    assert api.decompress(compressor.compress(b"abc", compressor.FLUSH_FRAME)) == b"abc"
    compressor.set_pledged_input_size(5)
    compressor.compress(b"four")
    with pytest.raises(api.error):
        compressor.flush()


def test_a_size_is_pledged_only_at_the_beginning_of_a_frame(api: Any) -> None:
    compressor = api.compressor()
    compressor.compress(b"a")
    with pytest.raises(ValueError, match="FLUSH_FRAME"):
        compressor.set_pledged_input_size(5)
    for size in (-1, 1 << 64):
        with pytest.raises(ValueError, match="size"):
            api.compressor().set_pledged_input_size(size)


# Decompressor


@pytest.mark.parametrize("max_length", [-1, 1, 7, 1000, 10**6])
@pytest.mark.parametrize("piece_len", [1, 50, 10**6])
def test_a_frame_in_pieces_comes_out_in_pieces(api: Any, max_length: int, piece_len: int) -> None:
    data = api.compress(CONTENT) + b"unused"
    decompressor, content, position = api.decompressor(), b"", 0
    while not decompressor.eof:
        piece = b""
        if decompressor.needs_input:
            assert decompressor.unused_data == b""
            piece = data[position : position + piece_len]
            position += len(piece)
        part = decompressor.decompress(piece, max_length)
        assert max_length < 0 or len(part) <= max_length
        content += part
    assert content == CONTENT
    assert not decompressor.needs_input
    assert decompressor.unused_data + data[position:] == b"unused"


def test_after_the_end_nothing_is_decompressed(api: Any) -> None:
    decompressor = api.decompressor()
    assert (decompressor.eof, decompressor.needs_input, decompressor.unused_data) == (False, True, b"")
    decompressor.decompress(api.compress(CONTENT) + b"rest")
    assert (decompressor.eof, decompressor.needs_input, decompressor.unused_data) == (True, False, b"rest")
    for data in (b"", b"more"):
        with pytest.raises(EOFError):
            decompressor.decompress(data)


def test_content_that_is_there_needs_no_input(api: Any) -> None:
    decompressor = api.decompressor()
    assert decompressor.decompress(data=api.compress(CONTENT), max_length=10) == CONTENT[:10]
    assert (decompressor.eof, decompressor.needs_input) == (False, False)
    assert decompressor.decompress(b"", -1) == CONTENT[10:]


def test_junk_is_an_error_of_the_decompressor(api: Any) -> None:
    with pytest.raises(api.error):
        api.decompressor().decompress(b"this is no frame")


# File


def test_a_file_is_read_as_other_files_are(file: Any, path: Path) -> None:
    expected = io.BytesIO(CONTENT)
    assert (file.readable(), file.writable(), file.seekable(), file.mode, file.closed) == (True, False, True, "rb", False)
    assert str(file.name) == str(path)
    assert file.fileno() > 2
    assert file.read(10) == expected.read(10)
    assert file.peek(3)[:3] == CONTENT[10:13]
    assert file.readline() == expected.readline()
    assert file.readline(4) == expected.readline(4)
    buffer, other = bytearray(2500), bytearray(10)
    assert file.readinto(buffer) == expected.readinto(buffer)
    assert 0 < file.readinto1(other) <= 10
    expected.seek(file.tell())
    assert next(file) == next(expected)
    assert list(file) == list(expected)
    assert (file.read(), file.read(5), file.read1(5), file.peek(), file.readline()) == (b"", b"", b"", b"", b"")


def test_seek_goes_to_any_place_and_not_beyond_the_end(file: Any) -> None:
    for offset, whence, expected in [(3000, 0, 3000), (-500, 1, 2500), (0, 0, 0), (-10, 2, len(CONTENT) - 10), (10**9, 0, len(CONTENT)), (0, 2, len(CONTENT))]:
        assert file.seek(offset, whence) == file.tell() == expected
        assert file.read(40) == CONTENT[expected : expected + 40]
        file.seek(expected)
    for whence in (3, 9):
        with pytest.raises(ValueError, match="whence"):
            file.seek(0, whence)


def test_read1_gives_something_and_all_in_the_end(file: Any) -> None:
    content = b""
    while part := file.read1():
        content += part
    assert content == CONTENT
    file.seek(0)
    assert file.read(None) == CONTENT


def test_frames_in_a_row_are_one_file(api: Any, path: Path) -> None:
    with api.file(path, "a") as file:
        assert file.write(b"appended") == 8
    with api.file(path) as file:
        assert file.read() == CONTENT + b"appended"
        assert file.seek(-3, 2) == len(CONTENT) + 5
        assert file.read() == b"ded"


@pytest.mark.parametrize("mode", ["w", "wb", "x", "xb"])
def test_what_is_written_can_be_read(api: Any, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "new"
    with api.file(path, mode) as file:
        assert (file.readable(), file.writable(), file.seekable(), file.mode) == (False, True, False, "wb")
        assert file.write(bytearray(CONTENT)) == len(CONTENT)
        assert file.write(memoryview(b"abcdefgh").cast("I")) == 8
        file.writelines([b"x", b"y"])
        assert file.tell() == len(CONTENT) + 10
        file.flush()
        flushed = path.read_bytes()
        assert api.decompressor().decompress(flushed) == CONTENT + b"abcdefghxy"
        file.flush()
        file.flush(file.FLUSH_FRAME)
        assert api.decompress(path.read_bytes()) == CONTENT + b"abcdefghxy"
        file.write(b"second frame")
    assert api.decompress(path.read_bytes()) == CONTENT + b"abcdefghxysecond frame"


def test_an_existing_file_is_not_created_exclusively(api: Any, path: Path) -> None:
    with pytest.raises(FileExistsError):
        api.file(path, "x")


def test_a_file_object_is_used_and_left_open(api: Any) -> None:
    target = io.BytesIO()
    with api.file(target, "w") as file:
        file.write(CONTENT)
    assert not target.closed
    target.seek(0)
    with api.file(target) as file:
        assert file.read() == CONTENT
        with pytest.raises(AttributeError):
            _ = file.name
    assert not target.closed


@pytest.mark.parametrize(
    "call",
    [lambda f: f.read(), lambda f: f.write(b""), lambda f: f.seek(0), lambda f: f.tell(), lambda f: f.flush(), lambda f: f.readable(), next],
)
def test_a_closed_file_says_so(api: Any, path: Path, call: Callable[[Any], object]) -> None:
    for mode in ("r", "w"):
        file = api.file(path, mode)
        file.close()
        file.close()
        assert file.closed
        if mode == "r" and call(io.BytesIO(CONTENT)) is None:
            continue  # flush does nothing in a file that is read
        with pytest.raises(ValueError, match="closed"):
            call(file)


def test_the_wrong_direction_is_unsupported(api: Any, file: Any) -> None:
    writer = api.file(io.BytesIO(), "w")
    reading: list[Callable[[], object]] = [writer.read, writer.read1, writer.readline, lambda: writer.seek(0), lambda: next(writer), writer.peek]
    for call in [*reading, lambda: writer.readinto(bytearray(1)), lambda: file.write(b""), file.truncate]:
        with pytest.raises(io.UnsupportedOperation):
            call()
    writer.close()


def test_a_pipe_is_read_and_not_sought(api: Any) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

        tell = seek

    with api.file(Pipe(api.compress(CONTENT) * 2)) as file:
        assert not file.seekable()
        assert file.read(3000) == CONTENT[:3000]
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
        assert file.read() == CONTENT[3000:] + CONTENT


@pytest.mark.parametrize("mode", ["", "rw", "z", "r+", "bb"])
def test_unknown_modes_of_a_file_are_value_errors(api: Any, path: Path, mode: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        api.file(path, mode)


def test_what_is_no_file_is_a_type_error(api: Any) -> None:
    for mode in ("r", "w"):
        with pytest.raises(TypeError):
            api.file(5, mode)
    with api.file(io.BytesIO(), "w") as file, pytest.raises(TypeError):
        file.write("text")


# open


@pytest.mark.parametrize("newline", [None, "", "\r\n"])
def test_text_is_encoded_and_lines_end_as_asked(api: Any, tmp_path: Path, newline: str | None) -> None:
    path = tmp_path / "text"
    with api.open(path, "wt", encoding="latin-1", newline=newline) as file:
        file.write("zwölf\nBoxkämpfer\n")
    with api.open(path) as file:
        assert file.read() == "zwölf\nBoxkämpfer\n".replace("\n", newline or "\n").encode("latin-1")
    with api.open(path, "rt", encoding="ascii", errors="replace") as file:
        assert file.readline() == "zw\ufffdlf\n"


def test_binary_modes_have_no_encoding_and_modes_no_contradiction(api: Any, path: Path) -> None:
    for arguments in ({"encoding": "utf-8"}, {"errors": "strict"}, {"newline": ""}):
        with pytest.raises(ValueError, match=r"binary|text"):
            api.open(path, **arguments)
    for mode in ("rbt", "t"):
        with pytest.raises(ValueError, match="mode"):
            api.open(path, mode)


# What is different, and why: docs/python-api.md


def test_a_file_of_which_nothing_was_written_is_an_empty_frame(tmp_path: Path) -> None:
    api = lmac_api()
    for mode in ("w", "a"):
        with api.file(tmp_path / "empty", mode):
            pass
    with api.file(tmp_path / "empty") as file:
        assert file.read() == b""


def test_a_file_cut_short_is_corrupted_data(path: Path) -> None:
    api = lmac_api()
    frame = api.compress(CONTENT)
    for length in (0, 4, 100, len(frame) - 1):
        path.write_bytes(frame[:length])
        with api.file(path) as file, pytest.raises(lmac.CorruptedDataError):
            file.read()


def test_a_negative_position_is_a_value_error() -> None:
    api = lmac_api()
    with api.file(io.BytesIO(api.compress(CONTENT))) as file, pytest.raises(ValueError, match="negative"):
        file.seek(-1)
