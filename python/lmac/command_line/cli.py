"""The command ``lmac``: files in, files out, with zstd's manners.

Data goes to standard output, messages to standard error, one line each and never a traceback; the source is kept
unless ``--rm`` is given. The model is loaded only when there is something to do. What is done to a
file is in ``command``; ``lmac doctor`` is in ``doctor``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from .. import __version__
from .command import ERROR, STDIN, Command

DESCRIPTION = "Compress or restore FILEs with a language model. With no FILE, or when FILE is -, work from standard input to standard output."

EPILOG = """\
examples:
  lmac notes.txt                         write notes.txt.lmac, keep notes.txt
  lmac -d notes.txt.lmac                 restore notes.txt
  lmac --rm -r logs                      replace every file under logs by a compressed one
  lmac -dc a.lmac b.lmac | less          restore to standard output, one after the other
  tar -I lmac -cf src.tar.lmac src       archives; tar -I lmac -xf src.tar.lmac restores them
  lmac -t backup.lmac && lmac -l backup.lmac
  lmac -d --recover damaged.lmac -o rest restore what is intact, say what is lost
  lmac doctor                            say what this machine has and what lmac uses of it

exit status: 0 if all is well, 1 if anything failed (the other files are still worked on), 2 if --recover had to
leave something out. An output file is complete or not there at all; it gets the source's permissions and
modification time. Compression and decompression need the same model, which frames name (lmac -l). Where there is a
file called doctor, "lmac doctor" compresses it, as "lmac ./doctor" and "lmac -- doctor" always do.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(ERROR, f"lmac: {message}; see lmac --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 1 if any file failed, or 2 if content was lost."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["doctor"] and not os.path.isfile("doctor"):  # what compressed a file of that name still does
        from . import doctor

        return doctor.main(arguments[1:])
    options = _parser().parse_args(arguments)
    options.files = options.files or [STDIN]
    if options.output == STDIN:
        options.output, options.stdout = None, True
    command = Command(options)
    if options.output and (len(options.files) > 1 or options.recursive):
        return command.complain("-o names one output; give one input")
    if options.rm and options.stdout:
        return command.complain("--rm removes a file only when another one replaces it; leave out -c")
    code = ERROR
    with _Interruption() as interruption:
        code = command.run_all(options.files)
    if interruption.number is None:
        return code
    command.complain("interrupted")
    return 128 + interruption.number  # as shells expect


class _Interruption:
    """Turns the signals that end a process into an exception, so that files are cleaned up.

    The exception may arrive anywhere, also where foreign code makes another one of it: what counts is that
    the signal came.
    """

    def __init__(self) -> None:
        #: The signal that came, if any.
        self.number: int | None = None
        self._handled: list[signal.Signals] = []

    def __enter__(self) -> _Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
                handler = signal.getsignal(number)
                if handler in (signal.SIG_DFL, signal.default_int_handler):  # not what nohup has made to be ignored
                    signal.signal(number, self._raise)
                    self._handled.append(number)
        return self

    def _raise(self, number: int, _: FrameType | None) -> NoReturn:
        self.number = number
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> bool:
        for number in self._handled:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        return self.number is not None


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    usage = "lmac [OPTION]... [FILE]..."
    parser = _Parser(prog="lmac", usage=usage, description=DESCRIPTION, epilog=EPILOG, formatter_class=formatter, add_help=False, allow_abbrev=False)
    parser.add_argument("files", nargs="*", metavar="FILE", help=argparse.SUPPRESS)
    _add_operations(parser.add_argument_group("operation (default: compress)"))
    _add_file_options(parser.add_argument_group("files"))
    _add_compression_options(parser.add_argument_group("compression"))
    _add_language_model_options(parser.add_argument_group("language models in floating point"))
    _add_other_options(parser.add_argument_group("other"))
    return parser


def _add_operations(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-d", "--decompress", "--uncompress", action="store_true", help="restore FILE from FILE.lmac")
    add("-t", "--test", action="store_true", help="restore, check, and write nothing")
    add("-l", "--list", action="store_true", help="show sizes, ratio, bits per byte, model and blocks; with -v more")
    add("--recover", action="store_true", help="restore the intact blocks of a damaged file, and say which bytes are lost")


def _add_file_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-c", "--stdout", "--to-stdout", action="store_true", help="write to standard output")
    add("-o", "--output", metavar="FILE", help="write to FILE")
    add("-f", "--force", action="store_true", help="overwrite existing files, use terminals for compressed data")
    add("-k", "--keep", dest="rm", action="store_false", default=False, help="keep the source (the default)")
    add("--rm", dest="rm", action="store_true", help="remove the source after its output is safely on the disk")
    add("-r", "--recursive", action="store_true", help="work on the files in folders (to compress: those not named *.lmac)")


def _add_compression_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--model",
        metavar="MODEL",
        help="use this model instead of the default one: a name (fast), a file, the folder of a language model, or hf:OWNER/REPO",
    )
    add("--no-adaptive", dest="adaptive", action="store_false", help="compress with the language model alone")
    add(
        "--block-len",
        type=_length,
        metavar="N",
        help="bytes per independent block, up to 16M (default: 16M, or 1M with --no-adaptive). Blocks are what can be "
        "read alone: shorter ones make reading in the middle cheaper and damage smaller, and compress less",
    )
    add("--lane-len", type=_length, metavar="N", help="bytes per lane; shorter lanes are decompressed faster, and compress a little less")
    add("-T", "--threads", type=_count, default=0, metavar="N", help="use N threads; 0, the default, is one per core")
    add("-M", "--memory", type=_length, metavar="SIZE", help="let blocks under way take SIZE bytes at most: fewer at a time, or an error if not one fits")
    add("--executor", choices=("auto", "native", "onnx"), default="auto", help="what runs the model; all give the same bytes")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it runs")


def _add_language_model_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--tokenizer", metavar="FILE", help="its tokenizer.json (default: the one beside it)")
    add("--context-length", type=_count, metavar="N", help="tokens that it sees at most (default: as many as it can, up to 1024)")
    add("--no-verify", dest="verify", action="store_false", help="do not decompress what was compressed, to prove that it can be done")
    add("--ignore-fingerprint", action="store_true", help="try to decompress what was compressed on another machine, with other versions or settings")


def _add_other_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-q", "--quiet", action="count", default=0, help="show no progress and ask nothing; twice: no errors either")
    add("-v", "--verbose", action="store_true", help="say how well each file was compressed (the default on a terminal)")
    add("--progress", action=argparse.BooleanOptionalAction, help="show progress (the default on a terminal), or do not")
    add("-h", "--help", action="help", help="show this and leave")
    add("-V", "--version", action="version", version=f"lmac {__version__}", help="show the version and leave")


def _length(text: str) -> int:
    """A number of bytes: 4096, 64K, 1M, 2G."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("K", "M", "G") else (text, "")
    return _count(number) << {"": 0, "K": 10, "M": 20, "G": 30}[unit]


def _count(text: str) -> int:
    """A number that is not negative."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


_length.__name__, _count.__name__ = "number of bytes", "number"  # as argparse calls them in its messages


if __name__ == "__main__":
    raise SystemExit(main())
