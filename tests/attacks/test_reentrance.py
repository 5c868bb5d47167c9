"""One call owns a predictor: calls inside calls, from two threads, and from what is collected in the middle of one."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmac
import pytest
from numpy.typing import NDArray

from conftest import EXPORTED
from order_zero import OrderZero
from tiny_model import TINY_MODEL

TEXT = b"some text of several words, more than a moment's work " * 20


class Patient(OrderZero):
    """Lets other threads work in the middle of a call, and somebody see it."""

    def __init__(self) -> None:
        self.on_advance: Callable[[], object] = lambda: None

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        time.sleep(0.06 if symbols.shape[1] > 1 else 0)  # when it compresses, so that progress is reported
        self.on_advance()
        return super().advance(symbols)


KINDS: dict[str, Callable[[], lmac.Codec]] = {
    "native": lambda: lmac.Codec(TINY_MODEL, threads=2),
    "onnx": lambda: lmac.Codec(TINY_MODEL, executor="onnx", device="cpu", threads=1),
    "python": lambda: lmac.Codec(Patient(), lane_len=100),
    "language model": lambda: lmac.Codec(EXPORTED / "llama", device="cpu", threads=1, lane_len=1000),
}


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def codec(request: pytest.FixtureRequest) -> lmac.Codec:
    made: lmac.Codec = request.param()
    return made


def long_text(codec: lmac.Codec) -> bytes:
    """Takes long enough for progress to be reported, on any machine and in both directions."""
    text = TEXT
    while True:
        started = time.monotonic()
        frame = codec.compress(text)
        compressed = time.monotonic()
        codec.decompress(frame)
        if min(compressed - started, time.monotonic() - compressed) > 0.15:
            return text
        text *= 2


def test_a_call_inside_its_progress_function_is_refused(codec: lmac.Codec) -> None:
    text, errors = long_text(codec), []
    calls: list[Callable[[bytes], object]] = [codec.compress, lambda text: lmac.LmacCompressor(codec).compress(text, lmac.LmacCompressor.FLUSH_FRAME)]

    def call_again(done: int) -> None:
        for call in calls:
            with pytest.raises(lmac.LmacError, match="inside its own call") as caught:
                call(b"inside")
            errors.append(caught.value)

    frame = codec.compress(text, progress=call_again)
    assert errors
    assert codec.decompress(frame) == text


def test_an_error_inside_a_progress_function_ends_the_call(codec: lmac.Codec) -> None:
    with pytest.raises(lmac.LmacError, match="inside its own call"):
        codec.compress(long_text(codec), progress=lambda done: codec.compress(b"inside"))
    assert codec.decompress(codec.compress(TEXT)) == TEXT


def test_another_codec_works_inside_a_progress_function(codec: lmac.Codec) -> None:
    other, frames = lmac.Codec(TINY_MODEL, threads=1), []
    text = long_text(codec)
    frame = codec.compress(text, progress=lambda done: frames.append(other.compress(b"inside")))
    assert frames
    assert set(map(other.decompress, frames)) == {b"inside"}
    assert codec.decompress(frame) == text


def test_a_predictor_that_calls_its_own_codec_gets_an_error() -> None:
    predictor = Patient()
    for codec in (lmac.Codec(predictor), lmac.Codec(predictor, adaptive=False)):
        predictor.on_advance = lambda: lmac.Codec(predictor).compress(b"inside")
        with pytest.raises(lmac.LmacError, match="inside its own call"):
            codec.compress(TEXT)
    predictor.on_advance = lambda: None
    assert codec.decompress(codec.compress(TEXT)) == TEXT


def test_predictors_that_call_others_without_end_get_an_error() -> None:
    class Deep(OrderZero):
        def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
            lmac.Codec(Deep()).compress(b"deeper")
            return super().advance(symbols)

    with pytest.raises(lmac.LmacError, match="stand inside each other"):
        lmac.Codec(Deep()).compress(b"deep")


def test_codecs_that_share_a_predictor_take_turns_in_threads() -> None:
    predictor = Patient()
    results: list[bool] = []

    def work(codec: lmac.Codec, text: bytes) -> None:
        results.extend(codec.decompress(codec.compress(text)) == text for _ in range(5))

    codecs = [lmac.Codec(predictor, adaptive=adaptive, lane_len=100) for adaptive in (True, False)]
    in_threads(*(lambda codec=codec, n=n: work(codec, TEXT[n:]) for n, codec in enumerate(codecs * 2)))
    assert results == [True] * 20


def test_threads_that_want_each_others_predictor_do_not_wait_for_ever() -> None:
    codecs = [lmac.Codec(Patient(), lane_len=100) for _ in range(2)]
    both = threading.Barrier(2)
    errors: list[str] = []

    def work(own: lmac.Codec, other: lmac.Codec) -> None:
        met: list[int] = []

        def call_other(done: int) -> None:
            if not met:
                met.append(both.wait())
                try:
                    other.compress(b"inside")
                except lmac.LmacError as error:
                    errors.append(str(error))
                both.wait()

        own.compress(TEXT, progress=call_other)

    in_threads(lambda: work(codecs[0], codecs[1]), lambda: work(codecs[1], codecs[0]))
    assert len(errors) == 2
    assert all("does not wait" in error for error in errors)


def in_threads(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


# Streams and files


def test_threads_take_turns_with_one_stream(codec: lmac.Codec) -> None:
    compressor, outputs = lmac.LmacCompressor(codec), []
    in_threads(*(lambda: outputs.append(compressor.compress(TEXT, lmac.LmacCompressor.FLUSH_FRAME)) for _ in range(3)))
    assert codec.decompress(b"".join(outputs)) == TEXT * 3


def test_a_stream_can_be_asked_inside_a_call_but_not_used(codec: lmac.Codec) -> None:
    text = long_text(codec)
    frame = codec.compress(text)
    asked = []

    def ask(done: int) -> None:
        asked.append((decompressor.eof, decompressor.needs_input, decompressor.unused_data))
        with pytest.raises(lmac.LmacError, match="inside its own call"):
            decompressor.decompress(b"")

    decompressor = lmac.LmacDecompressor(codec, progress=ask)
    assert decompressor.decompress(frame) == text
    assert set(asked) == {(False, True, b"")}
    assert decompressor.eof


def test_threads_take_turns_with_one_file(codec: lmac.Codec, tmp_path: Path) -> None:
    path = tmp_path / "shared.lmac"
    with lmac.LmacFile(path, "w", codec=codec) as file:
        in_threads(*(lambda n=n: [file.write(b"line %d\n" % n) or file.flush() for _ in range(3)] for n in range(3)))
    with lmac.LmacFile(path, codec=codec) as file:
        lines: list[bytes] = []
        in_threads(*(lambda: lines.extend(file) for _ in range(3)))
    assert sorted(lines) == [b"line %d\n" % n for n in range(3) for _ in range(3)]


@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_a_file_that_is_collected_codes_nothing(codec: lmac.Codec, mode: str) -> None:
    target = io.BytesIO()
    forgotten: list[Any] = [lmac.open(target, mode, codec=codec)]
    content: Any = "flushed " if mode == "wt" else b"flushed "
    forgotten[0].write(content)
    forgotten[0].flush()
    forgotten[0].write(content)
    length, text = len(target.getvalue()), long_text(codec)

    def forget(done: int) -> None:
        forgotten.clear()
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"unclosed file <LmacFile mode='wb'>; what was not flushed is lost"):
        frame = codec.compress(text, progress=forget)
    assert not forgotten
    assert codec.decompress(frame) == text
    assert len(target.getvalue()) == length
    with lmac.LmacFile(io.BytesIO(target.getvalue()), codec=codec) as file:
        assert file.read(8) == b"flushed "
        with pytest.raises(lmac.CorruptedDataError):
            file.read()


def test_a_file_read_by_path_and_forgotten_gives_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "read.lmac"
    path.write_bytes(lmac.compress(b"content"))
    with pytest.warns(ResourceWarning, match=r"unclosed file <LmacFile name=.*read\.lmac' mode='rb'>$"):
        lmac.LmacFile(path).read()


# Signals


class OutOfTimeError(Exception):
    """What a handler of the user's raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers here")
