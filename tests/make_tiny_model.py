"""Makes tests/golden/tiny.onnx and tiny-logits.npy: a small exact model and what the PyTorch module says it computes.

Run it again only when the definition of exact models changes (docs/exact-transformer.md, version).
"""

import numpy as np
import torch
from lmac.lab.architecture import Architecture, Context
from lmac.lab.export import export
from lmac.lab.model import ExactTransformer, exact

from tiny_model import GOLDEN, SYMBOLS


def tiny_model() -> ExactTransformer:
    """Random parameters, larger than training would begin with, so that every clip and rounding is met."""
    torch.manual_seed(20)
    contexts = tuple(Context.parse(text) for text in "n2 n4 w1 w2".split())
    architecture = Architecture(width=32, layers=2, heads=2, head_dim=16, hidden=64, window=24, contexts=contexts, context_rows_log2=8, context_dim=16)
    model = ExactTransformer(architecture)
    with torch.no_grad():
        model.context_tables.mul_(20)
        model.logits.weight.mul_(4)
        for block in model.blocks:
            block.bias.normal_()
            block.qkv.weight.mul_(2)
            block.down.weight.mul_(6)
    return model


def main() -> None:
    """Writes both files."""
    model = tiny_model()
    export(model.tensors(), model.architecture, GOLDEN / "tiny.onnx")
    with exact():
        logits = model(torch.tensor([[256, *SYMBOLS]]))[0]
    np.save(GOLDEN / "tiny-logits.npy", logits.numpy().astype(np.int16))


if __name__ == "__main__":
    main()
