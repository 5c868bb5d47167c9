"""What the command line does with bytes: ``compress`` and ``Restorer``, from a source to a sink in bounded memory.

One block at a time is held. Which files these are, and whether the work is wanted, is decided in ``command``.
"""

from __future__ import annotations

from collections.abc import Callable

from ._core import Block, CorruptedDataError, LmacError, Report
from .blocks import BlockWalk
from .codec import Codec
from .files import ChangedError, Sink, Source
from .progress import Progress
from .stream import LmacCompressor


def compress(source: Source, sink: Sink, codec: Codec, progress: Progress, read_len: int) -> tuple[int, int]:
    """Compresses a file, ``read_len`` bytes at a time, to a sink as one frame; returns both lengths in bytes.

    Raises:
        ChangedError: The file grew or shrank meanwhile.
    """
    content_len = written_len = written_content_len = 0
    compressor = codec.begin_frames()
    compressor.pledge(source.size)

    def show(report: Report) -> None:
        progress.show(report.done, written_content_len + report.pass_content_len, written_len + report.pass_payload_len)

    def write(part: bytes, mode: int) -> None:
        nonlocal written_len, written_content_len
        with codec.exclusive() as predictor:
            output = compressor.compress(part, mode, predictor, progress=show)
        sink.write(output)
        written_len += len(output)
        written_content_len = compressor.compressed_len  # kept, since it cannot be asked while it works

    while part := source.file.read(read_len):
        content_len += len(part)
        if source.size is not None and content_len > source.size:
            raise ChangedError
        write(part, LmacCompressor.CONTINUE)
        progress.show(written_content_len, written_content_len, written_len)
    if source.size is not None and content_len != source.size:
        raise ChangedError
    write(b"", LmacCompressor.FLUSH_FRAME)
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
        while block := self._next_block():
            content = self._restore(block)
            if content is not None:
                self._sink.write(content)
                self.written_len += len(content)

    def _next_block(self) -> Block | None:
        try:
            return self._walk.next_block()
        except LmacError as error:
            if self.on_loss is None or self._walk.position == 0:
                raise
            self._lose(f"{error}: the content from byte {self._walk.content_offset} on is lost")
            return None

    def _restore(self, block: Block) -> bytes | None:
        start, compressed_len = self._walk.block_start, self._walk.position + block.payload_len
        content_len = start + block.content_len

        def report(done_bytes: int) -> None:
            self._progress.show(start + done_bytes, content_len, compressed_len)

        payload = self._walk.read_payload()
        report(0)
        try:
            return self._codec().decompress_block(block, payload, progress=report)
        except CorruptedDataError as error:
            if self.on_loss is None:
                raise
            self._lose(f"lost {block.content_len} bytes from byte {start} of the content: {error}")
            return None

    def _lose(self, words: str) -> None:
        assert self.on_loss is not None
        self.has_lost = True
        self.on_loss(words)
