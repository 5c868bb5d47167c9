"""Text on disk: the files and documents below a path, and the messages of a document. It needs no torch."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path

UNPACK = {".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}  # old logs are often kept so


def files(path: Path) -> Iterator[Path]:
    """Every file below ``path`` in a fixed order, without hidden ones; ``path`` itself if it is a file."""
    if not path.is_dir():
        yield path
        return
    for child in sorted(path.rglob("*")):
        if child.is_file() and not any(part.startswith(".") for part in child.relative_to(path).parts):
            yield child


def documents(path: Path) -> Iterator[bytes]:
    """Every document below ``path``: files, members of ``.tar`` archives (``.tar.xz``, ...), unpacked ``.gz``, ``.xz`` and ``.bz2`` files."""
    for file in files(path):
        if ".tar" in file.suffixes:
            yield from _members(file)
        elif unpack := UNPACK.get(file.suffix):
            yield unpack(file.read_bytes())
        else:
            yield file.read_bytes()


def _members(path: Path) -> Iterator[bytes]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and (file := archive.extractfile(member)):
                yield file.read()


def messages(document: bytes) -> list[bytes]:
    """Its lines that are not empty; of JSON lines that all have a string ``"text"``, those strings."""
    lines = [line for line in document.split(b"\n") if line]
    try:
        return [json.loads(line)["text"].encode() for line in lines]
    except (ValueError, TypeError, KeyError, AttributeError):  # no JSON, no object, no "text", no string
        return lines
