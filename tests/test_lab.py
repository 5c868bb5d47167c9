"""The laboratory: hashed contexts, training text, optimizer, exporter. Skipped where torch is missing."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from conftest import LAB_IS_MISSING

torch = pytest.importorskip("torch", reason=LAB_IS_MISSING)

from lmac.lab import reference  # noqa: E402
from lmac.lab.architecture import Architecture, Context  # noqa: E402
from lmac.lab.contexts import context_rows  # noqa: E402
from lmac.lab.data import IGNORED, Sampler, Source, hold_out, pieces, read_source  # noqa: E402
from lmac.lab.export import export, read  # noqa: E402
from lmac.lab.model import ExactTransformer  # noqa: E402
from lmac.lab.muon import orthogonalize  # noqa: E402
from lmac.lab.texts import messages  # noqa: E402

pytestmark = pytest.mark.lab
CONTEXTS = tuple(Context.parse(text) for text in "n1 n2 n8 w1 w2 w3".split())
TEXT = "The Cat's hat: 1st, 22nd\n\n-- d\u00e9j\u00e0 vu! \x00\x01 ZEBRA zebra ".encode() * 4


def test_context_rows_for_whole_sequences_equal_the_slow_definition() -> None:
    architecture = Architecture(contexts=CONTEXTS, context_rows_log2=9)
    history = [256, *TEXT]
    rows = context_rows(torch.tensor([history]), architecture)[0].tolist()
    for position, row in enumerate(rows):
        expected = [reference.context_row(history[: position + 1], context, architecture) for context in CONTEXTS]
        assert row == [(table << 9) + index for table, index in enumerate(expected)]


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(3, 24, 16)))
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_archives_and_folders_give_the_same_documents(tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    archive = tmp_path / "text.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for name, content in (("a.txt", b"first"), ("b.txt", b"second document")):
            (folder / name).write_bytes(content)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    for source in (read_source(folder), read_source(archive)):
        assert source.data.tobytes() == b"firstsecond document"
        assert source.starts.tolist() == [0, 5]


def test_samples_are_text_and_targets_are_one_ahead(tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(bytes(range(100)) * 3)
    sampler = Sampler([read_source(tmp_path / "digits")], None, 20, 256, torch.device("cpu"), seed=1)
    symbols, targets = sampler.sample(50)
    assert (symbols[:, 0] == 256).all()
    assert (symbols[:, 1:] == targets[:, :-1]).all()
    assert ((targets[:, 1:] - targets[:, :-1]) % 100 == 1).all()


def test_a_model_file_becomes_parameters_that_export_to_the_same_file(tmp_path: Path) -> None:
    original = tmp_path / "original.onnx"
    torch.manual_seed(3)
    model = ExactTransformer(Architecture(width=32, layers=2, heads=2, head_dim=16, hidden=64, window=8, contexts=CONTEXTS, context_rows_log2=5))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(torch.exp2(torch.randint(-3, 4, (len(parameter), *[1] * (parameter.dim() - 1)))))  # many different shifts
    export(model.tensors(), model.architecture, original)

    tensors, architecture = read(original)
    again = ExactTransformer(architecture)
    again.set_tensors(tensors)
    export(again.tensors(), architecture, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == original.read_bytes()


def test_hidden_files_are_no_text_and_packed_ones_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "pack").write_bytes(b"no text")
    (tmp_path / "new.log").write_bytes(b"new")
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(b"old"))
    assert read_source(tmp_path).documents() == [b"new", b"old"]


def test_messages_are_the_lines_or_the_texts_of_json_lines() -> None:
    assert messages(b"one\n\ntwo\r\n") == [b"one", b"two\r"]
    assert messages(b'{"text": "a\\nb"}\n{"text": "\xc3\xa9"}\n') == [b"a\nb", "é".encode()]
    for other in (b'{"text": "a"}\nno json\n', b'{"text": 1}\n', b'{"body": "a"}\n', b"[1]\n", b'{"text": "\\ud800"}\n'):
        assert messages(other) == other.splitlines()


def test_whole_documents_are_held_out_always_the_same_ones() -> None:
    source = Source.of("text", [b"%04d" % number * 25 for number in range(200)])
    training, held_out = hold_out(source)
    assert sorted([*training.documents(), *held_out.documents()]) == source.documents()
    assert len(held_out.data) == len(source.data) // 10
    assert hold_out(source)[1].documents() == held_out.documents()


@pytest.mark.parametrize("parts", [[bytes(range(250)) * 4], [b"a" * 600, b"b" * 400]])
def test_where_documents_are_few_the_end_of_the_text_is_held_out(parts: list[bytes]) -> None:
    training, held_out = hold_out(Source.of("text", parts))
    assert training.data.tobytes() + held_out.data.tobytes() == b"".join(parts)
    assert len(held_out.data) == 100
    assert training.starts.tolist() == [0, 600][: len(parts)]


def test_pieces_cut_the_text_or_begin_with_every_document() -> None:
    source = Source.of("text", [b"abc", b"d", b"efghi"])
    text = [[chr(symbol) for symbol in piece if symbol != IGNORED] for piece in pieces(source, 4, whole_documents=False).tolist()]
    assert text == [[*"abcd"], [*"efgh"], [*"i"]]
    text = [[chr(symbol) for symbol in piece if symbol != IGNORED] for piece in pieces(source, 4, whole_documents=True).tolist()]
    assert text == [[*"abc"], [*"d"], [*"efgh"]]
