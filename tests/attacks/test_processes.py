"""A codec goes to other processes: forked from one that is busy, spawned, by the pools of other libraries."""

from __future__ import annotations

import copy
import importlib.util
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmac
import pytest
from lmac import _core

from conftest import EXPORTED
from order_zero import OrderZero
from tiny_model import TINY_MODEL
from word_counts import STRINGS

TESTS = Path(__file__).parent.parent
TIMEOUT_SECONDS = 120

#: The ways to run a model, as the arguments of ``Codec`` in the programs below.
KINDS = {
    "native": f"{str(TINY_MODEL)!r}, threads=2",
    "onnx": f"{str(TINY_MODEL)!r}, executor='onnx', device='cpu', threads=2",
    "python": "OrderZero()",
    "language model": f"{str(EXPORTED / 'llama')!r}, device='cpu', threads=2",
}
every_kind = pytest.mark.parametrize("arguments", KINDS.values(), ids=KINDS.keys())
# Children end by os._exit, as those of multiprocessing do: wherever ONNX Runtime was imported, its own clean-up at sys.exit waits for threads
# that a child does not have.
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")

PRELUDE = f"""
import multiprocessing, os, signal, sys, threading, time
sys.path.insert(0, {str(TESTS)!r})
import lmac
from order_zero import OrderZero
TEXT = b"some text of several words " * 20
"""


def run(program: str, *, code: int = 0) -> str:
    """Runs a program of its own, which must end by itself; returns what it says."""
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", "-c", PRELUDE + program]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def run_as_file(program: str, folder: Path) -> None:
    """The same for what starts other interpreters, which read the program again."""
    path = folder / "program.py"
    path.write_text(PRELUDE + program)
    subprocess.run([sys.executable, str(path)], check=True, timeout=TIMEOUT_SECONDS, capture_output=True, text=True)


# Values


@pytest.mark.parametrize(
    "codec",
    [
        lmac.Codec(TINY_MODEL, threads=1, adaptive=False, block_len=1000),
        lmac.Codec(TINY_MODEL.read_bytes(), lane_len=100),
        lmac.Codec(TINY_MODEL, executor="onnx", device="cpu"),
        lmac.Codec(EXPORTED / "llama", threads=1, device="cpu", tokenizer=EXPORTED / "llama" / "tokenizer.json"),
    ],
    ids=["native", "bytes", "onnx", "language model"],
)
def test_a_codec_is_its_arguments(codec: lmac.Codec) -> None:
    text = b"some text of several words" * 3
    frame = codec.compress(text)
    for other in (pickle.loads(pickle.dumps(codec)), copy.copy(codec), copy.deepcopy(codec)):
        assert other == codec
        assert hash(other) == hash(codec)
        assert repr(other) == repr(codec)
        assert other.compress(text) == frame
        assert other.decompress(frame) == text
    assert len(pickle.dumps(codec)) < 1000 + TINY_MODEL.stat().st_size
    assert codec != lmac.Codec(TINY_MODEL, threads=3)


def test_a_codec_of_a_predictor_is_pickled_as_far_as_the_predictor_is() -> None:
    codec = pickle.loads(pickle.dumps(lmac.Codec(OrderZero())))
    assert codec.decompress(lmac.Codec(OrderZero()).compress(b"text")) == b"text"
    predictor: Any = OrderZero()
    predictor.file = sys.stdout
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(lmac.Codec(predictor))


def test_a_pickled_codec_finds_its_model_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.onnx").write_bytes(TINY_MODEL.read_bytes())
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(lmac.Codec("own.onnx"))
    monkeypatch.chdir("/")
    assert pickle.loads(pickled).model_id == lmac.Codec(TINY_MODEL).model_id


def test_codecs_that_were_pickled_share_what_they_load() -> None:
    pickled = pickle.dumps(lmac.Codec(TINY_MODEL, threads=1))
    first, second = pickle.loads(pickled), pickle.loads(pickled)
    assert first._engine.load() is second._engine.load()


@pytest.mark.parametrize(
    "value",
    [
        lmac.inspect(lmac.Codec(TINY_MODEL, block_len=100).compress(bytes(300)))[0],
        lmac.Vocabulary(STRINGS, b" "),
        _core.Settings(adaptive=True, block_len=5, lane_len=None, verify=False),
    ],
    ids=["FrameInfo", "Vocabulary", "Settings"],
)
def test_values_are_pickled_copied_and_compared(value: Any) -> None:
    for other in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert other == value
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)
    assert value != 5


def test_values_of_other_content_are_not_equal() -> None:
    one, two = lmac.inspect(lmac.Codec(TINY_MODEL).compress(b"a") + lmac.Codec(TINY_MODEL).compress(b"ab"))
    assert one != two
    assert lmac.Vocabulary(STRINGS, b" ") != lmac.Vocabulary(STRINGS, b"")
    assert lmac.Vocabulary([b"a", b""]).spell(1) is None
    assert repr(one).startswith("FrameInfo(model_id=b")
    assert "content_len=1," in repr(one)


@pytest.mark.skipif(importlib.util.find_spec("numcodecs") is None, reason="numcodecs is not installed")
def test_the_codec_of_numcodecs_is_pickled_and_copied() -> None:
    from lmac.hooks.numcodecs import Lmac

    codec = Lmac(str(TINY_MODEL), adaptive=False)
    for other in (pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec)):
        assert other == codec
        assert bytes(other.decode(codec.encode(b"a chunk"))) == b"a chunk"


# Forks


