"""The command ``lmac`` with standard streams in any state, and with signals at any moment."""

from __future__ import annotations

import itertools
import os
import pty
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import lmac
import pytest

from tiny_model import TINY_MODEL

PROGRAM = [sys.executable, "-c", "import sys, lmac_start; sys.exit(lmac_start.main())"]  # what pip makes of the entry point
LMAC = [*PROGRAM, "--model", str(TINY_MODEL)]
#: Takes seconds for the text below, so that something can happen meanwhile.
SLOW = ["--no-adaptive", "--executor", "onnx", "--device", "cpu"]


@pytest.fixture
def source(tmp_path: Path, tiny_text: bytes) -> Path:
    path = tmp_path / "text"
    path.write_bytes(tiny_text)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shell(script: str, *arguments: object, program: Sequence[str] = LMAC) -> subprocess.CompletedProcess[bytes]:
    """The result of a script in which ``"$@"`` is the command; a traceback fails every test."""
    done = subprocess.run(["bash", "-c", script, "bash", *program, *map(str, arguments)], capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done


# Closed


@pytest.mark.parametrize("closed", [redirections for count in (1, 2, 3) for redirections in itertools.combinations(("<&-", ">&-", "2>&-"), count)])
def test_closed_streams_do_not_become_files(closed: tuple[str, ...], source: Path, tiny_text: bytes) -> None:
    done = shell(f'"$@" {" ".join(closed)}', "-v", source)
    assert done.returncode == 0
    frame = source.with_name("text.lmac").read_bytes()
    assert frame == lmac.Codec(TINY_MODEL).compress(tiny_text)
    assert done.stdout == b""
    assert (b"bits per byte" in done.stderr) == ("2>&-" not in closed)
    source.unlink()
    assert shell(f'"$@" {" ".join(closed)}', "-d", source.with_name("text.lmac")).returncode == 0
    assert source.read_bytes() == tiny_text
    assert names(source.parent) == ["text", "text.lmac"]


@pytest.mark.parametrize(
    "arguments", [["-c", "text"], ["-l", "text.lmac"], ["-dc", "text.lmac"], ["--help"], ["--version"], ["--license"], ["doctor"], ["doctor", "-h"]]
)
@pytest.mark.parametrize(("redirection", "trouble"), [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")])
def test_standard_output_that_takes_nothing_is_one_line(arguments: list[str], redirection: str, trouble: str, source: Path) -> None:
    assert shell('"$@"', source).returncode == 0
    before = names(source.parent)
    is_doctor = arguments[0] == "doctor"
    done = shell(f'cd {source.parent}; "$@" {redirection}', *arguments, program=PROGRAM if is_doctor else LMAC)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"lmac: standard output: {trouble}\n")
    assert names(source.parent) == before


def test_standard_input_that_gives_nothing_is_one_line(source: Path) -> None:
    for arguments in (["-c"], ["-d"], ["-l"], ["-t"], ["-o", source.with_name("out")]):
        done = shell('"$@" <&-', *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"lmac: standard input: Bad file descriptor\n")
    assert names(source.parent) == ["text"]


def test_messages_that_nobody_gets_are_no_reason_to_stop(source: Path, tiny_text: bytes) -> None:
    for redirection in ("2>&-", "2> /dev/full", "2> >(exit 0)", "2>&1 > /dev/null | exit 0"):
        done = shell(f'sleep 0.1; "$@" {redirection}; exit $((${{PIPESTATUS[0]}} != 1))', "-fv", "--progress", "/no/such/file", source)
        assert (done.returncode, done.stdout) == (0, b""), redirection
        assert shell('"$@"', "-dc", source.with_name("text.lmac")).stdout == tiny_text
        source.with_name("text.lmac").unlink()
    done = shell('"$@" 2> /dev/full', "--no-such-option")
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_name_on_a_stream_without_its_letters_is_no_error(source: Path) -> None:
    name = source.with_name("näme \udcff")
    source.rename(name)
    for arguments in (["-v", name], ["-l", f"{name}.lmac"], ["/no/näme \udcff"]):
        done = shell('LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 "$@"', *arguments)
        assert (done.returncode == 1) == (arguments == ["/no/näme \udcff"])


# Non-blocking


def test_input_that_is_not_there_yet_is_waited_for(tiny_text: bytes) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with subprocess.Popen(LMAC, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(reader)
        for start in range(0, len(tiny_text), 500):
            time.sleep(0.2)
            os.write(writer, tiny_text[start : start + 500])
        os.close(writer)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, b"")
    assert lmac.Codec(TINY_MODEL).decompress(stdout) == tiny_text


def test_an_answer_that_is_not_there_yet_is_waited_for(source: Path) -> None:
    source.with_name("text.lmac").write_bytes(b"old")
    controller, terminal = pty.openpty()
    os.set_blocking(terminal, False)
    with subprocess.Popen([*LMAC, str(source)], stdin=terminal, stdout=terminal, stderr=terminal) as process:
        time.sleep(1)
        assert process.poll() is None
        os.write(controller, b"y\n")
        process.wait(timeout=20)
    assert process.returncode == 0
    assert source.with_name("text.lmac").read_bytes() != b"old"
    os.close(terminal)
    os.close(controller)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_takes_nothing_now_is_waited_for(stream: str, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(300_000)  # more than a pipe holds
    (tmp_path / "content").write_bytes(content)
    arguments = ["-c", "--block-len", "1000", "-T", "1", str(tmp_path / "content")] if stream == "stdout" else [f"/no/{n:04}" * 50 for n in range(1000)]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    received = bytearray()

    def read_slowly() -> None:
        while part := os.read(reader, 50_000):
            received.extend(part)
            time.sleep(0.02)

    with subprocess.Popen([*LMAC, *arguments], **streams) as process:  # type: ignore[call-overload]
        os.close(writer)
        time.sleep(1)
        thread = threading.Thread(target=read_slowly)
        thread.start()
        process.wait(timeout=60)
    thread.join()
    os.close(reader)
    if stream == "stdout":
        assert lmac.Codec(TINY_MODEL).decompress(bytes(received)) == content
    else:
        assert received.count(b"\n") == 1000
    assert process.returncode == (0 if stream == "stdout" else 1)


# Gone


def test_nothing_is_done_for_nobody(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 30)
    assert shell('"$@"', source).returncode == 0
    frame = source.with_name("text.lmac")
    for arguments in (["-dc", frame, "/no/such/file"], ["-l", frame, "/no/such/file"], ["-c", source, "/no/such/file"]):
        done = shell('"$@" | exit 0; exit ${PIPESTATUS[0]}', *arguments)
        assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("restores", [True, False])
def test_a_reader_who_leaves_in_the_middle_of_a_block_ends_the_work(restores: bool, source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 400)  # takes half a minute
    if restores:
        assert shell('"$@"', "--no-adaptive", "--block-len", "16M", source).returncode == 0
    arguments = ["-dc", f"{source}.lmac"] if restores else ["-c", str(source)]
    with subprocess.Popen([*LMAC, *SLOW, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        time.sleep(1.5)
        assert process.poll() is None
        process.stdout.close()
        began = time.monotonic()
        assert process.stderr.read() == b""
    assert process.returncode == 1
    assert time.monotonic() - began < 5


def test_the_doctor_stops_when_nobody_listens(tmp_path: Path) -> None:
    done = shell('"$@" doctor | head -1; exit ${PIPESTATUS[0]}', program=PROGRAM)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"Versions\n", b"")


# Signals


@pytest.mark.parametrize(("number", "exit_codes"), [(signal.SIGINT, (130, -2)), (signal.SIGTERM, (143, -15))])
def test_a_signal_at_any_moment_leaves_nothing_and_says_one_line_at_most(source: Path, tiny_text: bytes, number: int, exit_codes: tuple[int, int]) -> None:
    source.write_bytes(tiny_text * 10)
    begun = PROGRAM[-1].replace("; ", "; __import__('os').write(1, b'.'); ", 1)
    command = [*PROGRAM[:-1], begun, "--model", str(TINY_MODEL), "--rm", "--block-len", "3000", str(source)]
    seen = []
    for moment in range(25):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)  # Python itself has begun: before, it shows what it likes
            time.sleep(0.024 * moment + 0.01)
            for _ in range(1 + moment % 3):
                process.send_signal(number)
                time.sleep(0.001 * (moment % 4))
            _, stderr = process.communicate(timeout=20)
        seen.append(process.returncode)
        assert process.returncode in (0, *exit_codes), stderr
        assert stderr in (b"", b"lmac: interrupted\n")
        left = names(source.parent)
        assert left in (["text"], ["text.lmac"], ["text", "text.lmac"])
        if "text.lmac" in left:
            assert lmac.Codec(TINY_MODEL).decompress(source.with_name("text.lmac").read_bytes()) == tiny_text * 10
            source.with_name("text.lmac").unlink()
        source.write_bytes(tiny_text * 10)
    assert {*exit_codes} & {*seen}


def test_a_second_signal_does_not_disturb_cleaning_up(source: Path, tiny_text: bytes) -> None:
    """The temporary file is removed slowly here, and signals come meanwhile."""
    script = """
import pathlib, sys, time, os, signal
unlink = pathlib.Path.unlink
remove = os.unlink
def slowly(*arguments, **options):
    for _ in range(20):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    return unlink(*arguments, **options)
def os_slowly(*arguments, **options):
    for _ in range(20):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    return remove(*arguments, **options)
pathlib.Path.unlink, os.unlink = slowly, os_slowly
import lmac_start
sys.exit(lmac_start.main())
"""
    source.write_bytes(tiny_text * 1000)
    with subprocess.Popen([sys.executable, "-c", script, "--model", str(TINY_MODEL), *SLOW, str(source)], stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while names(source.parent) == ["text"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, b"lmac: interrupted\n")
    assert names(source.parent) == ["text"]


def test_a_signal_while_an_error_is_cleaned_up_ends_the_run(source: Path, tiny_text: bytes) -> None:
    """The signal comes in the place of the first file's error message, while that error is being handled."""
    script = """
import os, signal, sys
import lmac.command_line.command as command
say = command.say
def interrupted(text):
    os.kill(os.getpid(), signal.SIGINT)
    say(text)
command.say = interrupted
import lmac_start
sys.exit(lmac_start.main())
"""
    done = subprocess.run([sys.executable, "-c", script, "--model", TINY_MODEL, "/no/such/file", source], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, b"lmac: /no/such/file: No such file or directory\nlmac: interrupted\n")
    assert names(source.parent) == ["text"]


def test_waiting_for_input_can_be_interrupted() -> None:
    reader, writer = os.pipe()
    for blocking in (True, False):
        os.set_blocking(reader, blocking)
        with subprocess.Popen(LMAC, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout, stderr) == (130, b"", b"lmac: interrupted\n")
    os.close(reader)
    os.close(writer)


def test_the_doctor_can_be_interrupted() -> None:
    with subprocess.Popen([*PROGRAM, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"Versions\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.fullmatch(rb"lmac: interrupted\n", stderr)
