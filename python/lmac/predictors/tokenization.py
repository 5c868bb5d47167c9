"""``Tokenizer``: any bytes to the tokens of a language model, whatever its tokenizer makes of them.

A tokenizer (the ``tokenizers`` library's tokenizer.json) is made for text, and not every text comes back from it: it may
normalize letters, drop what it does not know, and put a space in front. Here every token has a string of bytes, and only what
those strings spell is a tokenization. Where the tokenizer's own does not, the piece is halved until the trouble is isolated,
and the bytes of what is left are spelled one by one. So a bad byte costs a few bits, and the text around it nothing.

What a byte has no token for is *escaped* by the codec: its number is ``alphabet_size + 1 + byte`` (docs/format.md, "Tokens").
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .._core import LmacError, Vocabulary

#: Longer text is divided: some tokenizers take memory and time beyond measure for a text without spaces.
PIECE_LEN = 1 << 14

#: No tokenizer.json is longer than this, in bytes; those of 260,000 tokens have 35 MB.
MAX_LEN = 1 << 28

#: How much longer a normalizer may make a text, in bytes; the most that NFKC makes of a character is 33.
MAX_GROWTH = 1 << 12

# Letters, digits, spaces and signs: of one byte, two, three and four.
_SAMPLE = "The 12 p\u00e9cks \u6f22\U0001f642.\n"

# What the library's panics are called in Python: a class of pyo3 that cannot be imported.
_PANIC = "PanicException"

_INVALID = re.compile("([\udc80-\udcff]+)")  # what "surrogateescape" makes of bytes that are no UTF-8
_BYTE_TOKEN = re.compile("<0x([0-9A-Fa-f]{2})>")


class Tokenizer:
    """A tokenizer.json, with the strings of its tokens.

    Args:
        data: The content of tokenizer.json.
        alphabet_size: How many numbers the model predicts; a tokenizer may know more or fewer.

    Raises:
        LmacError: It is no tokenizer that the ``tokenizers`` library can read.
    """

    def __init__(self, data: bytes, alphabet_size: int) -> None:
        #: Names the tokenizer by content.
        self.content_id = hashlib.sha256(data).digest()
        with errors_of_the_library():
            spec = _parse(data)
            plain = _without_additions(spec)
            self._tokenizer = _load(plain)
            self._strings = _strings(spec, self._tokenizer, alphabet_size)
            with suppress(Exception):  # a letter without a token; but a damaged table makes the library panic, better now than in the middle of a content
                self._tokenizer.encode(_SAMPLE)
            self.prefix = b"" if _rules(plain) == _rules(spec) else self._find_prefix(_load(_without_chance(spec)))
        self.vocabulary = Vocabulary(self._strings, self.prefix)
        self._number_of_byte = [alphabet_size + 1 + byte for byte in range(256)]
        for number, string in enumerate(self._strings):
            if len(string) == 1:
                self._number_of_byte[string[0]] = number

    def _find_prefix(self, original: Any) -> bytes:
        """What the tokenizer puts before every text: a space, or nothing."""
        as_it_is = self._spell(original.encode("a", add_special_tokens=False).ids)
        return b" " if as_it_is == b" a" and self._spell(self._encode(["a"])[0]) == b"a" else b""

    def tokenize(self, content: bytes) -> list[int]:
        """The numbers of tokens that spell ``prefix + content``."""
        text = (self.prefix + content).decode("utf-8", "surrogateescape")
        parts = _INVALID.split(text)  # valid, invalid, valid, ...
        pieces = [list(_pieces(part)) for part in parts[::2]]
        encoded = iter(self._encode([piece for part in pieces for piece in part]))
        numbers: list[int] = []
        for index, part in enumerate(parts):
            if index % 2:
                numbers += self._spell_out(part)
            else:
                for piece, tokens in zip(pieces[index // 2], encoded, strict=False):
                    numbers += self._repair(piece, tokens)
        return numbers

    def _encode(self, pieces: list[str]) -> list[list[int]]:
        """The tokenizer's own tokens; none for a piece that it fails at, as it does where it has no token for a letter and none for the unknown."""
        try:
            with errors_of_the_library():
                return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)]
        except LmacError:
            return [self._encode([piece])[0] for piece in pieces] if len(pieces) > 1 else [[]]

    def _spell(self, numbers: list[int]) -> bytes:
        return b"".join(self._strings[number] for number in numbers if number < len(self._strings))

    def _repair(self, piece: str, tokens: list[int]) -> list[int]:
        """``tokens`` if they spell ``piece``; otherwise those of its halves."""
        if self._spell(tokens) == piece.encode():
            return tokens
        if len(piece) == 1:
            return self._spell_out(piece)
        middle = len(piece) // 2
        halves = [piece[:middle], piece[middle:]]
        return [number for half, tokens in zip(halves, self._encode(halves), strict=True) for number in self._repair(half, tokens)]

    def _spell_out(self, text: str) -> list[int]:
        return [self._number_of_byte[byte] for byte in text.encode("utf-8", "surrogateescape")]


