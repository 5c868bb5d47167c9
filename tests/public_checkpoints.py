"""Real weights, a real tokenizer and real texts, where they lie beside the repository: a story teller of llama2.c, GPT-2's vocabulary."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

MATERIAL = Path(__file__).parents[2] / "shared" / "eval" / "models.tar"
needs_material = pytest.mark.skipif(not MATERIAL.exists(), reason="the public checkpoints are not beside the repository")


TEXT_NAMES = (
    *("grammar.lsp", "xargs.1", "fields.c", "cp.html", "enwik8-first-100000", "asyoulik.txt", "alice29.txt", "lcet10.txt", "plrabn12.txt"),
    *("world192.txt", "bible.txt"),
)


def material(name: str) -> bytes:
    """The content of one of the files."""
    with tarfile.open(MATERIAL.with_name("text.tar.xz") if name in TEXT_NAMES else MATERIAL) as tar:
        member = next(entry for entry in tar if Path(entry.name).name == name)
        content = tar.extractfile(member)
        assert content is not None
        return content.read()
