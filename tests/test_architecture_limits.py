"""Which shapes are possible: the laboratory and the Rust reader must agree, and the laboratory says what can be done instead."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmac import FormatError, _core
from lmac.lab.architecture import LIMITS, Architecture, Context, parse_window

from tiny_model import TINY_MODEL

TINY: dict[str, Any] = json.loads(next(p.value for p in onnx.load(TINY_MODEL).metadata_props if p.key == "lmac.architecture"))


def rust_refuses(fields: dict[str, Any]) -> bool:
    """Whether the reader refuses the shape itself; where it accepts it, the tensors of the tiny model do not fit most of them."""
    model = onnx.load(TINY_MODEL)
    entry = next(p for p in model.metadata_props if p.key == "lmac.architecture")
    entry.value = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    try:
        _core.Model(model.SerializeToString())
    except FormatError as error:
        return "lmac.architecture" in str(error)
    return False


def python_refuses(fields: dict[str, Any]) -> bool:
    try:
        Architecture.from_json(json.dumps(fields))
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("name", LIMITS)
def test_the_laboratory_and_the_reader_agree_at_the_ends_of_every_limit(name: str) -> None:
    limits = LIMITS[name]
    values = [limits[0] - limits.step, limits[0] - 1, limits[0], limits[0] + 1, limits[1], limits[-1], limits[-1] + 1, limits[-1] + limits.step]
    answers = []
    for value in values:
        fields = TINY | {"score_shift": 7, name: value}
        if name == "width":
            fields |= {"heads": value // 32, "head_dim": 32}
        if name == "head_dim":
            fields |= {"heads": 2, "width": 2 * value}
        answers.append(python_refuses(fields))
        assert answers[-1] == rust_refuses(fields), f"{name} = {value}"
    assert True in answers


def contexts(count: int, order: int = 1, kind: str = "ngram") -> list[dict[str, Any]]:
    return [{"kind": kind, "order": order}] * count


@pytest.mark.parametrize(
    "change",
    [
        {"heads": 3},
        {"heads": -2, "head_dim": -16},
        {"heads": 0, "width": 0},
        {"heads": 2, "head_dim": 24, "width": 48},
        {"window": 512},
        {"window": 513},
        {"window": 0},
        {"window": [1, 512]},
        {"window": [24, 513]},
        {"window": [24]},
        {"window": []},
        {"score_shift": 4},
        {"score_shift": 3},
        {"head_dim": 128, "width": 256, "score_shift": 6},
        {"head_dim": 128, "width": 256, "score_shift": 7},
        {"contexts": contexts(16)},
        {"contexts": contexts(17)},
        {"contexts": contexts(2, order=16)},
        {"contexts": contexts(2, order=17)},
        {"contexts": contexts(2, order=0)},
        {"contexts": contexts(2, kind="word"), "alphabet_size": 255},
        {"contexts": contexts(2), "alphabet_size": 255},
        {"contexts": [], "context_dim": 30},
        {"contexts": contexts(1)},
        {"contexts": contexts(3)},
        {"contexts": contexts(2), "context_dim": 2048},
        {"contexts": contexts(2), "context_dim": 2050},
        {"contexts": contexts(2), "context_dim": 0},
    ],
)
def test_the_laboratory_and_the_reader_agree_on_what_goes_together(change: dict[str, Any]) -> None:
    assert python_refuses(TINY | change) == rust_refuses(TINY | change)


@given(st.fixed_dictionaries({}, optional={name: st.integers(0, 600).map(lambda n: n * 2) for name in (*LIMITS, "heads", "window")}))
def test_the_laboratory_and_the_reader_agree_on_any_shape(change: dict[str, Any]) -> None:
    assert python_refuses(TINY | change) == rust_refuses(TINY | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 100}, "width 100 is not possible: it is a multiple of 32, from 32 to 512"),
        ({"layers": 0}, "layers 0 is not possible: it is from 1 to 64"),
        ({"window": 2048}, "window 2048 is not possible: it is from 1 to 512"),
        ({"window": (8, 2048), "layers": 2}, "window 2048 is not possible"),
        ({"heads": 3}, "3 heads of 64 do not make the width, 256: possible are 16 of 16, 8 of 32, 4 of 64, 2 of 128"),
        ({"width": 96}, "possible are 6 of 16, 3 of 32, 2 of 48, 1 of 96"),
        ({"context_rows_log2": 40}, "context_rows_log2 40 is not possible: it is from 1 to 24"),
        ({"context_dim": 1022}, "8 contexts of 1022 are 8176 entries: together they are a multiple of 32, from 32 to 4096"),
        ({"contexts": (Context("ngram", 99),)}, "the order of a context is from 1 to 16, not 99"),
        ({"contexts": (Context("ngram", 2),) * 17}, "17 contexts are not possible: there are at most 16"),
        ({"context_rows_log2": 24, "context_dim": 512}, "the model file would have 34.4 GB, and 2.1 are possible"),
    ],
)
def test_a_refusal_says_what_is_possible(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Architecture(**change)


@pytest.mark.parametrize("text", ["x4", "n", "", "n4.5", "4", "nn2"])
def test_a_context_that_there_is_not_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="n4 or w2, say"):
        Context.parse(text)


@pytest.mark.parametrize("text", ["", "8,", "a", "8 16", "8.5"])
def test_a_window_that_is_no_number_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="128 for all layers, or 128,512 for each of two"):
        parse_window(text)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "lmac-exact-transformer", "version": 2}', json.dumps(TINY | {"more": 1}), json.dumps(TINY | {"contexts": "n4"})]
)
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"lmac\.architecture"):
        Architecture.from_json(text)


def test_an_architecture_survives_its_json() -> None:
    architecture = Architecture(window=(1, 2, 3, 4, 5))
    assert Architecture.from_json(architecture.to_json()) == architecture
    assert asdict(Architecture.from_json(json.dumps(TINY)))["width"] == 32
