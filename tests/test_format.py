"""The format, from two sides: golden frames, and a second decoder written from docs/format.md alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import lmac
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lmac import _core
from numpy.typing import NDArray

import reference
from golden_frames import CONTENTS, GOLDEN_SPLICES, STORY, WRITTEN, predictor_of, write
from order_zero import Lists, OrderZero
from tiny_model import GOLDEN
from word_counts import FINGERPRINT, STRINGS, WordCounts

BAD = sorted(GOLDEN.glob("bad-*.lmac"))
EXPECTED_ERRORS = {
    "bad-magic-number": lmac.FormatError,
    "bad-version": lmac.FormatError,
    "bad-model": lmac.ModelMismatchError,
    "bad-long-varint": lmac.FormatError,
    "bad-content-size": lmac.CorruptedDataError,
    "bad-header": lmac.CorruptedDataError,
    "bad-checksum": lmac.CorruptedDataError,
    "bad-payload": lmac.CorruptedDataError,
    "bad-truncated": lmac.CorruptedDataError,
    "bad-no-end": lmac.CorruptedDataError,
    "bad-trailing-byte": lmac.LmacError,
    "bad-adaptive-coding": lmac.FormatError,
    "bad-adaptive-checksum": lmac.CorruptedDataError,
    "bad-adaptive-truncated": lmac.CorruptedDataError,
    "bad-adaptive-short-payload": lmac.CorruptedDataError,
    "bad-adaptive-long-payload": lmac.CorruptedDataError,
    "bad-fingerprint-empty": lmac.FormatError,
    "bad-fingerprint-long": lmac.FormatError,
    "bad-fingerprint-no-phrase": lmac.FormatError,
    "bad-fingerprint-other": lmac.ModelMismatchError,
    "bad-fingerprint-missing": lmac.ModelMismatchError,
    "bad-tokens-beyond-lane": lmac.CorruptedDataError,
    "bad-tokens-prefix": lmac.CorruptedDataError,
    "bad-tokens-truncated": lmac.CorruptedDataError,
    "bad-adaptive-tokens-beyond-lane": lmac.CorruptedDataError,
    "bad-adaptive-tokens-truncated": lmac.CorruptedDataError,
    **{f"bad-{mode}{name.replace(' ', '-')}": lmac.CorruptedDataError for mode in ("", "adaptive-") for name in GOLDEN_SPLICES},
}
TOKENS = st.sampled_from([string for string in STRINGS if string])
WORDS = st.lists(st.one_of(*[TOKENS] * 6, st.binary(min_size=1, max_size=2)), min_size=5, max_size=30).map(b"".join)
REPEATED_WORDS = st.tuples(WORDS, st.integers(3, 12)).map(lambda words: words[0] * words[1])


class Wavering(WordCounts):
    """Takes any string that fits."""

    def choose(self, fitting: list[int], position: int) -> int:
        return fitting[hash((fitting[0], position)) % len(fitting)]


class Listening(WordCounts):
    """Remembers what it was asked since the last start."""

    def start(self, lanes: int) -> None:
        super().start(lanes)
        self.heard: list[Any] = []

    def advance(self, symbols: NDArray[Any]) -> NDArray[Any]:
        self.heard.append(symbols.tolist())
        return super().advance(symbols)


@pytest.mark.parametrize("name", CONTENTS)
def test_good_golden_frames_decode(name: str) -> None:
    frame = (GOLDEN / f"{name}.lmac").read_bytes()
    assert lmac.Codec(predictor_of(name)).decompress(frame) == CONTENTS[name]
    assert reference.decompress(frame, Lists(predictor_of(name))) == CONTENTS[name]


@pytest.mark.parametrize("name", WRITTEN)
def test_lmac_still_writes_the_golden_frames(name: str) -> None:
    assert write(name) == (GOLDEN / f"{name}.lmac").read_bytes()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_golden_frames_are_refused_by_both_decoders(path: Path) -> None:
    with pytest.raises(EXPECTED_ERRORS[path.stem]):
        lmac.Codec(predictor_of(path.stem)).decompress(path.read_bytes())
    with pytest.raises(reference.InvalidFileError):
        reference.decompress(path.read_bytes(), Lists(predictor_of(path.stem)))


def test_the_golden_readme_describes_every_golden_file() -> None:
    described = (GOLDEN / "README.md").read_text()
    files = [path.name for path in GOLDEN.iterdir() if path.name != "README.md"]
    assert [name for name in files if f"`{name}`" not in described] == []
    assert {path.stem for path in BAD} == set(EXPECTED_ERRORS)


@given(st.binary(max_size=200), st.integers(1, 100), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_the_reference_decodes_what_lmac_writes(content: bytes, block_len: int, lane_len: int) -> None:
    frame = lmac.Codec(OrderZero(), adaptive=False, block_len=block_len, lane_len=lane_len).compress(content)
    assert reference.decompress(frame, Lists(OrderZero())) == content


@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([0, 1, 2])), max_size=6), st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_the_reference_decodes_what_a_stream_writes(pieces: list[tuple[bytes, int]], block_len: int) -> None:
    compressor = lmac.LmacCompressor(lmac.Codec(OrderZero(), adaptive=False, block_len=block_len))
    frames = b"".join(compressor.compress(piece, mode) for piece, mode in pieces) + compressor.flush()
    assert reference.decompress(frames, Lists(OrderZero())) == b"".join(piece for piece, _ in pieces)


@given(
    content=REPEATED_WORDS,
    prefix=st.sampled_from([b"", b" ", b". the ", b"\xff"]),
    fingerprint=st.sampled_from([None, FINGERPRINT]),
    adaptive=st.booleans(),
    block_len=st.none() | st.integers(1, 200),
    lane_len=st.none() | st.integers(1, 100),
)
@settings(max_examples=60, deadline=None)
def test_the_reference_decodes_the_tokens_that_lmac_writes(
    content: bytes, prefix: bytes, fingerprint: str | None, adaptive: bool, block_len: int | None, lane_len: int | None
) -> None:
    frame = lmac.Codec(WordCounts(prefix, fingerprint), adaptive=adaptive, block_len=block_len, lane_len=lane_len).compress(content)
    assert lmac.Codec(WordCounts(prefix, fingerprint)).decompress(frame) == content
    assert reference.decompress(frame, Lists(WordCounts(prefix, fingerprint))) == content


@given(content=REPEATED_WORDS, adaptive=st.booleans(), lane_len=st.none() | st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_the_reference_decodes_any_division_into_tokens(content: bytes, adaptive: bool, lane_len: int | None) -> None:
    frame = lmac.Codec(Wavering(), adaptive=adaptive, lane_len=lane_len).compress(content)
    assert reference.decompress(frame, Lists(WordCounts())) == content


@pytest.mark.parametrize("lane_len", [60, None])
def test_writer_and_readers_ask_a_model_in_floating_point_alike(adaptive: bool, lane_len: int | None) -> None:
    writer, reader, slow_reader = (Listening(fingerprint=FINGERPRINT) for _ in range(3))
    frame = lmac.Codec(writer, adaptive=adaptive, lane_len=lane_len, verify=False).compress(STORY)
    lmac.Codec(reader).decompress(frame)
    reference.decompress(frame, Lists(slow_reader))
    assert writer.heard == slow_reader.heard
    assert reader.heard == slow_reader.heard


def test_a_match_may_reach_the_end_of_the_block() -> None:
    words = b" the pickled peppers of Peter Piper"
    slow, fast = bytes(2 * len(words)) + 2 * words, 4 * words  # in lanes: one escape a step, and one word
    frame = lmac.Codec(WordCounts(), lane_len=len(fast)).compress(slow + fast)
    assert lmac.inspect(frame)[0].stored_blocks == 0
    assert reference.decompress(frame, Lists(WordCounts())) == slow + fast


@given(content=REPEATED_WORDS, adaptive=st.booleans(), lane_len=st.none() | st.integers(10, 100), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_in_tokens_is_an_error_or_harmless(content: bytes, adaptive: bool, lane_len: int | None, place: float) -> None:
    frame = bytearray(lmac.Codec(WordCounts(fingerprint=FINGERPRINT), adaptive=adaptive, lane_len=lane_len).compress(content))
    position, bit = divmod(int(place * 8 * len(frame)), 8)
    frame[position] ^= 1 << bit
    with suppress(lmac.LmacError):
        assert lmac.Codec(WordCounts(fingerprint=FINGERPRINT)).decompress(frame) == content
    with suppress(reference.InvalidFileError):
        assert reference.decompress(bytes(frame), Lists(WordCounts(fingerprint=FINGERPRINT))) == content


def test_the_golden_tokens_are_of_all_kinds() -> None:
    numbers = WordCounts().tokenize(CONTENTS["good-tokens-escapes"])
    alike = [number for number, string in enumerate(STRINGS) if STRINGS.count(string) > 1 and string]
    assert len(alike) == 2
    assert set(alike) < set(numbers)
    assert max(numbers) > len(STRINGS)
    payloads = {name: lmac.inspect(write(name))[0] for name in WRITTEN if "tokens" in name}
    assert [name for name, info in payloads.items() if info.stored_blocks > 0] == []
    assert [name for name, info in payloads.items() if info.blocks_without_network > 0] == ["good-adaptive-tokens-without-network"]


@pytest.mark.parametrize("lane_len", [300, None])
def test_the_reference_decodes_what_the_tiny_model_wrote(tiny_model: bytes, tiny_text: bytes, lane_len: int | None) -> None:
    frame = lmac.Codec(tiny_model, adaptive=False, lane_len=lane_len).compress(tiny_text)
    executor = _core.Executor(_core.Model(tiny_model), threads=1)
    assert reference.decompress(frame, Lists(executor)) == tiny_text
