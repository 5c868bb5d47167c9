"""Other compressors at their strongest usual setting: Python packages, or programs where there is no package.

``gzip`` and ``xz`` come with Python. A package or program that is missing is no error: it is named once and left out.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

Compress = Callable[[bytes], bytes]

PPMD_ORDER, PPMD_MEMORY_BYTES = 16, 1 << 28
DICTIONARY_BYTES = 64 << 10


def available(*, programs: bool = True) -> tuple[dict[str, Compress], list[str]]:
    """The compressors at hand by name, and the names of those that are missing.

    Args:
        programs: Whether a program may stand in for a package; starting one for each of thousands of messages takes an hour.
    """
    found: dict[str, Compress] = {
        "gzip -9": lambda data: gzip.compress(data, 9),
        "xz -9e": _xz,
    }
    missing = []
    for name, (package, call, command) in OPTIONAL.items():
        if module := _imported(package):
            found[name] = call(module)
        elif programs and command and shutil.which(command[0]):
            found[name] = _program(command)
        else:
            missing.append(name)
    return found, missing


def _xz(data: bytes) -> bytes:
    """With a dictionary no longer than the data: the same size, without clearing 64 MiB for every short message."""
    dictionary = max(4096, min(len(data), 64 << 20))
    return lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}])


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        return None


def _program(command: Sequence[str]) -> Compress:
    return lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


# Name, package, what it does with a package, and a program that reads standard input and writes standard output.
OPTIONAL: dict[str, tuple[str, Callable[[Any], Compress], list[str] | None]] = {
    "zstd --ultra -22": ("zstandard", lambda zstd: zstd.ZstdCompressor(level=22).compress, ["zstd", "--ultra", "-22", "-c"]),
    "brotli -q11": ("brotli", lambda brotli: lambda data: brotli.compress(data, quality=11, lgwin=24), ["brotli", "-q", "11", "-w", "24", "-c"]),
    "bzip3": ("bz3", lambda bz3: lambda data: bz3.compress(data, max(len(data), 1 << 17)), ["bzip3", "-e", "-b", "511", "-c"]),  # one block
    "ppmd": ("pyppmd", lambda ppmd: lambda data: ppmd.compress(data, max_order=PPMD_ORDER, mem_size=PPMD_MEMORY_BYTES), None),
}


def zstd_with_dictionary(samples: Sequence[bytes]) -> Compress | None:
    """``zstd -19`` with a dictionary of 64 KB trained on samples, its frames as short as the format allows; ``None`` without the package.

    Samples too few for its trainer become the dictionary themselves, the last of them if there are more than 64 KB.
    """
    zstd = _imported("zstandard")
    if zstd is None:
        return None
    try:
        dictionary = zstd.train_dictionary(DICTIONARY_BYTES, list(samples))
    except zstd.ZstdError:
        dictionary = zstd.ZstdCompressionDict(b"".join(samples)[-DICTIONARY_BYTES:], dict_type=zstd.DICT_TYPE_RAWCONTENT)
    compressor = zstd.ZstdCompressor(level=19, dict_data=dictionary, write_content_size=False, write_dict_id=False)
    compress: Compress = compressor.compress
    return compress
