"""Makes tests/golden/*.lmac. Run it again only when the format changes (docs/format.md).

``CONTENTS`` says what the good ones hold; all but the last four are what ``Codec(predictor_of(name), ...)`` writes.
"""

from __future__ import annotations

import random
import zlib
from typing import TypedDict

import lmac
from lmac import _core

import reference
from order_zero import OrderZero
from splices import SPLICES, Parts, take_apart
from tiny_model import GOLDEN, TINY_MODEL, predictable_text
from word_counts import FINGERPRINT, WordCounts


class Settings(TypedDict, total=False):
    """How a frame is coded and divided."""

    adaptive: bool
    block_len: int
    lane_len: int


TEXT = b"Peter Piper picked a peck of pickled peppers. A peck of pickled peppers Peter Piper picked. " * 3
DNA = bytes(random.Random(6).choices(b"acgt", k=4097))
PREDICTABLE = predictable_text(600)
NOISE = random.Random(3).randbytes(100)
TABLE = b"".join(b"%04d peppers, %03d pecks\n" % (number, number * number % 77) for number in range(200))
WORDS = "Peter Piper Piper's a an and of peck picked pickled pepper peppers peppery th the then été".split()
STORY = " ".join(random.Random(4).choices(WORDS, k=100)).encode() + b".\n\nAn apple, pickled peppers"
ESCAPES = STORY + b' \xe9t\xe9 "Q\xff" \xc3 '

#: One of each kind.
GOLDEN_SPLICES = (
    "neighbours swapped",
    "repeated",
    "dropped",
    "one of another frame",
    "tail of another frame",
    "tail cut",
    "end of another frame",
)

WRITTEN: dict[str, tuple[bytes, Settings]] = {
    "good-empty": (b"", {"adaptive": False}),
    "good-one-byte": (b"a", {"adaptive": False}),
    "good-text": (TEXT, {"adaptive": False}),
    "good-stored": (NOISE, {"adaptive": False}),
    "good-lanes": (TEXT, {"adaptive": False, "lane_len": 50}),
    "good-blocks": (TEXT + NOISE, {"adaptive": False, "block_len": 100, "lane_len": 50}),
    "good-adaptive-empty": (b"", {}),
    "good-adaptive-one-byte": (b"a", {}),
    "good-adaptive-text": (TEXT, {}),
    "good-adaptive-lanes": (TEXT, {"lane_len": 50}),
    "good-adaptive-blocks": (TEXT + NOISE, {"block_len": 100, "lane_len": 50}),
    "good-adaptive-without-network": (TABLE, {"lane_len": 50}),
    "good-adaptive-order-zero": (DNA, {"lane_len": 50}),
    "good-exact": (PREDICTABLE, {"adaptive": False, "lane_len": 50}),
    "good-adaptive-exact": (PREDICTABLE, {"lane_len": 50}),
    "good-tokens": (STORY, {"adaptive": False}),
    "good-tokens-lanes": (STORY, {"adaptive": False, "lane_len": 100}),
    "good-tokens-escapes": (ESCAPES, {"adaptive": False}),
    "good-tokens-fingerprint": (STORY, {"adaptive": False}),
    "good-adaptive-tokens": (STORY, {}),
    "good-adaptive-tokens-lanes": (STORY, {"lane_len": 50}),
    "good-adaptive-tokens-escapes": (ESCAPES, {}),
    "good-adaptive-tokens-fingerprint": (STORY, {}),
    "good-adaptive-tokens-without-network": (TABLE, {"lane_len": 50}),
}
CONTENTS = {name: content for name, (content, _) in WRITTEN.items()}
CONTENTS |= {"good-concatenated": TEXT + NOISE, "good-both-modes": TEXT + TEXT}
CONTENTS |= {"good-unknown-size": TEXT + NOISE, "good-adaptive-unknown-size": TEXT + NOISE}


def predictor_of(name: str) -> OrderZero | WordCounts | _core.Executor:
    """A new predictor for a golden frame, good or bad."""
    if "exact" in name:
        return _core.Executor(_core.Model(TINY_MODEL.read_bytes()))
    if "fingerprint" in name:
        return WordCounts(fingerprint=FINGERPRINT)
    return WordCounts() if "tokens" in name else OrderZero()


def write(name: str) -> bytes:
    """The frame that lmac writes today for a golden content."""
    content, settings = WRITTEN[name]
    return lmac.Codec(predictor_of(name), **settings).compress(content)


def good_frames() -> dict[str, bytes]:
    """Every good frame."""
    frames = {name: write(name) for name in WRITTEN}
    frames["good-concatenated"] = frames["good-text"] + frames["good-stored"]
    frames["good-both-modes"] = frames["good-text"] + frames["good-adaptive-text"]
    frames["good-unknown-size"] = write_stream(TEXT + NOISE, adaptive=False)
    frames["good-adaptive-unknown-size"] = write_stream(TEXT + NOISE, adaptive=True)
    return frames


def write_stream(content: bytes, *, adaptive: bool) -> bytes:
    """A frame that does not state its content size, in blocks of 100 bytes and lanes of 50."""
    compressor = lmac.LmacCompressor(lmac.Codec(OrderZero(), adaptive=adaptive, block_len=100, lane_len=50))
    return compressor.compress(content) + compressor.flush()


