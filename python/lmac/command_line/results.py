"""Where the result of each file goes, and what is asked or refused before anything is replaced.

A result replaces a regular file whole or not at all; a link in its place is never followed, but refused or, with ``-f``,
replaced itself. What is no regular file, such as a device, is written to as it is.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..filesystem.atomic_file import AtomicFile
from ..filesystem.folder import Place, naming, place_of
from ..filesystem.input_file import input_of
from .files import Device, Nowhere, RefusedError, Sink, Source
from .names import STDIN, SUFFIX, shown
from .standard_streams import STDIN as STDIN_DESCRIPTOR
from .standard_streams import STDOUT, Stdout, say


class AlreadyCompressedError(Exception):
    """A file that was given to be compressed has the name of a compressed one."""

    def __str__(self) -> str:
        return f"the name ends in {SUFFIX} already, left alone; use -o FILE or -c to compress it again"


def reads_frames(options: argparse.Namespace) -> bool:
    """Whether the operation is for compressed files."""
    return bool(options.decompress or options.test or options.list or options.recover)


@contextmanager
def target_of(place: Place | None, options: argparse.Namespace) -> Iterator[Place | None]:
    """Where the result of a source goes; ``None`` for standard output, or for nowhere in a test."""
    if options.test or options.stdout or (place is None and not options.output):
        yield None
    elif options.output:
        with place_of(options.output) as target:
            yield None if target.descriptor == STDOUT else target
    else:
        assert place is not None
        yield place.sibling(_sibling_name(place.name, options))


def _sibling_name(name: str, options: argparse.Namespace) -> str:
    """FILE.lmac for FILE, or the reverse."""
    has_suffix = name.endswith(SUFFIX) and name != SUFFIX
    if not reads_frames(options):
        if has_suffix:
            raise AlreadyCompressedError
        return name + SUFFIX
    if not has_suffix:
        raise RefusedError(f"the name does not end in {SUFFIX}; use -o FILE or -c")
    return name.removesuffix(SUFFIX)


def open_sink(target: Place | None, source: Source, options: argparse.Namespace) -> AbstractContextManager[Sink]:
    """What the result is written to, after all that speaks against it was checked.

    Raises:
        RefusedError: Something does.
    """
    if options.test:
        return nullcontext(Nowhere())
    if target is None:
        _check_stdout(source, options)
        return nullcontext(Stdout())
    found = _found(target)
    is_special = target.descriptor is not None or (found is not None and not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)))
    if is_special:
        _check_special(target, found, options)
        return Device(target)
    if found is not None:
        _check_replaced(target, found, source, options)
    like = source.descriptor if source.is_regular else None
    return AtomicFile(target, like=like, overwrite=options.force or found is not None)  # if it is there, that was asked


def _found(target: Place) -> os.stat_result | None:
    try:
        with naming(target.path):
            return target.folder.find(target.name)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise RefusedError(f"the name of the result, {target.path}, is too long for the file system; use -o FILE") from error
        raise


def _check_stdout(source: Source, options: argparse.Namespace) -> None:
    if not reads_frames(options) and not options.force and sys.stdout.isatty():
        raise RefusedError("compressed data is not written to a terminal; use -o FILE, or -f to do it anyway")
    if source.is_regular and source.is_file(os.fstat(STDOUT)):
        raise RefusedError("input and output are the same file")


def _check_special(target: Place, found: os.stat_result | None, options: argparse.Namespace) -> None:
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise RefusedError(f"{target.path} is a directory; name a file")
    if options.rm:
        raise RefusedError(f"{target.path} is no file that could replace this one; leave out --rm")


def _check_replaced(target: Place, found: os.stat_result, source: Source, options: argparse.Namespace) -> None:
    if source.is_file(found):
        raise RefusedError("input and output are the same file")
    is_link = stat.S_ISLNK(found.st_mode)
    if options.force or _is_answered_yes(f"{target.path} {'is a symbolic link; replace' if is_link else 'already exists; overwrite'} it (y/n)? ", options):
        return
    if is_link:
        raise RefusedError(f"{target.path} is a symbolic link, which is not followed; use -f to replace the link itself")
    raise RefusedError(f"{target.path} already exists; use -f to overwrite it")


def _is_answered_yes(question: str, options: argparse.Namespace) -> bool:
    if options.quiet or STDIN in options.files or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    say(f"lmac: {shown(question)}")
    with io.BufferedReader(input_of(os.dup(STDIN_DESCRIPTOR), "standard input")) as answers:
        return answers.readline().strip().lower() in (b"y", b"yes")
