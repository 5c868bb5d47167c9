"""What the command line does with bytes: ``compress`` and ``Restorer``, from a source to a sink in bounded memory.

One block is held for each thread that works on one, or a run of short ones. Which files these are, and whether the work is wanted, is decided in ``command``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from .._core import CorruptedDataError, LmacError, Report
from ..coding.blocks import BlockWalk, Run
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
        ChangedError: The file shrank meanwhile.
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
    several_at_once = engine.blocks_at_once(codec.max_memory) > 1
    if not several_at_once:
        piece_len = min(READ_LEN, piece_len)
    while piece := source.read(piece_len):
        content_len += len(piece)
        if several_at_once and content_len == source.size:
            break  # the last block is coded with those before
        write(piece, LmacCompressor.CONTINUE)
        progress.show(written_content_len, written_content_len, written_len)
    if source.size is not None and content_len != source.size:
        raise ChangedError
    write(piece, LmacCompressor.FLUSH_FRAME)
    return content_len, written_len


class Restorer:
    """Restores a file of frames to a sink, some blocks at a time.

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
        self._losses: list[_Loss] = []
        self._end: LmacError | None = None  # behind which nothing can be read
        #: What to do about damage: called with the words for it, in the order of the content, when all else is restored.
        #: ``None``: an error.
        self.on_loss: Callable[[str], object] | None = None

    @property
    def read_len(self) -> int:
        """How much of the source was read, in bytes."""
        return self._walk.position

    @property
    def has_lost(self) -> bool:
        """Whether something could not be restored."""
        return bool(self._losses)

    def run(self) -> None:
        """Restores everything, or, with ``on_loss``, everything that is intact.

        Raises:
            LmacError: As ``Codec.decompress``. What came before was written.
        """
        if self.on_loss is not None:
            self._walk.on_wrong_end = self._lose_before_end
        following = self._next_run()
        while following:
            group, following = following, None
            # Blocks that may not be there yet are not waited for.
            while self._walk.seekable and len(group.blocks) < self._blocks_at_once() and (following := self._next_run()):
                if following.frame_start != group.frame_start:
                    break
                group = group._replace(blocks=group.blocks + following.blocks, end=following.end)
                following = None
            self._restore(group)
            following = following or self._next_run()
        if self._end is not None:
            if self.on_loss is None or self._walk.position == 0:
                raise self._end
            offset = self._walk.content_offset
            self._losses.append(_Loss(offset, f"{self._end}: the content from byte {offset} on is lost"))
        for loss in sorted(self._losses, key=attrgetter("start")):
            assert self.on_loss is not None
            self.on_loss(str(loss))

    def _blocks_at_once(self) -> int:
        codec = self._codec()
        return codec._engine.blocks_at_once(codec.max_memory)

    def _next_run(self) -> Run | None:
        """The next blocks with their payloads; ``None`` at the end, or before what cannot be read."""
        try:
            return self._walk.next_run() if self._end is None else None
        except LmacError as error:
            self._end = error
            return None

    def _restore(self, group: Run) -> None:
        """Restores blocks of one frame at the same time, and writes them in order."""
        end = group.start + sum(block.content_len for block, _ in group.blocks)

        def show(done_bytes: int) -> None:
            self._progress.show(group.start + done_bytes, end, group.end)

        show(0)
        codec = self._codec()
        contents = codec._engine.restore_blocks(group.blocks, codec.max_memory, progress=lambda report: show(report.done))
        start, intact = group.start, []
        for (block, _), content in zip(group.blocks, contents, strict=True):
            if isinstance(content, bytes):
                intact.append(content)
            elif self.on_loss is None:
                self._write(intact)
                raise content
            else:
                self._lose_block(group.frame_start, start, block.content_len, content)
            start += block.content_len
        self._write(intact)

    def _write(self, contents: list[bytes]) -> None:
        content = b"".join(contents)
        self._sink.write(content)
        self.written_len += len(content)

    def _lose_block(self, frame_start: int, start: int, content_len: int, reason: LmacError) -> None:
        """Notes a block that is damaged, together with those right before it in its frame: thousands of blocks are one line."""
        last = self._losses[-1] if self._losses else None
        if last is None or not last.blocks or (last.frame_start, last.end) != (frame_start, start):
            last = _Loss(start, str(reason), frame_start)
            self._losses.append(last)
        last.blocks += 1
        last.end = start + content_len

    def _lose_before_end(self, error: CorruptedDataError) -> None:
        offset = self._walk.content_offset
        self._losses.append(_Loss(offset, f"bytes may be lost before byte {offset} of the content: {error}"))


@dataclass
class _Loss:
    """What is lost in one place."""

    start: int
    reason: str
    frame_start: int = 0
    blocks: int = 0
    #: Of the content of the last block.
    end: int = 0

    def __str__(self) -> str:
        if not self.blocks:
            return self.reason
        several = f" in {self.blocks} blocks" if self.blocks > 1 else ""
        return f"lost {self.end - self.start} bytes from byte {self.start} of the content{several}: {self.reason}"
