"""``lmac-lab eval``: rows of measured files, messages one by one. It needs no torch."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from pathlib import Path

import lmac
import pytest
from lmac.lab import cli, compressors, evaluate

from conftest import LAB_IS_MISSING
from tiny_model import TINY_MODEL

TINY = ["--model", str(TINY_MODEL), "-T", "1"]


def rows(table: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]


def frame_len(content: bytes, adaptive: bool) -> int:
    return len(lmac.Codec(TINY_MODEL, adaptive=adaptive, threads=1).compress(content))


@pytest.fixture
def folder(tmp_path: Path, tiny_text: bytes) -> Path:
    """Two files, one of them deeper."""
    (tmp_path / "files" / "more").mkdir(parents=True)
    (tmp_path / "files" / "text.txt").write_bytes(tiny_text)
    (tmp_path / "files" / "more" / "zeros").write_bytes(bytes(1000))
    return tmp_path / "files"


def test_a_file_becomes_a_row_with_the_size_of_its_frame(folder: Path, tiny_text: bytes, adaptive: bool, capsys: pytest.CaptureFixture[str]) -> None:
    mode = [] if adaptive else ["--no-adaptive"]
    assert cli.main(["eval", str(folder / "text.txt"), *TINY, *mode]) == 0
    head, _, row, *_ = (line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines())
    sizes = dict(zip(head, row, strict=True))
    assert (sizes["file"], sizes["bytes"]) == ("text.txt", "3000")
    assert sizes["gzip -9"] == str(len(gzip.compress(tiny_text, 9)))
    assert sizes["xz -9e"] == str(len(lzma.compress(tiny_text, preset=9 | lzma.PRESET_EXTREME)))
    assert sizes["lmac static"] == str(frame_len(tiny_text, adaptive=False))
    assert ("lmac" in sizes) == adaptive
    assert not adaptive or sizes["lmac"] == str(frame_len(tiny_text, adaptive=True))


def test_a_folder_ends_in_totals_and_rates_that_count_the_model(folder: Path, tiny_text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(folder), *TINY]) == 0
    table = rows(capsys.readouterr().out)
    assert [row[0] for row in table[1:4]] == ["more/zeros", "text.txt", "total"]
    assert table[3][1] == "4000"
    size = frame_len(tiny_text, True) + frame_len(bytes(1000), True)
    rates = {row[0]: row[1:] for row in table[4:]}
    assert rates["lmac"] == [str(size), f"{size / 500:.3f}", f"{size / 40:.2f} %", f"{(size + TINY_MODEL.stat().st_size) / 40:.2f} %"]
    assert rates["xz -9e"][2] == rates["xz -9e"][3]


def test_records_for_scripts_hold_the_same_sizes(folder: Path, tiny_text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(folder), *TINY, "--csv"]) == 0
    records = {(record["file"], record["compressor"]): record for record in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert records["text.txt", "lmac"]["compressed_bytes"] == str(frame_len(tiny_text, True))
    assert records["text.txt", "lmac"]["model_bytes"] == str(TINY_MODEL.stat().st_size)
    assert records["more/zeros", "gzip -9"]["bytes"] == "1000"


def test_what_is_not_installed_is_named_and_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compressors, "_imported", lambda package: None)
    monkeypatch.setenv("PATH", "")
    assert cli.main(["eval", str(folder / "more"), *TINY]) == 0
    captured = capsys.readouterr()
    assert "left out: zstd --ultra -22, brotli -q11, bzip3, ppmd" in captured.err
    assert rows(captured.out)[0] == ["file", "bytes", "gzip -9", "xz -9e", "lmac static", "lmac", "bits per byte", "compress KB/s", "decompress KB/s"]


def test_messages_are_compressed_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [b"abc" * 20, b"abc", b"abc" * 30, b"x"]
    (tmp_path / "lines").write_bytes(b"\n".join(texts))
    assert cli.main(["eval", "--messages", str(tmp_path / "lines"), *TINY, "--csv"]) == 0
    sizes = [frame_len(text, adaptive=True) for text in texts]
    *_, framed, bare = capsys.readouterr().out.splitlines()
    share = sum(size / len(text) for size, text in zip(sizes, texts, strict=True)) / 4
    assert framed == f"lmac,154,{sum(sizes)},{share:.5f}"
    blobs = lmac.Codec(TINY_MODEL.read_bytes()).compress_many(texts, bare=True)
    assert bare.startswith(f"lmac bare,154,{sum(map(len, blobs))},")


def test_a_dictionary_of_the_other_half_helps_zstd() -> None:
    pytest.importorskip("zstandard")
    texts = [b"message number %d of the service that answers" % number for number in range(2000)]
    plain = "zstd --ultra -22"
    sizes = dict(evaluate.evaluate_messages(texts, {}, {plain: compressors.available()[0][plain]}))
    assert sizes["zstd -19 with dictionary"].total_bytes < sizes[plain].total_bytes / 2
    few = dict(evaluate.evaluate_messages(texts[:4], {}, {}))  # too few to train with
    assert few["zstd -19 with dictionary"].total_bytes < 100


def test_a_codec_that_does_not_restore_is_an_error() -> None:
    class Broken(lmac.Codec):
        def decompress(self, *arguments: object, **options: object) -> bytes:
            return b"other"

        def decompress_many(self, *arguments: object, **options: object) -> list[bytes]:
            return [b"other"]

    broken = {"lmac": Broken(TINY_MODEL.read_bytes())}
    with pytest.raises(ValueError, match="not restored"):
        evaluate.measure("text", b"text", broken, {})
    with pytest.raises(ValueError, match="not restored"):
        list(evaluate.evaluate_messages([b"text"], broken, {}))


@pytest.mark.lab
@pytest.mark.parametrize("mode", [[], ["--messages"]])
def test_a_picture_shows_every_compressor(folder: Path, tmp_path: Path, mode: list[str]) -> None:
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    assert cli.main(["eval", str(folder / "text.txt"), *TINY, *mode, "--picture", str(tmp_path / "bars.svg")]) == 0
    picture = (tmp_path / "bars.svg").read_text()
    for name in ("gzip -9", "lmac static", "bits per byte"):
        assert name in picture


def test_nothing_to_measure_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for mode in ([], ["--messages"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(["eval", str(tmp_path / "empty"), *TINY, *mode])
        assert stop.value.code == 1
        assert "there is no" in capsys.readouterr().err
