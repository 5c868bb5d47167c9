"""Writes the story teller of llama2.c as an export: python tests/make_stories_model.py FOLDER (docs/language-models.md measures it)."""

from __future__ import annotations

import sys
from pathlib import Path

from llama_onnx import build_llama, llama_config, read_llama2c, write_folder
from public_checkpoints import material
from tokenizer_files import llama_tokenizer


def write_stories_model(folder: Path) -> None:
    """260,000 weights that were trained on simple stories, and their 512 tokens."""
    shape, weights = read_llama2c(material("stories260K.bin"))
    write_folder(folder, build_llama(shape, weights), llama_tokenizer(material("tok512.bin")), llama_config(shape))


if __name__ == "__main__":
    write_stories_model(Path(sys.argv[1]))
