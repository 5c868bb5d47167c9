"""Real files with the model inside the package: they round-trip, and every executor writes the same bytes.

The evaluation files lie outside the repository, in ``../shared/eval`` or where LMAC_EVAL says; without them,
or without a model, these tests are skipped.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import lmac
import pytest

from conftest import needs_default_model

EVAL = Path(os.environ.get("LMAC_EVAL", Path(__file__).parents[2] / "shared" / "eval"))
FILES = {
    "text.tar.xz": ["alice29.txt", "cp.html", "fields.c", "grammar.lsp", "xargs.1"],
    "json.tar.xz": ["github_events.json", "google_maps_api_response.json"],
    "binary.tar.xz": ["sum"],
}
SMALL_BYTES = 30_000  # ONNX Runtime on a CPU takes some seconds for this much

pytestmark = [needs_default_model, pytest.mark.skipif(not EVAL.is_dir(), reason="no evaluation files")]


def read_member(archive: str, name: str) -> bytes:
    """One file of an archive."""
    with tarfile.open(EVAL / archive) as tar:
        member = next(member for member in tar if Path(member.name).name == name)
        file = tar.extractfile(member)
        assert file is not None
        return file.read()


@pytest.fixture(scope="module")
def codec() -> lmac.Codec:
    return lmac.Codec()


@pytest.fixture(scope="module")
def onnx_codec() -> lmac.Codec:
    return lmac.Codec(executor="onnx", device="cpu")


@pytest.mark.parametrize(("archive", "name"), [(archive, name) for archive, names in FILES.items() for name in names])
def test_evaluation_files_round_trip_and_executors_agree(archive: str, name: str, codec: lmac.Codec, onnx_codec: lmac.Codec) -> None:
    content = read_member(archive, name)
    frame = codec.compress(content)
    assert codec.decompress(frame) == content
    if len(content) <= SMALL_BYTES:
        assert onnx_codec.compress(content) == frame


@pytest.mark.parametrize(("name", "limit_bytes"), [("alice29.txt", 44_000), ("xargs.1", 1_800)])
def test_text_is_compressed_better_than_by_xz(name: str, limit_bytes: int, codec: lmac.Codec) -> None:
    assert len(codec.compress(read_member("text.tar.xz", name))) <= limit_bytes
