"""The command ``lmac``: files in, files out, with zstd's manners.

Data goes to standard output, messages to standard error, one line each and never a traceback; the source is kept
unless ``--rm`` is given. The model is loaded only when there is something to do. How the command line is read is in ``parsing``; what is done to a
file is in ``command``; ``lmac doctor`` is in ``doctor``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from .. import __version__
from .command import ERROR, OK, WARNING, Command
from .interruption import Interruption
from .options import UsageError, command_parser
from .parsing import parse
from .standard_streams import Stdout, StdoutError, occupy_closed, say

LICENSE = "lmac may be used under the terms of the MIT license or of the Apache License 2.0, as you like; there is no warranty."


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 1 if any file failed, or 2 for a warning, such as content that was lost.

    Args:
        argv: Without the name of the program; ``None`` for those of the process, which then ends with this call.
    """
    interruption = Interruption(is_last=argv is None)
    run = _Run(sys.argv[1:] if argv is None else argv, interruption)
    try:
        with interruption:
            run.code = run.all()
    except KeyboardInterrupt:  # right before or behind the block
        interruption.number = interruption.number or signal.SIGINT
    if interruption.number is None:
        return run.code
    run.complain("interrupted")
    return 128 + interruption.number  # as shells expect


class _Run:
    """One call of the program."""

    def __init__(self, words: Sequence[str], interruption: Interruption) -> None:
        self._words, self._interruption = list(words), interruption
        self._quiet = 0
        self.code = ERROR

    def all(self) -> int:
        """Does what the words say; returns the exit code."""
        occupy_closed()
        try:
            if self._words[:1] == ["doctor"] and not os.path.isfile("doctor"):  # what compressed a file of that name still does
                from . import doctor

                return doctor.main(self._words[1:])
            return self._work(parse(self._words))
        except UsageError as error:
            return self.complain(str(error))
        except StdoutError as error:
            return ERROR if error.nobody_reads else self.complain(str(error))

    def _work(self, options: argparse.Namespace) -> int:
        self._quiet = options.quiet
        if options.shows:
            Stdout().write(_shown(options.shows).encode())
            return OK
        if not options.quiet:
            for note in options.notes:
                self.complain(note)
        code = Command(options, self._interruption.check).run_all(options.files)
        return OK if options.no_warn and code == WARNING else code

    def complain(self, message: str) -> int:
        """Says what went wrong, unless told twice to be quiet."""
        if self._quiet < 2:
            say(f"lmac: {message}\n")
        return ERROR


def _shown(what: str) -> str:
    match what:
        case "version":
            return f"lmac {__version__}\n"
        case "license":
            return f"{LICENSE}\n"
        case _:
            return command_parser().format_help()


if __name__ == "__main__":
    raise SystemExit(main())
