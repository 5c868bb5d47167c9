"""Lossless compression by language models, the same bytes on every machine.

>>> import lmac
>>> codec = lmac.Codec()  # the default model
>>> blob = codec.compress(b"The quick brown fox jumps over the lazy dog.")
>>> codec.decompress(blob)
b'The quick brown fox jumps over the lazy dog.'

* ``Codec``, ``compress``, ``decompress``: bytes in, bytes out (``codec``).
* ``open``, ``LmacFile``: compressed files that read and write like files (``opening``, ``lmac_file``).
* ``LmacCompressor``, ``LmacDecompressor``, ``get_frame_info``: frames a piece at a time (``stream``).
* ``Predictor``, ``Vocabulary``: the interface through which any model can take part (``predictor``).
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
    OutOfMemoryError,
    PredictorError,
    Vocabulary,
    __version__,
    inspect,
)
from .coding.codec import Codec, compress, decompress
from .coding.lmac_file import LmacFile
from .coding.opening import open
from .coding.stream import FrameHeader, LmacCompressor, LmacDecompressor, get_frame_info, get_frame_size
from .predictors.predictor import Predictor

__all__ = [
    "Codec",
    "CorruptedDataError",
    "FormatError",
    "FrameHeader",
    "FrameInfo",
    "LmacCompressor",
    "LmacDecompressor",
    "LmacError",
    "LmacFile",
    "ModelMismatchError",
    "OutOfMemoryError",
    "Predictor",
    "PredictorError",
    "Vocabulary",
    "__version__",
    "compress",
    "decompress",
    "get_frame_info",
    "get_frame_size",
    "inspect",
    "open",
]
