"""Options of gzip, xz and zstd that lmac does not have, and what it does about each.

What lmac does anyway is accepted. A hint on speed or size that means nothing here is ignored with a word: the result is what was asked for.
Everything else is refused, because another file would be read, written or made than was asked for. The manual page has
the same table (docs/lmac.1), with the options that mean the same.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

GZIP, XZ, ZSTD = "gzip", "xz", "zstd"


class Answer(Enum):
    """What is done about an option."""

    DONE = "done anyway"
    IGNORED = "ignored"
    REFUSED = "refused"


DONE, IGNORED, REFUSED = Answer.DONE, Answer.IGNORED, Answer.REFUSED


class Argument(Enum):
    """Whether an option has one."""

    NONE = 0
    #: Only in the same word: ``--long=27``, ``-b5``.
    ATTACHED = 1
    REQUIRED = 2


class ForeignOption(NamedTuple):
    """One line of the table."""

    #: As a manual writes them: ``-D FILE``, ``--files[=FILE]``.
    spellings: str
    programs: str
    answer: Answer
    reason: str
    #: Arguments with which it is what lmac does anyway.
    accepted: tuple[str, ...] = ()
    #: Arguments that may stand in a word of their own, although others may not.
    detached: tuple[str, ...] = ()

    def answer_to(self, argument: str | None) -> Answer:
        """What is done about it with this argument."""
        return DONE if argument in self.accepted else self.answer


_CHECKS = ("none", "crc32", "crc64", "sha256")
_NAME_THEM = "lmac takes the names of files as arguments: xargs -d '\\n' -a FILE lmac"
_MEMORY = "give one limit, -M"
_FILTERS = "lmac has no filters"
_BENCHMARK = "lmac-lab eval measures models on files"
_TRAIN = "there are no dictionaries; lmac-lab train makes a model of your own texts"
_ONE_OUTPUT = "an output stands beside its source, or is named with -o"

#: The table, by program.
OPTIONS = (
    ForeignOption("-a, --ascii", GZIP, DONE, "bytes are bytes"),
    ForeignOption("-n, --no-name", "gzip, zstd", DONE, "neither names nor times are stored"),
    ForeignOption("-N, --name", GZIP, IGNORED, "neither names nor times are stored; a restored file is called as its compressed one, and has its time"),
    ForeignOption("--rsyncable", "gzip, zstd", IGNORED, "blocks have one length, --block-len"),
    ForeignOption("--synchronous", GZIP, DONE, "every file is brought to the disk"),
    ForeignOption("-S .SUF, --suffix=.SUF", "gzip, xz", REFUSED, "compressed files end in .lmac; -o names another output", accepted=(".lmac",)),
    ForeignOption("--single-stream", XZ, REFUSED, "all frames of a file are its content"),
    ForeignOption("--sparse", ZSTD, IGNORED, "files are written without holes"),
    ForeignOption("--no-sparse", "xz, zstd", DONE, "files are written without holes"),
    ForeignOption("--no-sync", XZ, IGNORED, "every file is brought to the disk"),
    ForeignOption("--files[=FILE], --files0[=FILE]", XZ, REFUSED, _NAME_THEM),
    ForeignOption("-F FORMAT, --format=FORMAT", "xz, zstd", REFUSED, "lmac reads and writes frames of its own only", accepted=("auto", "lmac")),
    ForeignOption("-C", "xz, zstd", REFUSED, "it has an argument in xz and none in zstd; leave it out, checksums are always written and checked"),
    ForeignOption("--check[=CHECK]", "xz, zstd", DONE, "checksums are always written and checked", detached=_CHECKS),
    ForeignOption("--no-check", ZSTD, IGNORED, "checksums are always written and checked"),
    ForeignOption("--ignore-check", XZ, REFUSED, "--recover restores what is intact of a damaged file"),
    ForeignOption("-e, --extreme", XZ, DONE, "lmac always tries hard"),
    ForeignOption("--block-list=SIZES", XZ, REFUSED, "blocks have one length, --block-len"),
    ForeignOption("--flush-timeout=TIMEOUT", XZ, REFUSED, "a block is written when it is full, or the content ends"),
    ForeignOption("--memlimit-compress=LIMIT", XZ, REFUSED, _MEMORY),
    ForeignOption("--memlimit-decompress=LIMIT", XZ, REFUSED, _MEMORY),
    ForeignOption("--memlimit-mt-decompress=LIMIT", XZ, REFUSED, _MEMORY),
    ForeignOption("--no-adjust", XZ, DONE, "no setting is changed to keep a limit"),
    ForeignOption("--lzma1[=OPTS], --lzma2[=OPTS], --delta[=OPTS]", XZ, REFUSED, _FILTERS),
    ForeignOption("--x86[=OPTS], --powerpc[=OPTS], --ia64[=OPTS], --sparc[=OPTS], --riscv[=OPTS]", XZ, REFUSED, _FILTERS),
    ForeignOption("--arm[=OPTS], --armthumb[=OPTS], --arm64[=OPTS]", XZ, REFUSED, _FILTERS),
    ForeignOption("--filters=FILTERS, --filters-help", XZ, REFUSED, _FILTERS),
    ForeignOption("--robot", XZ, REFUSED, "programs can ask lmac.inspect in Python"),
    ForeignOption("--info-memory", XZ, REFUSED, "lmac doctor shows what this machine has"),
    ForeignOption("--ultra", ZSTD, DONE, "levels need no key"),
    ForeignOption("--adapt[=LEVELS]", ZSTD, IGNORED, "the level stays as it is"),
    ForeignOption("--long[=N]", ZSTD, IGNORED, "what repeats is found within a block, --block-len"),
    ForeignOption("-D FILE", ZSTD, REFUSED, _TRAIN),
    ForeignOption("--patch-from=FILE", ZSTD, REFUSED, "lmac makes no differences of files"),
    ForeignOption("--auto-threads=CORES", ZSTD, IGNORED, "-T 0 is one thread per core that may be used"),
    ForeignOption("-B[N]", ZSTD, IGNORED, "threads work on blocks, --block-len"),
    ForeignOption("--content-size", ZSTD, DONE, "a frame says how long its content is"),
    ForeignOption("--no-content-size", ZSTD, IGNORED, "a frame says how long its content is"),
    ForeignOption("--no-dictID", ZSTD, DONE, "there are no dictionaries"),
    ForeignOption("--stream-size=N, --size-hint=N", ZSTD, IGNORED, "the end of the input says how long it is"),
    ForeignOption("--target-compressed-block-size=N", ZSTD, IGNORED, "blocks are measured by their content, --block-len"),
    ForeignOption("--exclude-compressed", ZSTD, REFUSED, "name the files; what does not shrink is stored"),
    ForeignOption("--pass-through", ZSTD, REFUSED, "what is no lmac file is an error"),
    ForeignOption("--no-pass-through", ZSTD, DONE, "what is no lmac file is an error"),
    ForeignOption("--filelist=FILE", ZSTD, REFUSED, _NAME_THEM),
    ForeignOption("--output-dir-flat=DIR, --output-dir-mirror=DIR", ZSTD, REFUSED, _ONE_OUTPUT),
    ForeignOption("--asyncio, --no-asyncio", ZSTD, IGNORED, "it changes nothing here"),
    ForeignOption("--compress-literals, --no-compress-literals", ZSTD, IGNORED, "there are no literals"),
    ForeignOption("--row-match-finder, --no-row-match-finder", ZSTD, IGNORED, "it changes nothing here"),
    ForeignOption("--mmap-dict, --no-mmap-dict", ZSTD, IGNORED, "there are no dictionaries"),
    ForeignOption("--zstd=PARAMETERS, --show-default-cparams", ZSTD, REFUSED, "lmac does not have these parameters"),
    ForeignOption("--trace=FILE", ZSTD, REFUSED, "lmac writes no trace"),
    ForeignOption("--train, --train-cover[=P], --train-fastcover[=P], --train-legacy[=P]", ZSTD, REFUSED, _TRAIN),
    ForeignOption("--maxdict=N, --dictID=N", ZSTD, REFUSED, _TRAIN),
    ForeignOption("-b[N], -i[N], --priority=P", ZSTD, REFUSED, _BENCHMARK),
)


def _by_name() -> dict[str, tuple[ForeignOption, Argument]]:
    found = {}
    for option in OPTIONS:
        for spelling in option.spellings.split(", "):
            name, attached, required = re.fullmatch(r"(--[\w-]+|-\w)(\[.*\])?([ =].*)?", spelling, re.ASCII).groups()  # type: ignore[union-attr]
            found[name] = option, Argument.ATTACHED if attached else Argument.REQUIRED if required else Argument.NONE
    return found


#: Each option, and whether it has an argument, by its names.
BY_NAME = _by_name()
