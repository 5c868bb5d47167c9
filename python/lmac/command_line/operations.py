"""What the command line does with bytes: ``compress`` and ``Restorer``, from a source to a sink in bounded memory.

One block is held for each thread that works on one. Which files these are, and whether the work is wanted, is decided in ``command``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .._core import Block, LmacError, Report
from ..coding.blocks import BlockWalk
from ..coding.codec import Codec
from ..coding.stream import LmacCompressor
from .files import ChangedError, Sink, Source
from .progress import Progress

#: How much is read at once where one block is coded at a time, unless blocks are shorter: a call then completes one block at
#: most, and the progress line adds it to those before.
READ_LEN = 1 << 18


def compress(source: Source, sink: Sink, codec: Codec, progress: Progress) -> tuple[int, int]:
    """Compresses a file to a sink as one frame; returns both lengths in bytes.

    Raises:
        ChangedError: The file grew or shrank meanwhile.
    """
    content_len = written_len = written_content_len = 0
    engine, compressor = codec._engine, codec._begin_frames()
    compressor.pledge(source.size)

    def show(report: Report) -> None:
        progress.show(report.done, written_content_len + report.pass_content_len, written_len + report.pass_payload_len)

    def write(part: bytes, mode: int) -> None:
        nonlocal written_len, written_content_len
        output = engine.run(lambda predictor: compressor.compress(part, mode, predictor, progress=show))
        sink.write(output)
        written_len += len(output)
        written_content_len = compressor.compressed_len  # kept, since it cannot be asked while it works

    piece_len = engine.run(compressor.piece_len)
    several_at_once = engine.blocks_at_once > 1
    if not several_at_once:
        piece_len = min(READ_LEN, piece_len)
    while piece := source.file.read(piece_len):
        content_len += len(piece)
        if source.size is not None and content_len > source.size:
            raise ChangedError
        if several_at_once and content_len == source.size:
            break  # the last block is coded with those before
        write(piece, LmacCompressor.CONTINUE)
        progress.show(written_content_len, written_content_len, written_len)
    if source.size is not None and (content_len != source.size or source.file.read(1)):
        raise ChangedError
    write(piece, LmacCompressor.FLUSH_FRAME)
    return content_len, written_len


class Restorer:
    """Restores a file of frames to a sink, block by block.

    Args:
        source: The file.
        sink: Where its content goes.
        codec: Loads the codec; not called for a file that is no lmac file.
        progress: What is told how far it is.
    """

    def __init__(self, source: Source, sink: Sink, codec: Callable[[], Codec], progress: Progress) -> None:
        self._walk = BlockWalk(source.file)
        self._sink, self._codec, self._progress = sink, codec, progress
        self.written_len = 0
        self.has_lost = False
        self._end: LmacError | None = None  # behind which nothing can be read
        #: What to do about damage: called with the words for it. ``None``: an error.
        self.on_loss: Callable[[str], object] | None = None

    @property
    def read_len(self) -> int:
        """How much of the source was read, in bytes."""
        return self._walk.position

    def run(self) -> None:
        """Restores everything, or, with ``on_loss``, everything that is intact.

        Raises:
            LmacError: As ``Codec.decompress``. What came before was written.
        """
        following = self._next_block()
        while following:
            group, following = [following], None
            # Blocks that may not be there yet are not waited for.
            while self._walk.seekable and len(group) < self._codec()._engine.blocks_at_once and (following := self._next_block()):
                if following.frame_start != group[0].frame_start:
                    break
                group.append(following)
                following = None
            self._restore(group)
            following = following or self._next_block()
        if self._end is not None:
            if self.on_loss is None or self._walk.position == 0:
                raise self._end
            self._lose(f"{self._end}: the content from byte {self._walk.content_offset} on is lost")

    def _next_block(self) -> _Coded | None:
        """The next block with its payload; ``None`` at the end, or before what cannot be read."""
        try:
            block = self._walk.next_block() if self._end is None else None
        except LmacError as error:
            self._end, block = error, None
        if block is None:
            return None
        return _Coded(block, self._walk.read_payload(), self._walk.block_start, self._walk.frame_start, self._walk.position)

    def _restore(self, group: list[_Coded]) -> None:
        """Restores blocks of one frame at the same time, and writes them in order."""
        last = group[-1]

        def show(done_bytes: int) -> None:
            self._progress.show(group[0].start + done_bytes, last.start + last.block.content_len, last.end_position)

        show(0)
        blocks = [(coded.block, coded.payload) for coded in group]
        contents = self._codec()._engine.restore_blocks(blocks, progress=lambda report: show(report.done))
        for coded, content in zip(group, contents, strict=True):
            if isinstance(content, bytes):
                self._sink.write(content)
                self.written_len += len(content)
            elif self.on_loss is None:
                raise content
            else:
                self._lose(f"lost {coded.block.content_len} bytes from byte {coded.start} of the content: {content}")

    def _lose(self, words: str) -> None:
        assert self.on_loss is not None
        self.has_lost = True
        self.on_loss(words)


class _Coded(NamedTuple):
    """A block that was read."""

    block: Block
    payload: bytes
    #: Where its content begins in that of the file, where its frame does in the file, and where the walk stands behind it.
    start: int
    frame_start: int
    end_position: int
