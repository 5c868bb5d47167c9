"""What is promised on a GPU: exact models write the native executor's bytes there, others restore what they wrote. Skipped where CUDA does not work."""

from __future__ import annotations

from pathlib import Path

import lmac
import numpy as np
import pytest
from lmac._core import Executor, Model
from lmac.predictors import providers
from lmac.predictors.onnx_executor import OnnxExecutor

from conftest import DEFAULT_MODEL_PATH, needs_default_model
from tiny_model import TINY_MODEL

pytestmark = pytest.mark.skipif(providers.why_not_cuda() is not None, reason="CUDA does not work here")

MODELS = [TINY_MODEL, pytest.param(DEFAULT_MODEL_PATH, marks=needs_default_model)]


@pytest.mark.parametrize("path", MODELS, ids=["tiny", "default"])
@pytest.mark.parametrize(("lanes", "chunk"), [(1, 1), (3, 7), (16, 32), (200, 1), (200, 50)])
def test_every_schedule_gives_the_logits_of_the_native_executor(path: Path, lanes: int, chunk: int) -> None:
    model = path.read_bytes()
    on_device, native = OnnxExecutor(model, device="cuda"), Executor(Model(model))
    symbols = np.random.default_rng(lanes).integers(0, 256, (lanes, 3 * chunk + 2))
    symbols[:, 0] = native.alphabet_size
    on_device.start(lanes)
    native.start(lanes)
    for start in range(0, symbols.shape[1], chunk):
        part = symbols[:, start : start + chunk]
        np.testing.assert_array_equal(on_device.advance(part), np.asarray(native.advance(part)))


@pytest.mark.parametrize("path", MODELS, ids=["tiny", "default"])
def test_the_frame_is_the_native_executors_and_each_restores_the_others(path: Path, adaptive: bool) -> None:
    text = b"The same bytes out, on every machine. " * 60 + bytes(range(256))
    on_device = lmac.Codec(path, adaptive=adaptive, lane_len=100, executor="onnx", device="cuda")
    native = lmac.Codec(path, adaptive=adaptive, lane_len=100)
    frame = on_device.compress(text)
    assert frame == native.compress(text)
    assert on_device.decompress(frame) == native.decompress(frame) == text


def test_a_language_model_restores_what_it_wrote(exported: Path, adaptive: bool) -> None:
    codec = lmac.Codec(exported, adaptive=adaptive, lane_len=300, device="cuda")
    text = "The same bytes out, on this machine: äöü €. ".encode() * 20 + bytes(range(256))
    frame = codec.compress(text)
    assert lmac.Codec(exported, device="cuda").decompress(frame) == text
    with pytest.raises(lmac.LmacError, match="provider"):
        lmac.Codec(exported, device="cpu").decompress(frame)
