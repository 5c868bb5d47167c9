"""Every kind of tokenizer, and any bytes: tokens spell the content, and a bad byte spoils no more than itself."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lmac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac.predictors.tokenization import PIECE_LEN, Tokenizer, byte_vocabulary, errors_of_the_library
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from public_checkpoints import material, needs_material
from tokenizer_files import SPACE, gpt2_tokenizer, llama_tokenizer, trained_tokenizer

TEXT = "Peter Piper picked a peck of pickled peppers; how many pickled peppers did Peter Piper pick? Größe, naïve, 漢字.\n" * 3
SIZE = 300


def unigram(replacement: str = "\u2581") -> str:
    """SentencePiece's other model, with a space in front of every text and no bytes."""
    tokenizer = Library(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=replacement, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=replacement, prepend_scheme="always")
    tokenizer.train_from_iterator([TEXT], trainers.UnigramTrainer(vocab_size=120, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False))
    return str(tokenizer.to_str())


def word_piece() -> str:
    """BERT's: all letters small, no accents, no spaces."""
    tokenizer = Library(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator([TEXT], trainers.WordPieceTrainer(vocab_size=150, special_tokens=["[UNK]", "[SEP]"], show_progress=False))
    return str(tokenizer.to_str())


def word_level() -> str:
    """Whole words, and nothing for what is none of them."""
    tokenizer = Library(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator([TEXT], trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False))
    return str(tokenizer.to_str())


def composing() -> str:
    """As Qwen's: byte-level, and characters are composed first."""
    tokenizer = Library.from_str(trained_tokenizer(TEXT, SIZE))
    tokenizer.normalizer = normalizers.NFC()
    return str(tokenizer.to_str())


def byte_fallback() -> str:
    """As Llama's: SentencePiece's pieces, and tokens for bytes."""
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), SPACE, *"abcdeinprt", "pe", "er", SPACE + "p"]
    model = models.BPE({name: index for index, name in enumerate(names)}, [("p", "e"), ("e", "r"), (SPACE, "p")], unk_token="<unk>", byte_fallback=True)
    tokenizer = Library(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return str(tokenizer.to_str())


def precompiled() -> str:
    """As T5's: a unigram model behind a map of characters, a table of 256 places and the strings it leads to; here from "A" to "a"."""
    places = [0] * 256
    places[0] = 1 << 10  # the root: children of byte c are at 1 ^ c
    places[1 ^ 65] = 65 | 1 << 8 | (200 ^ 1 ^ 65) << 10  # "A", whose value is at 200
    places[200] = 1 << 31  # the string at 0
    tokenizer = Library.from_str(unigram())
    charsmap = struct.pack("<257I", 1024, *places) + b"a\0"
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.NFKC()])
    assert tokenizer.normalizer.normalize_str("BAB") == "BaB"
    return str(tokenizer.to_str())


MADE: dict[str, Callable[[], str]] = {
    "byte-level": lambda: trained_tokenizer(TEXT, SIZE),
    "composing": composing,
    "unigram": unigram,
    "word pieces": word_piece,
    "whole words": word_level,
}
REAL: dict[str, Callable[[], str]] = {
    "llama": lambda: llama_tokenizer(material("tok512.bin")),
    "gpt2": lambda: gpt2_tokenizer(material("encoder.json"), material("vocab.bpe")),
}
CONTENTS = [
    b"",
    b" ",
    b"a",
    TEXT.encode(),
    b" " + TEXT.encode() + b"  ",
    bytes(range(256)),
    b"\x00" * 50,
    b"\xed\xa0\x80 \xf0\x9f\x98",
    "e\u0301 \ufb01 \u00c5 \u212b".encode(),
    b"<unk>[UNK]<s>[SEP]<|endoftext|><0x41>\xe2\x96\x81##ed",
    TEXT.upper().encode("utf-16"),
]


def spell(tokenizer: Tokenizer, numbers: list[int]) -> bytes:
    strings = [tokenizer.vocabulary.spell(number) for number in numbers]
    assert None not in strings
    return b"".join(string for string in strings if string)


@pytest.fixture(scope="module", params=[*MADE, *(pytest.param(name, marks=needs_material) for name in REAL)])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    data = (MADE | REAL)[request.param]().encode()
    return Tokenizer(data, 50_257 if request.param == "gpt2" else 512)