def byte_vocabulary(alphabet_size: int) -> Vocabulary:
    """The vocabulary of a model whose first symbols are bytes: of the bytes that it lacks, all are escaped."""
    return Vocabulary([bytes([byte]) for byte in range(alphabet_size)])


@contextmanager
def errors_of_the_library() -> Iterator[None]:
    """Makes an ``LmacError`` of whatever the library raises: plain exceptions, and panics, which are no ``Exception``.

    Raises:
        LmacError: Of the library, of reading JSON, or of JSON that is not what was expected.
    """
    try:
        yield
    except LmacError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == _PANIC:
            raise LmacError(f"the tokenizer.json cannot be used: {str(error) or type(error).__name__}") from error
        raise


def _parse(data: bytes) -> dict[str, Any]:
    """The content of a tokenizer.json, without that at which the library would panic, end the process, or take memory beyond measure."""
    if len(data) > MAX_LEN:
        raise LmacError(f"the tokenizer.json has {len(data)} bytes, and lmac reads at most {MAX_LEN}")
    spec = json.loads(data)
    if not isinstance(spec, dict):
        raise LmacError("the tokenizer.json cannot be used: it holds no object")
    _check_merges(spec["model"])
    growth = math.prod(map(_growth, _steps(spec.get("normalizer"), "normalizers")))
    if growth > MAX_GROWTH:
        raise LmacError(f"the tokenizer.json cannot be used: its normalizer may make {growth} bytes of a letter")
    return spec


def _growth(step: dict[str, Any]) -> int:
    """How many bytes a step of a normalizer may make of one."""
    if step["type"] == "Precompiled":
        return max(map(len, _charsmap(step["precompiled_charsmap"]).split(b"\0")), default=1) or 1
    return max(len(step["content"].encode()), 1) if step["type"] == "Replace" else 1


def _check_merges(model: dict[str, Any]) -> None:
    """The library relies on what merges make: it cuts the prefix from every second part, and copies the whole into a place as long as the longest token."""
    prefix = model.get("continuing_subword_prefix") or ""
    for merge in model.get("merges") or []:
        first, second = merge.split(" ") if isinstance(merge, str) else merge
        if not second.startswith(prefix) or first + second[len(prefix) :] not in model["vocab"]:
            raise LmacError(f"the tokenizer.json cannot be used: {first!a} and {second!a} are merged into what is no token")


def _charsmap(text: str) -> bytes:
    """The strings of a map of characters, which is, in base 64, the length of a table, the table, and the strings, each with a zero behind it.

    Raises:
        LmacError: A part is missing; the library takes memory for the table before it looks for it.
    """
    charsmap = base64.b64decode(text, validate=True)
    table_len = int.from_bytes(charsmap[:4], "little")
    is_whole = table_len % 4 == 0 and 4 <= table_len <= len(charsmap) - 4
    if not is_whole or base64.b64encode(charsmap).decode() != text:
        raise LmacError("the tokenizer.json cannot be used: its precompiled_charsmap is damaged")
    strings = charsmap[4 + table_len :]
    strings.decode("utf-8")  # or the library panics
    return strings