@needs_fork
@every_kind
def test_a_child_compresses_whatever_the_threads_of_its_parent_do(arguments: str) -> None:
    run(f"""
codec = lmac.Codec({arguments})
frame = codec.compress(TEXT)
over = threading.Event()
def work():
    while not over.is_set():
        codec.compress(TEXT * 3)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for _ in range(4):
    time.sleep(0.03)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if codec.compress(TEXT) == frame and codec.decompress(frame) == TEXT else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
over.set()
for thread in threads: thread.join()
assert codec.decompress(frame) == TEXT
""")


@needs_fork
def test_a_child_loads_a_model_that_its_parent_was_loading() -> None:
    run(f"""
over = threading.Event()
def work():
    while not over.is_set():
        lmac.Codec({str(TINY_MODEL)!r}, threads=2).compress(TEXT)
thread = threading.Thread(target=work)
thread.start()
codec = lmac.Codec({str(TINY_MODEL)!r})
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if codec.decompress(lmac.compress(TEXT, model={str(TINY_MODEL)!r})) == TEXT else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
over.set()
thread.join()
""")


@needs_fork
def test_a_stream_that_a_thread_was_using_when_the_process_was_forked_is_an_error_in_the_child() -> None:
    run("""
class Slow(OrderZero):
    def advance(self, symbols):
        started.set()
        time.sleep(0.2)
        return super().advance(symbols)
started = threading.Event()
compressor = lmac.LmacCompressor(lmac.Codec(Slow(), adaptive=False))
thread = threading.Thread(target=compressor.compress, args=(TEXT, lmac.LmacCompressor.FLUSH_FRAME))
thread.start()
started.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        compressor.flush()
    except lmac.LmacError as error:
        assert "when this process was forked" in str(error), error
        os._exit(0)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
thread.join()
""")


@needs_fork
@every_kind
def test_a_child_forked_inside_a_call_calls_again_or_is_told_why_not(arguments: str) -> None:
    said = run(f"""
codec = lmac.Codec({arguments})
def fork(done):
    if os.fork() == 0:
        signal.alarm(60)
        try:
            print(codec.decompress(codec.compress(b"again")), flush=True)
        except lmac.LmacError as error:
            print(error, flush=True)
        os._exit(0)
    os.wait()
    raise StopIteration
try:
    codec.compress(TEXT * 1000, progress=fork)
except StopIteration:
    pass
assert codec.decompress(codec.compress(TEXT)) == TEXT
""")
    assert ("called from inside its own call" if arguments == KINDS["python"] else "b'again'") in said


# Pools


def work_in_pool(arguments: str, work: str) -> str:
    """A program that lets a pool compress ``texts`` to ``frames`` with one codec."""
    return f"""
if __name__ == "__main__":
    codec = lmac.Codec({arguments})
    texts = [b"text %d of several words " % number * 10 for number in range(6)]
    {work}
    assert frames == list(map(codec.compress, texts))
"""


@every_kind
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes_share_one_codec(arguments: str, method: str, tmp_path: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"processes are not started by {method} here")
    pool = f"with multiprocessing.get_context({method!r}).Pool(2) as pool: frames = pool.map(codec.compress, texts)"
    run_as_file(work_in_pool(arguments, pool), tmp_path)


@every_kind
def test_joblib_takes_a_codec(arguments: str, tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    jobs = "from joblib import Parallel, delayed; frames = Parallel(2, backend='loky')(delayed(codec.compress)(text) for text in texts)"
    run_as_file(work_in_pool(arguments, jobs), tmp_path)


@every_kind
def test_the_process_scheduler_of_dask_takes_a_codec(arguments: str, tmp_path: Path) -> None:
    pytest.importorskip("dask")
    tasks = "import dask; frames = list(dask.compute(*[dask.delayed(codec.compress)(text) for text in texts], scheduler='processes', num_workers=2))"
    run_as_file(work_in_pool(arguments, tasks), tmp_path)


# The end of the interpreter, and small stacks


@every_kind
def test_the_interpreter_ends_while_a_thread_compresses(arguments: str) -> None:
    said = run(f"""
codec = lmac.Codec({arguments})
class Slow(OrderZero):
    def advance(self, symbols):
        time.sleep(0.01)
        return super().advance(symbols)
for codec in (codec, lmac.Codec(Slow())):
    threading.Thread(target=lambda codec=codec: codec.compress(TEXT * 100_000), daemon=True).start()
time.sleep(0.3)
""")
    assert said == ""


def test_what_is_compressed_when_the_interpreter_ends_is_compressed() -> None:
    said = run(f"""
import atexit
codec = lmac.Codec({str(TINY_MODEL)!r})
own = lmac.Codec({str(TINY_MODEL)!r})
atexit.register(lambda: print(own.decompress(own.compress(b"the last words"))))
threading.Thread(target=lambda: codec.compress(TEXT * 100_000), daemon=True).start()
time.sleep(0.2)
""")
    assert said == "b'the last words'\n"


@pytest.mark.parametrize("arguments", [KINDS["native"], "", "adaptive=False"], ids=["tiny", "default", "static"])
def test_a_thread_with_a_stack_of_64_kib_is_enough(arguments: str) -> None:
    run(f"""
codec = lmac.Codec({arguments})
lmac.compress(b"")  # what is imported later is imported now
results = []
def work():
    frame = codec.compress(TEXT * 3)
    results.append(codec.decompress(frame))
    results.append(b"".join(codec.decompress_many(codec.compress_many([TEXT, TEXT * 2], bare=True), bare=True)))
    decompressor = lmac.LmacDecompressor(codec)
    results.append(decompressor.decompress(frame))
    results.append(bytes([lmac.inspect(frame)[0].blocks]))
threading.stack_size(65536)
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert results == [TEXT * 3] * 3 + [bytes([1])], results
""")
