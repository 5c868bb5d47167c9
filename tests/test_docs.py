"""The examples in the documentation say the truth."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import lmac
import lmac.codec
import lmac.predictor
import pytest

from conftest import needs_default_model

ROOT = Path(__file__).parent.parent


def test_the_example_of_a_predictor() -> None:
    result = doctest.testmod(lmac.predictor)
    assert result.failed == 0
    assert result.attempted > 0


@needs_default_model
@pytest.mark.parametrize("module", [lmac, lmac.codec])
def test_the_examples_of_the_codec(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.failed == 0
    assert result.attempted > 0


@needs_default_model
def test_the_example_of_the_readme() -> None:
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 0


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/golden/*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
