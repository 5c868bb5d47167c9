"""The progress line on terminals of any width, with names in any script."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmac.command_line.names import shown
from lmac.command_line.progress import CLEAR_LINE, Progress, ProgressLine, duration, fitted, shortened, speed, time_left, width

from tiny_model import TINY_MODEL

SLOW = ["--no-adaptive", "--executor", "onnx", "--device", "cpu"]
FIGURES = [" 45 %", "1234.5 kB/s", "2.345 bits per byte", "1:02:03 left"]
#: Of one column each, of two, with marks of none, and a picture of two characters.
NAMES = [
    "notes.txt",
    "a" * 300,
    "数据压缩" * 30 + ".txt",
    "e\u0301" * 100,
    "\u2601\ufe0f" * 40,
    "\U0001f600" * 40,
    "a\nb\x1b[2Jc\udcff" * 9,
    "\uff46\uff55\uff4c\uff4c.txt",
    "\u1100\u1161" * 40,
]


class Terminal:
    """What is drawn on standard error."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def lines(self) -> list[str]:
        return self._captured.readouterr().err.split(CLEAR_LINE)[1:]


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("lmac.command_line.progress.time.monotonic", clock)
    return clock


# Columns


@pytest.mark.parametrize("name", NAMES)
def test_a_line_has_no_more_columns_than_the_terminal(name: str) -> None:
    for columns in (0, 1, 2, 5, 10, 20, 30, 40, 60, 79, 80, 200, 1000):
        line = fitted(shown(name), list(FIGURES), columns)
        assert width(line) <= columns
        if columns >= 5:
            assert "45 %" in line


@given(st.text(min_size=1), st.integers(0, 200))
def test_any_name_fits_into_any_width(name: str, columns: int) -> None:
    line = fitted(shown(name), list(FIGURES), columns)
    assert width(line) <= columns
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line)


def test_columns_are_counted_and_not_characters() -> None:
    for text, columns in (
        ("abc", 3),
        ("数据", 4),
        ("e\u0301", 1),
        ("\uff46", 2),
        ("\U0001f600", 2),
        ("\u2601\ufe0f", 2),
        ("\uac00", 2),
        ("\u1100\u1161", 2),
        ("é", 1),
        ("я", 1),
    ):
        assert width(text) == columns, text


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened("a-very-long-name.txt", 20) == "a-very-long-name.txt"
    assert shortened("a-very-long-name.txt", 19) == "a-very-l...name.txt"
    assert shortened("数据压缩数据压缩.txt", 13) == "数据压....txt"  # half a letter is none


def test_in_a_narrow_terminal_the_share_and_the_time_left_stay_longest() -> None:
    assert fitted("notes.txt:", list(FIGURES), 80) == "notes.txt:  45 %  1234.5 kB/s  2.345 bits per byte  1:02:03 left"
    assert fitted("notes.txt:", list(FIGURES), 50) == "notes.txt:  45 %  1234.5 kB/s  1:02:03 left"
    assert fitted("notes.txt:", list(FIGURES), 32) == "notes.txt:  45 %  1:02:03 left"
    assert fitted("notes.txt:", list(FIGURES), 20) == "notes.txt:  45 %"
    assert fitted("notes.txt:", list(FIGURES), 8) == " 45 %"
    assert fitted("notes.txt:", list(FIGURES), 3) == " 45"


def test_names_are_shown_on_one_line(terminal: Terminal) -> None:
    ProgressLine().draw("a\nb\x1b[2J\udcff:", [" 45 %"])
    assert terminal.lines() == ["a\\nb\\x1b[2J\\xff:  45 %"]


# Time left


def test_the_time_left_is_shown_when_it_is_more_than_a_guess(terminal: Terminal, clock: Clock) -> None:
    with Progress("file", 100_000, enabled=True) as line:
        for seconds, done_bytes in ((0.1, 100), (1.9, 1900), (2.5, 2500), (50, 50_000), (99, 99_000)):
            clock.now = 100 + seconds
            line.show(done_bytes, 0, 0)
    *lines, last = terminal.lines()
    assert [text.split("  ")[-1] for text in lines] == ["1.0 kB/s", "1.0 kB/s", "1:38 left", "50 s left", "1 s left"]
    assert last == ""  # the line is gone


def test_without_a_length_there_is_an_amount_and_no_time_left(terminal: Terminal, clock: Clock) -> None:
    line = Progress("-", None, enabled=True)
    clock.now += 10
    line.show(2_500_000, 1_000_000, 250_000)
    assert terminal.lines() == ["-: 2.5 MB  250.0 kB/s  2.000 bits per byte"]


def test_a_slow_model_has_a_speed_too() -> None:
    assert speed(300, 10) == "30 B/s"
    assert speed(0, 0) == "0 B/s"
    assert speed(30_000, 10) == "3.0 kB/s"


def test_times_are_said_as_people_say_them() -> None:
    for seconds, words in ((0, "0 s"), (59.4, "59 s"), (60, "1:00"), (3723, "1:02:03"), (172_800, "2 days"), (1e9, "11,574 days")):
        assert duration(seconds) == words
    assert time_left(100, 0) == time_left(1.9, 0.5) == []


def test_the_line_is_drawn_no_more_often_than_anybody_can_read(terminal: Terminal, clock: Clock) -> None:
    checks: list[float] = []
    line = Progress("file", 1000, enabled=True, check=lambda: checks.append(clock.now))
    for step in range(1, 1001):
        clock.now = 100 + step / 1000
        line.show(step, 0, 0)
    assert 15 <= len(terminal.lines()) == len(checks) <= 20


# The program


def drawn(columns: int, *arguments: object, encoding: str = "utf-8") -> list[str]:
    """What the program draws on a terminal of so many columns."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [str(Path(sys.executable).with_name("lmac")), "--model", str(TINY_MODEL), *map(str, arguments)]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "PYTHONIOENCODING": encoding}) as process:
        os.close(terminal)
        output = b""
        try:
            while part := os.read(controller, 4096):
                output += part
        except OSError:  # how Linux reports that the other side is closed
            pass
    os.close(controller)
    assert process.returncode == 0
    return [line for line in re.split(re.escape(CLEAR_LINE), output.decode(encoding)) if "%" in line]


def test_a_terminal_that_changes_its_width_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        for columns in (80, 30, 60):
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            ProgressLine().draw("a-rather-long-name-of-a-file.txt:", [" 45 %"])
            line = os.read(controller, 4096).decode().removeprefix(CLEAR_LINE)
            assert len(line) == min(columns - 1, 39)
    os.close(controller)


@pytest.mark.parametrize("name", ["text", "long" * 40 + ".txt", "数据压缩" * 15, "a\nb\x1b[2J"])
@pytest.mark.parametrize("columns", [80, 40, 12, 0])
def test_the_program_never_fills_a_line(name: str, columns: int, tmp_path: Path, tiny_text: bytes) -> None:
    (tmp_path / name).write_bytes(tiny_text * 8)
    for line in drawn(columns, *SLOW, "-o", "/dev/null", tmp_path / name):
        assert width(line) < (columns or 80)
        assert line.isprintable()


def test_letters_that_a_terminal_does_not_have_are_counted_as_they_are_written(tmp_path: Path, tiny_text: bytes) -> None:
    (tmp_path / "数据压缩数据").write_bytes(tiny_text * 8)
    lines = drawn(60, *SLOW, "-o", "/dev/null", tmp_path / "数据压缩数据", encoding="ascii")
    assert lines
    for line in lines:
        assert len(line) < 60
