"""What the documentation says of the API as a whole: which errors, what is shown, what is kept, and what goes in."""

from __future__ import annotations

import array
import ctypes
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import pytest
from lmac import _core

from order_zero import OrderZero
from tiny_model import TINY_MODEL


@pytest.fixture(scope="module")
def codec() -> lmac.Codec:
    return lmac.Codec(TINY_MODEL, threads=1)


# Arguments


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("threads", [0, -1, 1025, 10**30]),
        ("block_len", [0, -1, 2**24 + 1, 10**30]),
        ("max_memory", [0, -1]),
        ("lane_len", [0, -1, 2**24 + 1, 10**30]),
        ("context_length", [1, 0, -1]),
        ("executor", ["torch", ""]),
        ("device", ["tpu", ""]),
    ],
)
def test_an_argument_out_of_range_is_a_value_error_of_the_constructor(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name):
            lmac.Codec(TINY_MODEL, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("threads", 1.5), ("block_len", "1"), ("lane_len", 2.0), ("adaptive", "yes"), ("model", 5), ("model", [b""])])
def test_an_argument_of_a_wrong_type_is_a_type_error_of_the_constructor(name: str, value: Any) -> None:
    with pytest.raises(TypeError):
        lmac.Codec(**{"model": TINY_MODEL, name: value})


def test_limits_are_checked_wherever_they_are_given(codec: lmac.Codec) -> None:
    frame = codec.compress(b"text")
    for negative in (-1, -(10**30)):
        with pytest.raises(ValueError, match="max_output_size must not be negative"):
            codec.decompress(frame, max_output_size=negative)
        with pytest.raises(ValueError, match="max_output_size must not be negative"):
            codec.decompress_many([frame], max_output_size=negative)
        with pytest.raises(ValueError, match="max_output_size must not be negative"):
            lmac.LmacDecompressor(codec, max_output_size=negative)
    assert codec.decompress(frame, max_output_size=10**30) == b"text"
    assert lmac.LmacDecompressor(codec, max_output_size=10**30).decompress(frame, max_length=10**30) == b"text"


