"""Makes tests/golden/*.lmac. Run it again only when the format gets a new version (docs/format.md).

``CONTENTS`` says what the good ones hold; all but the last two are what ``Codec(OrderZero(), ...)`` writes.
"""

from __future__ import annotations

import random
from typing import TypedDict

import lmac

from order_zero import OrderZero
from tiny_model import GOLDEN


class Lengths(TypedDict, total=False):
    """How a frame is divided."""

    block_len: int
    lane_len: int


TEXT = b"Peter Piper picked a peck of pickled peppers. A peck of pickled peppers Peter Piper picked. " * 3
NOISE = random.Random(3).randbytes(100)

WRITTEN: dict[str, tuple[bytes, Lengths]] = {
    "good-empty": (b"", {}),
    "good-one-byte": (b"a", {}),
    "good-text": (TEXT, {}),
    "good-stored": (NOISE, {}),
    "good-lanes": (TEXT, {"lane_len": 50}),
    "good-blocks": (TEXT + NOISE, {"block_len": 100, "lane_len": 50}),
}
CONTENTS = {name: content for name, (content, _) in WRITTEN.items()}
CONTENTS |= {"good-concatenated": TEXT + NOISE, "good-unknown-size": TEXT + NOISE}


def write(name: str) -> bytes:
    """The frame that lmac writes today for a golden content."""
    content, lengths = WRITTEN[name]
    return lmac.Codec(OrderZero(), **lengths).compress(content)


def good_frames() -> dict[str, bytes]:
    """Every good frame."""
    frames = {name: write(name) for name in WRITTEN}
    frames["good-concatenated"] = frames["good-text"] + frames["good-stored"]
    blocks = frames["good-blocks"]  # magic 2, descriptor 1, model id 3, content size 2, lane length 1
    frames["good-unknown-size"] = blocks[:2] + bytes([blocks[2] & ~0b100]) + blocks[3:6] + blocks[8:]
    return frames


def bad_frames(good: dict[str, bytes]) -> dict[str, bytes]:
    """Frames that break one rule each."""
    text, blocks, one = good["good-text"], good["good-blocks"], good["good-one-byte"]
    descriptor = text[2]
    return {
        "bad-magic-number": b"\xac\x4d" + text[2:],
        "bad-version": text[:2] + bytes([descriptor & 0b11111 | 2 << 5]) + text[3:],
        "bad-reserved-bit": text[:2] + bytes([descriptor | 0b10000]) + text[3:],
        "bad-adaptive-bit": text[:2] + bytes([descriptor | 0b1000]) + text[3:],
        "bad-model": text[:3] + bytes([text[3] ^ 1]) + text[4:],
        "bad-long-varint": one[:6] + b"\x81\x00" + one[7:],
        "bad-content-size": blocks[:6] + bytes([blocks[6] ^ 1]) + blocks[7:],
        "bad-checksum": one[:8] + bytes([one[8] ^ 1]) + one[9:],
        "bad-payload": text[:-10] + bytes([text[-10] ^ 1]) + text[-9:],
        "bad-truncated": text[:-1],
        "bad-no-end": blocks[:-1],
        "bad-trailing-byte": text + b"\0",
    }


def main() -> None:
    """Writes all files."""
    good = good_frames()
    for name, frame in (good | bad_frames(good)).items():
        (GOLDEN / f"{name}.lmac").write_bytes(frame)


if __name__ == "__main__":
    main()
