"""The laboratory: hashed contexts, the sampler, a short training run. Skipped where torch is missing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lmac import _core  # noqa: E402
from lmac.lab import cli, reference  # noqa: E402
from lmac.lab.architecture import Architecture, Context  # noqa: E402
from lmac.lab.contexts import context_rows  # noqa: E402
from lmac.lab.data import Sampler, read_source  # noqa: E402
from lmac.lab.export import export, read  # noqa: E402
from lmac.lab.model import ExactTransformer  # noqa: E402
from lmac.lab.muon import orthogonalize  # noqa: E402

CONTEXTS = tuple(Context.parse(text) for text in "n1 n2 n8 w1 w2 w3".split())
TEXT = "The Cat's hat: 1st, 22nd\n\n-- d\u00e9j\u00e0 vu! \x00\x01 ZEBRA zebra ".encode() * 4
TINY = "--width 32 --layers 1 --heads 1 --head-dim 32 --hidden 32 --window 16 --context-rows-log2 6 --context-dim 8".split()
SHORT = "--batch 4 --sample-steps 64 --validations 2 --no-compile --device cpu --no-autocast".split()
FAST = "--matrix-rate 0.02 --other-rate 0.02 --table-rate 0.2".split()


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


def test_training_learns_resumes_and_exports_a_model_that_the_codec_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"abcdefgh" * 2000)
    arguments = ["train", str(text), "--valid", str(text), "-o", str(tmp_path / "run"), *TINY, *SHORT, *FAST]
    assert cli.main([*arguments, "--steps", "10"]) == 0
    assert cli.main([*arguments, "--steps", "150", "--resume"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "validation" in line]
    assert float(lines[-1].split()[3]) < 0.3 * float(lines[0].split()[3])

    output = tmp_path / "model.onnx"
    assert cli.main(["export", str(tmp_path / "run" / "tensors.npz"), "-o", str(output)]) == 0
    executor = _core.Executor(_core.Model(output.read_bytes()))
    executor.start(1)
    assert np.asarray(executor.advance(np.array([[256, *b"abcdefg"]])))[0, -1].argmax() == ord("h")


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


def test_training_goes_on_from_a_model_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, model = tmp_path / "text", tmp_path / "model.onnx"
    text.write_bytes(b"abcdefgh" * 2000)
    arguments = ["train", str(text), "--valid", str(text), "-o", str(tmp_path / "run"), *SHORT, *FAST]
    assert cli.main([*arguments, *TINY, "--steps", "150"]) == 0
    assert cli.main(["export", str(tmp_path / "run" / "tensors.npz"), "-o", str(model)]) == 0
    assert cli.main([*arguments, "--from", str(model), "--steps", "2"]) == 0
    bits = [float(line.split()[3]) for line in capsys.readouterr().out.splitlines() if "validation" in line]
    assert bits[-1] < 1.2 * bits[1] < 0.3 * bits[0]  # the second run begins where the first one ended


def test_missing_text_is_an_error_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", str(tmp_path / "empty"), "--valid", str(tmp_path / "empty"), "-o", str(tmp_path / "run"), "--steps", "1", *TINY])
    assert stop.value.code == 1
    assert "no training text" in capsys.readouterr().err
