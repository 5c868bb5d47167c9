"""``BlockWalk``: the blocks of a file of frames, one after the other, or the one that holds an offset.

Only headers are read on the way; a payload is read when it is asked for. In a file that can seek, the walk
goes back to places that it remembers, so that a random read costs the headers before it once, and one
block each time. What the headers mean is decided in Rust (rust/lmac-core/src/format/frame_reader.rs).
"""

from __future__ import annotations

import errno
import io
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import NamedTuple, Protocol, TypeVar

from .._core import MAX_HEADER_LEN, Block, CorruptedDataError, FrameInfo, FrameReader, LmacError

T = TypeVar("T")

#: How much is read ahead for the blocks of a run, and how much content they have together, unless it is one block.
RUN_LEN = 1 << 16
RUN_CONTENT_LEN = 1 << 18


class ReadableFile(Protocol):
    """What a file must be able to do to be read; with ``seekable``, ``seek`` and ``tell`` it can do more."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end of the file only."""
        ...


class BlockWalk:
    """Walks through the frames of a file, which begins where the file stands now.

    Args:
        file: A binary file.
        max_output_size: Refuse content longer than this, in bytes.
    """

    def __init__(self, file: ReadableFile, *, max_output_size: int | None = None) -> None:
        self._source = _Source(file)
        self._max_output_size = max_output_size
        self._place = _Place(0, 0, None)
        self._index = _Index(self._place)
        self._payload_start = 0
        #: The block that the walk stands at, and where its content begins in that of the file.
        self.block: Block | None = None
        self.block_start = 0
        #: Called with what the headers said of each frame, when its end is reached.
        self.on_frame_end: Callable[[FrameInfo], object] | None = None
        #: Called with the error for the end of a frame that is not that of the blocks before it; then the walk goes on
        #: behind it. ``None``: the error is raised.
        self.on_wrong_end: Callable[[CorruptedDataError], object] | None = None

    @property
    def seekable(self) -> bool:
        """Whether the walk can go back."""
        return self._source.seekable

    @property
    def position(self) -> int:
        """How many bytes of the file were read or skipped."""
        return self._source.position

    @property
    def content_offset(self) -> int:
        """Where the content of the next block begins."""
        return self._place.content_offset

    def next_block(self) -> Block | None:
        """Goes on to the next block; ``None`` at the end of the file.

        After an error the walk stands where it stood: the same call fails again.

        Raises:
            FormatError: Something else than a frame is in the place of one.
            CorruptedDataError: The file ends inside a frame, or its lengths contradict each other.
            LmacError: The content is longer than ``max_output_size``.
        """
        self._skip_payload()
        self.block_start = self.content_offset
        while True:
            place = self._place
            self._source.seek(place.position)
            if place.frame is None:
                if place.frame_start > 0 and self._source.is_at_end():
                    return None
                place = place._replace(frame=self._read(partial(FrameReader, offset=place.frame_start)))
                self._source.seek(place.position)
            if self._source.seekable:
                self._index.add(place)
            assert place.frame is not None
            frame = place.frame.copy()  # a place stays what it was
            block = self._next_block_of(frame)
            if block is not None:
                return self._enter(block, place._replace(content_offset=place.content_offset + block.content_len, frame=frame))
            self._place = _Place(place.frame_start + frame.frame_len, place.content_offset, None)
            if self.on_frame_end:
                self.on_frame_end(frame.info())

    def _next_block_of(self, frame: FrameReader) -> Block | None:
        try:
            return self._read(frame.next_block)
        except CorruptedDataError as error:
            if self.on_wrong_end is None or not self._read(frame.skip_end):
                raise
            self.on_wrong_end(error)
            return None

    def _enter(self, block: Block, next_place: _Place) -> Block:
        if self._is_too_long(next_place.content_offset):
            raise LmacError(f"the content is larger than the limit of {self._max_output_size} bytes; raise the limit to decompress it")
        self._payload_start = next_place.position - block.payload_len
        self._source.seek(self._payload_start)
        self.block, self._place = block, next_place
        return block

    def _is_too_long(self, content_len: int) -> bool:
        return self._max_output_size is not None and content_len > self._max_output_size

    def _skip_payload(self) -> None:
        if self.block is not None:
            self._source.skip_to(self._payload_start + self.block.payload_len)
            self.block = None

    def _read(self, parse: Callable[[bytes], T]) -> T:
        """What ``parse`` makes of the next bytes, of which it gets as few as it needs: more may not be there yet."""
        while True:
            head = self._source.ahead
            try:
                return parse(head)
            except CorruptedDataError:
                if len(head) >= MAX_HEADER_LEN or not self._source.look_ahead():
                    raise

    def find(self, offset: int) -> Block | None:
        """Goes to the block that holds byte ``offset`` of the content; ``None``, at the end, if there is none.

        Raises:
            io.UnsupportedOperation: It lies behind, and the file cannot seek.
            LmacError: As ``next_block``.
        """
        if offset < self.block_start:
            self._go_back(offset)
        while self.block is None or offset >= self.content_offset:
            if self.next_block() is None:
                return None
        return self.block

    def _go_back(self, offset: int) -> None:
        self._place = self._index.before(offset)
        self.block, self.block_start = None, self.content_offset

    def next_run(self) -> Run | None:
        """Goes on by one block and, if that is short, by the short ones behind it; ``None`` at the end of the file.

        Of a file that cannot seek it takes only what was read ahead anyway: more may not be there yet.

        Raises:
            LmacError: As ``next_block``.
        """
        first = self.next_block()
        if first is None:
            return None
        start, blocks, place = self.block_start, [(first, self.read_payload())], self._place
        if place.frame is not None and first.content_len < RUN_CONTENT_LEN:
            frame = place.frame.copy()
            ahead = self._source.peek(RUN_LEN) if self.seekable else self._source.ahead
            more = frame.next_blocks(ahead, RUN_CONTENT_LEN - first.content_len)
            place = place._replace(content_offset=place.content_offset + sum(block.content_len for block, _ in more), frame=frame)
            if more and not self._is_too_long(place.content_offset):
                blocks += more
                self._place, self.block, self.block_start = place, None, place.content_offset
                self._source.seek(place.position)
        return Run(blocks, start, place.frame_start, self.position)

    def read_payload(self) -> bytes:
        """The payload of the block that the walk stands at; shorter only if the file ends inside it."""
        assert self.block is not None
        self._source.seek(self._payload_start)
        return self._source.read(self.block.payload_len)


