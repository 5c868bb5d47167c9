"""Frames taken apart and put together wrongly: what a copy that went wrong makes of them, or somebody who wants to deceive."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from lmac import _core


class Parts(NamedTuple):
    """A frame, cut where its parts meet."""

    header: bytes
    blocks: list[bytes]
    end: bytes

    def join(self) -> bytes:
        """The frame."""
        return self.header + b"".join(self.blocks) + self.end


def take_apart(frame: bytes) -> Parts:
    """Cuts a frame at the beginnings of its blocks."""
    reader = _core.FrameReader(frame)
    cuts = [reader.frame_len]
    while reader.next_block(frame[cuts[-1] :]):
        cuts.append(reader.frame_len)
    return Parts(frame[: cuts[0]], [frame[start:end] for start, end in pairwise(cuts)], frame[cuts[-1] :])


#: What is made of a frame of five blocks and of another with the same settings.
SPLICES: dict[str, Callable[[Parts, Parts], Parts]] = {
    "neighbours swapped": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (0, 2, 1, 3, 4)]),
    "first and last swapped": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (4, 1, 2, 3, 0)]),
    "repeated": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (0, 1, 1, 2, 3, 4)]),
    "repeated in the place of the next": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (0, 1, 1, 3, 4)]),
    "last repeated": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (0, 1, 2, 3, 4, 4)]),
    "all repeated": lambda one, _: one._replace(blocks=one.blocks * 2),
    "dropped": lambda one, _: one._replace(blocks=[one.blocks[at] for at in (0, 2, 3, 4)]),
    "first dropped": lambda one, _: one._replace(blocks=one.blocks[1:]),
    "tail cut": lambda one, _: one._replace(blocks=one.blocks[:-1]),
    "all but the first cut": lambda one, _: one._replace(blocks=one.blocks[:1]),
    "everything cut": lambda one, _: one._replace(blocks=[]),
    "first of another frame": lambda one, other: one._replace(blocks=[*other.blocks[:1], *one.blocks[1:]]),
    "one of another frame": lambda one, other: one._replace(blocks=[*one.blocks[:2], other.blocks[2], *one.blocks[3:]]),
    "one of another frame added": lambda one, other: one._replace(blocks=[*one.blocks[:2], other.blocks[2], *one.blocks[2:]]),
    "last of another frame": lambda one, other: one._replace(blocks=[*one.blocks[:4], other.blocks[4]]),
    "tail of another frame": lambda one, other: one._replace(blocks=[*one.blocks[:3], *other.blocks[3:]], end=other.end),
    "end of another frame": lambda one, other: one._replace(end=other.end),
}
