"""Networks from what training leaves behind, model files and checkpoints, and the mean of several.

Runs that began as the same model end at different places around a better one: the mean of their parameters (Wortsman et al. 2022, "Model soups").
The mean with the model that a run began with forgets less and keeps most of what was learned (Wortsman et al. 2022, "Robust fine-tuning").
A checkpoint has them as they were before they were rounded, which makes for a better mean.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch

from .export import read
from .model import ExactTransformer
from .resize import alike
from .train import Training


def network_of(source: str | Path) -> ExactTransformer:
    """The network of a model, given by name or path, or of a checkpoint of a run.

    Raises:
        ValueError: The file is no exact Transformer.
        LmacError: An unknown name.
        OSError: The file cannot be read.
    """
    if zipfile.is_zipfile(source):  # as PyTorch saves, whatever the file is called
        return Training.resume(Path(source), torch.device("cpu"), {}).result
    tensors, architecture = read(source)
    network = ExactTransformer(architecture)
    network.set_tensors(tensors)
    return network


def mean_of(sources: Sequence[str | Path], weights: Sequence[float] | None = None) -> ExactTransformer:
    """The network whose parameters are the mean of those of one or more.

    Where windows or context tables are of different lengths, those of the mean are the longest (:func:`~lmac.lab.resize.alike`).

    Args:
        sources: Models, by name or path, and checkpoints.
        weights: How much each counts (default: one as much as the other).

    Raises:
        ValueError: They have different architectures, one is no exact Transformer, or the weights are not theirs.
        LmacError: An unknown name.
        OSError: A file cannot be read.
    """
    weights = weights or [1.0] * len(sources)
    if len(weights) != len(sources) or min(weights) < 0 or sum(weights) == 0:
        raise ValueError(f"{len(sources)} models need as many weights, none of them negative")
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    networks = [network_of(source) for source in sources]
    try:
        networks = alike(networks)
    except ValueError as error:
        raise ValueError(f"only models of the same architecture have a mean: of {' '.join(map(str, sources))}, {error}") from None
    mean = networks[0]
    states = [network.state_dict() for network in networks]
    means = {name: torch.tensordot(shares, torch.stack([state[name].double() for state in states]), 1).to(value.dtype) for name, value in states[0].items()}
    mean.load_state_dict(means)
    return mean
