"""Lossless compression by language models, the same bytes on every machine.

>>> import lmac
>>> codec = lmac.Codec()  # the model inside the package
>>> blob = codec.compress(b"The quick brown fox jumps over the lazy dog.")
>>> codec.decompress(blob)
b'The quick brown fox jumps over the lazy dog.'

* ``Codec``, ``compress``, ``decompress``: bytes in, bytes out (``codec``).
* ``Predictor``: the interface through which any exact model can take part (``predictor``).
* ``inspect``, ``FrameInfo``: what the headers of compressed data say.
* ``LmacError`` and its family: what can go wrong.

The command line is in ``cli``; ``lmac.lab`` trains models and is never imported from here.
"""

from ._core import (
    CorruptedDataError,
    FormatError,
    FrameInfo,
    LmacError,
    ModelMismatchError,
    PredictorError,
    __version__,
    inspect,
)
from .codec import Codec, compress, decompress
from .predictor import Predictor

__all__ = [
    "Codec",
    "CorruptedDataError",
    "FormatError",
    "FrameInfo",
    "LmacError",
    "ModelMismatchError",
    "Predictor",
    "PredictorError",
    "__version__",
    "compress",
    "decompress",
    "inspect",
]