def test_the_exception_of_a_signal_handler_arrives_as_it_is(codec: lmac.Codec) -> None:
    raised = OutOfTimeError("the handler's own")

    def handler(number: int, frame: object) -> None:
        raise raised

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for seconds in (0.011, 0.05, 0.123):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            with pytest.raises(OutOfTimeError) as caught:
                codec.compress(TEXT * 2000)
            assert caught.value is raised
            assert caught.traceback[-1].name == "handler"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert codec.decompress(codec.compress(TEXT)) == TEXT


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers here")
def test_a_signal_handler_that_calls_the_codec_is_refused(codec: lmac.Codec) -> None:
    before = signal.signal(signal.SIGALRM, lambda number, frame: codec.compress(b"inside"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(lmac.LmacError, match="inside its own call"):
            codec.compress(TEXT * 2000)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert codec.decompress(codec.compress(TEXT)) == TEXT


def test_a_predictor_without_end_neither_aborts_nor_overflows_the_stack() -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
import lmac
from order_zero import OrderZero
class Own(OrderZero):
    def advance(self, symbols):
        return codec.compress(b"inside")
codec = lmac.Codec(Own())
try:
    codec.compress(b"text")
except lmac.LmacError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True, env=os.environ)
    assert done.stdout == "refused\n"
