"""The options of ``lmac`` itself, as ``--help`` shows them; how a command line is read is in ``parsing``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, NoReturn

from .names import shown

#: What a name of a file is called among options.
FILE = "FILE"

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

exit status: 0 if all is well, 1 if anything failed (the other files are still worked on), 2 after a warning, or if
--recover had to leave something out. An output file is complete or not there at all; it gets the source's permissions and
modification time. Compression and decompression need the same model, which frames name (lmac -l). Where there is a
file called doctor, "lmac doctor" compresses it, as "lmac ./doctor" and "lmac -- doctor" always do.
Options of gzip, xz and zstd that are not here are ignored with a word, or refused before anything is done: man lmac.
"""

#: Limits of what numbers may be: those of the format; more threads than any machine is known to have cores; more tokens than any model sees.
MAX_LEN, MAX_THREADS, MAX_CONTEXT_LENGTH, MAX_MEMORY = 1 << 24, 1024, 1 << 24, 1 << 60


class UsageError(Exception):
    """The command line is not understood, or asks for what cannot be; nothing was done."""

    def __init__(self, message: str, command: str = "lmac") -> None:
        super().__init__(f"{message}; see {command} --help")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message.removeprefix("argument "))


def own_options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options of a parser by their names."""
    return {name: action for action in parser._actions for name in action.option_strings}


def command_parser() -> argparse.ArgumentParser:
    """What reads lmac's own options, each in one word; names of files and everything else are not for it."""
    formatter = argparse.RawDescriptionHelpFormatter
    usage = "lmac [OPTION]... [FILE]..."
    parser = _Parser(prog="lmac", usage=usage, description=DESCRIPTION, epilog=EPILOG, formatter_class=formatter, add_help=False, allow_abbrev=False)
    _add_operations(parser.add_argument_group("operation (default: compress)"))
    _add_file_options(parser.add_argument_group("files"))
    levels = "-0 to -22, --fast, --best and --max are levels: up to -3 the model fast, otherwise the default one"
    _add_compression_options(parser.add_argument_group("compression", levels))
    _add_language_model_options(parser.add_argument_group("language models in floating point"))
    _add_other_options(parser.add_argument_group("other"))
    return parser


def _add_operations(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-z", "--compress", action=_Operation, help="compress FILE to FILE.lmac; of several operations, the last one is meant")
    add("-d", "--decompress", "--uncompress", action=_Operation, help="restore FILE from FILE.lmac")
    add("-t", "--test", action=_Operation, help="restore, check, and write nothing")
    add("-l", "--list", action=_Operation, help="show sizes, ratio, bits per byte, model and blocks; with -v more")
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
        "--block-size",
        type=_Number(1, MAX_LEN, " of bytes"),
        metavar="N",
        help="bytes per independent block, up to 16M (default: 16M, or 1M with --no-adaptive). Blocks are what can be "
        "read alone: shorter ones make reading in the middle cheaper and damage smaller, and compress less",
    )
    add(
        "--lane-len",
        type=_Number(1, MAX_LEN, " of bytes"),
        metavar="N",
        help="bytes per lane; shorter lanes are decompressed faster, and compress a little less",
    )
    add("-T", "--threads", type=_Number(0, MAX_THREADS), default=0, metavar="N", help="use N threads; 0, the default, is one per core")
    add("--single-thread", dest="threads", action="store_const", const=1, help="the same as -T 1")
    add(
        "-M",
        "--memory",
        "--memlimit",
        dest="max_memory",
        type=_Number(1, MAX_MEMORY, " of bytes"),
        metavar="N",
        help="let blocks under way take N bytes at most: fewer at a time, or an error if not one fits",
    )
    add("--executor", choices=("auto", "native", "onnx"), default="auto", help="what runs the model; all give the same bytes")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it runs")


def _add_language_model_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--tokenizer", metavar="FILE", help="its tokenizer.json (default: the one beside it)")
    add("--context-length", type=_Number(1, MAX_CONTEXT_LENGTH), metavar="N", help="tokens that it sees at most (default: as many as it can, up to 1024)")
    add("--no-verify", dest="verify", action="store_false", help="do not decompress what was compressed, to prove that it can be done")
    add("--ignore-fingerprint", action="store_true", help="try to decompress what was compressed on another machine, with other versions or settings")


def _add_other_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-q", "--quiet", action="count", default=0, help="show no progress and ask nothing; twice: no errors either")
    add("-v", "--verbose", action="store_true", help="say how well each file was compressed (the default on a terminal)")
    add("--progress", action=argparse.BooleanOptionalAction, help="show progress (the default on a terminal), or do not")
    add("-Q", "--no-warn", action="store_true", help="exit status 0 where it would be 2")
    show = partial(add, action="store_const", dest="shows")
    show("-h", "-H", "--help", "--long-help", const="help", help="show this and leave")
    show("-V", "--version", const="version", help="show the version and leave")
    show("-L", "--license", const="license", help="show the license and leave")


class _Operation(argparse.Action):
    """One of the operations; of several, the last one is meant."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=False, help=help)

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option_string: str | None = None) -> None:
        namespace.compress = namespace.decompress = namespace.test = namespace.list = False
        setattr(namespace, self.dest, True)


class _Number:
    """A whole number within limits; with ``units``, 4096, 64K, 1M or 1MiB.

    Args:
        least, most: The limits.
        units: What it counts, if it may have a unit.
    """

    _SHIFT: ClassVar = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}

    def __init__(self, least: int, most: int, units: str = "") -> None:
        self._least, self._most, self._units = least, most, units

    def __call__(self, text: str) -> int:
        match = re.fullmatch("([0-9]{1,20})(?:([KMGT])(?:i?B)?)?" if self._units else "([0-9]{1,20})()", text, re.ASCII | re.IGNORECASE)
        number = int(match[1]) << self._SHIFT[(match[2] or "").upper()] if match else -1
        if not self._least <= number <= self._most:
            raise argparse.ArgumentTypeError(f"'{shown(text)}' is no number{self._units} from {self._least} to {self._in_words(self._most)}")
        return number

    def _in_words(self, number: int) -> str:
        unit = max((unit for unit, shift in self._SHIFT.items() if number % (1 << shift) == 0), key=self._SHIFT.__getitem__) if self._units else ""
        return f"{number >> self._SHIFT[unit]}{unit}"
