"""Training text: folders, text files and ``.tar`` archives (``.tar.xz``, ``.tar.gz``, ...) as one array of bytes.

Documents (files) are laid end to end; where they begin is remembered, so that some training samples
can begin where a document begins: what a compressor meets at the start of every file.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Source:
    """One path of training text.

    Attributes:
        name: File or folder name, for reports.
        data: uint8, the documents end to end.
        starts: int64, where each document begins.
    """

    name: str
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]


def documents(path: Path) -> Iterator[bytes]:
    """Every document below ``path``, in a fixed order."""
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            if child.is_file():
                yield from documents(child)
    elif ".tar" in path.suffixes:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)):
                    yield file.read()
    else:
        yield path.read_bytes()


def read_source(path: Path) -> Source:
    """Reads everything below ``path`` into memory."""
    parts = [part for part in documents(path) if part]
    lengths = np.array([0, *map(len, parts)], np.int64)
    return Source(path.name, np.frombuffer(b"".join(parts), np.uint8), lengths.cumsum()[:-1])


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Reads all paths, in parallel: unpacking takes longer than reading."""
    with ProcessPoolExecutor(min(len(paths), os.cpu_count() or 1)) as pool:
        sources = list(pool.map(read_source, paths))
    for source in sources:
        if len(source.data) == 0:
            raise ValueError(f"no training text in {source.name}")
    return sources


class Sampler:
    """Draws training samples: random places, and now and then the beginning of a document.

    Args:
        sources: What to draw from.
        weights: Relative share of each source, by its bytes if None.
        steps: Symbols of a sample.
        beginning: The symbol that begins a context.
        device: Where the text is kept and samples are made.
        seed: Of the random numbers.
    """

    DOCUMENT_START_SHARE = 0.15

    def __init__(self, sources: Sequence[Source], weights: Sequence[float] | None, steps: int, beginning: int, device: torch.device, seed: int) -> None:
        lengths = np.array([len(source.data) for source in sources])
        if lengths.sum() <= steps:
            raise ValueError(f"training needs more than {steps} bytes of text, found {lengths.sum()}")
        offsets = np.concatenate([[0], lengths.cumsum()[:-1]])
        shares = np.array(weights if weights is not None else lengths, np.float64)
        self.steps, self.beginning, self.device = steps, beginning, device
        self.data = torch.cat([torch.from_numpy(source.data.copy()) for source in sources]).to(device)
        self.shares = torch.tensor(shares / shares.sum(), device=device)
        self.offsets = torch.tensor(offsets, device=device)
        self.lengths = torch.tensor(lengths, device=device)
        self.starts = torch.cat([torch.from_numpy(s.starts + o) for s, o in zip(sources, offsets, strict=True)]).to(device)
        counts = np.array([len(source.starts) for source in sources])
        self.start_counts = torch.tensor(counts, device=device)
        self.start_offsets = torch.tensor(np.concatenate([[0], counts.cumsum()[:-1]]), device=device)
        self.generator = torch.Generator(device).manual_seed(seed)

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        """Returns symbols and targets, int64 ``(batch, steps)``: the targets one ahead."""
        source = torch.multinomial(self.shares, batch, replacement=True, generator=self.generator)
        u, v, coin = torch.rand((3, batch), device=self.device, generator=self.generator, dtype=torch.float64)
        place = self.offsets[source] + (u * self.lengths[source]).long()
        document = self.starts[self.start_offsets[source] + (v * self.start_counts[source]).long()]
        first = torch.where(coin < self.DOCUMENT_START_SHARE, document, place).clamp(max=len(self.data) - self.steps)
        targets = self.data[first[:, None] + torch.arange(self.steps, device=self.device)].long()
        return shifted(targets, self.beginning), targets


def shifted(targets: Tensor, beginning: int) -> Tensor:
    """What the model reads to predict ``targets`` (batch, steps): the beginning, then all but the last."""
    return torch.nn.functional.pad(targets[:, :-1], (1, 0), value=beginning)
