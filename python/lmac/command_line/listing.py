"""``lmac -l``: what the headers of a file say, without a model and without reading its payloads."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._core import FrameInfo
from ..coding.blocks import BlockWalk, ReadableFile
from ..predictors.model import packaged_ids

#: Above the lines of the table.
HEAD = f"{'frames':>7} {'blocks':>7} {'compressed':>14} {'uncompressed':>14} {'ratio':>8} {'bits/byte':>9}  {'model':<7} name"


@dataclass
class Listing:
    """Sums over the frames of one file, or of several."""

    frames: int = 0
    blocks: int = 0
    stored_blocks: int = 0
    blocks_without_model: int = 0
    adaptive_frames: int = 0
    #: Length of all frames, in bytes.
    compressed: int = 0
    #: Length of their content, in bytes.
    uncompressed: int = 0
    models: set[str] = field(default_factory=set)
    #: Under which conditions models in floating point have compressed them.
    fingerprints: set[str] = field(default_factory=set)

    def add(self, frame: FrameInfo) -> None:
        """Counts one frame."""
        self.frames += 1
        self.blocks += frame.blocks
        self.stored_blocks += frame.stored_blocks
        self.blocks_without_model += frame.blocks_without_network
        self.adaptive_frames += frame.adaptive
        self.compressed += frame.frame_len
        self.uncompressed += frame.content_len
        self.models.add(frame.model_id.hex())
        if frame.fingerprint is not None:
            self.fingerprints.add(frame.fingerprint)

    def __iadd__(self, other: Listing) -> Listing:
        """Counts another file."""
        for name, value in vars(other).items():
            own = getattr(self, name)
            setattr(self, name, own | value if isinstance(value, set) else own + value)
        return self

    @property
    def model(self) -> str:
        """The name of the model, if it is one inside the package; else its id, as far as a frame states it."""
        if len(self.models) != 1:
            return "several"
        (model,) = self.models
        return next((name for name, model_id in packaged_ids().items() if model_id.hex().startswith(model)), model)

    def line(self, name: str) -> str:
        """A line of the table."""
        ratio = bits_per_byte = "-"  # of nothing
        if self.uncompressed:
            ratio, bits_per_byte = f"{self.uncompressed / self.compressed:.3f}", f"{8 * self.compressed / self.uncompressed:.3f}"
        lengths = f"{self.frames:>7} {self.blocks:>7} {self.compressed:>14,} {self.uncompressed:>14,}"
        return f"{lengths} {ratio:>8} {bits_per_byte:>9}  {self.model:<7} {name}"

    def details(self) -> str:
        """What the table has no room for."""
        mode = {0: "the model alone", self.frames: "adaptive"}.get(self.adaptive_frames, "both")
        blocks = f"        mode: {mode}; blocks stored: {self.stored_blocks}, coded without the model: {self.blocks_without_model}"
        return "\n".join([blocks, *(f"        written with {fingerprint}" for fingerprint in sorted(self.fingerprints))])


def read_listing(file: ReadableFile) -> Listing:
    """The listing of one file.

    Raises:
        FormatError: It is no lmac file.
        CorruptedDataError: It is damaged or cut short, as far as headers show.
    """
    listing = Listing()
    walk = BlockWalk(file)
    walk.on_frame_end = listing.add
    while walk.next_block():
        pass
    return listing