@pytest.mark.parametrize("index", range(len(CONTENTS)))
def test_tokens_spell_the_content(tokenizer: Tokenizer, index: int) -> None:
    assert spell(tokenizer, tokenizer.tokenize(CONTENTS[index])) == tokenizer.prefix + CONTENTS[index]


@given(st.lists(st.one_of(st.binary(max_size=20), st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))), max_size=6))
@settings(max_examples=40, deadline=None)
def test_tokens_spell_any_content(tokenizer: Tokenizer, parts: list[bytes]) -> None:
    content = b"".join(parts)
    assert spell(tokenizer, tokenizer.tokenize(content)) == tokenizer.prefix + content


def test_a_model_that_expects_a_first_space_gets_it() -> None:
    prefixes = {name: Tokenizer(make().encode(), SIZE).prefix for name, make in MADE.items()}
    assert prefixes == {"byte-level": b"", "composing": b"", "unigram": b" ", "word pieces": b"", "whole words": b""}


def test_a_bad_byte_spoils_nothing_but_itself() -> None:
    tokenizer = Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), SIZE)
    half = TEXT.encode()
    good = tokenizer.tokenize(half)
    assert tokenizer.tokenize(half + b"\xff" + half) == [*good, *tokenizer.tokenize(b"\xff"), *good]
    assert len(tokenizer.tokenize(b"\xff")) == 1


def test_one_odd_letter_spoils_nothing_but_its_neighbours() -> None:
    tokenizer = Tokenizer(composing().encode(), SIZE)
    words = TEXT.encode() * 20
    good = len(tokenizer.tokenize(words))
    odd = len(tokenizer.tokenize(words[:5000] + "\u212b".encode() + words[5000:]))  # an ångström, which is composed to an å
    assert good < odd < good + 40


def test_long_text_is_divided_where_words_end() -> None:
    tokenizer = Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), SIZE)
    for unit in (TEXT, TEXT.replace("\n", " "), "x" * 50):
        content = (unit * (3 * PIECE_LEN // len(unit))).encode()
        assert spell(tokenizer, tokenizer.tokenize(content)) == content


def test_numbers_that_the_model_does_not_predict_are_not_used() -> None:
    tokenizer = Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), 270)  # the model knows fewer than the tokenizer
    numbers = tokenizer.tokenize(TEXT.encode())
    assert spell(tokenizer, numbers) == TEXT.encode()
    assert all(number < 270 for number in numbers)


def test_what_is_no_tokenizer_is_an_error() -> None:
    for data in (b"", b"{}", b"[]", b'{"model": {"type": "BPE"}}', Path(__file__).read_bytes()):
        with pytest.raises(lmac.LmacError, match=r"tokenizer\.json"):
            Tokenizer(data, SIZE)


def test_the_bytes_that_an_alphabet_lacks_are_escaped() -> None:
    vocabulary = byte_vocabulary(100)
    assert [vocabulary.spell(number) for number in (0, 99, 100, 101, 101 + 99, 101 + 100, 101 + 255)] == [b"\0", b"c", None, None, None, b"d", b"\xff"]


def changed(text: str, **changes: Any) -> bytes:
    """A tokenizer.json with other values in its model, or beside it."""
    spec = json.loads(text)
    for key, value in changes.items():
        (spec["model"] if key in spec["model"] else spec)[key] = value
    return json.dumps(spec).encode()


@pytest.mark.parametrize("make", [word_piece, word_level, unigram])
def test_a_tokenizer_that_cannot_spell_a_letter_spells_what_is_around_it(make: Callable[[], str]) -> None:
    named = "unk_id" if make is unigram else "unk_token"
    spec = json.loads(make())
    spec["model"][named] = None if make is unigram else "not in the vocabulary"
    tokenizer = Tokenizer(json.dumps(spec).encode(), SIZE)
    for content in (TEXT.encode(), b"peck \xce\xa9 of \xce\xa9 pickled", "\u03a9".encode(), *CONTENTS):
        assert spell(tokenizer, tokenizer.tokenize(content)) == tokenizer.prefix + content


