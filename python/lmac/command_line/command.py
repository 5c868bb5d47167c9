"""``Command``: what the command line asks for, done to one file after the other.

It compresses, restores, tests, lists or recovers, in bounded memory: content passes through a few blocks at a
time. Every failure of one file becomes one line on standard error, and the next file has its turn.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from pathlib import Path

from .._core import CorruptedDataError, LmacError
from ..coding.codec import Codec
from .files import ChangedError, Sink, Source, replacing
from .listing import HEAD, Listing, read_listing
from .operations import Restorer, compress
from .options import STDIN
from .progress import Progress
from .standard_streams import Stdout, say, stdin

SUFFIX = ".lmac"

#: Exit codes, as gzip's: all is well; something failed; what could be done was done, but bytes were lost before.
OK, ERROR, WARNING = 0, 1, 2


class RefusedError(Exception):
    """What the command declines to do, and how to have it done."""


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
        )

    def run_all(self, names: list[str]) -> int:
        """Works on all files, and returns the exit code.

        Raises:
            StdoutError: Standard output takes no more.
        """
        codes = []
        for name in self._expand(names):
            codes.append(self.run(name))
            self._check()
        if self._listed > 1:
            _print(self._total.line(f"{self._listed} files"))
        return ERROR if ERROR in codes or self._has_missed else max(codes, default=OK)

    def run(self, name: str) -> int:
        """Works on one file; returns its exit code."""
        try:
            return self._work(name, None if name == STDIN else Path(name))
        except BrokenPipeError:
            return ERROR  # nobody reads what -o names: nothing to say, as with other filters
        except (LmacError, RefusedError, ChangedError, ValueError) as error:
            return self.complain(f"{name}: {error}{self._hint(error)}")
        except OSError as error:
            return self.complain(f"{error.filename or name}: {error.strerror or error}")
        except MemoryError:
            return self.complain(f"{name}: not enough memory")

    def _work(self, name: str, path: Path | None) -> int:
        options = self._options
        if path is None and sys.stdin.isatty() and not options.force:
            raise RefusedError("standard input is a terminal; name a FILE, or see lmac --help")
        if path is not None and path.is_dir():
            raise RefusedError("is a directory; use -r to work on the files in it")
        return self._list(name, path) if options.list else self._convert(name, path)

    def _hint(self, error: Exception) -> str:
        can_recover = isinstance(error, CorruptedDataError) and self._options.decompress and not self._options.recover
        return "; --recover restores what is intact" if can_recover else ""

    def complain(self, message: object) -> int:
        """Says what went wrong, unless told twice to be quiet."""
        if self._options.quiet < 2:
            say(f"lmac: {message}\n")
        return ERROR

    def _expand(self, names: list[str]) -> list[str]:
        """The files in folders, if asked for, that the operation is for."""
        if not self._options.recursive:
            return names
        files = []
        for name in names:
            if name == STDIN or not os.path.isdir(name):
                files.append(name)
                continue
            for folder, folders, children in os.walk(name, onerror=self._complain_of):
                folders.sort()
                paths = (os.path.join(folder, child) for child in sorted(children))
                files += [path for path in paths if path.endswith(SUFFIX) == self._reads_frames and not os.path.islink(path)]
        return files

    def _complain_of(self, error: OSError) -> None:
        self.complain(f"{error.filename}: {error.strerror}")
        self._has_missed = True

    @property
    def _reads_frames(self) -> bool:
        options = self._options
        return bool(options.decompress or options.test or options.list or options.recover)

    def _list(self, name: str, path: Path | None) -> int:
        with Source(path) as source:
            listing = read_listing(source.file)
        if self._listed == 0:
            _print(HEAD)
        _print(listing.line(name))
        if self._options.verbose:
            _print(listing.details())
        self._total += listing
        self._listed += 1
        return OK

    def _convert(self, name: str, path: Path | None) -> int:
        options = self._options
        target = None if options.test else self._target(path)
        if not self._reads_frames:
            _ = self._codec  # a model that is missing is noticed before anything is written
        with Source(path) as source:
            with self._sink(target, path) as sink:
                lost = self._transform(name, source, sink)
                source.check_unchanged()
            if options.rm and target is not None and path is not None and not lost:
                source.remove()
        return WARNING if lost else OK

    def _sink(self, target: Path | None, path: Path | None) -> AbstractContextManager[Sink]:
        if self._options.test:
            return nullcontext(_Nowhere())
        if target is None:
            return nullcontext(Stdout())
        return replacing(target, path, overwrite=self._options.force or target.exists())  # if it exists, that was asked

    def _target(self, path: Path | None) -> Path | None:
        """Where the result goes; ``None`` for standard output."""
        options = self._options
        if options.stdout or (path is None and not options.output):
            if not self._reads_frames and not options.force and sys.stdout.isatty():
                raise RefusedError("compressed data is not written to a terminal; use -o FILE, or -f to do it anyway")
            return None
        target = Path(options.output) if options.output else self._sibling(path)
        if path is not None and target.exists() and target.samefile(path):
            raise RefusedError("input and output are the same file")
        if target.is_dir():
            raise RefusedError(f"{target} is a directory; name a file")
        if options.rm and target.exists() and not target.is_file():
            raise RefusedError(f"{target} is no file that could replace this one; leave out --rm")
        if target.is_file() and not options.force and not self._may_overwrite(target):
            raise RefusedError(f"{target} already exists; use -f to overwrite it")
        return target

    def _may_overwrite(self, target: Path) -> bool:
        if self._options.quiet or STDIN in self._options.files or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        say(f"lmac: {target} already exists; overwrite it (y/n)? ")
        return stdin().readline().strip().lower() in (b"y", b"yes")

    def _sibling(self, path: Path | None) -> Path:
        """FILE.lmac for FILE, or the reverse."""
        assert path is not None
        if path.exists() and not path.is_file():
            raise RefusedError("is not a regular file; use -c or -o FILE")
        if not self._reads_frames:
            return path.with_name(path.name + SUFFIX)
        if path.suffix != SUFFIX:
            raise RefusedError(f"the name does not end in {SUFFIX}; use -o FILE or -c")
        return path.with_suffix("")

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
        say(f"{name}: {content_len} bytes, compressed {compressed_len}{bits_per_byte}{is_intact}\n")


def _print(line: str) -> None:
    """Prints a line with names of files as the system spells them."""
    Stdout().write(os.fsencode(line + "\n"))


class _Nowhere:
    """The sink of a test."""

    def write(self, data: bytes, /) -> None:
        pass
