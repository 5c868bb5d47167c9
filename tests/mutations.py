"""Damage of every kind to the files of a model: bytes flipped, cut, repeated; JSON with keys removed, doubled, of other types, too large, too deep."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

#: What stands in the place of a value: of every type, and of no sensible size.
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "a", "\0", "0", "-1", "1e9", "\ud800", "🙂" * 50, "<0xZZ>", "x" * 10_000, "(a+)+$", "[", "////", "AAAA"),
    *([], {}, [[]], [None], [0, 1], ["a", "b"], [["a", "b"]], {"type": "Sequence"}, {"type": "BPE"}, {"a": 0}, {"String": ""}),
]
DEPTH = 100_000


def mutate(content: bytes, chance: random.Random) -> bytes:
    """``content`` with one to three changes; half of the time it remains JSON."""
    kinds: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, repeat, deepen]
    for _ in range(chance.choice([1, 1, 2, 3])):
        content = _mutate_json(content, chance) if chance.random() < 0.7 else chance.choice(kinds)(content, chance)
    return content


def flip(content: bytes, chance: random.Random) -> bytes:
    """A few bytes are others."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 5) if content else 0):
        changed[chance.randrange(len(changed))] ^= chance.randint(1, 255)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(len(content) + 1)]


def repeat(content: bytes, chance: random.Random) -> bytes:
    """A part is there twice."""
    first, last = sorted(chance.choices(range(len(content) + 1), k=2))
    return content[:last] + content[first:last] + content[last:]


def deepen(content: bytes, chance: random.Random) -> bytes:
    """Brackets or braces in a place where a value begins, more of them than a stack holds."""
    start = content.find(b":", chance.randrange(len(content) + 1)) + 1
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    depth = chance.choice([150, 1_100, DEPTH])
    return content[:start] + opening * depth + b"0" + closing * depth + content[start:]


def _mutate_json(content: bytes, chance: random.Random) -> bytes:
    try:
        root = json.loads(content)
    except (ValueError, RecursionError):
        return flip(content, chance)
    places = list(_places(root, chance))
    if not places:
        return json.dumps(chance.choice(VALUES)).encode()
    where, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del where[key]
        case 1:  # another value of the file, of any type
            other, its_key = chance.choice(places)
            where[key] = json.loads(json.dumps(other[its_key]))
        case _:
            where[key] = chance.choice(VALUES)
    return json.dumps(root).encode()


def _places(value: Any, chance: random.Random) -> list[tuple[Any, Any]]:
    """The places of values; of a long list or vocabulary a few, so that all parts of a file are met."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    chosen = chance.sample(keys, min(len(keys), 30))
    return [(value, key) for key in chosen] + [place for key in chosen for place in _places(value[key], chance)]
