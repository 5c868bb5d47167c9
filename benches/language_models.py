"""What the codec adds to a language model: lmac beside a bare loop over ONNX Runtime, on the same graph in the same run.

    python benches/language_models.py              # a Llama of random weights with 50,257 tokens
    python benches/language_models.py FOLDER TEXT  # a model and a text of yours

The bare loop feeds the same tokens, in the same number of lanes, a step at a time, keeps keys and values on the device and
fetches the logits: what any program around the model has to do. Encoding is timed without the proof by decoding.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmac
import numpy as np
import onnxruntime
from lmac._core import OnnxSummary
from lmac.predictors.language_model import LanguageModel
from lmac.predictors.model_files import ModelFiles
from lmac.predictors.providers import create_session

ROOT = Path(__file__).parent.parent
LANES = (1, 16)
LANE_LEN = 1200
ROUNDS = 5
TOKENS = 50_257


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("text", nargs="?", type=Path, default=ROOT / "docs" / "adaptive.md")
    parser.add_argument("-T", "--threads", type=int)
    parser.add_argument("--quick", action="store_true", help="one round with little text: whether it runs, not how fast")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or random_model(Path(scratch))
        files = ModelFiles.find(folder)
        predictor = LanguageModel(files, OnnxSummary(files.read_graph()), device="cpu", threads=arguments.threads)
        session = create_session(str(files.graph), "cpu", arguments.threads, exact=False)
        print(predictor.fingerprint, end="\n\n")
        print("| lanes | mode | tokens/s | bytes/s | bare loop, ms a step | encode | decode | added |\n|---|---|---|---|---|---|---|---|")
        for lanes in LANES:
            lane_len, rounds = (60, 1) if arguments.quick else (LANE_LEN, ROUNDS)
            content = (arguments.text.read_bytes() * lanes)[: lanes * lane_len]
            for adaptive in (False, True):
                print(row(predictor, session, content, lanes, rounds, adaptive=adaptive), flush=True)


def row(predictor: LanguageModel, session: Any, content: bytes, lanes: int, rounds: int, *, adaptive: bool) -> str:
    """Measures one number of lanes in one mode; medians of a few rounds in turn."""
    lane_len = -(-len(content) // lanes)
    codec = lmac.Codec(predictor, adaptive=adaptive, lane_len=lane_len, verify=False)
    steps = token_steps(predictor, content, lane_len)
    frame = codec.compress_many([content], bare=True)[0] if lanes == 1 else codec.compress(content)

    def decode() -> object:
        return codec.decompress_many([frame], bare=True) if lanes == 1 else codec.decompress(frame)

    def encode() -> object:
        return codec.compress_many([content], bare=True) if lanes == 1 else codec.compress(content)

    if lanes > 1 and lmac.inspect(frame)[0].blocks_without_network:
        return f"| {lanes} | the model does not help this text |"
    measured = [[seconds(lambda: bare_loop(session, steps)), seconds(encode), seconds(decode)] for _ in range(rounds)]
    bare, encoding, decoding = (statistics.median(times) for times in zip(*measured, strict=True))
    added = statistics.median(decode / bare - 1 for bare, _, decode in measured)
    ms = [1000 * time / steps.shape[1] for time in (bare, encoding, decoding)]
    mode = "adaptive" if adaptive else "static"
    speed = f"{steps.size / decoding:,.0f} | {len(content) / decoding:,.0f}"
    return f"| {lanes} | {mode} | {speed} | {ms[0]:.2f} | {ms[1]:.2f} | {ms[2]:.2f} | {added:+.1%} |"


def token_steps(predictor: LanguageModel, content: bytes, lane_len: int) -> np.ndarray:
    """The tokens that the codec feeds, ``(lanes, steps)``: lanes that end early repeat their last."""
    parts = [predictor.tokenize(content[start : start + lane_len]) for start in range(0, len(content), lane_len)]
    steps = max(map(len, parts))
    return np.array([(part + [part[-1]] * steps)[:steps] for part in parts])


def bare_loop(session: Any, steps: np.ndarray) -> None:
    """One step after the other, and nothing else: growing caches that stay where they are, logits fetched."""
    inputs = {value.name: value for value in session.get_inputs()}
    pasts = [name for name in inputs if name.startswith("past_key_values")]
    lanes = len(steps)
    caches = {}
    for name in pasts:
        _, heads, _, head_dim = inputs[name].shape
        caches[name] = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((lanes, heads, 0, head_dim), np.float32))
    for step in range(steps.shape[1]):
        binding = session.io_binding()
        feed = {
            "input_ids": steps[:, step : step + 1],
            "attention_mask": np.ones((lanes, step + 1), np.int64),
            "position_ids": np.full((lanes, 1), step),
        }
        for name, array in feed.items():
            if name in inputs:
                binding.bind_cpu_input(name, np.ascontiguousarray(array))
        binding.bind_output("logits")
        for name in pasts:
            binding.bind_ortvalue_input(name, caches[name])
            binding.bind_output(name.replace("past_key_values", "present"))
        session.run_with_iobinding(binding)
        logits, *presents = binding.get_outputs()
        caches = dict(zip(pasts, presents, strict=True))
        logits.numpy()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def random_model(folder: Path) -> Path:
    """A Llama of 38 million random weights, of which the output has two thirds, and a tokenizer of as many tokens."""
    sys.path.insert(0, str(ROOT / "tests"))
    from llama_onnx import LlamaShape, build_llama, llama_config, random_weights, write_folder
    from tokenizer_files import trained_tokenizer

    shape = LlamaShape(dim=512, hidden=1376, layers=4, heads=8, kv_heads=8, vocab_size=TOKENS, context_length=1024)
    tokenizer = trained_tokenizer((ROOT / "docs" / "adaptive.md").read_text(), 4000)
    write_folder(folder, build_llama(shape, random_weights(shape, 1)), tokenizer, llama_config(shape, bos_token_id=0))
    return folder


if __name__ == "__main__":
    main()