def bad_frames(good: dict[str, bytes]) -> dict[str, bytes]:
    """Frames that break one rule each, in their header or behind it."""
    text, blocks, one = good["good-text"], good["good-blocks"], good["good-one-byte"]
    descriptor = text[2]
    return {
        "bad-magic-number": with_content(text, TEXT, b"\xac\x4d" + text[2:6]),
        "bad-version": with_content(text, TEXT, text[:2] + bytes([descriptor & 0b11111 | 2 << 5]) + text[3:6]),
        "bad-model": with_content(text, TEXT, text[:3] + bytes([text[3] ^ 1]) + text[4:6]),
        "bad-long-varint": one[:6] + b"\x81\x00" + one[7:],
        "bad-content-size": with_header(blocks[:6] + bytes([blocks[6] ^ 1]) + blocks[7:9], take_apart(blocks), TEXT + NOISE),
        "bad-header": blocks[:8] + bytes([blocks[8] ^ 1]) + blocks[9:],
        "bad-checksum": one[:8] + bytes([one[8] ^ 1]) + one[9:],
        "bad-payload": text[:-10] + bytes([text[-10] ^ 1]) + text[-9:],
        "bad-truncated": text[:-1],
        "bad-no-end": blocks[:-1],
        "bad-trailing-byte": text + b"\0",
    }


def with_header(header: bytes, frame: Parts, content: bytes) -> bytes:
    """A frame with another header and the checks that belong to it, in blocks of 100 bytes of content."""
    place, blocks = reference.Place(0, zlib.crc32(header)), []
    for block in frame.blocks:
        part = content[place.offset : place.offset + 100]
        check = place.check(part)
        blocks.append(block[:2] + check.to_bytes(4, "little") + block[6:])  # behind two lengths of one byte
        place = reference.Place(place.offset + len(part), check)
    return frame._replace(header=header, blocks=blocks).join()


def spliced_frames() -> dict[str, bytes]:
    """Frames that were put together of the blocks of two, of five blocks each, which do not state their content size."""
    frames: dict[str, bytes] = {}
    for mode, adaptive in (("", False), ("adaptive-", True)):
        one, other = (take_apart(write_stream(content, adaptive=adaptive)) for content in (TEXT + NOISE * 2, NOISE + TEXT + NOISE))
        frames |= {f"bad-{mode}{name.replace(' ', '-')}": SPLICES[name](one, other).join() for name in GOLDEN_SPLICES}
    return frames


def bad_adaptive_frames(frame: bytes) -> dict[str, bytes]:
    """Adaptive frames that break one rule each, made of a good one of a single block."""
    reader = reference.Reader(frame)
    header = reader.take(6)
    content_len, coding, check = reader.take_varint(), reader.take_varint(), reader.take(4)
    payload = frame[reader.position :]

    def with_block(coding: bytes, check: bytes, payload: bytes) -> bytes:
        return header + varint(content_len) + coding + check + payload

    return {
        "bad-adaptive-coding": with_block(varint(1) + varint(0), check, b""),
        "bad-adaptive-checksum": with_block(varint(coding), bytes([check[0] ^ 1]) + check[1:], payload),
        "bad-adaptive-truncated": frame[:-1],
        "bad-adaptive-short-payload": with_block(varint(coding - 2), check, payload[:-1]),
        "bad-adaptive-long-payload": with_block(varint(coding + 2), check, payload + b"\0"),
    }


def bad_fingerprint_frames(frame: bytes) -> dict[str, bytes]:
    """Frames whose fingerprint breaks one rule each, made of a good one of a single block without one."""

    def with_fingerprint(short: str) -> bytes:
        header = frame[:2] + bytes([frame[2] | 0b10000]) + frame[3:6]
        return with_content(frame, STORY, header + varint(len(short)) + short.encode("ascii"))

    return {
        "bad-fingerprint-empty": with_fingerprint(""),
        "bad-fingerprint-long": with_fingerprint(FINGERPRINT.ljust(49, "!")),
        "bad-fingerprint-no-phrase": with_fingerprint(FINGERPRINT.replace(" ", "\x7f")),
        "bad-fingerprint-other": with_fingerprint(FINGERPRINT.replace("1.0", "1.1")),
        "bad-fingerprint-missing": frame,
    }


def bad_token_frames(good: dict[str, bytes]) -> dict[str, bytes]:
    """Frames whose tokens break one rule each. All else is right: of the longer payloads, the check is that of the content before the excess."""
    without_prefix = lmac.Codec(WordCounts(prefix=b""), adaptive=False).compress(b"s" + STORY)
    return {
        "bad-tokens-beyond-lane": with_content(good["good-tokens"], STORY[:-1]),
        "bad-tokens-prefix": with_content(without_prefix, STORY, good["good-tokens"][:6]),
        "bad-tokens-truncated": good["good-tokens"][:-1],
        "bad-adaptive-tokens-beyond-lane": with_content(good["good-adaptive-tokens"], STORY[:-1]),
        "bad-adaptive-tokens-truncated": good["good-adaptive-tokens"][:-1],
    }


def with_content(frame: bytes, content: bytes, header: bytes = b"") -> bytes:
    """A frame of a single block that has the length and the check of another content, or another header and its check."""
    reader = reference.Reader(frame)
    own_header, _, coding, _ = reader.take(6), reader.take_varint(), reader.take_varint(), reader.take(4)
    header = header or own_header
    check = reference.Place(0, zlib.crc32(header)).check(content).to_bytes(4, "little")
    return header + varint(len(content)) + varint(coding) + check + frame[reader.position :]


def varint(value: int) -> bytes:
    """A number in LEB128."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def main() -> None:
    """Writes all files."""
    good = good_frames()
    bad = bad_frames(good) | bad_adaptive_frames(good["good-adaptive-text"])
    bad |= bad_fingerprint_frames(good["good-tokens"]) | bad_token_frames(good) | spliced_frames()
    for name, frame in (good | bad).items():
        (GOLDEN / f"{name}.lmac").write_bytes(frame)


if __name__ == "__main__":
    main()
