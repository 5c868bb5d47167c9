"""Training text as arrays of bytes: sources, what of them is held out for validation, and samples.

Documents (files, or the lines of a file where these are messages) are laid end to end; where they begin is
remembered, so that some training samples can begin where a document begins: what a compressor meets at the
start of every file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import texts

HELD_OUT_SHARE = 0.1
HELD_OUT_BYTES = 1 << 20  # at most: validation looks at no more of a source
IGNORED = -100  # a target that does not count: cross_entropy's own convention


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

    @classmethod
    def of(cls, name: str, parts: Sequence[bytes]) -> Source:
        """Lays documents end to end; empty ones are left out."""
        parts = [part for part in parts if part]
        lengths = np.array([0, *map(len, parts)], np.int64)
        return cls(name, np.frombuffer(b"".join(parts), np.uint8), lengths.cumsum()[:-1])

    def documents(self) -> list[bytes]:
        """Inverse of :meth:`of`."""
        return [part.tobytes() for part in np.split(self.data, self.starts[1:])]


def read_source(path: Path, messages: bool = False) -> Source:
    """Reads everything below ``path`` into memory; with ``messages``, every line is a document of its own."""
    parts = list(texts.documents(path))
    return Source.of(path.name, [message for part in parts for message in texts.messages(part)] if messages else parts)


def read_sources(paths: Sequence[Path], messages: bool = False) -> list[Source]:
    """Reads all paths, in parallel: unpacking takes longer than reading.

    Raises:
        ValueError: There is no text below one of them.
    """
    if len(paths) == 1:
        sources = [read_source(paths[0], messages)]
    else:
        with ProcessPoolExecutor(min(len(paths), os.cpu_count() or 1)) as pool:
            sources = list(pool.map(partial(read_source, messages=messages), paths))
    for source in sources:
        if len(source.data) == 0:
            raise ValueError(f"no training text in {source.name}")
    return sources


def hold_out(source: Source, seed: int = 0) -> tuple[Source, Source]:
    """Splits a source into text to train on and a tenth for validation, at most a MiB: always the same for the same text.

    Whole documents, drawn at random; or, where they are too few or too long for that, the end of the text.
    """
    wanted = min(HELD_OUT_BYTES, int(HELD_OUT_SHARE * len(source.data)))
    lengths = np.diff(source.starts, append=len(source.data))
    order = np.random.default_rng(seed).permutation(len(lengths))
    held_out = set(order[lengths[order].cumsum() <= wanted].tolist())
    if sum(lengths[list(held_out)]) < wanted / 2:
        content = source.data.tobytes()
        cut = len(content) - wanted
        starts = source.starts[source.starts < cut]
        return Source(source.name, source.data[:cut], starts), Source.of(source.name, [content[cut:]])
    parts = source.documents()
    kept = [part for index, part in enumerate(parts) if index not in held_out]
    return Source.of(source.name, kept), Source.of(source.name, [parts[index] for index in sorted(held_out)])


def pieces(source: Source, steps: int, whole_documents: bool) -> Tensor:
    """What validation predicts: int64 targets ``(pieces, steps)``, independent of each other.

    Args:
        source: Held-out text.
        steps: Length of a piece; what is missing at its end is ``IGNORED``.
        whole_documents: A piece is the beginning of a document; otherwise the text is cut every ``steps`` bytes.
    """
    data = source.data.astype(np.int64)
    starts = source.starts if whole_documents else np.arange(0, len(data), steps)
    ends = np.append(starts[1:], len(data))
    places = starts[:, None] + np.arange(steps)
    return torch.from_numpy(np.where(places < ends[:, None], data[places.clip(max=len(data) - 1)], IGNORED))


class Sampler:
    """Draws training samples: random places, and now and then the beginning of a document.

    Args:
        sources: What to draw from.
        weights: Relative share of each source, by its bytes if None.
        steps: Symbols of a sample.
        beginning: The symbol that begins a context.
        device: Where the text is kept and samples are made.
        seed: Of the random numbers.
        start_share: Share of the samples that begin where a document begins.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        weights: Sequence[float] | None,
        steps: int,
        beginning: int,
        device: torch.device,
        seed: int,
        start_share: float = 0.15,
    ) -> None:
        lengths = np.array([len(source.data) for source in sources])
        if lengths.sum() <= steps:
            raise ValueError(f"training needs more than {steps} bytes of text, found {lengths.sum()}")
        offsets = np.concatenate([[0], lengths.cumsum()[:-1]])
        shares = np.array(weights if weights is not None else lengths, np.float64)
        self.steps, self.beginning, self.device, self.start_share = steps, beginning, device, start_share
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
        first = torch.where(coin < self.start_share, document, place).clamp(max=len(self.data) - self.steps)
        targets = self.data[first[:, None] + torch.arange(self.steps, device=self.device)].long()
        return shifted(targets, self.beginning), targets


def shifted(targets: Tensor, beginning: int) -> Tensor:
    """What the model reads to predict ``targets`` (batch, steps): the beginning, then all but the last."""
    return torch.nn.functional.pad(targets[:, :-1].clamp_min(0), (1, 0), value=beginning)
