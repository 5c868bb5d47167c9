"""Makes tests/exported: tiny language models of random weights, exported by the laboratory as real ones are.

Run it again when the layout of the exports changes; it needs `pip install '.[lab]'`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from lmac.lab.checkpoint import export_checkpoint

from tokenizer_files import trained_tokenizer

EXPORTED = Path(__file__).parent / "exported"
README = Path(__file__).parents[1] / "README.md"
VOCAB_SIZE = 400
SIZES = {"vocab_size": VOCAB_SIZE, "bos_token_id": 0, "eos_token_id": 0, "max_position_embeddings": 128, "initializer_range": 0.4}
LLAMA_SIZES = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


def random_model(name: str, **changes: float) -> Any:
    """A model whose logits have a standard deviation of about 2 (from the initializer's range), so that it has clear preferences."""
    torch.manual_seed(20)
    sizes = SIZES | changes
    if name == "gpt2":
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, n_embd=24, n_layer=2, n_head=3))
    if name == "qwen2":
        return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes, **LLAMA_SIZES, tie_word_embeddings=True))
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **LLAMA_SIZES))


def write_checkpoint(model: Any, tokenizer: str, folder: Path) -> None:
    """A checkpoint as the Hugging Face hub holds them."""
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")


def main() -> None:
    """Writes all folders."""
    tokenizer = trained_tokenizer(README.read_text(encoding="utf-8"), VOCAB_SIZE)
    for name in ("gpt2", "llama", "qwen2", "llama-fixed"):
        with tempfile.TemporaryDirectory() as checkpoint:
            write_checkpoint(random_model(name), tokenizer, Path(checkpoint))
            print(export_checkpoint(Path(checkpoint), EXPORTED / name, concat=not name.endswith("-fixed"), force=True))


if __name__ == "__main__":
    main()
