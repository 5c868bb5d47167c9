"""What several test files need: models, codecs, and text that a model of random weights can compress."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's: the networks of the tests are so small that a second thread costs more than it brings

import lmac
import pytest
from lmac.predictors.model import DEFAULT_MODEL, SUFFIX

from tiny_model import TINY_MODEL, predictable_text

DEFAULT_MODEL_PATH = Path(lmac.__file__).parent / "models" / (DEFAULT_MODEL + SUFFIX)

#: Why tests of the laboratory are skipped: ``pytest.importorskip("torch", reason=LAB_IS_MISSING)``.
LAB_IS_MISSING = "the laboratory's packages (PyTorch and others) are not installed; `make test-lab` installs them and runs these tests"

EXPORTED = Path(__file__).parent / "exported"

# Jobs in the background of a shell ignore these, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

needs_default_model = pytest.mark.skipif(not DEFAULT_MODEL_PATH.exists(), reason="the package has no model")


@pytest.fixture(scope="session")
def tiny_model() -> bytes:
    return TINY_MODEL.read_bytes()


@pytest.fixture(scope="session", params=[True, False], ids=["adaptive", "static"])
def adaptive(request: pytest.FixtureRequest) -> bool:
    """Both modes: what a test that asks for this (or for ``tiny_codec``) says holds in each of them."""
    mode: bool = request.param
    return mode


@pytest.fixture(scope="session", params=["gpt2", "llama", "qwen2", "llama-fixed"])
def exported(request: pytest.FixtureRequest) -> Path:
    """A model that torch.onnx has exported from transformers."""
    return EXPORTED / str(request.param)


@pytest.fixture(scope="session")
def tiny_codec(tiny_model: bytes, adaptive: bool) -> lmac.Codec:
    return lmac.Codec(tiny_model, threads=1, adaptive=adaptive)


@pytest.fixture(scope="session")
def tiny_text() -> bytes:
    """3,000 bytes that the tiny model predicts well."""
    return predictable_text(3000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was skipped and why, in one line for each reason."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"skipped {count} (tests, or files of them): {reason}")