def test_errors_are_of_the_kinds_that_the_documentation_names(codec: lmac.Codec, tmp_path: Path) -> None:
    with pytest.raises(lmac.LmacError, match="unknown model"):
        lmac.Codec("nobody")
    with pytest.raises(FileNotFoundError):
        lmac.Codec(tmp_path / "nothing.onnx")
    with pytest.raises(FileNotFoundError):
        lmac.open(tmp_path / "nothing.lmac", codec=codec)
    for wrong in ("text", None, 5, [b"text"]):
        with pytest.raises(TypeError):
            codec.compress(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            codec.decompress(wrong)  # type: ignore[arg-type]


def test_a_frame_of_nobodys_model_is_said_to_be_of_none_inside_the_package() -> None:
    frame = lmac.Codec(OrderZero()).compress(b"text")
    for read in (lmac.decompress, lmac.Codec().decompress, lmac.LmacDecompressor().decompress, lambda frame: lmac.open(io.BytesIO(frame)).read()):
        with pytest.raises(lmac.ModelMismatchError) as caught:
            read(frame)
        assert "none of the models inside the package wrote it" in str(caught.value)
        assert OrderZero.model_id[:3].hex() in str(caught.value)
        assert lmac.Codec().model_id[:3].hex() not in str(caught.value)
    with pytest.raises(lmac.ModelMismatchError, match=r"record 1: .*none of the models inside the package"):
        lmac.Codec().decompress_many([lmac.compress(b""), frame])
    with pytest.raises(lmac.ModelMismatchError, match="the model given is"):
        lmac.Codec("default").decompress(frame)


# Content


@pytest.mark.parametrize(
    "objects",
    [
        np.array([b"a", None, 5], object),
        np.zeros(2, [("number", "i4"), ("anything", object)]),
        np.zeros((2, 2), object)[:, :1],
        (ctypes.POINTER(ctypes.c_int) * 2)(),
    ],
    ids=["objects", "structure", "slice", "pointers"],
)
def test_arrays_of_objects_are_refused(codec: lmac.Codec, objects: Any) -> None:
    stream = lmac.LmacCompressor(codec)
    for call in (codec.compress, codec.decompress, stream.compress, lmac.inspect, lambda data: codec.compress_many([data])):
        with pytest.raises(TypeError, match="array of objects"):
            call(objects)


def test_arrays_are_compressed_in_c_order(codec: lmac.Codec) -> None:
    numbers = np.arange(24, dtype="<i2").reshape(4, 6)
    named = np.zeros(3, [("OPO", "i4"), ("x", "f8")])  # names are no types
    contents: list[Any] = [numbers, numbers.T, numbers[::2, ::-1], named, array.array("d", [1.5]), np.float32(1), memoryview(b"abcdef")[::2]]
    for data in contents:
        assert codec.decompress(codec.compress(data)) == memoryview(data).tobytes()
    scattered: Any = np.repeat(np.frombuffer(codec.compress(b"text"), np.uint8), 2)[::2]
    assert codec.decompress(scattered) == b"text"
    assert lmac.get_frame_info(scattered).decompressed_size == 4
    assert lmac.get_frame_size(scattered) == len(scattered)


# What is shown


def test_what_is_kept_shows_what_it_is(codec: lmac.Codec, tmp_path: Path) -> None:
    assert repr(lmac.Codec()) == "Codec()"
    assert repr(lmac.Codec("fast", threads=2, adaptive=False)) == "Codec('fast', threads=2, adaptive=False)"
    assert repr(codec) == f"Codec({str(TINY_MODEL)!r}, threads=1)"
    assert repr(lmac.Codec(TINY_MODEL.read_bytes(), block_len=5)) == f"Codec(<model of {TINY_MODEL.stat().st_size} bytes>, block_len=5)"
    settings = _core.Settings(adaptive=True, block_len=None, lane_len=7, verify=True)
    assert repr(settings) == "Settings(adaptive=True, block_len=None, lane_len=7, verify=True, max_memory=None)"
    assert repr(lmac.Vocabulary([b"a", b"b"], b" ")) == "<Vocabulary of 2 numbers, prefix=b' '>"
    path = str(tmp_path / "shown.lmac")
    with lmac.LmacFile(path, "w", codec=codec) as file:
        assert repr(file) == f"<LmacFile name={path!r} mode='wb'>"
    assert repr(file) == "<LmacFile, closed>"
    with lmac.LmacFile(path, codec=codec) as file:
        assert repr(file) == f"<LmacFile name={path!r} mode='rb'>"


def test_the_repr_of_a_frame_makes_it_again(codec: lmac.Codec) -> None:
    [info] = lmac.inspect(codec.compress(b"text"))
    assert eval(repr(info), {"FrameInfo": lmac.FrameInfo}) == info


# Files that take less than they are given


class Slow(io.RawIOBase):
    """A raw file that takes a few bytes at a time, and nothing every third time."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self.calls = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int | None:
        self.calls += 1
        if self.calls % 3 == 0:
            return None
        self.taken += data[:5]
        return min(len(data), 5)


def test_a_raw_file_that_takes_little_at_a_time_loses_nothing(codec: lmac.Codec) -> None:
    raw, content, delays = Slow(), os.urandom(100), 0
    file = lmac.LmacFile(raw, "w", codec=codec)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [lambda: file.write(content), file.flush, lambda: file.flush(lmac.LmacFile.FLUSH_FRAME)]
    for call in calls:
        try:
            call()
        except BlockingIOError:
            delays += 1
            while True:
                try:
                    file.flush(lmac.LmacFile.FLUSH_BLOCK)
                    break
                except BlockingIOError:
                    delays += 1
    file.close()
    assert delays > 2
    assert codec.decompress(bytes(raw.taken)) == content


def test_a_file_that_does_not_say_how_much_it_took_took_everything(codec: lmac.Codec) -> None:
    class Silent:
        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: Any) -> None:
            self.taken += data

    silent: Any = Silent()
    with lmac.LmacFile(silent, "w", codec=codec) as file:
        file.write(b"content")
    assert codec.decompress(silent.taken) == b"content"


def test_a_raw_file_that_has_nothing_yet_is_not_at_its_end(codec: lmac.Codec) -> None:
    frame = codec.compress(b"content")

    class Late(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes | None:
            return parts.pop(0) if parts else b""

    parts = [frame[:5], None, frame[5:]]
    with pytest.raises(BlockingIOError):
        lmac.LmacFile(Late(), codec=codec).read()  # type: ignore[arg-type]


# What stays loaded


def test_the_model_of_a_single_call_stays_loaded_until_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmac.coding import engine
    from lmac.predictors.model import load_predictor

    loaded: list[object] = []

    def count(model: Any, running: Any) -> Any:
        loaded.append(model)
        return load_predictor(model, running)

    monkeypatch.setattr(engine, "load_predictor", count)
    path = tmp_path / "own.onnx"
    path.write_bytes(TINY_MODEL.read_bytes())
    for _ in range(3):
        assert lmac.decompress(lmac.compress(b"text", model=path), model=path) == b"text"
        assert lmac.decompress(lmac.compress(b"text", model=path, adaptive=False), model=str(path)) == b"text"
    assert loaded == [path]
    os.utime(path, ns=(1, 1))
    lmac.compress(b"text", model=path)
    assert loaded == [path, path]
    path.unlink()
    with pytest.raises(FileNotFoundError):
        lmac.compress(b"text", model=path)


def test_not_all_models_stay_loaded(tmp_path: Path) -> None:
    from lmac.coding import engine

    for number in range(2 * engine.KEPT_ENGINES):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(TINY_MODEL.read_bytes())
        lmac.compress(b"text", model=path)
    assert engine._kept_engine.cache_info().currsize == engine.KEPT_ENGINES


def test_what_only_the_package_calls_is_private() -> None:
    public = {name for name in dir(lmac.Codec) if not name.startswith("_")}
    assert public == {"compress", "compress_many", "decompress", "decompress_many", "max_memory", "model_id"}
