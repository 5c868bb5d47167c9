"""``lmac.hooks.smart_open.register()``: smart_open reads and writes names that end in ``.lmac`` compressed.

>>> import lmac.hooks.smart_open, os, smart_open, tempfile
>>> lmac.hooks.smart_open.register()
>>> path = os.path.join(tempfile.mkdtemp(), "notes.lmac")
>>> with smart_open.open(path, "w") as file:
...     _ = file.write("read through smart_open")
>>> with smart_open.open(path) as file:
...     file.read()
'read through smart_open'
"""

from __future__ import annotations

from typing import IO, Any

from smart_open import register_compressor

from ..coding.lmac_file import LmacFile


def register() -> None:
    """Makes smart_open know the extension ``.lmac``."""
    register_compressor(".lmac", _open)


def _open(file: IO[bytes], mode: str, **_: Any) -> Any:
    return LmacFile(file, mode.replace("t", ""))