def test_chance_is_switched_off() -> None:
    certain = Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), SIZE)
    random = Tokenizer(changed(trained_tokenizer(TEXT, SIZE), dropout=0.9), SIZE)
    assert [random.tokenize(TEXT.encode()) for _ in range(3)] == [certain.tokenize(TEXT.encode())] * 3
    assert len(certain.tokenize(TEXT.encode())) < len(TEXT) / 2


def test_texts_are_neither_cut_nor_filled() -> None:
    cutting = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    filling = {"strategy": {"Fixed": 1000}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}
    tokenizer = Tokenizer(changed(trained_tokenizer(TEXT, SIZE), truncation=cutting, padding=filling), SIZE)
    assert tokenizer.tokenize(TEXT.encode()) == Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), SIZE).tokenize(TEXT.encode())


@pytest.mark.parametrize("content", ["", " ", "Peter", "a"])
@pytest.mark.parametrize("number", [0, 5, SIZE, 2**32 - 1])
def test_added_tokens_of_any_number_and_content_do_no_harm(content: str, number: int) -> None:
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    tokens = [{"id": number, "content": content} | added, {"id": number, "content": content + "r"} | added]
    data = changed(trained_tokenizer(TEXT, SIZE), added_tokens=tokens)
    try:
        tokenizer = Tokenizer(data, SIZE)
    except lmac.LmacError:
        return
    assert spell(tokenizer, tokenizer.tokenize(TEXT.encode())) == TEXT.encode()


def test_maps_of_characters_that_are_shorter_than_they_say_are_refused_before_memory_is_taken() -> None:
    spec = json.loads(precompiled())
    for charsmap in (b"", b"\xff" * 3, b"\xf0\xff\xff\xff" + bytes(100), b"\x08\0\0\0" + bytes(7), bytes(8)):
        spec["normalizer"]["normalizers"][0]["precompiled_charsmap"] = base64.b64encode(charsmap).decode()
        with pytest.raises(lmac.LmacError, match="precompiled_charsmap"):
            Tokenizer(json.dumps(spec).encode(), SIZE)


def test_normalizers_that_make_much_of_little_are_refused() -> None:
    grow = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 70}
    for steps, is_refused in (([grow], False), ([grow, grow], True), ([{"type": "Sequence", "normalizers": [grow]}, grow], True)):
        data = changed(trained_tokenizer(TEXT, SIZE), normalizer={"type": "Sequence", "normalizers": steps})
        with pytest.raises(lmac.LmacError, match="4900 bytes of a letter") if is_refused else nullcontext():
            tokenizer = Tokenizer(data, SIZE)
            assert spell(tokenizer, tokenizer.tokenize(TEXT.encode())) == TEXT.encode()


def test_merges_that_make_no_token_are_refused_before_the_library_copies_them(capfd: pytest.CaptureFixture[str]) -> None:
    text = trained_tokenizer(TEXT, SIZE)
    for data in (changed(text, merges=[["e", "no such token"]]), changed(text, continuing_subword_prefix="##")):
        with pytest.raises(lmac.LmacError, match="merged into what is no token"):
            Tokenizer(data, SIZE)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("data", [b"null", b"[]", b"5"])
def test_a_tokenizer_that_is_no_object_is_named_as_the_trouble(data: bytes) -> None:
    with pytest.raises(lmac.LmacError, match=r"the tokenizer\.json cannot be used: it holds no object"):
        Tokenizer(data, SIZE)


def test_panics_of_the_library_are_errors() -> None:
    class PanicException(BaseException):
        """As the library's is, which cannot be imported."""

    for error in (PanicException("index out of bounds"), ValueError("no"), RecursionError()):
        with pytest.raises(lmac.LmacError, match=r"tokenizer\.json cannot be used"), errors_of_the_library():
            raise error
    with pytest.raises(KeyboardInterrupt), errors_of_the_library():
        raise KeyboardInterrupt


def test_what_is_too_deep_or_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for opening in ("[", '{"normalizer":'):
        with pytest.raises(lmac.LmacError, match="recursion"):
            Tokenizer(opening.encode() * 100_000, SIZE)
    monkeypatch.setattr("lmac.predictors.tokenization.MAX_LEN", 100)
    with pytest.raises(lmac.LmacError, match="at most 100"):
        Tokenizer(trained_tokenizer(TEXT, SIZE).encode(), SIZE)
