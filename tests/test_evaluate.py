"""``lmac-lab eval``: rows of measured files. It needs no torch."""

from __future__ import annotations

from pathlib import Path

import lmac
import pytest
from lmac.lab import cli

from tiny_model import TINY_MODEL


def test_a_file_becomes_a_row_with_the_size_of_its_frame(tmp_path: Path, tiny_text: bytes, adaptive: bool, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(tiny_text)
    mode = [] if adaptive else ["--no-adaptive"]
    assert cli.main(["eval", str(path), "--model", str(TINY_MODEL), "-T", "1", *mode]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    frame = lmac.Codec(TINY_MODEL, adaptive=adaptive).compress(tiny_text)
    assert row[0] == "| text.txt"
    assert (row[1], row[3]) == ("3000", str(len(frame)))
