"""``lmac.hooks.fsspec.register()``: fsspec opens compressed files, local and remote, with ``compression="lmac"``.

>>> import fsspec, lmac.hooks.fsspec, os, tempfile
>>> lmac.hooks.fsspec.register()
>>> path = os.path.join(tempfile.mkdtemp(), "notes.lmac")
>>> with fsspec.open(path, "wt", compression="infer") as file:
...     _ = file.write("read through fsspec")
>>> with fsspec.open(path, "rt", compression="lmac") as file:
...     file.read()
'read through fsspec'
"""

from __future__ import annotations

from typing import IO, Any

from fsspec.compression import register_compression

from ..coding.lmac_file import LmacFile


def register() -> None:
    """Makes fsspec know the compression ``"lmac"`` and infer it from names that end in ``.lmac``."""
    register_compression("lmac", _open, "lmac", force=True)


def _open(file: IO[bytes], mode: str = "rb", **options: Any) -> LmacFile:
    return LmacFile(file, mode, **options)
