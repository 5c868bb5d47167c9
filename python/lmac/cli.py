"""The command ``lmac``: files in, files out, in the manner of gzip and zstd.

Data goes to standard output, messages to standard error; the source is kept; errors are one line and the
exit code 1, never a traceback. The model is loaded only when there is something to do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from . import __version__, files
from ._core import LmacError, inspect
from .codec import Codec
from .progress import Progress

SUFFIX = ".lmac"
STDIN = "-"
INTERRUPTED = 130  # 128 + SIGINT, as shells expect


class RefusedError(Exception):
    """What the command declines to do, and how to have it done."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(1, f"lmac: {message}; see lmac --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, or 1 if any file failed."""
    arguments = _parser().parse_args(argv)
    if arguments.output and len(arguments.files) > 1:
        return _complain("-o names one output; give one input")
    command = Command(arguments)
    try:
        return max(command.run(name) for name in arguments.files or [STDIN])
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="lmac", description="Compress files with a language model. The source is kept.")
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="files to work on; none or - means standard input and output")
    add("-d", "--decompress", action="store_true", help="restore FILE from FILE.lmac")
    add("-c", "--stdout", action="store_true", help="write to standard output")
    add("-o", "--output", metavar="FILE", help="write to this file")
    add("-f", "--force", action="store_true", help="overwrite existing files, write to a terminal")
    add("-k", "--keep", action="store_true", help="keep the source (the default)")
    add("-q", "--quiet", action="store_true", help="show no progress")
    add("-v", "--verbose", action="store_true", help="say how well each file was compressed")
    add("-T", "--threads", type=int, metavar="N", help="use this many threads (default: one per core)")
    add("--model", metavar="FILE", help="use this model instead of the one inside the package")
    add("--no-adaptive", dest="adaptive", action="store_false", help="compress with the language model alone")
    add("--executor", choices=("auto", "native", "onnx"), default="auto", help="what runs the model; all give the same bytes")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it runs")
    add("-V", "--version", action="version", version=f"lmac {__version__}")
    return parser


def _complain(message: object) -> int:
    print(f"lmac: {message}", file=sys.stderr)
    return 1


class Command:
    """What the options ask for, done to one file after the other with one codec."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments

    @cached_property
    def _codec(self) -> Codec:
        options = self._arguments
        return Codec(options.model, device=options.device, threads=options.threads, executor=options.executor, adaptive=options.adaptive)

    def run(self, name: str) -> int:
        """Works on one file; returns its exit code."""
        source = None if name == STDIN else Path(name)
        try:
            target = self._target(source)
            content = files.read(source)
            result = self._transform(name, content)
            if target is None:
                files.write_stdout(result)
            else:
                files.write(target, result, like=source)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again when it exits
            return 1
        except (LmacError, RefusedError, ValueError) as error:
            return _complain(f"{name}: {error}")
        except OSError as error:
            return _complain(f"{error.filename or name}: {error.strerror or error}")
        except MemoryError:
            return _complain(f"{name}: not enough memory")
        return 0

    def _target(self, source: Path | None) -> Path | None:
        """Where the result goes; ``None`` for standard output."""
        options = self._arguments
        if options.stdout or (source is None and not options.output):
            self._refuse_terminal()
            return None
        target = Path(options.output) if options.output else self._sibling(source)
        if source is not None and target.exists() and target.samefile(source):
            raise RefusedError("input and output are the same file")
        if target.exists() and not options.force:
            raise RefusedError(f"{target} already exists; use -f to overwrite it")
        return target

    def _refuse_terminal(self) -> None:
        options = self._arguments
        if not options.decompress and not options.force and sys.stdout.isatty():
            raise RefusedError("compressed data is not written to a terminal; use -o FILE, or -f to do it anyway")

    def _sibling(self, source: Path | None) -> Path:
        """FILE.lmac for FILE, or the reverse."""
        assert source is not None
        if not self._arguments.decompress:
            return source.with_name(source.name + SUFFIX)
        if source.suffix != SUFFIX:
            raise RefusedError(f"the name does not end in {SUFFIX}; use -o FILE or -c")
        return source.with_suffix("")

    def _transform(self, name: str, content: bytes) -> bytes:
        options = self._arguments
        total_bytes = sum(frame.content_len for frame in inspect(content)) if options.decompress else len(content)
        transform = self._codec.decompress if options.decompress else self._codec.compress
        with Progress(name, total_bytes, enabled=sys.stderr.isatty() and not options.quiet) as progress:
            result = transform(content, progress=progress)
        if options.verbose:
            self._report(name, *((result, content) if options.decompress else (content, result)))
        return result

    def _report(self, name: str, content: bytes, frame: bytes) -> None:
        bits_per_byte = 8 * len(frame) / max(len(content), 1)
        print(f"{name}: {len(content)} bytes, compressed {len(frame)}, {bits_per_byte:.3f} bits per byte", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
