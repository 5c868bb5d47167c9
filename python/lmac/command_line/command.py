"""``Command``: what the command line asks for, done to one file after the other.

It compresses, restores, tests, lists or recovers, in bounded memory: content passes through a few blocks at a
time. Every failure of one file becomes one line on standard error, and the next file has its turn.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cached_property, partial

from .._core import CorruptedDataError, LmacError
from ..coding.codec import Codec
from ..filesystem.atomic_file import AtomicFile, is_temporary
from ..filesystem.folder import Place, place_of
from ..filesystem.walk import walk
from .files import ChangedError, RefusedError, Sink, Source
from .listing import HEAD, Listing, read_listing
from .names import STDIN, SUFFIX, shown
from .operations import Restorer, compress
from .progress import Progress
from .results import AlreadyCompressedError, open_sink, reads_frames, target_of
from .standard_streams import Stdout, say

#: Exit codes, as gzip's: all is well; something failed; what could be done was done, but something is not as it should be.
OK, ERROR, WARNING = 0, 1, 2


class Command:
    """The options of the command line, and one codec for all files.

    Args:
        options: As ``parsing`` gives them.
        check: Called between files; an exception ends the run.
    """

    def __init__(self, options: argparse.Namespace, check: Callable[[], object]) -> None:
        self._options, self._check = options, check
        self._total = Listing()
        self._listed = 0
        self._has_missed = False  # a folder that could not be read

    @cached_property
    def _codec(self) -> Codec:
        """Loaded when the first file needs it."""
        options = self._options
        return Codec(
            options.model,
            device=options.device,
            threads=options.threads or None,
            executor=options.executor,
            adaptive=options.adaptive,
            block_len=options.block_len,
            lane_len=options.lane_len,
            verify=options.verify,
            tokenizer=options.tokenizer,
            context_length=options.context_length,
            ignore_fingerprint=options.ignore_fingerprint,
            max_memory=options.max_memory,
        )

    def run_all(self, names: list[str]) -> int:
        """Works on all files, and returns the exit code.

        Raises:
            StdoutError: Standard output takes no more.
        """
        codes = set()
        for name in names:
            for code in self._run_named(name):
                codes.add(code)
                self._check()
        if self._listed > 1:
            _print(self._total.line(f"{self._listed} files"))
        return ERROR if ERROR in codes or self._has_missed else max(codes, default=OK)

    def _run_named(self, name: str) -> Iterator[int]:
        """Works on a file, or on the files in a folder, if asked for, that the operation is for."""
        if not self._options.recursive or name == STDIN or not os.path.isdir(name):
            yield self.run(name)
            return
        for place in walk(name, self._complain_of):
            if place.name.endswith(SUFFIX) == self._reads_frames and not is_temporary(place.name):
                yield self.run(place.path, place)

    def run(self, name: str, place: Place | None = None) -> int:
        """Works on one file, which is at ``place``, or where its name leads; returns its exit code."""
        is_open = place is not None or name == STDIN
        try:
            with nullcontext(place) if is_open else place_of(name) as opened:
                return self._work(name, opened)
        except BrokenPipeError:
            return ERROR  # nobody reads what -o names: nothing to say, as with other filters
        except AlreadyCompressedError as error:
            return self._warn(f"{name}: {error}")
        except (LmacError, RefusedError, ChangedError, ValueError) as error:
            return self.complain(f"{name}: {error}{self._hint(error)}")
        except OSError as error:
            return self.complain(f"{error.filename or name}: {error.strerror or error}")
        except MemoryError:
            return self.complain(f"{name}: not enough memory")

    def _work(self, name: str, place: Place | None) -> int:
        options = self._options
        if place is None and sys.stdin.isatty() and not options.force:
            raise RefusedError("standard input is a terminal; name a FILE, or see lmac --help")
        with self._open(place) as source:
            return self._list(name, source) if options.list else self._convert(name, place, source)

    def _open(self, place: Place | None) -> Source:
        options = self._options
        if place is None:
            return Source(None)
        if options.rm and place.descriptor is not None:
            raise RefusedError("is a name for a descriptor, not one that --rm could remove; leave out --rm")
        try:
            source = Source(place, follow=place.is_named and not options.rm)
        except IsADirectoryError:
            raise RefusedError("is a directory; use -r to work on the files in it") from None
        except OSError as error:
            if error.errno == errno.ELOOP and options.rm:
                raise RefusedError("is a symbolic link, and --rm would not say which of the two goes; leave it out, or name the file itself") from error
            raise
        if not options.stdout and not options.output:
            self._check_has_sibling(place, source)
        return source

    def _check_has_sibling(self, place: Place, source: Source) -> None:
        """A device is read only on request, and a pipe may have nobody at its other end; a shell's <(...) has."""
        if self._options.test or self._options.list:
            if not source.is_regular and place.descriptor is None:
                raise RefusedError("is not a regular file; give it as standard input")
        elif not source.is_regular or place.descriptor is not None:
            raise RefusedError("is not a regular file; use -c or -o FILE")

    def _hint(self, error: Exception) -> str:
        can_recover = isinstance(error, CorruptedDataError) and self._options.decompress and not self._options.recover
        return "; --recover restores what is intact" if can_recover else ""

    def complain(self, message: object) -> int:
        """Says what went wrong, unless told twice to be quiet."""
        if self._options.quiet < 2:
            say(f"lmac: {shown(str(message))}\n")
        return ERROR

    def _warn(self, message: object) -> int:
        self.complain(message)
        return WARNING

    def _complain_of(self, error: OSError) -> None:
        self.complain(f"{error.filename}: {error.strerror}")
        self._has_missed = True

    @property
    def _reads_frames(self) -> bool:
        return reads_frames(self._options)

    def _list(self, name: str, source: Source) -> int:
        listing = read_listing(source.file)
        if self._listed == 0:
            _print(HEAD)
        _print(listing.line(shown(name)))
        if self._options.verbose:
            _print(listing.details())
        self._total += listing
        self._listed += 1
        return OK

    def _convert(self, name: str, place: Place | None, source: Source) -> int:
        with target_of(place, self._options) as target:
            opening = open_sink(target, source, self._options)
            if not self._reads_frames:
                _ = self._codec  # a model that is missing is noticed before anything is written
            with opening as sink:
                lost = self._pass(name, source, sink)
        code = WARNING if lost else OK
        if isinstance(sink, AtomicFile):
            assert target is not None
            code = max([code, *(self._warn(f"{target.path}: {warning}") for warning in sink.warnings)])
            if self._options.rm and place is not None and not lost:
                self._remove(source, target, sink)
        return code

    def _pass(self, name: str, source: Source, sink: Sink) -> bool:
        """Passes all of the source through to the sink, if it stays what it was; whether content was lost."""
        try:
            lost = self._transform(name, source, sink)
            source.check_unchanged()
        except ChangedError:
            is_absent = isinstance(sink, AtomicFile) or self._options.test
            raise ChangedError("nothing was written or removed, try again" if is_absent else "what was written of it is not to be used, try again") from None
        return lost

    def _remove(self, source: Source, target: Place, result: AtomicFile) -> None:
        if not result.is_safe:
            raise RefusedError(f"kept, because {target.path} is not known to be on the disk")
        try:
            source.remove()
        except ChangedError:
            raise ChangedError(f"it was kept, and {target.path} has what was read of it") from None

    def _transform(self, name: str, source: Source, sink: Sink) -> bool:
        """Passes all of the source through to the sink; whether content was lost."""
        to_terminal = isinstance(sink, Stdout) and sys.stdout.isatty()
        wants_progress = sys.stderr.isatty() if self._options.progress is None else self._options.progress
        is_shown = wants_progress and not self._options.quiet and not to_terminal
        check = sink.check if isinstance(sink, Stdout) else None
        if not self._reads_frames:
            with Progress(name, source.size, is_shown, check) as progress:
                sizes = compress(source, sink, self._codec, progress)
            self._report(name, *sizes)
            return False
        with Progress(name, self._content_len(source) if is_shown else None, is_shown, check) as progress:
            restorer = Restorer(source, sink, lambda: self._codec, progress)
            if self._options.recover:
                restorer.on_loss = partial(self._warn_of_loss, name)
            restorer.run()
        self._report(name, restorer.written_len, restorer.read_len)
        return restorer.has_lost

    def _content_len(self, source: Source) -> int | None:
        """The length of what a file will be restored to, if its headers can be read beforehand."""
        if source.size is None or self._options.recover:
            return None
        listing = read_listing(source.file)
        source.rewind()
        return listing.uncompressed

    def _warn_of_loss(self, name: str, loss: str) -> None:
        self.complain(f"{name}: {loss}")

    def _report(self, name: str, content_len: int, compressed_len: int) -> None:
        options = self._options
        is_watched = sys.stderr.isatty() and not (options.quiet or options.stdout or options.test)
        if not options.verbose and not is_watched:
            return
        bits_per_byte = f", {8 * compressed_len / content_len:.3f} bits per byte" if content_len else ""
        is_intact = ", intact" if options.test else ""
        say(f"{shown(name)}: {content_len} bytes, compressed {compressed_len}{bits_per_byte}{is_intact}\n")


def _print(line: str) -> None:
    """Prints a line with names of files as the system spells them."""
    Stdout().write(os.fsencode(line + "\n"))
