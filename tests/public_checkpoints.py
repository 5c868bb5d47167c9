"""Real weights and a real tokenizer, where they lie beside the repository: a story teller of llama2.c, and GPT-2's vocabulary."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

MATERIAL = Path(__file__).parents[2] / "shared" / "eval" / "models.tar"
needs_material = pytest.mark.skipif(not MATERIAL.exists(), reason="the public checkpoints are not beside the repository")


def material(name: str) -> bytes:
    """The content of one of the files."""
    with tarfile.open(MATERIAL) as tar:
        member = next(entry for entry in tar if Path(entry.name).name == name)
        content = tar.extractfile(member)
        assert content is not None
        return content.read()
