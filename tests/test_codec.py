"""Bytes in, the same bytes out, through the Python interface."""

from __future__ import annotations

import array
import os
import random
import signal
import subprocess
import sys
import threading
from typing import Any

import lmac
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import needs_default_model
from order_zero import OrderZero

NOISE = random.Random(7).randbytes(5000)


@pytest.mark.parametrize("lane_len", [1, 7, 64])
@pytest.mark.parametrize("size", [0, 1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1025])
def test_sizes_around_every_limit_round_trip(tiny_model: bytes, tiny_text: bytes, adaptive: bool, size: int, lane_len: int) -> None:
    codec = lmac.Codec(tiny_model, threads=1, adaptive=adaptive, block_len=256, lane_len=lane_len)
    for content in (tiny_text[:size], NOISE[:size], bytes(size)):
        assert codec.decompress(codec.compress(content)) == content


@given(st.binary(max_size=600), st.booleans(), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_round_trip_with_any_division(content: bytes, adaptive: bool, block_len: int, lane_len: int) -> None:
    codec = lmac.Codec(OrderZero(), adaptive=adaptive, block_len=block_len, lane_len=lane_len)
    assert codec.decompress(codec.compress(content)) == content


@given(st.lists(st.tuples(st.binary(max_size=50), st.booleans()), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_frames_of_both_modes_in_a_row_decompress_to_their_contents_in_a_row(parts: list[tuple[bytes, bool]]) -> None:
    frames = [lmac.Codec(OrderZero(), adaptive=adaptive).compress(content) for content, adaptive in parts]
    contents = [content for content, _ in parts]
    assert lmac.Codec(OrderZero()).decompress(b"".join(frames)) == b"".join(contents)


def test_noise_costs_at_most_16_bytes(tiny_codec: lmac.Codec) -> None:
    for size in (0, 1, 100, 5000):
        assert len(tiny_codec.compress(NOISE[:size])) <= size + 16


def test_text_that_the_model_knows_shrinks(tiny_codec: lmac.Codec, tiny_text: bytes) -> None:
    assert len(tiny_codec.compress(tiny_text)) < 0.7 * len(tiny_text)


def test_what_repeats_needs_no_model(tiny_model: bytes) -> None:
    text = b"she sells sea shells by the sea shore; " * 300
    mixed, alone = (lmac.Codec(tiny_model, adaptive=adaptive) for adaptive in (True, False))
    frame = mixed.compress(text)
    (info,) = lmac.inspect(frame)
    assert (info.adaptive, info.blocks_without_network) == (True, 1)
    assert len(frame) < 400
    assert len(frame) < len(alone.compress(text)) / 10
    assert alone.decompress(frame) == text


@pytest.mark.parametrize(
    "data",
    [
        bytearray(b"abc"),
        memoryview(b"abcdef")[::2],
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.zeros((3, 0)),
        array.array("i", [1, -2]),
    ],
    ids=["bytearray", "strided memoryview", "float array", "empty array", "array.array"],
)
def test_any_buffer_is_compressed_as_its_bytes(tiny_codec: lmac.Codec, data: Any) -> None:
    content = memoryview(data).tobytes()
    frame = tiny_codec.compress(data)
    assert tiny_codec.decompress(frame) == content
    assert tiny_codec.decompress(memoryview(frame)) == content


def test_text_is_not_bytes(tiny_codec: lmac.Codec) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        tiny_codec.compress("text")  # type: ignore[arg-type]


def test_the_number_of_threads_changes_nothing(tiny_model: bytes, tiny_text: bytes, adaptive: bool) -> None:
    codecs = (lmac.Codec(tiny_model, threads=threads, adaptive=adaptive, lane_len=500) for threads in (1, 2, 3, None))
    assert len({codec.compress(tiny_text) for codec in codecs}) == 1


@pytest.mark.parametrize("lane_len", [100, None])
def test_onnx_runtime_writes_the_same_bytes(tiny_model: bytes, tiny_text: bytes, adaptive: bool, lane_len: int | None) -> None:
    native = lmac.Codec(tiny_model, adaptive=adaptive, lane_len=lane_len)
    onnx = lmac.Codec(tiny_model, adaptive=adaptive, lane_len=lane_len, executor="onnx", device="cpu")
    frame = native.compress(tiny_text)
    assert onnx.compress(tiny_text) == frame
    assert onnx.decompress(frame) == tiny_text


@needs_default_model
def test_the_model_inside_the_package_is_the_default() -> None:
    text = b"It was the best of times, it was the worst of times. " * 4
    frame = lmac.compress(text)
    assert lmac.decompress(frame) == lmac.Codec().decompress(frame) == text
    assert lmac.Codec(executor="onnx", device="cpu").compress(text) == frame
    assert len(lmac.compress(text[:52])) < 52
    alone = lmac.compress(text, adaptive=False)
    assert lmac.decompress(alone) == text
    assert [lmac.inspect(frame)[0].adaptive, lmac.inspect(alone)[0].adaptive] == [True, False]


def test_the_frame_names_the_model_the_mode_and_the_sizes(tiny_codec: lmac.Codec, tiny_text: bytes, adaptive: bool) -> None:
    frame = tiny_codec.compress(tiny_text)
    (info,) = lmac.inspect(frame)
    assert info.model_id == tiny_codec.model_id[:3]
    assert (info.adaptive, info.lane_len, info.content_size) == (adaptive, None, None)
    assert (info.content_len, info.frame_len) == (len(tiny_text), len(frame))
    assert (info.blocks, info.stored_blocks, info.blocks_without_network) == (1, 0, 0)


def test_the_frame_states_lengths_that_are_not_the_default_ones(tiny_model: bytes, tiny_text: bytes, adaptive: bool) -> None:
    frame = lmac.Codec(tiny_model, adaptive=adaptive, block_len=1000, lane_len=300).compress(tiny_text)
    (info,) = lmac.inspect(frame)
    assert (info.lane_len, info.content_size, info.blocks) == (300, 3000, 3)


def test_a_codec_can_be_shared_by_threads(tiny_codec: lmac.Codec, tiny_text: bytes) -> None:
    frame = tiny_codec.compress(tiny_text)
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(tiny_codec.decompress(frame))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [tiny_text] * 4


# Errors


def test_another_model_is_refused(tiny_codec: lmac.Codec, adaptive: bool) -> None:
    frame = lmac.Codec(OrderZero(), adaptive=adaptive).compress(b"text")
    with pytest.raises(lmac.ModelMismatchError, match="compressed with model 032a11"):
        tiny_codec.decompress(frame)


@pytest.mark.parametrize("data", [b"not an lmac file", b"\xac\x4c\xff\0\0\0\0"])
def test_what_is_no_frame_is_a_format_error(tiny_codec: lmac.Codec, data: bytes) -> None:
    with pytest.raises(lmac.FormatError):
        tiny_codec.decompress(data)


def test_bytes_after_the_frame_are_an_error(tiny_codec: lmac.Codec) -> None:
    with pytest.raises(lmac.FormatError):
        tiny_codec.decompress(tiny_codec.compress(b"text") + b"junk")


def test_content_beyond_the_limit_is_refused(tiny_codec: lmac.Codec) -> None:
    frame = tiny_codec.compress(bytes(1000))
    assert tiny_codec.decompress(frame, max_output_size=1000) == bytes(1000)
    with pytest.raises(lmac.LmacError, match="limit of 999 bytes"):
        tiny_codec.decompress(frame, max_output_size=999)


def test_lengths_out_of_range_are_refused(tiny_model: bytes, adaptive: bool) -> None:
    for block_len, lane_len in ((0, 1), (1, 0), (2**24 + 1, 1), (None, 2**24 + 1), (-1, 1), (1, -1), (10**30, 1)):
        with pytest.raises(ValueError, match="_len must"):
            lmac.Codec(tiny_model, adaptive=adaptive, block_len=block_len, lane_len=lane_len)


def test_unknown_names_are_refused(tiny_model: bytes) -> None:
    with pytest.raises(ValueError, match="unknown executor"):
        lmac.Codec(tiny_model, executor="torch")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown device"):
        lmac.Codec(tiny_model, device="tpu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="runs on the CPU"):
        lmac.Codec(tiny_model, executor="native", device="cuda")


@pytest.mark.parametrize("executor", ["native", "onnx"])
def test_a_damaged_model_file_is_refused(tiny_model: bytes, executor: Any) -> None:
    for damaged in (b"", b"text", tiny_model[:-100], tiny_model[: len(tiny_model) // 2]):
        with pytest.raises(lmac.LmacError):
            lmac.Codec(damaged, executor=executor)


@pytest.mark.parametrize("executor", ["native", "onnx"])
def test_an_executor_that_misses_the_known_answer_is_refused(tiny_model: bytes, executor: Any) -> None:
    position = tiny_model.index(b'"logits_sha256"') + 20
    wrong = b"0" if tiny_model[position : position + 1] != b"0" else b"1"
    with pytest.raises(lmac.PredictorError, match="known answers"):
        lmac.Codec(tiny_model[:position] + wrong + tiny_model[position + 1 :], executor=executor)


# Predictors written in Python


class Broken(OrderZero):
    """Returns whatever it is told to."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def advance(self, symbols: NDArray[Any]) -> Any:
        return self.result(symbols)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda symbols: np.zeros((*symbols.shape, 256)), "integers"),
        (lambda symbols: np.zeros((*symbols.shape, 255), int), "shape"),
        (lambda symbols: np.full((*symbols.shape, 256), 40000), "16 bits"),
        (lambda symbols: None, "integers"),
    ],
    ids=["floats", "shape", "range", "nothing"],
)
def test_a_predictor_that_breaks_its_contract_is_named(result: Any, message: str, adaptive: bool) -> None:
    with pytest.raises(lmac.PredictorError, match=message):
        lmac.Codec(Broken(result), adaptive=adaptive).compress(b"text")


def test_an_exception_of_a_predictor_reaches_the_caller_unchanged(adaptive: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        lmac.Codec(Broken(lambda symbols: 1 // 0), adaptive=adaptive).compress(b"text")


def test_a_predictor_of_another_alphabet_is_refused(adaptive: bool) -> None:
    predictor = OrderZero()
    predictor.alphabet_size = 100
    with pytest.raises(lmac.PredictorError):
        lmac.Codec(predictor, adaptive=adaptive).compress(b"text")


# Progress and interruption


class Slow(OrderZero):
    """Takes its time, so that progress is reported."""

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        threading.Event().wait(0.06)
        return super().advance(symbols)


def test_progress_grows_up_to_the_size_of_the_content(adaptive: bool) -> None:
    reports: list[int] = []
    codec = lmac.Codec(Slow(), adaptive=adaptive, lane_len=50)
    frame = codec.compress(bytes(2000), progress=reports.append)
    assert len(reports) > 2
    assert reports == sorted(reports)
    assert reports[-1] <= 2000
    reports.clear()
    assert codec.decompress(frame, progress=reports.append) == bytes(2000)
    assert len(reports) > 2


def test_an_exception_of_the_progress_function_stops_the_work(adaptive: bool) -> None:
    def stop(done_bytes: int) -> None:
        raise StopAsyncIteration(done_bytes)

    with pytest.raises(StopAsyncIteration):
        lmac.Codec(Slow(), adaptive=adaptive, lane_len=100).compress(bytes(2000), progress=stop)


def test_the_native_loop_notices_ctrl_c(tiny_model: bytes, tiny_text: bytes, adaptive: bool) -> None:
    codec = lmac.Codec(tiny_model, threads=1, adaptive=adaptive)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        codec.compress(tiny_text * 5000)
    timer.join()
    assert codec.decompress(codec.compress(tiny_text)) == tiny_text


@needs_default_model
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_no_threads_and_needs_none() -> None:
    program = """
import os, sys, lmac
codec = lmac.Codec(threads=3)
frame = codec.compress(b"some text " * 30)
child = os.fork()
if child == 0:
    sys.exit(0 if codec.decompress(frame) == b"some text " * 30 and codec.compress(b"some text " * 30) == frame else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert codec.decompress(frame) == b"some text " * 30
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", program], check=True, timeout=60)