class Run(NamedTuple):
    """Blocks of one frame that were read, one behind the other."""

    #: With their payloads; shorter only if the file ends inside one.
    blocks: list[tuple[Block, bytes]]
    #: Where their content begins in that of the file.
    start: int
    #: Where their frame begins in the file, and where the walk stands behind them.
    frame_start: int
    end: int


class _Place(NamedTuple):
    """Where a walk can go on: at the next block of a frame, or, without one, where a frame must begin."""

    frame_start: int
    #: Where the content of the next block begins in that of the file.
    content_offset: int
    frame: FrameReader | None

    @property
    def position(self) -> int:
        """Where the next header begins in the file."""
        return self.frame_start + (self.frame.frame_len if self.frame else 0)


class _Index:
    """Places to go back to; when they become many, every second one is forgotten, so that memory is bounded."""

    MAX_PLACES = 1 << 14

    def __init__(self, first: _Place) -> None:
        self._places = [first]
        self._min_distance = 0  # content bytes from one place to the next

    def add(self, place: _Place) -> None:
        if place.content_offset <= self._places[-1].content_offset + self._min_distance:
            return
        self._places.append(place)
        if len(self._places) > self.MAX_PLACES:
            del self._places[1::2]
            self._min_distance = max(2 * self._min_distance, place.content_offset // self.MAX_PLACES)

    def before(self, offset: int) -> _Place:
        """The last place from which a walk forwards meets the block of ``offset``."""
        return self._places[bisect_right(self._places, offset, key=attrgetter("content_offset")) - 1]


class _Source:
    """A file with a few bytes of look-ahead; positions count from where it stood at first."""

    SKIP_LEN = 1 << 16

    def __init__(self, file: ReadableFile) -> None:
        self._file = file
        self._read_some: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self.seekable: bool = getattr(file, "seekable", bool)()
        self._base: int = file.tell() if self.seekable else 0  # type: ignore[attr-defined]
        #: Offset of the next byte.
        self.position = 0
        #: The next bytes, as far as they were read.
        self.ahead = b""

    def look_ahead(self) -> bool:
        """Reads a few more bytes ahead; whether there were any."""
        more = _there(self._read_some(MAX_HEADER_LEN))
        self.ahead += more
        return bool(more)

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, or all there are, read ahead."""
        if len(self.ahead) < size:
            self.ahead += self._file.read(size - len(self.ahead))
        return self.ahead

    def is_at_end(self) -> bool:
        return not self.ahead and not self.look_ahead()

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, or all there are."""
        parts = [self.ahead[:size]]
        self.ahead = self.ahead[size:]
        missing = size - len(parts[0])
        while missing and (part := _there(self._file.read(missing))):
            parts.append(part)
            missing -= len(part)
        self.position += size - missing
        return b"".join(parts)

    def seek(self, position: int) -> None:
        """Goes to ``position``, which may lie behind only if the file can seek."""
        distance = position - self.position
        if 0 <= distance <= len(self.ahead):
            self.ahead = self.ahead[distance:]
        elif self.seekable:
            self._file.seek(self._base + position)  # type: ignore[attr-defined]
            self.ahead = b""
        elif distance < 0:
            raise io.UnsupportedOperation("the underlying file cannot seek: it can be read forwards only")
        else:
            while self.position < position and self.read(min(self.SKIP_LEN, position - self.position)):
                pass
        self.position = position

    def skip_to(self, position: int) -> None:
        """Goes to ``position``, and checks that the file reaches that far."""
        if position <= self.position:
            return
        self.seek(position - 1)
        if not self.read(1):
            raise CorruptedDataError("the file is truncated: it ends inside the payload of a block; get a complete copy")


def _there(part: bytes | None) -> bytes:
    """What was read; a raw file that has nothing yet says ``None``, and that is not its end."""
    if part is None:
        raise BlockingIOError(errno.EAGAIN, "the underlying file has nothing to read now; it must be one that waits")
    return part
