"""The examples in the documentation say the truth."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import lmac
import lmac.coding.codec
import lmac.coding.opening
import lmac.coding.stream
import lmac.predictors.predictor
import pytest
from lmac.command_line.options import command_parser, own_options

from conftest import needs_default_model

ROOT = Path(__file__).parent.parent


def test_the_example_of_a_predictor() -> None:
    result = doctest.testmod(lmac.predictors.predictor)
    assert result.failed == 0
    assert result.attempted > 0


@needs_default_model
@pytest.mark.parametrize("module", [lmac, lmac.coding.codec, lmac.coding.opening, lmac.coding.stream])
def test_the_examples_of_the_package(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.failed == 0
    assert result.attempted > 0


@needs_default_model
@pytest.mark.parametrize("document", ["README.md", "docs/python-api.md", "docs/language-models.md"])
def test_the_examples_of_the_documents(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / document), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 0


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/golden/*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_paths_that_documents_and_sources_name_are_there() -> None:
    sources = [path for folder in ("python", "rust", "tests", "benches") for suffix in ("py", "rs") for path in (ROOT / folder).rglob(f"*.{suffix}")]
    named = re.compile(r"(?<![\w/.-])(?:rust/lmac-|python/lmac/|tests/|benches/|docs/)[\w/-]*\w(?:\.(?:py|rs|md|onnx|bin|svg|1))?\b(?![\w*<{%])")
    roots = ROOT, ROOT / "rust" / "lmac-core"  # the crate's own files name each other from its folder
    missing = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile", ROOT / ".ci" / "run", *sources]:
        missing += [
            f"{document.relative_to(ROOT)}: {path}" for path in named.findall(document.read_text()) if not any((root / path).exists() for root in roots)
        ]
    assert missing == []


def headings(document: Path) -> set[str]:
    """The names by which links find headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_to_headings_lead_to_one() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text()):
            assert heading in headings(document.parent / path if path else document), f"{document.name}: {path}#{heading}"


def test_every_row_of_a_table_has_the_cells_of_its_header() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for table in re.findall(r"(?:^\|.*\n)+", document.read_text(), re.MULTILINE):
            header, *rows = (re.sub(r"`[^`]*`", "", row).replace("\\|", "").count("|") for row in table.splitlines())
            assert rows == [header] * len(rows), f"{document.name}: {table[:60]}"


def test_the_manual_page_names_every_option_of_the_help() -> None:
    page = (ROOT / "docs" / "lmac.1").read_text().replace("\\-", "-")
    options = list(own_options(command_parser()))
    assert len(options) > 30
    assert [option for option in options if option not in page] == []
