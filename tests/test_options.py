"""The options of ``lmac``, and those of gzip, xz and zstd: understood, or refused before anything is done."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lmac
import pytest
from lmac.command_line.foreign_options import OPTIONS, Answer
from lmac.command_line.options import UsageError
from lmac.command_line.parsing import parse

from conftest import needs_default_model
from tiny_model import TINY_MODEL

MANUAL = Path(__file__).parent.parent / "docs" / "lmac.1"
PROGRAM = str(Path(sys.executable).with_name("lmac"))

#: What their manuals list: gzip 1.12, xz 5.8, zstd 1.5.7. ``N`` is a number, ``X`` a word; a comma stands between the words of one line.
GZIP = """
-a --ascii -c --stdout --to-stdout -d --decompress --uncompress -f --force -h --help -k --keep -l --list -L --license -n --no-name -N --name
-q --quiet -r --recursive --rsyncable -S,X --suffix,X --suffix=X --synchronous -t --test -v --verbose -V --version -1 -6 -9 --fast --best
"""
XZ = """
-z --compress -d --decompress --uncompress -t --test -l --list -k --keep -f --force -c --stdout --to-stdout --single-stream --no-sparse -S,X
--suffix=X --files --files=X --files0 --files0=X -F,X --format=X -C,X --check=crc32 --check,sha256 --ignore-check -0 -9 -e --extreme --fast
--best --block-size=N --block-size,N --block-list=N --flush-timeout=N --memlimit-compress=N --memlimit-decompress=N --memlimit-mt-decompress=N
-M,N --memlimit=N --memory=N --no-adjust -T,N -TN --threads=N --lzma1 --lzma1=X --lzma2 --lzma2=X --x86 --arm --armthumb --arm64 --powerpc --ia64
--sparc --riscv --delta --delta=X -q --quiet -v --verbose -Q --no-warn --robot --info-memory -h --help -H --long-help -V --version --no-sync
--filters=X --filters-help
"""
ZSTD = """
-o,X -k --keep --rm -1 -19 -22 -d --decompress --uncompress -D,X -f --force -h -H --help -V --version -c --stdout -v --verbose -q --quiet --trace,X
--progress --no-progress -r --filelist,X --output-dir-flat,X --output-dir-mirror,X --asyncio --no-asyncio --check --no-check -C -- --ultra --fast
--fast=N --adapt --adapt=X --long --long=N --patch-from=X --patch-from,X -TN --threads=N --single-thread --auto-threads=X -BN --rsyncable
--exclude-compressed --stream-size=N --size-hint=N --target-compressed-block-size=N --no-dictID --compress-literals --no-compress-literals
--row-match-finder --no-row-match-finder --mmap-dict --no-mmap-dict --format=X -l --list -t --test -MN --memory=N --sparse --no-sparse
--pass-through --no-pass-through --train --train-cover --train-cover=X --train-fastcover --train-legacy --maxdict=N --dictID=N -b -bN -eN -iN
--priority=X -z --compress --content-size --no-content-size --zstd=X --show-default-cparams -n --no-name --best --max
"""


def run(*arguments: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The finished program; a traceback fails every test."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    return done


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(b"hello")
    return tmp_path


@needs_default_model
def test_a_number_is_a_level_and_no_file(folder: Path) -> None:
    done = run("-9", "f", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert names(folder) == ["f", "f.lmac"]


@needs_default_model
def test_levels_choose_one_of_the_models_inside_the_package(folder: Path) -> None:
    for level, model in (("-1", "fast"), ("-0", "fast"), ("-3e", "fast"), ("--fast=5", "fast"), ("-9", "default"), ("-19", "default"), ("-12k", "default")):
        frame = run("-c", level, "f", cwd=folder).stdout
        assert frame == lmac.Codec(model).compress(b"hello"), level
        assert run("-d", level, cwd=folder, stdin=frame).stdout == b"hello"
        assert run("-d1", cwd=folder, stdin=frame).stdout == b"hello"  # restoring needs the right model, whatever the level


def test_a_named_model_counts_more_than_a_level() -> None:
    assert parse(["-1", "--model", "mine", "f"]).model == "mine"
    assert parse(["-1", "f"]).model == "fast"
    assert parse(["-1", "-9", "f"]).model is None
    assert parse(["--best", "--fast", "f"]).model == "fast"


@pytest.mark.parametrize("word", ["-23", "-99", "-99999999999999999999", "--fast=0", "--fast=x", "--fast=-1", "--best=2", "--fast=\u0663"])
def test_there_are_no_other_levels(word: str) -> None:
    with pytest.raises(UsageError, match="levels are -0 to -22"):
        parse([word, "f"])


@pytest.mark.parametrize("words", [["a", "-dkf", "b"], ["-df", "a", "b", "-k"], ["-d", "a", "-fk", "--", "b"]])
def test_options_may_stand_between_files_and_letters_together(words: list[str]) -> None:
    options = parse(words)
    assert (options.decompress, options.force, options.files) == (True, True, ["a", "b"])


def test_options_between_files_are_those_of_all_files(folder: Path) -> None:
    (folder / "g").write_bytes(b"g")
    assert run("f", "--model", TINY_MODEL, "g", "--rm", cwd=folder).returncode == 0
    assert names(folder) == ["f.lmac", "g.lmac"]


def test_arguments_of_options_stand_in_the_same_word_or_the_next() -> None:
    for words in (["-T4"], ["-T", "4"], ["-kT4"], ["-kT", "4"], ["--threads=4"], ["--threads", "4"]):
        options = parse([*words, "f"])
        assert (options.threads, options.files) == (4, ["f"])
    assert parse(["-o-x", "f"]).output == "-x"
    assert parse(["-o", "-x", "f"]).output == "-x"
    assert parse(["-o", "a = b", "f"]).output == "a = b"
    assert parse(["--output==", "f"]).output == "="
    assert parse(["-o=", "f"]).output == "="


def test_files_that_look_like_options_have_a_folder_or_come_after_two_dashes(folder: Path) -> None:
    for name in ("-9", "-d", "--", "--train", "-\udcff"):
        (folder / name).write_bytes(b"content")
    assert run("./-9", "./--", "--model", TINY_MODEL, cwd=folder).returncode == 0
    assert run("--model", TINY_MODEL, "--", "-d", "--train", "-\udcff", cwd=folder).returncode == 0
    assert {"-9.lmac", "--.lmac", "-d.lmac", "--train.lmac", "-\udcff.lmac"} <= set(names(folder))


def test_the_last_of_several_operations_is_meant() -> None:
    for words, operation in ((["-dz"], "compress"), (["-dt"], "test"), (["-td"], "decompress"), (["-d", "-l"], "list")):
        options = parse(words)
        assert [name for name in ("compress", "decompress", "test", "list") if getattr(options, name)] == [operation]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-such-option", "f"], "there is no option --no-such-option; see lmac --help"),
        (["-x", "f"], "there is no option -x"),
        (["-kx", "f"], "there is no option -x"),
        (["--decomp", "f"], "there is no option --decomp"),
        (["-\udcff\n", "f"], r"there is no option -\xff"),
        (["--stdout=x", "f"], "--stdout has no argument"),
        (["--ultra=x", "f"], "--ultra has no argument"),
        (["f", "-o"], "-o needs an argument"),
        (["f", "--files0=x"], "--files0 is refused"),
        (["f", "-T"], "-T needs an argument"),
        (["-D", "dictionary", "f"], "-D is refused: there are no dictionaries"),
        (["-S", ".gz", "f"], "-S is refused: compressed files end in .lmac"),
        (["--format=gzip", "f"], "--format is refused"),
        (["-o", "x", "f", "g"], "-o names one output"),
        (["-o", "x", "-r", "."], "-o names one output"),
        (["--rm", "-c", "f"], "--rm removes a file only when"),
        (["--rm", "-o", "-", "f"], "--rm removes a file only when"),
        (["-z", "--recover", "f"], "--recover restores"),
        (["--device", "tpu", "f"], "--device: invalid choice: 'tpu'"),
    ],
)
def test_what_is_not_understood_is_one_line_and_nothing_is_done(words: list[str], message: str, folder: Path) -> None:
    done = run("--model", TINY_MODEL, "f", *words, cwd=folder)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"lmac: ")
    assert done.stderr.endswith(b"; see lmac --help\n")
    assert done.stderr.count(b"\n") == 1
    assert message in done.stderr.decode()
    assert names(folder) == ["f"]


@pytest.mark.parametrize(
    ("option", "limits"),
    [
        ("--block-len", "no number of bytes from 1 to 16M"),
        ("--block-size", "no number of bytes from 1 to 16M"),
        ("--lane-len", "no number of bytes from 1 to 16M"),
        ("-T", "no number from 0 to 1024"),
        ("--context-length", "no number from 1 to 16777216"),
    ],
)
def test_numbers_beyond_their_limits_are_errors_in_our_own_words(option: str, limits: str) -> None:
    for number in ("-1", "1e30", "99999999999999999999", "9" * 5000, "100000000000", "x", "", "1.5", "0x10", "1_000", " 5", "\u0663", "-0", "nan"):
        with pytest.raises(UsageError, match=limits) as error:
            parse([option, number, "f"])
        assert len(str(error.value)) < 6000
    if option != "-T":
        with pytest.raises(UsageError, match=limits):
            parse([option, "0", "f"])


def test_lengths_have_units_as_in_xz_and_zstd() -> None:
    for text in ("64K", "64k", "64KB", "64KiB", "65536"):
        assert parse(["--block-len", text]).block_len == 65536
    assert parse(["--block-size=16MiB"]).block_len == 1 << 24
    with pytest.raises(UsageError, match="bytes from"):
        parse(["--block-len", "1G"])


def test_many_threads_are_one_thread_each_or_an_error(folder: Path) -> None:
    done = run("--model", TINY_MODEL, "-T", "1024", "-c", "f", cwd=folder)
    assert done.returncode == 0
    assert done.stdout == run("--model", TINY_MODEL, "-T", "1", "-c", "f", cwd=folder).stdout
    done = run("--model", TINY_MODEL, "-T", "5000", "-c", "f", cwd=folder)
    assert (done.returncode, done.stdout) == (1, b"")


def test_an_ignored_option_gets_one_word_unless_it_is_quiet(folder: Path) -> None:
    for name, words in (("--long", ["--long=27", "--long"]), ("--no-check", ["--no-check"]), ("-N", ["-N"]), ("--rsyncable", ["--rsyncable"])):
        done = run("--model", TINY_MODEL, "-c", *words, "f", cwd=folder)
        assert done.returncode == 0
        assert done.stderr.startswith(f"lmac: {name} is ignored: ".encode())
        assert done.stderr.count(b"\n") == 1
        assert run("--model", TINY_MODEL, "-cq", *words, "f", cwd=folder).stderr == b""


@pytest.mark.parametrize(
    "word", ["-n", "-a", "-e", "--ultra", "--check", "--check=crc64", "--synchronous", "--no-sparse", "--format=lmac", "-F", "--suffix=.lmac"]
)
def test_what_is_done_anyway_needs_no_word(word: str, folder: Path) -> None:
    done = run("--model", TINY_MODEL, word, *(["auto"] if word == "-F" else []), "f", cwd=folder)
    assert (done.returncode, done.stderr) == (0, b"")
    assert names(folder) == ["f", "f.lmac"]


def test_the_kind_of_a_check_is_not_taken_for_a_file() -> None:
    assert parse(["--check", "sha256", "f"]).files == ["f"]
    assert parse(["--check", "f"]).files == ["f"]
    assert parse(["--", "--check", "none"]).files == ["--check", "none"]


@pytest.mark.parametrize(("manual", "count"), [(GZIP, 30), (XZ, 60), (ZSTD, 80)])
def test_every_option_of_the_manuals_is_known(manual: str, count: int) -> None:
    spelled = [spelling.replace("X", "word").replace("N", "5") if spelling not in ("-N", "-X") else spelling for spelling in manual.split()]
    assert len(spelled) >= count
    for spelling in spelled:
        words = [*spelling.split(","), "f"]
        assert (refusal(words) or parse(words).files) == ["f"], spelling


def refusal(words: list[str]) -> list[str]:
    """The file that stays untouched, if the words are refused for a reason that says something about the option."""
    try:
        parse(words)
    except UsageError as error:
        return ["f"] if re.search(" is refused: |not there yet|levels are", str(error)) else [str(error)]
    return []


def test_the_manual_page_has_the_same_table() -> None:
    text = MANUAL.read_text().replace("\\-", "-").replace("\\\\", "\\").replace("T{\n", "").replace("\nT}", "")
    for option in OPTIONS:
        assert f"\n{option.spellings}@{option.programs}@{option.answer.value}: {option.reason}" in text
    rows = [line for line in text.splitlines() if line.count("@") == 2]
    answers = tuple(f"{answer.value}: " for answer in Answer)
    assert len([row for row in rows if row.split("@")[2].startswith(answers) and "not there yet" not in row]) == len(OPTIONS)


def test_q_twice_hides_errors_and_q_capital_hides_warnings_from_the_exit_status(folder: Path) -> None:
    frame = bytearray(run("--model", TINY_MODEL, "-c", "--block-len", "2", "f", cwd=folder).stdout)
    frame[-3] ^= 1  # in the last block
    assert run("--model", TINY_MODEL, "--recover", "-c", cwd=folder, stdin=bytes(frame)).returncode == 2
    assert run("--model", TINY_MODEL, "--recover", "-cQ", cwd=folder, stdin=bytes(frame)).returncode == 0
    assert run("--model", TINY_MODEL, "-dcQ", cwd=folder, stdin=bytes(frame)).returncode == 1


def test_help_version_and_license_are_answered(tmp_path: Path) -> None:
    assert run("-H", cwd=tmp_path).stdout == run("--help", cwd=tmp_path).stdout == run("-h", cwd=tmp_path).stdout
    assert run("-V", cwd=tmp_path).stdout == f"lmac {lmac.__version__}\n".encode()
    assert b"MIT" in run("--license", cwd=tmp_path).stdout


def test_a_limit_of_memory_refuses_what_does_not_fit_and_writes_nothing(folder: Path) -> None:
    (folder / "f").write_bytes(b"A text that does not repeat itself at once, and so is coded. " * 3)
    for option in ("-M1K", "--memory=1K", "--memlimit=1KiB"):
        done = run("--model", TINY_MODEL, option, "f", cwd=folder)
        assert done.returncode == 1
        assert re.fullmatch(rb"lmac: f: a block needs \d+ bytes of memory, and the limit is 1024; .*\n", done.stderr)
        assert not (folder / "f.lmac").exists()
    assert run("--model", TINY_MODEL, "-M1G", "f", cwd=folder).returncode == 0
    done = run("--model", TINY_MODEL, "-dc", "-M1K", "f.lmac", cwd=folder)
    assert (done.returncode, done.stdout) == (1, b"")
    assert run("--model", TINY_MODEL, "-dc", "-M1G", "f.lmac", cwd=folder).stdout == (folder / "f").read_bytes()


def test_two_places_for_a_result_or_none_are_refused_before_anything_is_done(folder: Path) -> None:
    (folder / "f").write_bytes(b"hello")
    for words in (["-c", "-o", "g"], ["-o", "g", "-c"], ["-t", "-o", "g"], ["-l", "-o", "g"], ["-o", ""], ["--rm", "-o", ""]):
        done = run("--model", TINY_MODEL, *words, "f", cwd=folder)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"-o" in done.stderr
        assert names(folder) == ["f"]


def test_escapes_in_a_number_are_shown_once(folder: Path) -> None:
    assert b"-T/--threads: '\\x1b[31m' is no number" in run("-T", "\x1b[31m", "f", cwd=folder).stderr


# Listing


def test_the_ratio_of_nothing_is_no_number(folder: Path) -> None:
    (folder / "empty").touch()
    done = run("--model", TINY_MODEL, "-v", "empty", cwd=folder)
    size = (folder / "empty.lmac").stat().st_size
    assert done.stderr == f"empty: 0 bytes, compressed {size}\n".encode()
    _, line, _, total = run("-l", "empty.lmac", "empty.lmac", cwd=folder).stdout.decode().splitlines()
    assert line.split()[:6] == ["1", "0", str(size), "0", "-", "-"]
    assert total.split()[:6] == ["2", "0", str(2 * size), "0", "-", "-"]
    assert len({row.rindex("-") for row in (line, total)}) == 1
