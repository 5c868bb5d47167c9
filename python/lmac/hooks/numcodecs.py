"""``Lmac``: a codec for numcodecs, and with it for chunks of zarr arrays and variables of xarray.

numcodecs finds it by its entry point: nothing needs to be registered. Chunks are compressed independently, each with
a model that knows nothing of the others; few large chunks of text are what it is for, not numbers.

>>> import numcodecs, lmac
>>> codec = numcodecs.get_codec({"id": "lmac"})
>>> bytes(codec.decode(codec.encode(b"a chunk")))
b'a chunk'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from numcodecs.abc import Codec as AbstractCodec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

from ..coding.codec import Codec, default_codec

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Lmac(AbstractCodec):  # type: ignore[misc, unused-ignore]
    """Compresses the chunks of an array.

    Args:
        model: Name or path of a model, or ``None`` for the default one. Readers need the same.
        adaptive: As for ``Codec``.
    """

    codec_id: ClassVar[str] = "lmac"

    def __init__(self, model: str | None = None, adaptive: bool = True) -> None:
        self.model, self.adaptive = model, adaptive
        self._codec = default_codec(adaptive) if model is None else Codec(model, adaptive=adaptive)  # pickled with the rest

    def encode(self, buf: ReadableBuffer) -> bytes:
        """Compresses one chunk to one frame."""
        return self._codec.compress(ensure_contiguous_ndarray(buf))

    def decode(self, buf: ReadableBuffer, out: Any = None) -> Any:
        """Restores one chunk; into ``out``, if that is given."""
        content = self._codec.decompress(ensure_contiguous_ndarray(buf))
        return content if out is None else ndarray_copy(content, out)

    def get_config(self) -> dict[str, Any]:
        """What a reader needs to make this codec again."""
        return {"id": self.codec_id, "model": self.model, "adaptive": self.adaptive}