def _without_chance(spec: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer without cutting and filling of texts, and without the dropout of its training, which makes tokens random."""
    model = spec["model"]
    return spec | {"truncation": None, "padding": None, "model": model | {"dropout": None} if "dropout" in model else model}


def _load(spec: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer as Library

    tokenizer = Library.from_str(json.dumps(spec))
    tokenizer.encode_special_tokens = True  # "<s>" in a content is text, not the beginning of one
    return tokenizer


def _without_additions(spec: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer without what it adds to a text: a first space, special tokens, an end."""
    spec = _without_chance(spec) | {"post_processor": None}
    changes = [step for step in _steps(spec.get("normalizer"), "normalizers") if step["type"] != "Prepend"]
    divisions = [_without_space(step) for step in _steps(spec.get("pre_tokenizer"), "pretokenizers")]
    spec["normalizer"] = {"type": "Sequence", "normalizers": changes} if changes else None
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": divisions} if divisions else None
    return spec


def _rules(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """How a text is changed and divided before tokens are made of it."""
    return [*_steps(spec.get("normalizer"), "normalizers"), *_steps(spec.get("pre_tokenizer"), "pretokenizers")]


def _without_space(step: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {"add_prefix_space": False, "prepend_scheme": "never"}
    return step | {name: value for name, value in changes.items() if name in step}


def _steps(component: dict[str, Any] | None, sequence: str) -> list[dict[str, Any]]:
    """The steps of a normalizer, pre-tokenizer or decoder, which may be a sequence."""
    if component is None:
        return []
    if component["type"] != "Sequence":
        return [component]
    return [step for part in component[sequence] for step in _steps(part, sequence)]


def _strings(spec: dict[str, Any], tokenizer: Any, alphabet_size: int) -> list[bytes]:
    """By number: what a token spells; empty for those that never occur, or that the model does not predict."""
    spell = _speller(spec)
    numbers: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    strings = [b""] * alphabet_size
    for token, number in numbers.items():
        if number < alphabet_size:
            strings[number] = spell(token)
    for added in spec.get("added_tokens") or []:
        if 0 <= added["id"] < alphabet_size:
            strings[added["id"]] = b"" if added["special"] else added["content"].encode()
    return strings


def _speller(spec: dict[str, Any]) -> Callable[[str], bytes]:
    """What the tokenizer's decoder makes of a token in the middle of a text."""
    steps = _steps(spec.get("decoder"), "decoders") or _steps(spec.get("pre_tokenizer"), "pretokenizers")
    kinds = {step["type"] for step in steps}
    has_byte_tokens = "ByteFallback" in kinds or spec["model"].get("byte_fallback", False)
    byte_of = _byte_level() if "ByteLevel" in kinds else {}
    replaced = dict(filter(None, map(_replacement, steps)))

    def spell(token: str) -> bytes:
        if byte_of and all(character in byte_of for character in token):
            return bytes(byte_of[character] for character in token)
        if has_byte_tokens and (found := _BYTE_TOKEN.fullmatch(token)):
            return bytes([int(found[1], 16)])
        for old, new in replaced.items():
            token = token.replace(old, new)
        return token.encode()

    return spell


def _replacement(step: dict[str, Any]) -> tuple[str, str] | None:
    """What a step of a decoder replaces, and by what."""
    match step:
        case {"type": "Replace", "pattern": {"String": old}, "content": new}:
            return old, new
        case {"type": "Metaspace", "replacement": old}:
            return old, " "
        case {"type": "WordPiece", "prefix": old}:
            return old, ""
        case {"type": "BPEDecoder", "suffix": old}:
            return old, " "
    return None


def _byte_level() -> dict[str, int]:
    """The bytes that GPT-2's characters stand for: printable ones for themselves, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}


def _pieces(text: str) -> Iterator[str]:
    """Divides text where a line or a word ends, if that is possible."""
    start = 0
    while len(text) - start > PIECE_LEN:
        earliest, latest = start + PIECE_LEN // 2, start + PIECE_LEN
        end = text.rfind("\n", earliest, latest) + 1 or text.rfind(" ", earliest, latest)
        end = end if end > start else latest
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
