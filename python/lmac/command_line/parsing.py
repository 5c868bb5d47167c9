"""What a command line asks for: read as getopt would read it, and understood or refused as a whole before anything is done.

Options may stand between names of files, and letters together (``-dkf``, ``-9e``); ``--`` ends them. lmac's own options are in ``options``,
those of gzip, xz and zstd that it does not have in ``foreign_options``.
"""

from __future__ import annotations

import argparse
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from .foreign_options import BY_NAME, Answer, Argument
from .names import STDIN, shown
from .options import FILE, UsageError, command_parser, own_options

#: What a number such as ``-9`` is called here.
LEVEL = "-LEVEL"
MAX_LEVEL = 22  # zstd's
#: Options that are levels; ``--fast=N`` is level 1 whatever N is.
LEVELS = {"--fast": 1, "--best": 9, "--max": MAX_LEVEL}
#: Until levels mean more, they choose a model: up to this one the fast one, where none is named and something is compressed.
MAX_FAST_LEVEL = 3
FAST_MODEL = "fast"


def parse(words: Sequence[str]) -> argparse.Namespace:
    """What a command line asks for. The ``notes`` in it are about options that are ignored.

    Raises:
        UsageError: It cannot be understood or done.
    """
    parser = command_parser()
    line = _CommandLine(words, own_options(parser))
    options = parser.parse_args(line.own, argparse.Namespace(files=line.files or [STDIN], notes=list(line.notes.values())))
    if line.level is not None and options.model is None and not _reads_frames(options):
        options.model = FAST_MODEL if line.level <= MAX_FAST_LEVEL else None
    if options.output == STDIN:
        options.output, options.stdout = None, True
    _check(options)
    return options


def _reads_frames(options: argparse.Namespace) -> bool:
    return bool(options.decompress or options.test or options.list or options.recover)


def _check(options: argparse.Namespace) -> None:
    """Refuses what cannot go together."""
    if options.output == "":
        raise UsageError("-o needs the name of a file, and this one is empty")
    if options.output is not None and options.stdout:
        raise UsageError("-c writes to standard output, and -o to a file; give one of them")
    if options.output is not None and (options.test or options.list):
        raise UsageError("-t and -l write no file; leave out -o")
    if options.output is not None and (len(options.files) > 1 or options.recursive):
        raise UsageError("-o names one output; give one input")
    if options.rm and options.stdout:
        raise UsageError("--rm removes a file only when another one replaces it; leave out -c")
    if options.compress and options.recover:
        raise UsageError("--recover restores; leave out -z")


class _CommandLine:
    """The words of a command line, sorted.

    Args:
        words: Without the name of the program.
        own: The options that argparse knows, by their names.
    """

    def __init__(self, words: Sequence[str], own: Mapping[str, argparse.Action]) -> None:
        self._rest = deque(words)
        self._options = own
        #: Options for argparse, each with its argument in one word that cannot be misread.
        self.own: list[str] = []
        self.files: list[str] = []
        self.level: int | None = None
        self.notes: dict[str, str] = {}
        for name, argument in self._split():
            self._sort(name, argument)

    def _split(self) -> Iterator[tuple[str, str | None]]:
        """Options with their arguments, and names of files, in their order."""
        while self._rest:
            word = self._rest.popleft()
            if word == "--":
                yield from ((FILE, name) for name in self._rest)
                return
            if word.startswith("--"):
                name, has_argument, argument = word.partition("=")
                yield name, argument if has_argument else self._argument_behind(name)
            elif word.startswith("-") and word != STDIN:
                yield from self._split_letters(word[1:])
            else:
                yield FILE, word

    def _split_letters(self, letters: str) -> Iterator[tuple[str, str | None]]:
        """The options of one word: ``dkf``, ``19``, ``9e``, ``kT4``."""
        while letters:
            if number := re.match("[0-9]+", letters):
                yield LEVEL, number[0]
                letters = letters[number.end() :]
                continue
            name, letters = f"-{letters[0]}", letters[1:]
            if letters and self._takes(name) != Argument.NONE:
                yield name, letters
                return
            yield name, self._argument_behind(name)

    def _takes(self, name: str) -> Argument:
        """Whether an option has an argument."""
        if name in LEVELS:
            return Argument.ATTACHED
        if name in BY_NAME:
            return BY_NAME[name][1]
        if name not in self._options:
            raise UsageError(f"there is no option {shown(name)}")
        return Argument.REQUIRED if self._options[name].nargs is None else Argument.NONE

    def _argument_behind(self, name: str) -> str | None:
        """The argument of an option if it is the next word."""
        if self._takes(name) == Argument.REQUIRED:
            if not self._rest:
                raise UsageError(f"{name} needs an argument")
            return self._rest.popleft()
        may_follow = BY_NAME[name][0].detached if name in BY_NAME else ()
        return self._rest.popleft() if self._rest and self._rest[0] in may_follow else None

    def _sort(self, name: str, argument: str | None) -> None:
        if name == FILE:
            self.files.append(argument or "")
        elif name == LEVEL or name in LEVELS:
            self.level = _level(name, argument)
        elif argument is not None and self._takes(name) == Argument.NONE:
            raise UsageError(f"{name} has no argument")
        elif name in BY_NAME:
            self._answer(name, argument)
        else:
            self.own.append(name if argument is None else f"{self._options[name].option_strings[-1]}={argument}")

    def _answer(self, name: str, argument: str | None) -> None:
        option, _ = BY_NAME[name]
        match option.answer_to(argument):
            case Answer.REFUSED:
                raise UsageError(f"{name} is refused: {option.reason}")
            case Answer.IGNORED:
                self.notes[name] = f"{name} is ignored: {option.reason}"


def _level(name: str, argument: str | None) -> int:
    if argument is None:
        return LEVELS[name]
    number = int(argument) if re.fullmatch("[0-9]{1,9}", argument, re.ASCII) else -1
    if name == "--fast" and number > 0:
        return LEVELS[name]
    if name != LEVEL or not 0 <= number <= MAX_LEVEL:
        raise UsageError(f"{'-' if name == LEVEL else name + '='}{shown(argument)}: levels are -0 to -{MAX_LEVEL}, --fast and --best")
    return number
